//! In: the name of a stored event, perhaps of a rule; or an event that never came, and rules. Out: why rules did or did not
//! act on it, from what is on record and the rules it met. Never: the rules in memory: the journal has those in force, too,
//! so any process can be asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::envelope;
use super::intake::{self, LookupError};
use crate::journal::{BookRecord, EventRecord, RuleText, Store, Verdict};
use crate::normalize::Event;
use crate::rules::{self, Explanation, OnRecord, Ranked, Recorded, Rule};

/// How many rules are ranked.
const RANKED_MAX: usize = 50;

/// Why rules did or did not act on an event. Command, API and tool give this and nothing else.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DecisionExplained", description = "Why.")]
pub struct Explained {
    /// The event's delivery id.
    pub event: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schemars(description = "")]
    pub kind: String,
    /// What it is about.
    #[schemars(description = "")]
    pub subject: String,
    /// The rule's decision in full: conditions, limits, plan, what would have to differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub explanation: Option<Explanation>,
    /// The rules in order of nearness, each with what it lacked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranking: Vec<Ranked>,
    /// How many more have to do with such events, and came less near.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: usize,
    /// All of it, for a person.
    pub text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Explained {
    /// One rule, in full.
    fn in_full(event: &Event, explanation: Explanation) -> Self {
        Self {
            text: explanation.to_text(),
            explanation: Some(explanation),
            ..Self::about(event)
        }
    }

    /// All rules, the nearest first.
    fn ranked(event: &Event, all: &[Explanation]) -> Self {
        let mut ranking = rules::ranking(all);
        let left_out = ranking.len().saturating_sub(RANKED_MAX);
        ranking.truncate(RANKED_MAX);
        Self {
            text: page(event, &ranking, left_out),
            ranking,
            left_out,
            ..Self::about(event)
        }
    }

    fn about(event: &Event) -> Self {
        Self {
            event: event.id.0.clone(),
            kind: event.kind.0.clone(),
            subject: event.subject.0.clone(),
            explanation: None,
            ranking: Vec::new(),
            left_out: 0,
            text: String::new(),
        }
    }
}

/// The same for an event that never came: of `rule`, or of all that there are.
pub fn suppose(event: &Event, rule: Option<&Arc<Rule>>, all: &[Arc<Rule>]) -> Explained {
    let supposed = |rule: &Arc<Rule>| rules::explain(rule, event, None);
    match rule {
        Some(rule) => Explained::in_full(event, supposed(rule)),
        None => Explained::ranked(event, &all.iter().map(supposed).collect::<Vec<_>>()),
    }
}

/// The book an event was matched with, and the one in force.
struct Books {
    met: Option<BookRecord>,
    in_force: Option<BookRecord>,
}

/// The one function behind the command, the API and the tool. A rule is explained in the version that the event met, or,
/// where it was not there yet, in the version in force.
pub async fn explain(
    store: &dyn Store,
    event_id: &str,
    rule: Option<&str>,
) -> Result<Explained, LookupError> {
    let (record, event) = intake::stored(store, event_id, false).await?;
    let mut verdicts = store.verdicts(&record.key).await?;
    verdicts.retain(|verdict| rule.is_none_or(|rule| verdict.rule == rule));
    for verdict in &mut verdicts {
        // What became of the run is part of the answer: which one took its place, or on which it waits.
        if let (None, Some(run)) = (&verdict.reason, &verdict.run) {
            verdict.reason = store.run(run).await?.and_then(|history| history.run.reason);
        }
    }
    let books = Books {
        met: store.book(Some(&record.book)).await?,
        in_force: store.book(None).await?,
    };
    let about = |name: &str| -> Result<Explanation, LookupError> {
        let (text, book) = books
            .text(name)
            .ok_or_else(|| LookupError::NoRule(name.to_owned(), books.nearest(name)))?;
        let vars = book.settings.get("vars").cloned().unwrap_or_default();
        let rule = rules::parse_pinned(name, &text.text, &vars).map_err(LookupError::Unreadable)?;
        let on_record = books.on_record(name, &text.version, &record, &verdicts);
        Ok(rules::explain(&rule, &event, Some(&on_record)))
    };
    if let Some(name) = rule {
        return Ok(Explained::in_full(&event, about(name)?));
    }
    let all: Result<Vec<Explanation>, LookupError> = books.names().into_iter().map(about).collect();
    Ok(Explained::ranked(&event, &all?))
}

fn page(event: &Event, ranking: &[Ranked], left_out: usize) -> String {
    let head = format!("{} {} ({})", event.kind.0, event.id.0, event.subject.0);
    if ranking.is_empty() {
        let kind = &event.kind.0;
        return format!(
            "{head}\n\nNo rule has to do with such events; one that is to act on them says `on = \"{kind}\"`.\n"
        );
    }
    let more = match left_out {
        0 => String::new(),
        more => format!("… and {more} more that came less near\n"),
    };
    format!("{head}\n\n{}{more}", rules::ranking_page(ranking))
}

impl Books {
    fn all(&self) -> impl Iterator<Item = &BookRecord> {
        [&self.met, &self.in_force].into_iter().flatten()
    }

    fn text(&self, rule: &str) -> Option<(&RuleText, &BookRecord)> {
        self.all().find_map(|book| {
            let text = book.rules.iter().find(|text| text.rule == rule)?;
            Some((text, book))
        })
    }

    /// What to say where there is no such rule.
    fn nearest(&self, rule: &str) -> String {
        match crate::hub::nearest(rule, self.names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "`xmrt check` lists the rules".to_owned(),
        }
    }

    fn names(&self) -> BTreeSet<&str> {
        self.all()
            .flat_map(|book| &book.rules)
            .map(|text| text.rule.as_str())
            .collect()
    }

    fn on_record(&self, rule: &str, version: &str, record: &EventRecord, verdicts: &[Verdict]) -> OnRecord {
        let has = |book: &Option<BookRecord>| {
            book.iter()
                .flat_map(|book| &book.rules)
                .any(|text| text.rule == rule && text.version == version)
        };
        OnRecord {
            decisions: verdicts
                .iter()
                .filter(|verdict| verdict.rule == rule)
                .map(recorded)
                .collect(),
            missed: envelope::missed(record, rule),
            depth: record.depth,
            met: has(&self.met),
            in_force: has(&self.in_force),
        }
    }
}

fn recorded(verdict: &Verdict) -> Recorded {
    Recorded {
        decision: word(&verdict.decision),
        generation: verdict.generation,
        version: verdict.version.clone(),
        run: verdict.run.as_ref().map(|run| run.0.clone()),
        state: verdict.state.as_ref().map(word),
        reason: verdict.reason.clone(),
    }
}

/// A state's name, as it is written everywhere.
fn word(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
