//! In: who, and a run or an event. Out: whether they may make it go on, go again or end. Never: a no for a person or a rule.
//!
//! A run acts as its rule says: as the reactor, or as an agent. Whoever makes it go again makes its calls be made, so an agent
//! must be one that may make them itself; otherwise its role would end where the journal begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{LookupError, Reactor, envelope, intake};
use crate::agents::{Asked, Grant, Who};
use crate::journal::{RunId, RunRecord, StoreError, Wish};
use crate::rules::{self, Rule};

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The rule does what the agent's role does not allow.
    #[error("the rule `{rule}` calls {tool} as {acts_as}, and the agent `{agent}` may not: {why}")]
    Beyond {
        /// The rule.
        rule: String,
        /// The call.
        tool: String,
        /// Whose call it is.
        acts_as: String,
        /// Who may not.
        agent: String,
        /// What the role lacks.
        why: String,
    },
    /// The rule cannot be read any more, so nobody can tell what it does.
    #[error("{0}")]
    Unreadable(String),
    /// There is no such thing.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reactor {
    /// The rule of a run, at the version that it pinned.
    pub(super) async fn pinned_rule(&self, run: &RunRecord) -> Result<Arc<Rule>, String> {
        let version = &run.version;
        if let Some(rule) = self
            .book()
            .rule(&run.rule)
            .filter(|rule| rule.version == *version)
        {
            return Ok(Arc::clone(rule));
        }
        let kept = self
            .store
            .rule_text(version)
            .await
            .map_err(|error| error.to_string())?;
        let kept = kept.ok_or_else(|| format!("version {version} of its rule is not on record"))?;
        let vars = run.pinned.get("vars").cloned().unwrap_or_default();
        rules::parse_pinned(&kept.rule, &kept.text, &vars).map(Arc::new)
    }

    /// Whether `who` may make a run go again or on, or end it.
    ///
    /// # Errors
    /// [`ReachError`]; that there is no such run is one.
    pub async fn may_move(&self, who: &Who, run: &RunId) -> Result<(), ReachError> {
        let found = self.store.run(run).await?.ok_or(StoreError::NotFound {
            what: "run",
            id: run.0.clone(),
        })?;
        let Who::Agent(agent) = who else {
            return Ok(());
        };
        let rule = self
            .pinned_rule(&found.run)
            .await
            .map_err(ReachError::Unreadable)?;
        self.within(agent, &rule)
    }

    /// Whether `who` may have an event evaluated again: they must be allowed what every rule does that would fire.
    ///
    /// # Errors
    /// [`ReachError`]; that there is no such event is one.
    pub async fn may_replay(&self, who: &Who, event_id: &str) -> Result<(), ReachError> {
        let (_, event) = intake::stored(&*self.store, event_id, true).await?;
        let Who::Agent(agent) = who else {
            return Ok(());
        };
        let book = self.book();
        let (firings, _) = envelope::firings(&book, &event, None);
        let acting = firings
            .iter()
            .filter(|firing| matches!(&firing.wish, Wish::Run { shadow: false, .. }));
        let rules: BTreeSet<&str> = acting.map(|firing| firing.rule.as_str()).collect();
        rules
            .into_iter()
            .filter_map(|id| book.rule(id))
            .try_for_each(|rule| self.within(agent, rule))
    }

    fn within(&self, agent: &str, rule: &Rule) -> Result<(), ReachError> {
        let who = Who::Agent(agent.to_owned());
        // What a step's arguments will name is known when it is made: the role must allow whatever they may name.
        let nothing = json!({});
        for action in rule.actions.iter().chain(&rule.on_failure) {
            if action.agent.as_deref() == Some(agent) {
                continue;
            }
            let asked = Asked {
                tool: &action.tool,
                arguments: &nothing,
                partly: false,
            };
            let why = match self.directory().decide(&who, &asked) {
                Grant::Granted => continue,
                Grant::Approval => "its role lets it only with a person's approval".to_owned(),
                Grant::Refused { why, .. } => why,
            };
            return Err(ReachError::Beyond {
                rule: rule.id.clone(),
                tool: action.tool.clone(),
                acts_as: action.agent.clone().unwrap_or_else(|| "the reactor".to_owned()),
                agent: agent.to_owned(),
                why,
            });
        }
        Ok(())
    }
}
