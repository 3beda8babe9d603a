//! In: calls about deploys. Out: their records, and new ones. Never: a rollback.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::rollback::described;
use crate::clock;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::{self, Client, Deploy, DeployQuery, NewDeploy};
use crate::tools::quote::quote;
use crate::tools::span;
use crate::tools::toolbox::{Ctx, Effect, Look, Pending, Progress, Resolved, invalid};

/// How much of a name is quoted, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// How many deploys are looked through for one that may be ours.
const LOOK_MAX: usize = 200;
/// How far Render's clock may be behind ours, in milliseconds: a deploy "made" so shortly before the intent may be its
/// effect.
pub(super) const CLOCK_SKEW_MS: i64 = 30_000;

/// Which deploys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDeploysArgs {
    /// srv-… or crn-….
    service_id: String,
    /// One status or a list: created, queued, build_in_progress, pre_deploy_in_progress, update_in_progress, live,
    /// deactivated, build_failed, pre_deploy_failed, update_failed, canceled.
    status: Option<StatusFilter>,
    /// Went live or failed at most so long ago, as in 30m.
    finished_within: Option<String>,
    /// Was asked for at most so long ago, as in 2d.
    created_within: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// One status, or any of several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusFilter {
    /// This one.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

/// The statuses Render documents.
const STATUSES: [&str; 11] = [
    "created",
    "queued",
    "build_in_progress",
    "pre_deploy_in_progress",
    "update_in_progress",
    "live",
    "deactivated",
    "build_failed",
    "pre_deploy_failed",
    "update_failed",
    "canceled",
];

impl StatusFilter {
    fn checked(self) -> Result<Vec<String>, ToolError> {
        let statuses = match self {
            Self::One(one) => vec![one],
            Self::Any(several) => several,
        };
        for status in &statuses {
            if !STATUSES.contains(&status.as_str()) {
                // Render would answer with an empty list, and a rule would decline for ever.
                return Err(invalid("status", format!("knows no \"{status}\""))
                    .with_remedy(format!("statuses: {}", STATUSES.join(", "))));
            }
        }
        Ok(statuses)
    }
}

/// A page of deploys, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployList {
    deploys: Vec<Deploy>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One deploy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployArgs {
    /// srv-… or crn-….
    service_id: String,
    /// dep-….
    deploy_id: String,
}

/// What to deploy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerArgs {
    /// srv-… or crn-….
    service_id: String,
    /// The commit's full SHA; default: the newest of the branch. Does not turn auto-deploy off.
    commit_id: Option<String>,
    /// For a service that runs an image: the image to run.
    image_url: Option<String>,
    /// Build without the cache.
    #[serde(default)]
    clear_cache: bool,
    /// Build nothing, deploy the last artifact again; not with the others.
    #[serde(default)]
    deploy_only: bool,
    /// Start it by the deploy hook of this name in RENDER_DEPLOY_HOOKS, which must be one of this service.
    hook: Option<String>,
}

impl TriggerArgs {
    /// The same as a call's arguments, defaults written out.
    fn resolved(&self) -> serde_json::Value {
        let mut arguments = serde_json::json!({
            "service_id": self.service_id,
            "clear_cache": self.clear_cache,
            "deploy_only": self.deploy_only,
        });
        for (name, value) in [
            ("commit_id", &self.commit_id),
            ("image_url", &self.image_url),
            ("hook", &self.hook),
        ] {
            if let Some(value) = value {
                arguments[name] = value.as_str().into();
            }
        }
        arguments
    }

    fn request(&self) -> Result<crate::integrations::Request, ToolError> {
        let others = self.commit_id.is_some() || self.image_url.is_some() || self.clear_cache;
        if self.deploy_only && others {
            return Err(invalid(
                "deploy_only",
                "cannot be combined with commit_id, image_url or clear_cache",
            ));
        }
        if self.commit_id.is_some() && self.image_url.is_some() {
            return Err(invalid("image_url", "cannot be combined with commit_id"));
        }
        if self.hook.is_some() && (self.clear_cache || self.deploy_only) {
            return Err(invalid(
                "hook",
                "cannot be combined with clear_cache or deploy_only",
            ));
        }
        let deploy = NewDeploy {
            commit_id: self.commit_id.clone(),
            image_url: self.image_url.clone(),
            clear_cache: self.clear_cache,
            deploy_only: self.deploy_only,
        };
        Ok(render::new_deploy(&self.service_id, &deploy)?)
    }

    /// Whether a deploy can be what these arguments asked for.
    fn fits(&self, deploy: &Deploy) -> bool {
        let commit = deploy.commit.as_ref().map_or("", |commit| commit.id.as_str());
        let image = deploy.image.as_ref().map_or("", |image| image.reference.as_str());
        let agrees = |asked: &Option<String>, is: &str| {
            asked
                .as_deref()
                .is_none_or(|asked| is.is_empty() || is.starts_with(asked) || asked.starts_with(is))
        };
        agrees(&self.commit_id, commit) && agrees(&self.image_url, image)
    }
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListDeploysArgs) -> Result<DeployList, ToolError> {
    let client = ctx.parts.client()?;
    let now = ctx.clock.now();
    let ago =
        |name, text: &Option<String>| text.as_deref().map(|text| span::ago(name, text, now)).transpose();
    let query = DeployQuery {
        status: args
            .status
            .map(StatusFilter::checked)
            .transpose()?
            .unwrap_or_default(),
        created_after: ago("created_within", &args.created_within)?,
        finished_after: ago("finished_within", &args.finished_within)?,
    };
    let limit = args.limit.unwrap_or(20) as usize;
    let page = client
        .list_deploys(&args.service_id, &query, limit, args.cursor.as_deref())
        .await?;
    // A decision may hang on these bounds, so they hold whatever the API makes of its parameters.
    let after = |at: Option<Timestamp>, bound: Option<Timestamp>| {
        bound.is_none_or(|bound| at.is_some_and(|at| at >= bound))
    };
    let deploys = page
        .items
        .into_iter()
        .filter(|deploy| query.status.is_empty() || query.status.contains(&deploy.status))
        .filter(|deploy| after(deploy.created_at, query.created_after))
        .filter(|deploy| after(deploy.finished_at, query.finished_after))
        .collect();
    Ok(DeployList {
        deploys,
        cursor: page.cursor,
    })
}

pub(super) async fn get(ctx: Ctx<Parts>, args: DeployArgs) -> Result<Deploy, ToolError> {
    Ok(ctx
        .parts
        .client()?
        .deploy(&args.service_id, &args.deploy_id)
        .await?)
}

/// The shortest and the longest pause before a deploy under way is asked about again, in milliseconds: the longer it has
/// lasted, the longer the pause.
const WAIT_MS: (i64, i64) = (1_000, 15_000);

/// By what a deploy under way is asked about: its arguments say all.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn wait(ctx: Ctx<Parts>, args: DeployArgs) -> Result<Effect<Deploy>, ToolError> {
    Ok(match poll(ctx, args, Nothing {}).await? {
        Progress::Done(deploy) => Effect::Done(deploy),
        Progress::Pending(pending) => Effect::Pending(pending),
    })
}

pub(super) async fn poll(
    ctx: Ctx<Parts>,
    args: DeployArgs,
    _: Nothing,
) -> Result<Progress<Deploy>, ToolError> {
    let deploy = ctx
        .parts
        .client()?
        .deploy(&args.service_id, &args.deploy_id)
        .await?;
    if !deploy.is_under_way() {
        return Ok(Progress::Done(deploy));
    }
    let now = ctx.clock.now().as_millisecond();
    let lasted = deploy.created_at.map_or(0, |at| now - at.as_millisecond());
    Ok(Progress::Pending(Pending {
        poll_after_ms: (lasted / 4).clamp(WAIT_MS.0, WAIT_MS.1),
        cursor: serde_json::json!({}),
        note: format!("{} is under way: {}", deploy.id, deploy.status),
    }))
}

/// What a deploy would put in the place of what is live.
pub(super) async fn resolve(ctx: Ctx<Parts>, args: TriggerArgs) -> Result<Resolved, ToolError> {
    args.request()?;
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    let live = DeployQuery {
        status: vec!["live".to_owned()],
        ..DeployQuery::default()
    };
    let page = client.list_deploys(&args.service_id, &live, 1, None).await?;
    let live = page.items.into_iter().find(Deploy::is_live);
    let what = match (&args.commit_id, &args.image_url) {
        (Some(commit), _) => format!("commit {}", quote(commit, 64)),
        (None, Some(image)) => format!("image {}", quote(image, NAME_BYTES_MAX)),
        (None, None) if args.deploy_only => "the last artifact again".to_owned(),
        (None, None) => {
            "whatever is the newest commit of its branch by then (commit_id would pin one)".to_owned()
        }
    };
    let place = live.as_ref().map_or("nothing is live".to_owned(), |live| {
        format!("live is {}", described(live))
    });
    let name = quote(&service.name, NAME_BYTES_MAX);
    Ok(Resolved {
        arguments: args.resolved(),
        pinned: serde_json::json!({ "live": live.map(|live| live.id) }),
        shows: format!("Deploys to {name} ({}): {what}; {place}.", service.id),
    })
}

pub(super) async fn trigger(ctx: Ctx<Parts>, args: TriggerArgs) -> Result<Effect<Deploy>, ToolError> {
    let request = args.request()?;
    if let Some(name) = &args.hook {
        return by_hook(ctx, name, &args).await;
    }
    let client = ctx.parts.client()?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    Ok(Effect::Done(client.start_deploy(&request).await?))
}

async fn by_hook(ctx: Ctx<Parts>, name: &str, args: &TriggerArgs) -> Result<Effect<Deploy>, ToolError> {
    let hook = ctx.parts.hook(name, &args.service_id)?;
    let (commit, image) = (args.commit_id.as_deref(), args.image_url.as_deref());
    if ctx.dry_run {
        let given = [("ref", commit), ("imgURL", image)];
        let body: serde_json::Map<String, serde_json::Value> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect();
        return Ok(Effect::WouldSend(vec![crate::integrations::Request {
            method: "POST",
            path: format!("<deploy hook {name}>"),
            body: (!body.is_empty()).then_some(body.into()),
        }]));
    }
    // A hook needs no key, and counts as what is done to its service with one.
    if let Ok(client) = ctx.parts.client() {
        client.room_for_hook(&args.service_id).await?;
    }
    let deploy_id = hook.start(commit, image).await?;
    // It is started; whoever cannot read it hears of its id all the same.
    let read = match &ctx.parts.client {
        Some(client) => client.deploy(&args.service_id, &deploy_id).await.ok(),
        None => None,
    };
    Ok(Effect::Done(
        read.unwrap_or_else(|| Deploy::started(deploy_id, "deploy_hook")),
    ))
}

pub(super) async fn cancel(ctx: Ctx<Parts>, args: DeployArgs) -> Result<Effect<Deploy>, ToolError> {
    let client = ctx.parts.client()?;
    let deploy = client.deploy(&args.service_id, &args.deploy_id).await?;
    if !deploy.is_under_way() {
        // Render says 400, as if the arguments were wrong.
        let message = format!("{} is not under way: its status is {}", deploy.id, deploy.status);
        return Err(ToolError::new(ErrorClass::Conflict, message).with_remedy(
            match deploy.status.as_str() {
                "canceled" => "nothing is left to do",
                "live" => "render.rollback_deploy puts an earlier deploy live again",
                _ => "render.list_deploys shows what is under way",
            },
        ));
    }
    let request = render::cancel_deploy(&args.service_id, &args.deploy_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    Ok(Effect::Done(client.answer(&request).await?))
}

/// Canceled is done. One that ended otherwise is left to the call itself, which says so.
pub(super) async fn look_canceled(ctx: Ctx<Parts>, args: DeployArgs) -> Result<Look<Deploy>, ToolError> {
    let client = ctx.parts.client()?;
    let deploy = client.deploy(&args.service_id, &args.deploy_id).await?;
    Ok(match deploy.status.as_str() {
        "canceled" => Look::Found(deploy),
        _ => Look::Absent,
    })
}

pub(super) async fn look_for(ctx: Ctx<Parts>, args: TriggerArgs) -> Result<Look<Deploy>, ToolError> {
    let Some(client) = &ctx.parts.client else {
        return Ok(Look::Ambiguous(
            "without RENDER_API_KEY nobody can look which deploys there are".to_owned(),
        ));
    };
    let trigger = if args.hook.is_some() { "deploy_hook" } else { "api" };
    candidate(client, &args.service_id, trigger, ctx.since, |deploy| {
        args.fits(deploy) && !ctx.taken.contains(&deploy.id)
    })
    .await
}

/// Looks for the one deploy that a lost answer may have been about: of this trigger, made since the intent, fitting.
/// One is it; several cannot be told apart; none is none.
pub(super) async fn candidate(
    client: &Client,
    service_id: &str,
    trigger: &str,
    since: Timestamp,
    fits: impl Fn(&Deploy) -> bool,
) -> Result<Look<Deploy>, ToolError> {
    let earliest = clock::after(since, -CLOCK_SKEW_MS);
    let query = DeployQuery {
        created_after: Some(clock::after(earliest, -1)),
        ..DeployQuery::default()
    };
    let mut found = client.deploys(service_id, &query, LOOK_MAX).await?;
    found.retain(|deploy| {
        deploy.trigger == trigger && deploy.created_at.is_some_and(|at| at >= earliest) && fits(deploy)
    });
    let (mut since_intent, before): (Vec<Deploy>, Vec<Deploy>) = found
        .into_iter()
        .partition(|deploy| deploy.created_at >= Some(since));
    match (since_intent.len(), before.first()) {
        (0, None) => Ok(Look::Absent),
        (1, _) => Ok(since_intent.pop().map_or(Look::Absent, Look::Found)),
        (0, Some(shortly)) => Ok(Look::Ambiguous(format!(
            "{} was made within {CLOCK_SKEW_MS} ms before the intent; Render's clock may be behind",
            shortly.id
        ))),
        (several, _) => {
            let ids: Vec<&str> = since_intent.iter().map(|deploy| deploy.id.as_str()).collect();
            Ok(Look::Ambiguous(format!(
                "{several} deploys with trigger {trigger} were made since the intent: {}",
                ids.join(", ")
            )))
        }
    }
}
