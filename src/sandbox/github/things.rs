//! In: seeds and writes. Out: what stands around code and conversation: releases, checks, deployments, alerts, people.
//! Never: JSON of the API; `shape` and the handlers give that.

use jiff::Timestamp;

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Release {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) tag: String,
    pub(in crate::sandbox) target: String,
    pub(in crate::sandbox) name: Option<String>,
    pub(in crate::sandbox) body: Option<String>,
    pub(in crate::sandbox) draft: bool,
    pub(in crate::sandbox) prerelease: bool,
    pub(in crate::sandbox) author: String,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) published_at: Option<Timestamp>,
}

/// Visits of a day, of a page or from a site.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Visit {
    /// `views`, `clones`, `path` or `referrer`.
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) day: Timestamp,
    pub(in crate::sandbox) count: u64,
    pub(in crate::sandbox) uniques: u64,
}

/// A check run.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Check {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) sha: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) conclusion: Option<String>,
    pub(in crate::sandbox) title: Option<String>,
    pub(in crate::sandbox) summary: Option<String>,
    /// How many remarks in files it has.
    pub(in crate::sandbox) annotations: u64,
    pub(in crate::sandbox) external_id: Option<String>,
    pub(in crate::sandbox) details_url: Option<String>,
    pub(in crate::sandbox) app: String,
    pub(in crate::sandbox) started_at: Timestamp,
    pub(in crate::sandbox) completed_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Deployment {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) sha: String,
    pub(in crate::sandbox) reference: String,
    pub(in crate::sandbox) task: String,
    pub(in crate::sandbox) environment: String,
    pub(in crate::sandbox) description: String,
    pub(in crate::sandbox) payload: serde_json::Value,
    pub(in crate::sandbox) transient: bool,
    pub(in crate::sandbox) production: bool,
    pub(in crate::sandbox) creator: String,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) statuses: Vec<DeploymentStatus>,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct DeploymentStatus {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) state: String,
    pub(in crate::sandbox) description: String,
    pub(in crate::sandbox) environment_url: String,
    pub(in crate::sandbox) log_url: String,
    pub(in crate::sandbox) creator: String,
    pub(in crate::sandbox) created_at: Timestamp,
}

/// Something GitHub warns of.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Alert {
    /// `dependabot`, `code` or `secret`.
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) number: u64,
    pub(in crate::sandbox) state: String,
    pub(in crate::sandbox) severity: String,
    /// The package, the rule, or the kind of secret.
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) path: String,
    pub(in crate::sandbox) summary: String,
    pub(in crate::sandbox) created_at: Timestamp,
}

/// An invitation to a repository.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Invitation {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) repo: String,
    pub(in crate::sandbox) invitee: String,
    pub(in crate::sandbox) inviter: String,
    pub(in crate::sandbox) role: String,
    pub(in crate::sandbox) created_at: Timestamp,
}

/// What somebody is to an organization.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Member {
    /// `admin` or `member`.
    pub(in crate::sandbox) role: String,
    /// `active` or `pending`.
    pub(in crate::sandbox) state: String,
}

/// What a discussion is filed under.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Category {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) slug: String,
    pub(in crate::sandbox) answerable: bool,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Discussion {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) number: u64,
    pub(in crate::sandbox) title: String,
    pub(in crate::sandbox) body: String,
    pub(in crate::sandbox) author: String,
    /// Id of a category.
    pub(in crate::sandbox) category: u64,
    pub(in crate::sandbox) closed: bool,
    pub(in crate::sandbox) locked: bool,
    /// Id of a comment.
    pub(in crate::sandbox) answer: Option<u64>,
    /// Comments and replies, oldest first.
    pub(in crate::sandbox) comments: Vec<Said>,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) updated_at: Timestamp,
}

/// A comment on a discussion, or a reply to one.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Said {
    pub(in crate::sandbox) id: u64,
    pub(in crate::sandbox) body: String,
    pub(in crate::sandbox) author: String,
    pub(in crate::sandbox) reply_to: Option<u64>,
    pub(in crate::sandbox) at: Timestamp,
}
