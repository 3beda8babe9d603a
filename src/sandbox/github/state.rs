//! In: seeds and writes. Out: repositories and what belongs to them, as plain data.
//! Never: JSON of the API; `shape` gives that.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::app::App;
use super::oauth::Oauth;
use super::things::{Alert, Category, Check, Deployment, Discussion, Invitation, Member, Release, Visit};
use crate::sandbox::rates::Rate;

/// The GitHub side's memory.
#[derive(Clone, Debug, Default)]
pub(in crate::sandbox) struct State {
    /// By lowercase full name; GitHub's names ignore case.
    repos: BTreeMap<String, Repo>,
    /// Numeric ids of accounts that a payload told; all others are derived from the login.
    pub(in crate::sandbox) user_ids: BTreeMap<String, u64>,
    /// The App that is installed everywhere.
    pub(in crate::sandbox) app: Option<App>,
    /// Invitations to repositories that are not answered yet.
    pub(in crate::sandbox) invitations: Vec<Invitation>,
    /// By organization and login, in small letters.
    members: BTreeMap<(String, String), Member>,
    /// The same of teams: by organization, team and login.
    team_members: BTreeMap<(String, String, String), Member>,
    /// Who signed in, and with what.
    pub(in crate::sandbox) oauth: Oauth,
    pub(in crate::sandbox) rate: Rate,
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

    /// What somebody is to an organization.
    pub(in crate::sandbox) fn member(&self, org: &str, login: &str) -> Option<&Member> {
        self.members
            .get(&(org.to_ascii_lowercase(), login.to_ascii_lowercase()))
    }

    pub(in crate::sandbox) fn set_member(&mut self, org: &str, login: &str, member: Option<Member>) {
        let key = (org.to_ascii_lowercase(), login.to_ascii_lowercase());
        match member {
            Some(member) => self.members.insert(key, member),
            None => self.members.remove(&key),
        };
    }

    /// What somebody is to a team.
    pub(in crate::sandbox) fn team_member(&self, org: &str, team: &str, login: &str) -> Option<&Member> {
        self.team_members.get(&place_in_team(org, team, login))
    }

    pub(in crate::sandbox) fn set_team_member(
        &mut self,
        org: &str,
        team: &str,
        login: &str,
        member: Option<Member>,
    ) {
        let key = place_in_team(org, team, login);
        match member {
            Some(member) => self.team_members.insert(key, member),
            None => self.team_members.remove(&key),
        };
    }

    /// The numeric id of an account, the same in every sandbox.
    pub(in crate::sandbox) fn user_id(&self, login: &str) -> u64 {
        self.user_ids
            .get(&login.to_ascii_lowercase())
            .copied()
            .unwrap_or_else(|| stable_id(login))
    }
}

fn place_in_team(org: &str, team: &str, login: &str) -> (String, String, String) {
    let small = str::to_ascii_lowercase;
    (small(org), small(team), small(login))
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
    /// Its default branch is protected.
    pub(in crate::sandbox) protected: bool,
    /// It holds more than one answer about its tree gives.
    pub(in crate::sandbox) truncated: bool,
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
    /// Branch → path → text, of branches that something was committed to; all others have what was seeded.
    pub(in crate::sandbox) trees: BTreeMap<String, BTreeMap<String, String>>,
    pub(in crate::sandbox) tags: BTreeMap<String, String>,
    /// Oldest first.
    pub(in crate::sandbox) releases: Vec<Release>,
    pub(in crate::sandbox) visits: Vec<Visit>,
    /// Oldest first.
    pub(in crate::sandbox) checks: Vec<Check>,
    /// Oldest first.
    pub(in crate::sandbox) deployments: Vec<Deployment>,
    pub(in crate::sandbox) alerts: Vec<Alert>,
    pub(in crate::sandbox) allow_auto_merge: bool,
    /// None: there are no discussions.
    pub(in crate::sandbox) categories: Vec<Category>,
    /// They share the row of numbers with issues and pull requests.
    pub(in crate::sandbox) discussions: BTreeMap<u64, Discussion>,
    /// Issues that were transferred: where to, and their number there.
    pub(in crate::sandbox) moved: BTreeMap<u64, (String, u64)>,
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
            protected: true,
            truncated: false,
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
            trees: BTreeMap::new(),
            tags: BTreeMap::new(),
            releases: Vec::new(),
            visits: Vec::new(),
            checks: Vec::new(),
            deployments: Vec::new(),
            alerts: Vec::new(),
            allow_auto_merge: true,
            categories: Vec::new(),
            discussions: BTreeMap::new(),
            moved: BTreeMap::new(),
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
        let issues = self.issues.keys().chain(self.moved.keys());
        issues
            .chain(self.discussions.keys())
            .max()
            .map_or(1, |last| last + 1)
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

    /// The head of a branch, if there is one; the default branch always is.
    pub(in crate::sandbox) fn branch(&self, name: &str) -> Option<String> {
        let is_default = name == self.default_branch;
        self.branches
            .get(name)
            .cloned()
            .or_else(|| is_default.then(|| self.head_of(name)))
    }

    /// The files that a branch, tag or commit has, by path.
    pub(in crate::sandbox) fn tree(&self, reference: &str) -> BTreeMap<String, String> {
        let reference = reference.strip_prefix("refs/heads/").unwrap_or(reference);
        let written = self.trees.iter().find(|(branch, _)| {
            *branch == reference || self.branches.get(*branch).is_some_and(|head| head == reference)
        });
        if let Some((_, tree)) = written {
            return tree.clone();
        }
        let visible = |file: &&Content| match file.reference.as_deref() {
            None => true,
            Some(of) => of == reference || self.head_of(of) == reference,
        };
        let seeded = self.contents.iter().filter(visible);
        seeded
            .map(|file| (file.path.clone(), file.text.clone()))
            .collect()
    }

    /// Whether an account's role is at least that. Whoever is not told of may do everything, as the token's owner does.
    pub(in crate::sandbox) fn may(&self, login: &str, wanted: &str) -> bool {
        const ROLES: [&str; 6] = ["none", "read", "triage", "write", "maintain", "admin"];
        let level = |role: &str| ROLES.iter().position(|known| *known == role);
        let known = self
            .collaborators
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(login));
        known.is_none_or(|(_, role)| level(role) >= level(wanted))
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
    /// How it is merged by itself once it may be: `MERGE`, `SQUASH` or `REBASE`.
    pub(in crate::sandbox) auto_merge: Option<String>,
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
