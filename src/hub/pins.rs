//! In: a tool as an external server lists it, and what was approved. Out: whether it is the approved one, and how it
//! differs. Never: a server.
//!
//! A server that is somebody else's can change what a tool says and takes at any time. So the first contract is kept, and
//! a tool whose contract is another one is out of use until a person has looked at it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rmcp::model::Tool;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The parts of a listed tool that are its contract. The rest (icons, `_meta`) says nothing about what a call does, and
/// is not passed on.
const PARTS: [&str; 6] = [
    "name",
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
];
/// The longest contract, in bytes: it is kept, shown to people, and read by models.
const CONTRACT_BYTES_MAX: usize = 64 * 1024;
/// How much of a value a difference shows, in characters.
const SHOWN_CHARS_MAX: usize = 300;
/// How many differences are listed.
const DIFFERENCES_MAX: usize = 50;

/// What a tool of an external server is: name, title, description, schemas, annotations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contract(Map<String, Value>);

/// What is on record of one tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// The contract in use.
    pub approved: Option<Approval>,
    /// A contract that was seen and is not approved.
    pub seen: Option<Contract>,
}

/// A contract, and who let it in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The contract.
    pub contract: Contract,
    /// When.
    pub at: Timestamp,
    /// Who: `first use`, or a person.
    pub by: String,
}

/// One place where two contracts differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// A path, as `inputSchema.properties.channel`.
    pub at: String,
    /// What was approved; nothing if it is new.
    pub approved: Option<String>,
    /// What is there now; nothing if it is gone.
    pub seen: Option<String>,
}

/// Where pins are kept. Everything that goes wrong is a text for people: who cannot read the pins uses no tool.
#[async_trait]
pub trait PinStore: std::fmt::Debug + Send + Sync {
    /// The pins of one server, by the tool's own name.
    async fn load(&self, server: &str) -> Result<BTreeMap<String, Pin>, String>;

    /// Keeps a pin if what is on record is still `was`. Gives whether it did.
    async fn save(&self, server: &str, tool: &str, was: Option<&Pin>, pin: &Pin) -> Result<bool, String>;
}

/// Pins that last as long as the process.
#[derive(Debug, Default)]
pub struct MemoryPins(Mutex<BTreeMap<(String, String), Pin>>);

impl MemoryPins {
    /// Pins to begin with: server, tool, and what is on record.
    pub fn of(pins: impl IntoIterator<Item = (String, String, Pin)>) -> Self {
        let pins = pins.into_iter().map(|(server, tool, pin)| ((server, tool), pin));
        Self(Mutex::new(pins.collect()))
    }
}

#[async_trait]
impl PinStore for MemoryPins {
    async fn load(&self, server: &str) -> Result<BTreeMap<String, Pin>, String> {
        let pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = pins.iter().filter(|((owner, _), _)| owner == server);
        Ok(own.map(|((_, tool), pin)| (tool.clone(), pin.clone())).collect())
    }

    async fn save(&self, server: &str, tool: &str, was: Option<&Pin>, pin: &Pin) -> Result<bool, String> {
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (server.to_owned(), tool.to_owned());
        if pins.get(&key) != was {
            return Ok(false);
        }
        pins.insert(key, pin.clone());
        Ok(true)
    }
}

impl Contract {
    /// The contract of a listed tool, unless it is too long to be kept.
    pub(super) fn of(tool: &Tool) -> Result<Self, String> {
        let listed = serde_json::to_value(tool).map_err(|error| error.to_string())?;
        let parts = PARTS
            .iter()
            .filter_map(|part| Some(((*part).to_owned(), listed.get(part)?.clone())));
        let contract = Self(parts.collect());
        match contract.bytes().len() {
            length if length > CONTRACT_BYTES_MAX => Err(format!(
                "its description and schemas have {length} bytes; {CONTRACT_BYTES_MAX} are allowed"
            )),
            _ => Ok(contract),
        }
    }

    /// The tool it describes.
    pub(super) fn tool(&self) -> Option<Tool> {
        serde_json::from_value(Value::Object(self.0.clone())).ok()
    }

    /// SHA-256 in hexadecimal. Keys are sorted, so equal contracts have equal hashes.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.bytes()))
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

impl Pin {
    /// Approved as it was seen.
    pub(super) fn approving(contract: Contract, at: Timestamp, by: &str) -> Self {
        Self {
            approved: Some(Approval {
                contract,
                at,
                by: by.to_owned(),
            }),
            seen: None,
        }
    }

    /// The contract in use.
    pub fn contract(&self) -> Option<&Contract> {
        Some(&self.approved.as_ref()?.contract)
    }

    /// Whether the last contract that was seen is not the one in use.
    pub fn is_quarantined(&self) -> bool {
        self.seen.is_some()
    }

    /// How the contract that was seen differs from the one in use.
    pub fn differences(&self) -> Vec<Difference> {
        let Some(seen) = &self.seen else { return Vec::new() };
        let none = Map::new();
        let approved = self.contract().map_or(&none, |contract| &contract.0);
        let mut found = Vec::new();
        differ(
            &Value::Object(approved.clone()),
            &Value::Object(seen.0.clone()),
            "",
            &mut found,
        );
        found.truncate(DIFFERENCES_MAX);
        found
    }

    /// The same after a contract was seen: in use if it is the approved one, otherwise out of use.
    pub(super) fn having_seen(&self, contract: &Contract) -> Self {
        let same = self.contract() == Some(contract);
        Self {
            approved: self.approved.clone(),
            seen: (!same).then(|| contract.clone()),
        }
    }
}

fn differ(approved: &Value, seen: &Value, at: &str, found: &mut Vec<Difference>) {
    if approved == seen {
        return;
    }
    let (Value::Object(before), Value::Object(after)) = (approved, seen) else {
        found.push(Difference {
            at: at.to_owned(),
            approved: Some(shown(approved)),
            seen: Some(shown(seen)),
        });
        return;
    };
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        let at = match at {
            "" => name.clone(),
            at => format!("{at}.{name}"),
        };
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => differ(before, after, &at, found),
            (before, after) => found.push(Difference {
                at,
                approved: before.map(shown),
                seen: after.map(shown),
            }),
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{head}…")
}
