//! In: explanations of one event. Out: an order: what acted, what was held back, and then what came nearest. Never: a
//! rule that has nothing to do with such events.

use schemars::JsonSchema;
use serde::Serialize;

use crate::rules::explain::{ConditionView, Explanation, Parts};

/// A rule in the order of nearness.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Ranked {
    /// The rule's id.
    pub rule: String,
    /// What came of it.
    pub decision: String,
    /// How many of its questions are answered no.
    pub failed: usize,
    /// How many there are.
    pub questions: usize,
    /// The outcome in a sentence.
    pub sentence: String,
    /// What would have to differ.
    pub would_have_to_differ: Vec<String>,
}

/// How many questions are answered no, and how many there are.
pub(super) fn questions(explanation: &Explanation) -> (usize, usize) {
    let mut answers = vec![explanation.listens];
    answers.extend(explanation.when.iter().map(ConditionView::held));
    if let Some(condition) = &explanation.condition {
        match &condition.parts {
            Parts::And(parts) => answers.extend(parts.iter().map(|part| part.held == Some(true))),
            Parts::Or(_) | Parts::None => answers.push(condition.held == Some(true)),
        }
    }
    let failed = answers.iter().filter(|held| !**held).count();
    (failed, answers.len())
}

/// Acted first, then held back, then the near misses by how little was missing, then what is off; rules for quite other
/// events are left out.
pub fn ranking(explanations: &[Explanation]) -> Vec<Ranked> {
    let mut rows: Vec<&Explanation> = explanations.iter().filter(|found| is_about(found)).collect();
    rows.sort_by_key(|found| {
        let class = match found.decision.as_str() {
            "fired" => 0,
            "error" => 2,
            "missed" => 3,
            "not_listening" => 4,
            "off" => 5,
            _ => 1,
        };
        // Of two that miss by as much, the one that asks more came nearer.
        (
            class,
            found.failed,
            std::cmp::Reverse(found.questions),
            found.rule.clone(),
        )
    });
    rows.into_iter()
        .map(|found| Ranked {
            rule: found.rule.clone(),
            decision: found.decision.clone(),
            failed: found.failed,
            questions: found.questions,
            sentence: found.sentence.clone(),
            would_have_to_differ: found.would_have_to_differ.clone(),
        })
        .collect()
}

/// It listens to the event, or to another action of the same kind: `github.issues.closed` for `github.issues.opened`.
fn is_about(found: &Explanation) -> bool {
    let kind = |text: &str| text.split('.').take(2).collect::<Vec<_>>().join(".");
    found.listens
        || !found.recorded.is_empty()
        || found.on.iter().any(|on| kind(on) == kind(&found.event_type))
}
