//! In: the question how whole the journal is. Out: its ledger, source by source. Never: a comparison; the reactor makes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::records::of_store;
use crate::hub::ToolError;
use crate::journal::{self, Coverage, CoverageState};
use crate::tools::toolbox::Ctx;

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageArgs {}

/// How whole the journal is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CoverageShown {
    /// When the journal began: nothing older is admitted unless a person asks for it.
    journal_since: String,
    /// When it was compared last with what the providers delivered.
    compared_at: Option<String>,
    /// Webhook by webhook.
    sources: Vec<SourceShown>,
    /// Providers that are not compared, and why.
    unwatched: Vec<String>,
}

/// One webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SourceShown {
    /// github:acme/api:1.
    source: String,
    /// watched, no_permission, waiting or failing.
    state: String,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Up to when it was compared.
    verified_until: Option<String>,
    /// Deliveries that were in the journal.
    ok: u64,
    /// Deliveries that were not, and were fetched.
    recovered: u64,
    /// Recovered ones that were too old for a rule that wanted them.
    stale: u64,
    /// Deliveries older than the journal and not in it.
    before_epoch: u64,
    /// Deliveries that are missing and cannot be had any more.
    unreachable: u64,
}

impl SourceShown {
    fn new(coverage: &Coverage) -> Self {
        let total = coverage.total();
        let (state, why) = match &coverage.state {
            CoverageState::Watched => ("watched", None),
            CoverageState::NoPermission { why } => ("no_permission", Some(why)),
            CoverageState::Waiting { why } => ("waiting", Some(why)),
            CoverageState::Failing { why } => ("failing", Some(why)),
        };
        Self {
            source: coverage.source.clone(),
            state: state.to_owned(),
            why: why.cloned(),
            verified_until: coverage.until().map(|at| at.to_string()),
            ok: total.ok,
            recovered: total.recovered,
            stale: total.stale,
            before_epoch: total.before_epoch,
            unreachable: total.unreachable,
        }
    }
}

pub(super) async fn coverage(ctx: Ctx<Parts>, _: CoverageArgs) -> Result<CoverageShown, ToolError> {
    let (store, now) = (ctx.parts.store.as_ref(), ctx.clock.now());
    let sources = journal::all_coverage(store, now).await.map_err(of_store)?;
    let pass = journal::coverage_pass(store, now).await.map_err(of_store)?;
    let epoch = store.epoch().await.map_err(of_store)?;
    let unwatched = pass.iter().flat_map(|pass| &pass.unwatched);
    Ok(CoverageShown {
        journal_since: epoch.created_at.to_string(),
        compared_at: pass.as_ref().map(|pass| pass.at.to_string()),
        sources: sources.iter().map(SourceShown::new).collect(),
        unwatched: unwatched
            .map(|(provider, why)| format!("{provider}: {why}"))
            .collect(),
    })
}
