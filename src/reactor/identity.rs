//! Who we are at a provider, and so how an effect of ours will come back to us as an event.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::Reactor;
use crate::act::{self, Outcome};
use crate::hub::{Doubt, Hub, ToolError, ToolFacts};
use crate::journal::StepKey;
use crate::plan::{Call, Step};

/// How long the event of a marked write is expected, in milliseconds: a marker is unmistakable, so as long as the
/// provider may still deliver.
const MARKER_ANNOUNCED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// What an effect calls the idempotency key; no argument has such a name.
const KEY: &str = "$key";
/// What an effect calls a field of the result begins so.
const RESULT: &str = "result.";
const OF_RESULT: &str = "{result.";
/// How long asking GitHub who we are may take, in milliseconds.
const ASK_TIMEOUT_MS: i64 = 10_000;

/// Who we are; asked for once, and again after a failure.
#[derive(Default)]
pub(super) struct Identity {
    github: OnceCell<Option<Account>>,
    /// Somebody said that nobody else acts through our accounts.
    ours_alone: AtomicBool,
}

/// The account our GitHub token belongs to.
#[derive(Clone, Debug)]
struct Account {
    login: String,
    /// A person may act through it as well, as far as GitHub tells.
    of_a_person: bool,
}

impl Reactor {
    /// Says that nobody but this program acts through its accounts. Then an event by our account that a call of ours
    /// announced is its effect, even where such an event could also be another's.
    pub fn account_is_ours_alone(&self) {
        self.identity.ours_alone.store(true, Ordering::Relaxed);
    }

    /// What is wrong with acting through this account, and what to do; `None` when nothing is, or when it is not known
    /// whose it is.
    pub async fn shared_account(&self) -> Option<String> {
        let account = self.identity.known(&self.hub).await.ok().flatten()?;
        self.identity.is_shared(&account).then(|| {
            format!(
                "the GitHub token acts as {}, a person's account: what they do by hand and what rules do looks alike. Only effects that are \
                 unmistakable (a marker, a certain label, run or comment) count as our own when loops are cut. Use an account of its \
                 own for automation, and say so: `[github]` with `account = \"own\"` in xmrt.toml",
                account.login
            )
        })
    }

    /// The keys under which the provider will announce the call's effect, each with how long that is expected.
    pub(super) async fn causes(&self, facts: &ToolFacts, step: &Step) -> Vec<(String, i64)> {
        let Some((actor, shared)) = self.acting_as(facts, step).await else {
            return Vec::new();
        };
        let mut arguments = step.call.arguments.clone();
        if let Some(arguments) = arguments.as_object_mut() {
            arguments.insert(KEY.into(), step.key.0.clone().into());
        }
        let mut keys = announced(facts, &arguments, &actor, shared);
        if facts.promises.doubt == Doubt::Marker {
            let key = format!("marker:{}@{actor}", step.key.0).to_lowercase();
            keys.push((key, MARKER_ANNOUNCED_MS));
        }
        keys
    }

    /// The same of what only the result tells.
    pub(super) async fn causes_of_result(
        &self,
        facts: &ToolFacts,
        step: &Step,
        result: &Value,
    ) -> Vec<(String, i64)> {
        let of_result = |effect: &String| effect.contains(OF_RESULT);
        if !facts.promises.effects.iter().any(of_result) {
            return Vec::new();
        }
        let Some((actor, shared)) = self.acting_as(facts, step).await else {
            return Vec::new();
        };
        let mut facts = facts.clone();
        facts.promises.effects.retain(of_result);
        let mut names = step.call.arguments.as_object().cloned().unwrap_or_default();
        for (name, value) in result.as_object().into_iter().flatten() {
            names.insert(format!("{RESULT}{name}"), value.clone());
        }
        announced(&facts, &Value::Object(names), &actor, shared)
    }

    /// As whom a tool acts, and whether others may act so, too. `None` where that is not known.
    async fn acting_as(&self, facts: &ToolFacts, step: &Step) -> Option<(String, bool)> {
        // Render's events name nobody; GitHub's name the account our token belongs to.
        if !facts.name.starts_with("github.") {
            return Some((String::new(), false));
        }
        // An agent with an account of its own acts as that one.
        let agent = step.call.agent.as_deref();
        let own = agent.and_then(|agent| self.directory().agent(agent)?.github_login.clone());
        if let Some(login) = own {
            let account = Account {
                login,
                of_a_person: true,
            };
            let shared = self.identity.is_shared(&account);
            return Some((account.login, shared));
        }
        match self.identity.known(&self.hub).await {
            Ok(account) => {
                let account = account?;
                let shared = self.identity.is_shared(&account);
                Some((account.login, shared))
            }
            Err(error) => {
                tracing::warn!(
                    "our own GitHub login is not known, so the effects of this call are not recognized: {error}"
                );
                None
            }
        }
    }
}

fn announced(facts: &ToolFacts, names: &Value, actor: &str, shared: bool) -> Vec<(String, i64)> {
    facts
        .effect_keys(names, actor)
        .into_iter()
        .filter(|effect| !(effect.vague && shared))
        .map(|effect| (effect.key, facts.promises.effects_ms))
        .collect()
}

impl Identity {
    fn is_shared(&self, account: &Account) -> bool {
        account.of_a_person && !self.ours_alone.load(Ordering::Relaxed)
    }

    async fn known(&self, hub: &Hub) -> Result<Option<Account>, ToolError> {
        let ask = async || {
            let call = Call {
                tool: "github.get_me".into(),
                arguments: json!({}),
                timeout_ms: ASK_TIMEOUT_MS,
                agent: None,
            };
            match act::make(hub, &call, &StepKey(String::new()), false).await {
                Outcome::Done(me) => Ok(me.get("login").and_then(Value::as_str).map(|login| Account {
                    login: login.to_owned(),
                    of_a_person: me.get("type").and_then(Value::as_str) != Some("Bot"),
                })),
                Outcome::Pending(_) => Ok(None),
                Outcome::Failed(error) | Outcome::InDoubt(error) => Err(error),
            }
        };
        self.github.get_or_try_init(ask).await.cloned()
    }
}
