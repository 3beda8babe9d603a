//! In: nothing. Out: the nouns of a scan: what was read of a repository, and what could not be. Never: the network.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Something that was read, or why it was not.
pub(super) type Part<T> = Result<T, String>;

/// What is known of a repository.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// When it was read.
    pub(super) now: Timestamp,
    /// Repository, as owner/name.
    pub(super) repo: String,
    /// Where people see it.
    pub(super) page: String,
    /// What it is, in its owner's words.
    pub(super) description: Option<String>,
    /// Its topics.
    pub(super) topics: Vec<String>,
    /// Not everybody sees it.
    pub(super) private: bool,
    /// Nothing can be changed in it.
    pub(super) archived: bool,
    /// The license that GitHub recognizes.
    pub(super) license: Option<String>,
    /// The branch that counts.
    pub(super) branch: String,
    /// The commit that everything was read at.
    pub(super) head: Part<String>,
    /// What that commit holds.
    pub(super) tree: Part<Tree>,
    /// The files that were looked into. One that is not here was not.
    pub(super) texts: BTreeMap<String, Part<Content>>,
    /// What GitHub counts as there, though it may be the owner's `.github` repository that has it.
    pub(super) community: Part<Community>,
    /// There is a security policy, the repository's own or its owner's for all.
    pub(super) security_policy: Part<bool>,
    /// What GitHub finds wrong with CODEOWNERS.
    pub(super) owners_errors: Part<Vec<Complaint>>,
    /// The default branch is protected.
    pub(super) protected: Part<bool>,
    /// Branches with the age of their heads, and whether there are more.
    pub(super) heads: Part<(Vec<Head>, bool)>,
    /// Runs on the default branch, newest first.
    pub(super) runs: Part<Vec<Run>>,
    /// Open alerts about dependencies, code, secrets.
    pub(super) alerts: Alerts,
    /// Releases, newest first.
    pub(super) releases: Part<Vec<Release>>,
}

/// What a commit holds: files by path, with their sizes in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Files.
    pub(super) files: BTreeMap<String, u64>,
    /// There are more than GitHub lists.
    pub(super) truncated: bool,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Its whole text.
    Text(String),
    /// It is no text, or longer than is looked at.
    Other(&'static str),
}

/// What GitHub's community profile has.
#[derive(Clone, Debug, Default)]
pub(super) struct Community {
    /// A code of conduct.
    pub(super) code_of_conduct: bool,
    /// A contributing guide.
    pub(super) contributing: bool,
    /// Issue templates.
    pub(super) issue_templates: bool,
    /// A pull request template.
    pub(super) pull_request_template: bool,
}

/// A line that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    /// The file.
    pub(super) path: String,
    /// Its line, from 1.
    pub(super) line: u64,
    /// What is wrong.
    pub(super) what: String,
}

/// A branch.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Its name.
    pub(super) name: String,
    /// When it was last committed to.
    pub(super) committed_at: Option<Timestamp>,
    /// It has an open pull request.
    pub(super) in_review: bool,
}

/// A run of a workflow.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The workflow's file.
    pub(super) path: String,
    /// How it ended; nothing while it goes on.
    pub(super) conclusion: Option<String>,
    /// Where people see it.
    pub(super) page: String,
}

/// Open alerts, by what they are about.
#[derive(Clone, Debug)]
pub(super) struct Alerts {
    /// Dependencies.
    pub(super) dependencies: Part<Vec<Alert>>,
    /// Code.
    pub(super) code: Part<Vec<Alert>>,
    /// Secrets.
    pub(super) secrets: Part<Vec<Alert>>,
}

/// An alert.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    /// critical, high, medium or low.
    pub(super) severity: String,
    /// What it is about.
    pub(super) what: String,
    /// Where people see it.
    pub(super) page: String,
}

/// A release.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// Its tag.
    pub(super) tag: String,
    /// It says what changed.
    pub(super) has_notes: bool,
    /// Where people see it.
    pub(super) page: String,
}

impl Facts {
    /// Every file; or why nothing can be said of what is not there.
    pub(super) fn files(&self) -> Part<&BTreeMap<String, u64>> {
        match &self.tree {
            Ok(tree) => Ok(&tree.files),
            Err(why) => Err(why.clone()),
        }
    }

    /// The first file there is of those that `is_it` takes.
    pub(super) fn first(&self, is_it: impl Fn(&str) -> bool) -> Part<Option<&str>> {
        let found = self.files()?.keys().map(String::as_str).find(|path| is_it(path));
        match (found, &self.tree) {
            (None, Ok(tree)) if tree.truncated => Err(
                "GitHub lists only a part of a tree this large, so nothing can be said to be missing"
                    .to_owned(),
            ),
            (found, _) => Ok(found),
        }
    }

    /// The text of a file that was looked into.
    pub(super) fn text(&self, path: &str) -> Part<&str> {
        match self.texts.get(path) {
            Some(Ok(Content::Text(text))) => Ok(text),
            Some(Ok(Content::Other(why))) => Err(format!("{path} {why}")),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("{path} was not looked into")),
        }
    }

    /// Where people see a file, or a line of it, as it was when it was read.
    pub(super) fn page_of(&self, path: &str, line: Option<u64>) -> String {
        let at = self.head.as_deref().unwrap_or(&self.branch);
        let line = line.map(|line| format!("#L{line}")).unwrap_or_default();
        format!("{}/blob/{at}/{path}{line}", self.page)
    }
}
