//! In: a repository, a rule's own vocabulary. Out: how far the people there agree with what triage would say, label by
//! label. Never: a write.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::triage::{self, Vocabulary, habits};
use super::triage_issue::{RECENT_MAX, computed, issues, vocabulary};
use crate::hub::ToolError;
use crate::integrations::github::Repo;
use crate::tools::toolbox::Ctx;

/// How many disagreements are named.
const DISAGREEMENTS_MAX: usize = 20;

/// Which repository, and which words its issues are judged by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualityArgs {
    /// owner/name.
    repo: Repo,
    /// Label → words and phrases, as for triage_issue.
    labels: Option<BTreeMap<String, Vec<String>>>,
    /// Label → globs, as for triage_issue.
    paths: Option<BTreeMap<String, Vec<String>>>,
    /// Look at so many of the newest issues and pull requests (200).
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
}

/// How far people agree.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Quality {
    /// How many issues were looked at.
    issues: u32,
    /// How many of them carry a label of the vocabulary: only those count.
    labeled: u32,
    /// Label by label.
    labels: Vec<LabelQuality>,
    /// Issues that people labeled otherwise, newest first, at most twenty.
    disagreements: Vec<habits::Disagreement>,
}

/// One label.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LabelQuality {
    label: String,
    /// Issues triage would give it to and that have it.
    agreed: u32,
    /// Issues triage would give it to and that do not have it.
    taken_away: u32,
    /// Issues that have it and that triage would not give it to.
    added: u32,
    /// Of those triage would give it to, how many have it, from 0 to 1.
    precision: Option<f64>,
    /// Of those that have it, to how many triage would give it, from 0 to 1.
    recall: Option<f64>,
    /// Whether triage_issue leaves it out here, because people mostly take it away.
    left_out: bool,
}

pub(super) async fn triage_quality(ctx: Ctx<Parts>, args: QualityArgs) -> Result<Quality, ToolError> {
    let words = vocabulary(args.labels, args.paths)?;
    let client = ctx.parts.github(&ctx.who)?;
    // Unless a call says otherwise, those that `triage_issue` learns from.
    let limit = args.limit.map_or(RECENT_MAX, |limit| limit as usize);
    let issues = issues(client, &args.repo, limit).await?;
    let repo = args.repo.to_string();
    computed("judging", move || quality(&repo, &issues, &words)).await
}

fn quality(repo: &str, issues: &[triage::Issue], vocabulary: &Vocabulary) -> Quality {
    let found = habits::of(repo, issues, vocabulary);
    let labels = found
        .by_label
        .into_iter()
        .map(|(label, habit)| LabelQuality {
            label,
            agreed: habit.agreed,
            taken_away: habit.against,
            added: habit.added,
            precision: share(habit.agreed, habit.against),
            recall: share(habit.agreed, habit.added),
            left_out: habit.is_against(),
        })
        .collect();
    Quality {
        issues: u32::try_from(issues.len()).unwrap_or(u32::MAX),
        labeled: found.labeled,
        labels,
        disagreements: found.disagreements.into_iter().take(DISAGREEMENTS_MAX).collect(),
    }
}

/// Of all, how many; two decimals.
fn share(part: u32, rest: u32) -> Option<f64> {
    match part + rest {
        0 => None,
        all => Some((f64::from(part) / f64::from(all) * 100.0).round() / 100.0),
    }
}
