//! In: seeds and writes. Out: repositories and what belongs to them, as plain data.
//! Never: JSON of the API; `shape` gives that.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::app::App;
use super::oauth::Oauth;

/// The GitHub side's memory.
#[derive(Clone, Debug, Default)]
pub(in crate::sandbox) struct State {
    /// By lowercase full name; GitHub's names ignore case.
    repos: BTreeMap<String, Repo>,
    /// Numeric ids of accounts that a payload told; all others are derived from the login.
    pub(in crate::sandbox) user_ids: BTreeMap<String, u64>,
    /// The App that is installed everywhere.
    pub(in crate::sandbox) app: Option<App>,
    /// Who signed in, and with what.
    pub(in crate::sandbox) oauth: Oauth,
    pub(in crate::sandbox) rate_used: u64,
    pub(in crate::sandbox) rate_reset: i64,
}

impl State {
    pub(in crate::sandbox) fn repo(&self, full_name: &str) -> Option<&Repo> {
        self.repos.get(&full_name.to_ascii_lowercase())
    }

    pub(in crate::sandbox) fn repo_mut(&mut self, full_name: &str) -> Option<&mut Repo> {
        self.repos.get_mut(&full_name.to_ascii_lowercase())
    }

    pub(in crate::sandbox) fn repos(&self) -> impl Iterator<Item = &Repo> {
        self.repos.values()
    }

    /// The repository of that name, made when it is new.
    pub(in crate::sandbox) fn ensure_repo(&mut self, full_name: &str, now: Timestamp) -> &mut Repo {
        self.repos
            .entry(full_name.to_ascii_lowercase())
            .or_insert_with(|| Repo::new(full_name, stable_id(full_name), now))
    }

    /// The issue of that id, wherever it is.
    pub(in crate::sandbox) fn issue_by_id(&self, id: u64) -> Option<(&Repo, &Issue)> {
        let mut all = self
            .repos
            .values()
            .flat_map(|repo| repo.issues.values().map(move |issue| (repo, issue)));
        all.find(|(_, issue)| issue.id == id)
    }

    /// The issue that one is a part of.
    pub(in crate::sandbox) fn parent_mut(&mut self, part: u64) -> Option<&mut Issue> {
        let mut all = self.repos.values_mut().flat_map(|repo| repo.issues.values_mut());
        all.find(|issue| issue.sub_issues.contains(&part))
    }

    /// The numeric id of an account, the same in every sandbox.
    pub(in crate::sandbox) fn user_id(&self, login: &str) -> u64 {
        self.user_ids
            .get(&login.to_ascii_lowercase())
            .copied()
            .unwrap_or_else(|| stable_id(login))
    }
}

/// A number made from a name, so that the same name has the same id wherever it appears.
pub(in crate::sandbox) fn stable_id(name: &str) -> u64 {
    let start: u64 = 0xcbf2_9ce4_8422_2325;
    let hash = name.to_ascii_lowercase().bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    1_000_000 + hash % 900_000_000
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Repo {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) full_name: String,
    pub(in crate::sandbox) private: bool,
    pub(in crate::sandbox) archived: bool,
    pub(in crate::sandbox) fork: bool,
    pub(in crate::sandbox) has_issues: bool,
    pub(in crate::sandbox) default_branch: String,
    pub(in crate::sandbox) description: Option<String>,
    pub(in crate::sandbox) language: Option<String>,
    pub(in crate::sandbox) topics: Vec<String>,
    pub(in crate::sandbox) stars: u64,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) pushed_at: Timestamp,
    /// Branch name → head commit.
    pub(in crate::sandbox) branches: BTreeMap<String, String>,
    /// By id.
    pub(in crate::sandbox) commits: BTreeMap<String, Commit>,
    pub(in crate::sandbox) labels: Vec<Label>,
    /// Issues and pull requests, which share one row of numbers.
    pub(in crate::sandbox) issues: BTreeMap<u64, Issue>,
    pub(in crate::sandbox) pulls: BTreeMap<u64, Pull>,
    pub(in crate::sandbox) comments: BTreeMap<u64, Comment>,
    pub(in crate::sandbox) runs: BTreeMap<u64, Run>,
    pub(in crate::sandbox) contents: Vec<Content>,
    /// Login → `admin`, `maintain`, `write`, `triage` or `read`.
    pub(in crate::sandbox) collaborators: BTreeMap<String, String>,
    pub(in crate::sandbox) statuses: Vec<Status>,
}

impl Repo {
    fn new(full_name: &str, id: u64, now: Timestamp) -> Self {
        Self {
            id,
            full_name: full_name.to_owned(),
            private: false,
            archived: false,
            fork: false,
            has_issues: true,
            default_branch: "main".to_owned(),
            description: None,
            language: None,
            topics: Vec::new(),
            stars: 0,
            created_at: now,
            pushed_at: now,
            branches: BTreeMap::new(),
            commits: BTreeMap::new(),
            labels: Vec::new(),
            issues: BTreeMap::new(),
            pulls: BTreeMap::new(),
            comments: BTreeMap::new(),
            runs: BTreeMap::new(),
            contents: Vec::new(),
            collaborators: BTreeMap::new(),
            statuses: Vec::new(),
        }
    }

    pub(in crate::sandbox) fn owner(&self) -> &str {
        self.full_name.split('/').next().unwrap_or_default()
    }

    pub(in crate::sandbox) fn name(&self) -> &str {
        self.full_name.rsplit('/').next().unwrap_or_default()
    }

    /// The number that the next issue or pull request gets.
    pub(in crate::sandbox) fn next_number(&self) -> u64 {
        self.issues.keys().next_back().map_or(1, |last| last + 1)
    }

    /// The label of that name (case is ignored), made grey when it is new, as adding one to an issue does.
    pub(in crate::sandbox) fn ensure_label(&mut self, name: &str) -> String {
        if let Some(known) = self
            .labels
            .iter()
            .find(|label| label.name.eq_ignore_ascii_case(name))
        {
            return known.name.clone();
        }
        let label = Label {
            id: stable_id(&format!("{}:{name}", self.full_name)),
            name: name.to_owned(),
            color: "ededed".to_owned(),
            description: None,
        };
        self.labels.push(label);
        name.to_owned()
    }

    /// Whether issues may be assigned to that account. Where no collaborators are told, everybody is one.
    pub(in crate::sandbox) fn may_be_assigned(&self, login: &str) -> bool {
        let known = |name: &String| name.eq_ignore_ascii_case(login);
        self.collaborators.is_empty()
            || self.owner().eq_ignore_ascii_case(login)
            || self.collaborators.keys().any(known)
    }

    pub(in crate::sandbox) fn comments_of(&self, number: u64) -> impl Iterator<Item = &Comment> {
        self.comments
            .values()
            .filter(move |comment| comment.issue == number)
    }

    /// The head commit of a branch; an unseeded one has a made-up but stable one.
    pub(in crate::sandbox) fn head_of(&self, branch: &str) -> String {
        let made_up = || stable_sha(&format!("{}:{branch}", self.full_name));
        self.branches.get(branch).cloned().unwrap_or_else(made_up)
    }
}

/// A commit id made from a text.
pub(in crate::sandbox) fn stable_sha(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))[..40].to_owned()
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Label {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) color: String,
    pub(in crate::sandbox) description: Option<String>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Issue {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) number: u64,
    pub(in crate::sandbox) title: String,
    pub(in crate::sandbox) body: Option<String>,
    pub(in crate::sandbox) user: String,
    /// `open` or `closed`.
    pub(in crate::sandbox) state: String,
    pub(in crate::sandbox) state_reason: Option<String>,
    pub(in crate::sandbox) labels: Vec<String>,
    pub(in crate::sandbox) assignees: Vec<String>,
    pub(in crate::sandbox) locked: bool,
    pub(in crate::sandbox) lock_reason: Option<String>,
    /// Ids of the issues that are parts of it.
    pub(in crate::sandbox) sub_issues: Vec<u64>,
    pub(in crate::sandbox) association: Option<String>,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) updated_at: Timestamp,
    pub(in crate::sandbox) closed_at: Option<Timestamp>,
    pub(in crate::sandbox) is_pull: bool,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Pull {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) number: u64,
    pub(in crate::sandbox) draft: bool,
    pub(in crate::sandbox) merged_at: Option<Timestamp>,
    pub(in crate::sandbox) merged_by: Option<String>,
    pub(in crate::sandbox) head_ref: String,
    pub(in crate::sandbox) head_sha: String,
    pub(in crate::sandbox) head_repo: String,
    pub(in crate::sandbox) base_ref: String,
    pub(in crate::sandbox) base_sha: String,
    pub(in crate::sandbox) files: Vec<FileDiff>,
    /// It cannot be merged: both ends changed the same lines.
    pub(in crate::sandbox) conflicts: bool,
    /// Logins of those whose review is still wanted.
    pub(in crate::sandbox) reviewers: Vec<String>,
    pub(in crate::sandbox) teams: Vec<String>,
    pub(in crate::sandbox) reviews: Vec<Review>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Review {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) user: String,
    pub(in crate::sandbox) body: String,
    /// `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`.
    pub(in crate::sandbox) state: String,
    pub(in crate::sandbox) commit: String,
    pub(in crate::sandbox) submitted_at: Timestamp,
}

/// A commit that something made while the sandbox watched. Of all others only their ids are known.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Commit {
    pub(in crate::sandbox) parents: Vec<String>,
    pub(in crate::sandbox) message: String,
    pub(in crate::sandbox) author: String,
    pub(in crate::sandbox) at: Timestamp,
    pub(in crate::sandbox) files: Vec<FileDiff>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct FileDiff {
    pub(in crate::sandbox) filename: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) additions: u64,
    pub(in crate::sandbox) deletions: u64,
    pub(in crate::sandbox) patch: Option<String>,
    pub(in crate::sandbox) previous: Option<String>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Comment {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) issue: u64,
    pub(in crate::sandbox) user: String,
    pub(in crate::sandbox) body: String,
    pub(in crate::sandbox) association: Option<String>,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Run {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) path: String,
    pub(in crate::sandbox) event: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) conclusion: Option<String>,
    pub(in crate::sandbox) branch: String,
    pub(in crate::sandbox) sha: String,
    pub(in crate::sandbox) title: String,
    pub(in crate::sandbox) number: u64,
    pub(in crate::sandbox) attempt: u64,
    pub(in crate::sandbox) actor: String,
    pub(in crate::sandbox) triggering_actor: String,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) started_at: Timestamp,
    pub(in crate::sandbox) updated_at: Timestamp,
    pub(in crate::sandbox) jobs: Vec<Job>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Job {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) conclusion: Option<String>,
    pub(in crate::sandbox) log: String,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Content {
    pub(in crate::sandbox) path: String,
    /// Branch, tag or commit; `None` is there whatever is asked for.
    pub(in crate::sandbox) reference: Option<String>,
    pub(in crate::sandbox) text: String,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Status {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) sha: String,
    pub(in crate::sandbox) state: String,
    pub(in crate::sandbox) context: String,
    pub(in crate::sandbox) description: Option<String>,
    pub(in crate::sandbox) target_url: Option<String>,
    pub(in crate::sandbox) creator: String,
    pub(in crate::sandbox) created_at: Timestamp,
}
