//! Who we are at a provider, and so how an effect of ours will come back to us as an event.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::act::{self, Outcome};
use crate::hub::{Doubt, Hub, ToolFacts};
use crate::journal::StepKey;
use crate::plan::{Call, Step};

/// How long the event of a marked write is expected, in milliseconds: a marker is unmistakable, so as long as the
/// provider may still deliver.
const MARKER_ANNOUNCED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How long asking GitHub who we are may take, in milliseconds.
const ASK_TIMEOUT_MS: i64 = 10_000;

/// Who we are; asked for once, and again after a failure.
#[derive(Default)]
pub(super) struct Identity {
    github: OnceCell<Option<String>>,
}

impl Identity {
    /// The keys under which the provider will announce the call's effect, each with how long that is expected.
    pub(super) async fn causes(&self, hub: &Hub, facts: &ToolFacts, step: &Step) -> Vec<(String, i64)> {
        // Render's events name nobody; GitHub's name the account our token belongs to.
        let actor = match facts.name.starts_with("github.") {
            true => self.github_login(hub).await,
            false => Some(String::new()),
        };
        let Some(actor) = actor else { return Vec::new() };
        let effects = facts.effect_keys(&step.call.arguments, &actor).into_iter();
        let mut keys: Vec<(String, i64)> = effects.map(|key| (key, facts.promises.effects_ms)).collect();
        if facts.promises.doubt == Doubt::Marker {
            let key = format!("marker:{}@{actor}", step.key.0).to_lowercase();
            keys.push((key, MARKER_ANNOUNCED_MS));
        }
        keys
    }

    async fn github_login(&self, hub: &Hub) -> Option<String> {
        let ask = async || {
            let call = Call {
                tool: "github.get_me".into(),
                arguments: json!({}),
                timeout_ms: ASK_TIMEOUT_MS,
            };
            match act::make(hub, &call, &StepKey(String::new())).await {
                Outcome::Done(me) => Ok(me.get("login").and_then(Value::as_str).map(str::to_owned)),
                Outcome::Pending(_) => Ok(None),
                Outcome::Failed(error) | Outcome::InDoubt(error) => Err(error),
            }
        };
        match self.github.get_or_try_init(ask).await {
            Ok(login) => login.clone(),
            Err(error) => {
                tracing::warn!(
                    "our own GitHub login is not known, so the effects of this call are not recognized: {error}"
                );
                None
            }
        }
    }
}
