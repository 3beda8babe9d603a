//! In: what became of proposals. Out: that, kept; what is proposed next, and why. Never: a call to GitHub.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::records::of_store;
use super::kinds::Kind;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{PullRequest, Repo, is_within_bounds};
use crate::journal::{KvEntry, KvKey, Store, kv_all};

const SPACE: &str = "improvement";

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Open,
    Merged,
    Rejected,
}

/// A proposal, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Proposal {
    /// Repository, as owner/name.
    pub(super) repo: String,
    /// What was proposed.
    pub(super) kind: Kind,
    /// What became of it: closed without a merge is rejected.
    pub(super) state: State,
    /// The pull request's number.
    pub(super) number: u64,
    /// Where people see it.
    pub(super) html_url: String,
    /// When it was last looked at.
    #[schemars(with = "String")]
    pub(super) seen_at: Timestamp,
}

impl Proposal {
    /// What a pull request says of itself.
    pub(super) fn of(repo: &Repo, kind: Kind, pull: &PullRequest, now: Timestamp) -> Self {
        let state = match (pull.merged_at.is_some(), pull.state.as_str()) {
            (true, _) => State::Merged,
            (false, "open") => State::Open,
            _ => State::Rejected,
        };
        Self {
            repo: repo.to_string(),
            kind,
            state,
            number: pull.number,
            html_url: pull.html_url.clone(),
            seen_at: now,
        }
    }

    /// Why it is not proposed again.
    pub(super) fn why_not(&self) -> String {
        match self.state {
            State::Open => format!("#{} is open", self.number),
            State::Merged => format!(
                "#{} was merged, and what it brought is gone or not enough; a person should look",
                self.number
            ),
            State::Rejected => format!(
                "#{} was closed without a merge, so it is not wanted; reopening it says otherwise",
                self.number
            ),
        }
    }
}

/// GitHub's names ignore case.
fn key(repo: &str, kind: Kind) -> Result<KvKey, ToolError> {
    KvKey::new(SPACE, &format!("{}/{}", repo.to_lowercase(), kind.name())).map_err(of_store)
}

/// Keeps what became of a proposal.
pub(super) async fn keep(store: &dyn Store, proposal: &Proposal, now: Timestamp) -> Result<(), ToolError> {
    let value = serde_json::to_vec(proposal).map_err(|error| {
        ToolError::new(
            ErrorClass::Unavailable,
            format!("the proposal cannot be kept: {error}"),
        )
    })?;
    store
        .kv_put(
            &key(&proposal.repo, proposal.kind)?,
            Bytes::from(value),
            None,
            now,
        )
        .await
        .map_err(of_store)
}

/// All proposals there ever were in repositories that the caller may reach, by repository and kind.
pub(super) async fn all(store: &dyn Store, now: Timestamp) -> Result<Vec<Proposal>, ToolError> {
    let kept = kv_all(store, SPACE, "", now).await.map_err(of_store)?;
    // What another version wrote and this one cannot read is passed over: GitHub knows it still.
    let read = |entry: &KvEntry| serde_json::from_slice::<Proposal>(&entry.value).ok();
    Ok(kept.iter().filter_map(read).filter(is_reached).collect())
}

/// Whether the caller may know of a proposal.
fn is_reached(proposal: &Proposal) -> bool {
    let repo = proposal.repo.parse::<Repo>();
    repo.is_ok_and(|repo| is_within_bounds(&repo))
}

/// How a kind fared in all repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Fared {
    /// How many were merged.
    pub(super) merged: i64,
    /// How many were rejected.
    pub(super) rejected: i64,
}

/// How each kind fared.
pub(super) fn fared(all: &[Proposal]) -> BTreeMap<Kind, Fared> {
    let mut by_kind: BTreeMap<Kind, Fared> = BTreeMap::new();
    for proposal in all {
        let of = by_kind.entry(proposal.kind).or_default();
        match proposal.state {
            State::Merged => of.merged += 1,
            State::Rejected => of.rejected += 1,
            State::Open => {}
        }
    }
    by_kind
}

/// The kinds in the order in which they are proposed: what was merged more often than rejected first, what was rejected more
/// often last; among equals what helps most first.
pub(super) fn ranked(kinds: &[Kind], fared: &BTreeMap<Kind, Fared>) -> Vec<Kind> {
    let mut ranked: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| kinds.contains(kind))
        .collect();
    ranked.sort_by_key(|kind| {
        let of = fared.get(kind).copied().unwrap_or_default();
        -(of.merged - of.rejected)
    });
    ranked
}

/// Why a kind stands where it stands.
pub(super) fn reason(kind: Kind, fared: &BTreeMap<Kind, Fared>) -> String {
    match fared.get(&kind) {
        Some(of) if of.merged + of.rejected > 0 => {
            format!("{} of its kind were merged, {} rejected", of.merged, of.rejected)
        }
        _ => "nothing of its kind was decided yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(repo: &str, kind: Kind, state: State) -> Proposal {
        Proposal {
            repo: repo.into(),
            kind,
            state,
            number: 1,
            html_url: String::new(),
            seen_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_merged_comes_first_and_what_was_rejected_last() {
        let wanted = [Kind::Ci, Kind::License, Kind::SecurityPolicy, Kind::Codeowners];
        let none = fared(&[]);
        assert_eq!(
            ranked(&wanted, &none),
            [Kind::Ci, Kind::SecurityPolicy, Kind::Codeowners, Kind::License]
        );
        let history = fared(&[
            proposal("a/a", Kind::License, State::Merged),
            proposal("a/b", Kind::License, State::Merged),
            proposal("a/b", Kind::Ci, State::Rejected),
            proposal("a/a", Kind::Codeowners, State::Merged),
            proposal("a/b", Kind::Codeowners, State::Rejected),
            proposal("a/c", Kind::SecurityPolicy, State::Open),
        ]);
        assert_eq!(
            ranked(&wanted, &history),
            [Kind::License, Kind::SecurityPolicy, Kind::Codeowners, Kind::Ci]
        );
        assert_eq!(
            reason(Kind::License, &history),
            "2 of its kind were merged, 0 rejected"
        );
        assert_eq!(
            reason(Kind::SecurityPolicy, &history),
            "nothing of its kind was decided yet"
        );
    }
}
