//! In: calls of GitHub's REST API, the token with the client. Out: its answers, compact and typed, or an [`ApiError`].
//! Never: a retry, a decision, a token in a log.

mod bounds;
mod actions;
mod activity;
mod alerts;
mod app;
mod checks;
mod commit;
mod community;
mod contents;
mod deployments;
mod discussions;
mod exchange;
mod graphql;
mod hooks;
mod issues;
mod labels;
mod merging;
mod oauth;
mod people;
mod pulls;
mod rates;
mod refusal;
mod releases;
mod remembered;
mod repo;
mod repos;
mod statuses;
mod traffic;
mod tree;
mod wire;

pub use actions::{
    Dispatched, RunFilter, WorkflowJob, WorkflowRun, WorkflowStep, cancel_workflow_run, rerun_failed_jobs,
    rerun_workflow, run_workflow,
};
pub use activity::{Merge, Spoken, Worked};
pub use alerts::{CodeScanningAlert, DependabotAlert, SecretScanningAlert};
pub use app::AppKey;
pub use bounds::{Bounds, is_within_bounds, within_bounds};
pub use checks::{Annotation, AnnotationLevel, CheckRun, Conclusion, NewCheckRun, create_check_run};
pub use commit::{Committed, NewCommit, commit_files};
pub use community::{CommunityFiles, CommunityProfile, Contributor};
pub use contents::{File, FileKind};
pub use deployments::{
    Deployment, DeploymentState, DeploymentStatus, NewDeployment, NewDeploymentStatus, create_deployment,
    create_deployment_status,
};
pub use discussions::{
    Author, Categories, Category, CloseReason, CommentPayload, Discussion, DiscussionComment,
    DiscussionFilter, DiscussionPayload, LockPayload, LockedRecord, PageOf, Replies, close_discussion,
    comment_on_discussion, create_discussion, lock_discussion, mark_answer, update_discussion,
};
pub use hooks::{
    Budget, DeliveredRequest, Deliveries, HOOKS_MAX, Hook, HookConfig, HookDelivery, HookPlace, NewHook,
    Permissions, SeenRepository, SentRequest, create_hook, delete_hook, ping_hook, redeliver, update_hook,
};
pub use issues::{
    Account, Comment, Issue, IssueChange, IssueFilter, LockReason, StateReason, add_sub_issue, assign_issue,
    close_issue, create_comment, create_issue, lock_issue, reopen_issue, update_comment, update_issue,
};
pub use labels::{Label, add_labels, create_label, remove_label, set_labels};
pub use merging::{
    AutoMerge, Moved, PullMerging, PullPayload, TransferPayload, enable_auto_merge, set_draft, transfer_issue,
};
pub use oauth::{
    Checked, CheckedUser, DeviceAnswer, DeviceCode, Granted, InTeam, OauthApp, OauthError, Pkce,
};
pub use people::{
    Collaborator, Invitation, Membership, Permission, Profile, accept_membership, add_collaborator,
    answer_invitation, remove_collaborator, remove_membership, set_membership,
};
pub use pulls::{
    Distance, End, MergeMethod, Merged, NewPullRequest, NewReview, PullChange, PullFilter, PullRequest,
    PullRequestFile, Review, ReviewComment, ReviewEvent, Side, create_pull_request, create_review,
    merge_pull_request, request_reviewers, update_branch, update_pull_request,
};
pub use rates::Rates;
pub use refusal::refused;
pub use releases::{Latest, NewRelease, Release, create_release};
pub use repo::Repo;
pub use repos::{
    Branch, CodeMatch, Commit, CommitFilter, Comparison, FolderEntry, License, Reference, RepositoriesOf,
    Repository, create_branch,
};
pub use statuses::{CommitState, CommitStatus, NewStatus, create_commit_status};
pub use traffic::{Referrer, VisitedPath, Visits, VisitsOfDay};
pub use tree::{Blob, BranchHead, HEADS_MAX, LicenseText, Overview, OwnersError, Tree, TreeEntry};
pub use wire::LogEnd;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use octocrab::Octocrab;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Access, ApiError, Request};
use crate::budget::Budgets;
use crate::clock::Clock;
use app::Reach;
use remembered::Remembered;

/// GitHub's own API; a GitHub Enterprise Server has its own at `https://HOST/api/v3`.
pub const PUBLIC_API: &str = "https://api.github.com";
/// Items asked for with one request; GitHub gives no more.
const PER_PAGE: usize = 100;
/// Redirects followed when reading (a renamed repository costs one).
const REDIRECTS_MAX: usize = 3;

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// Its name, which may change.
    pub login: String,
    /// Its number, which does not.
    pub id: u64,
    /// `User`, also for an account that only programs use, or `Bot`.
    #[serde(rename = "type", default = "user")]
    pub kind: String,
}

fn user() -> String {
    "User".into()
}

/// GitHub's REST API as one account. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// As whom requests go out.
enum Login {
    /// As the account a token belongs to.
    Token(SecretString),
    /// As an App, with the narrowest token that does.
    App(app::Tokens),
    /// As an account whose token somebody else looks after.
    Lent(Arc<dyn Lender>),
}

/// Somebody who looks after the token of an account.
#[async_trait]
pub trait Lender: Send + Sync + fmt::Debug {
    /// The token, good for a request that is sent now; or why there is none.
    async fn token(&self) -> Result<SecretString, ApiError>;
    /// Whose account it is, for who looks at what is left of its limits.
    fn name(&self) -> String;
    /// GitHub did not take it.
    async fn refused(&self);
}

struct Inner {
    octocrab: Octocrab,
    login: Arc<Login>,
    /// Without our token, for what GitHub keeps elsewhere.
    bare: reqwest::Client,
    base_url: String,
    clock: Clock,
    me: OnceCell<Me>,
    budgets: Budgets,
    rates: Rates,
    remembered: Arc<Remembered>,
}

/// What a list gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// In the provider's order.
    pub items: Vec<T>,
    /// There is more than was asked for.
    pub more: bool,
    /// How many there are in all, where GitHub says so.
    pub total: Option<u64>,
}

/// A page of a list, the items bare or in an object.
enum Page {
    Bare,
    Under(&'static str),
}

impl Client {
    /// A client of the API at `base_url` (see [`PUBLIC_API`]) with a personal, OAuth or installation token. It must be
    /// made inside a Tokio runtime. Nothing is sent yet, so a wrong token shows with the first call.
    pub fn new(base_url: &str, token: impl Into<SecretString>) -> Result<Self, ApiError> {
        let token = token.into();
        wire::bearer(&token)?;
        Self::of(base_url, Login::Token(token))
    }

    /// A client that acts as a GitHub App: each request goes out with a token of the installation it is about, narrowed to
    /// its repository where it names one.
    pub fn of_app(base_url: &str, key: AppKey) -> Result<Self, ApiError> {
        Self::of(base_url, Login::App(app::Tokens::new(key)))
    }

    /// A client that acts as an account whose token `lender` looks after.
    pub fn of_lender(base_url: &str, lender: Arc<dyn Lender>) -> Result<Self, ApiError> {
        Self::of(base_url, Login::Lent(lender))
    }

    fn of(base_url: &str, login: Login) -> Result<Self, ApiError> {
        let clock = Clock::system();
        Ok(Self(Arc::new(Inner {
            octocrab: wire::connect(base_url)?,
            login: Arc::new(login),
            bare: wire::bare()?,
            base_url: base_url.to_owned(),
            budgets: Budgets::alone(clock.clone()),
            rates: Rates::of(base_url),
            clock,
            me: OnceCell::new(),
            remembered: Arc::default(),
        })))
    }

    /// The same client, taking the time from `clock`: a `retry-after` counts from it. Its budget begins anew.
    pub fn with_clock(self, clock: Clock) -> Self {
        let budgets = Budgets::alone(clock.clone());
        self.changed(|inner| Inner {
            clock,
            budgets,
            ..inner
        })
    }

    /// The same client, within budgets that others share.
    pub fn within_budgets(self, budgets: &Budgets) -> Self {
        let budgets = budgets.clone();
        self.changed(|inner| Inner { budgets, ..inner })
    }

    /// The same client, with other limits than those of its address.
    pub fn with_rates(self, rates: Rates) -> Self {
        self.changed(|inner| Inner { rates, ..inner })
    }

    /// The limits it keeps to that no answer tells.
    pub fn rates(&self) -> &Rates {
        &self.0.rates
    }

    fn changed(&self, change: impl FnOnce(Inner) -> Inner) -> Self {
        Self(Arc::new(change(Inner {
            octocrab: self.0.octocrab.clone(),
            login: Arc::clone(&self.0.login),
            bare: self.0.bare.clone(),
            base_url: self.0.base_url.clone(),
            clock: self.0.clock.clone(),
            me: self.0.me.clone(),
            budgets: self.0.budgets.clone(),
            rates: self.0.rates.clone(),
            remembered: Arc::clone(&self.0.remembered),
        })))
    }

    /// Whose token it is (`GET /user`), or the account of the App. Asked once, but each time where the token is lent: another
    /// account may have signed in meanwhile, or the same one be called otherwise.
    pub async fn me(&self) -> Result<Me, ApiError> {
        if matches!(&*self.0.login, Login::Lent(_)) {
            return self.get("/user").await;
        }
        let ask = async || match &*self.0.login {
            Login::Token(_) | Login::Lent(_) => self.get("/user").await,
            Login::App(tokens) => tokens.me(&self.0).await,
        };
        Ok(self.0.me.get_or_try_init(ask).await?.clone())
    }

    /// What the token may do, where GitHub tells: a classic one's and a signed-in account's scopes. Costs no request. An
    /// Enterprise Server on which nobody set limits has no such page, and does not tell.
    pub async fn scopes(&self) -> Result<Option<Vec<String>>, ApiError> {
        if self.is_app() {
            return Ok(None);
        }
        match self.read("/rate_limit").await {
            Ok(answer) => Ok(answer.scopes()),
            Err(error) if error.failure == super::Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it acts as a GitHub App.
    pub fn is_app(&self) -> bool {
        matches!(*self.0.login, Login::App(_))
    }

    /// Sends a write, once.
    ///
    /// An answer that says it was done but lacks what it must hold (an id, say) is [`super::Failure::UnknownEffect`].
    pub async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ApiError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| ApiError::new(super::Failure::Invalid, "not an HTTP method"))?;
        let reach = Reach::of(&request.path, request.body.as_ref());
        let form = (Access::Write, wire::Media::Json);
        let answer = self
            .exchange(&reach, form, method, &request.path, request.body.as_ref())
            .await?;
        answer.read(Access::Write)
    }

    /// Reads one thing.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.read(path).await?.read(Access::Read)
    }

    /// Reads a list from its `first_page` on (1 is the first), until it ends or `limit` items are there. `path` may have
    /// a query already.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        limit: usize,
        first_page: usize,
    ) -> Result<Listed<T>, ApiError> {
        self.pages((&Reach::of(path, None), path), &Page::Bare, limit, first_page)
            .await
    }

    /// The same for a list whose pages are objects that hold their items in `field`, and the number of all.
    async fn list_under<T: DeserializeOwned>(
        &self,
        path: &str,
        field: &'static str,
        limit: usize,
        first_page: usize,
    ) -> Result<Listed<T>, ApiError> {
        let page = Page::Under(field);
        self.pages((&Reach::of(path, None), path), &page, limit, first_page)
            .await
    }

    /// The repositories an App is installed on, installation by installation.
    async fn installed_on<T: DeserializeOwned>(&self, limit: usize) -> Result<Listed<T>, ApiError> {
        let Login::App(tokens) = &*self.0.login else {
            return Err(ApiError::new(
                super::Failure::Forbidden,
                "only an App is installed",
            ));
        };
        let mut all = Listed {
            items: Vec::new(),
            more: false,
            total: None,
        };
        for installation in tokens.installations(&self.0).await? {
            let reach = Reach::Installation(installation.id);
            let left = limit.saturating_sub(all.items.len()).max(1);
            let page = Page::Under("repositories");
            let found = self
                .pages((&reach, "/installation/repositories"), &page, left, 1)
                .await?;
            all.more |= found.more;
            all.items.extend(found.items);
        }
        all.more |= all.items.len() > limit;
        all.items.truncate(limit);
        Ok(all)
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        (reach, path): (&Reach, &str),
        form: &Page,
        limit: usize,
        first_page: usize,
    ) -> Result<Listed<T>, ApiError> {
        let join = if path.contains('?') { '&' } else { '?' };
        let per_page = limit.clamp(1, PER_PAGE);
        let mut listed = Listed {
            items: Vec::new(),
            more: true,
            total: None,
        };
        let mut page = first_page;
        // We count pages instead of following the addresses in `Link`, so that the token goes nowhere else.
        while listed.more && listed.items.len() < limit {
            let path = format!("{path}{join}per_page={per_page}&page={page}");
            let answer = self.read_within(reach, wire::Media::Json, &path).await?;
            listed.more = answer.has_next_page();
            match form {
                Page::Bare => listed.items.append(&mut answer.read(Access::Read)?),
                Page::Under(field) => {
                    let mut object: serde_json::Map<String, Value> = answer.read(Access::Read)?;
                    listed.total = object.get("total_count").and_then(Value::as_u64);
                    let items = object.remove(*field).unwrap_or_default();
                    let mut items: Vec<T> = serde_json::from_value(items).map_err(|error| {
                        let problem = format!("GitHub answered a list without its {field}: {error}");
                        ApiError::lost(Access::Read, problem)
                    })?;
                    listed.items.append(&mut items);
                }
            }
            page += 1;
        }
        listed.more |= listed.items.len() > limit;
        listed.items.truncate(limit);
        Ok(listed)
    }

    /// Reads what a path stands for as a unified diff.
    async fn diff(&self, path: &str) -> Result<String, ApiError> {
        Ok(self.read_as(wire::Media::Diff, path).await?.text())
    }

    async fn read(&self, path: &str) -> Result<wire::Answer, ApiError> {
        self.read_as(wire::Media::Json, path).await
    }

    /// `GET`, following redirects within the API.
    async fn read_as(&self, media: wire::Media, path: &str) -> Result<wire::Answer, ApiError> {
        self.read_within(&Reach::of(path, None), media, path).await
    }

    /// The same, with the token for `reach`. It stays the same on the way: a repository that was renamed is still the one
    /// that was meant.
    async fn read_within(
        &self,
        reach: &Reach,
        media: wire::Media,
        path: &str,
    ) -> Result<wire::Answer, ApiError> {
        let mut path = path.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self
                .exchange(reach, (Access::Read, media), Method::GET, &path, None)
                .await?;
            let Some(location) = answer.redirect() else {
                return Ok(answer);
            };
            path = self.within(location)?;
            if let Some(bounds) = bounds::present() {
                self.check_bounds(&bounds, reach, media, &path).await?;
            }
        }
        Err(ApiError::new(
            super::Failure::Unavailable,
            format!("GitHub redirected more than {REDIRECTS_MAX} times"),
        ))
    }

    /// Reads the end of a text that GitHub sends its reader elsewhere for, without our token.
    async fn elsewhere(&self, path: &str, bytes_max: usize) -> Result<LogEnd, ApiError> {
        let form = (Access::Read, wire::Media::Json);
        let answer = self
            .exchange(&Reach::of(path, None), form, Method::GET, path, None)
            .await?;
        match answer.redirect() {
            Some(location) => {
                let address = wire::safe_address(&self.0.base_url, location)?;
                wire::end_of(&self.0.bare, address, bytes_max).await
            }
            None => Ok(LogEnd::of(&answer.body, bytes_max)),
        }
    }

    /// The path of an address in this API; any other address is refused, because the token would go there.
    fn within(&self, location: &str) -> Result<String, ApiError> {
        let base = self.0.base_url.trim_end_matches('/');
        location
            .strip_prefix(base)
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned)
            .ok_or_else(|| {
                ApiError::new(
                    super::Failure::NotFound,
                    "GitHub redirected to an address outside its API, which is not followed",
                )
            })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("github::Client")
            .field("base_url", &self.0.base_url)
            .finish_non_exhaustive()
    }
}
