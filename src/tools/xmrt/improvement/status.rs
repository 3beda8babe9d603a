//! In: the question what became of proposals. Out: that, as GitHub has it now, kept for the next choice. Never: a write to GitHub.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Parts;
use super::kinds::Kind;
use super::ledger::{self, Fared, Proposal, State};
use super::propose::latest;
use crate::hub::ToolError;
use crate::integrations::github::Repo;
use crate::tools::toolbox::Ctx;

/// How many open proposals are looked at with one call, those that were not looked at for longest first.
const LOOKED_AT_MAX: usize = 50;
/// How many are told unless a call says otherwise.
const LIMIT: u32 = 50;

/// Whose proposals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusArgs {
    /// Only this repository, as owner/name; it is looked through for proposals that are not on record, too.
    repo: Option<Repo>,
    /// At most so many proposals (50).
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
}

/// What became of proposals.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Status {
    /// How many are open.
    open: usize,
    /// How many were merged.
    merged: usize,
    /// How many were closed without a merge: they are not proposed again.
    rejected: usize,
    /// Proposals, the open ones first.
    proposals: Vec<Proposal>,
    /// There are more.
    more: bool,
    /// How each kind fared, in the order in which they are proposed.
    learned: Vec<Learned>,
    /// What could not be looked at, and is told as it was before.
    unread: Vec<String>,
}

/// How a kind fared.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Learned {
    /// What.
    kind: Kind,
    /// How it fared, over all repositories that the caller may reach.
    #[serde(flatten)]
    fared: Fared,
    /// What follows from that.
    therefore: &'static str,
}

pub(super) async fn status(ctx: Ctx<Parts>, args: StatusArgs) -> Result<Status, ToolError> {
    let client = ctx.parts.github(&ctx.who)?;
    let store = ctx.parts.store.as_ref();
    let mut known: BTreeMap<(String, Kind), Proposal> = ledger::all(store, ctx.clock.now())
        .await?
        .into_iter()
        .map(|proposal| ((proposal.repo.to_lowercase(), proposal.kind), proposal))
        .collect();
    let of_repo = |proposal: &Proposal| {
        args.repo
            .as_ref()
            .is_none_or(|repo| proposal.repo.eq_ignore_ascii_case(repo.as_str()))
    };
    // What was decided stays so, unless somebody reopens it; in one repository that is looked at as well.
    let looked_at: Vec<(Repo, Kind)> = match &args.repo {
        Some(repo) => Kind::ALL.into_iter().map(|kind| (repo.clone(), kind)).collect(),
        None => {
            let mut open: Vec<&Proposal> = known
                .values()
                .filter(|proposal| proposal.state == State::Open)
                .collect();
            open.sort_by_key(|proposal| proposal.seen_at);
            let named = open.into_iter().take(LOOKED_AT_MAX);
            named
                .filter_map(|proposal| Some((proposal.repo.parse().ok()?, proposal.kind)))
                .collect()
        }
    };
    let mut unread = Vec::new();
    for (repo, kind) in looked_at {
        let pull = match latest(client, &repo, kind).await {
            Ok(pull) => pull,
            Err(error) => {
                // A limit that is up ends it all.
                if matches!(error.class, crate::hub::ErrorClass::RateLimited { .. }) {
                    return Err(error);
                }
                unread.push(format!("{} in {repo}: {}", kind.name(), error.message));
                continue;
            }
        };
        if let Some(pull) = pull {
            let now = ctx.clock.now();
            let proposal = Proposal::of(&repo, kind, &pull, now);
            ledger::keep(store, &proposal, now).await?;
            known.insert((repo.to_string().to_lowercase(), kind), proposal);
        }
    }
    let everything: Vec<Proposal> = known.into_values().collect();
    let fared = ledger::fared(&everything);
    let learned = ledger::ranked(&Kind::ALL, &fared).into_iter().map(|kind| {
        let of = fared.get(&kind).copied().unwrap_or_default();
        let therefore = match of.merged - of.rejected {
            1.. => "it is proposed before others",
            0 => "it keeps its place",
            _ => "it is proposed after others",
        };
        Learned {
            kind,
            fared: of,
            therefore,
        }
    });
    let learned = learned.collect();
    let mut told: Vec<Proposal> = everything.into_iter().filter(of_repo).collect();
    let count = |state: State| told.iter().filter(|proposal| proposal.state == state).count();
    let (open, merged, rejected) = (count(State::Open), count(State::Merged), count(State::Rejected));
    told.sort_by(|a, b| (a.state, &a.repo, a.kind).cmp(&(b.state, &b.repo, b.kind)));
    let limit = args.limit.unwrap_or(LIMIT) as usize;
    let more = told.len() > limit;
    told.truncate(limit);
    Ok(Status {
        open,
        merged,
        rejected,
        proposals: told,
        more,
        learned,
        unread,
    })
}
