//! In: pins of external servers' tools. Out: the same, in the journal. Never: what a pin means.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::Clock;
use crate::hub::{PinStore, ToolPin};
use crate::journal::{KvKey, Store, kv_all};

/// The journal's space for pins; a name there is `server/tool`.
const SPACE: &str = "mcp.pins";

/// Pins in the journal: all that share it go by the same approvals.
#[derive(Debug)]
pub(super) struct JournalPins {
    store: Arc<dyn Store>,
    clock: Clock,
}

impl JournalPins {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, clock })
    }
}

fn bytes(pin: &ToolPin) -> Result<Bytes, String> {
    serde_json::to_vec(pin)
        .map(Bytes::from)
        .map_err(|error| error.to_string())
}

#[async_trait]
impl PinStore for JournalPins {
    async fn load(&self, server: &str) -> Result<BTreeMap<String, ToolPin>, String> {
        let prefix = format!("{server}/");
        let kept = kv_all(self.store.as_ref(), SPACE, &prefix, self.clock.now()).await;
        let mut pins = BTreeMap::new();
        for entry in kept.map_err(|error| error.to_string())? {
            let pin = serde_json::from_slice(&entry.value)
                .map_err(|error| format!("the pin `{}` cannot be read: {error}", entry.name))?;
            let tool = entry.name.strip_prefix(&prefix).unwrap_or(&entry.name);
            pins.insert(tool.to_owned(), pin);
        }
        Ok(pins)
    }

    async fn save(
        &self,
        server: &str,
        tool: &str,
        was: Option<&ToolPin>,
        pin: &ToolPin,
    ) -> Result<bool, String> {
        let key = KvKey::new(SPACE, &format!("{server}/{tool}")).map_err(|error| error.to_string())?;
        let (value, now) = (bytes(pin)?, self.clock.now());
        match was {
            None => {
                let there = self.store.kv_put_if_absent(&key, value, None, now).await;
                there.map(|there| there.is_none())
            }
            // What is on record is compared by what it means: another release may have written it another way.
            Some(was) => match self.store.kv_get(&key, now).await {
                Ok(Some(there)) if serde_json::from_slice(&there).ok().as_ref() == Some(was) => {
                    self.store.kv_cas(&key, there, value, None, now).await
                }
                other => other.map(|_| false),
            },
        }
        .map_err(|error| error.to_string())
    }
}
