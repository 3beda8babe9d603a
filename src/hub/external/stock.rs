//! In: the tools a server lists, and the pins on record. Out: which tools are in use. Never: a changed tool in use.

use std::collections::{BTreeMap, BTreeSet};

use rmcp::model::{JsonObject, Tool};
use rmcp::service::{Peer, RoleClient};

use super::{Condition, Contribution, External, ServerStatus, Standing, ToolStatus, standing};
use crate::clock::Clock;
use crate::hub::pins::{Contract, Pin};
use crate::hub::{ErrorClass, ToolError, ToolFacts, nearest};

/// How many tools of one server are looked at.
const TOOLS_MAX: usize = 500;
/// The longest name of a tool that MCP allows.
const NAME_CHARS_MAX: usize = 128;
/// Who approves what is seen for the first time.
const FIRST_USE: &str = "first use";

/// What is known of a server at the moment.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) condition: Condition,
    pub(super) why: Option<String>,
    pub(super) restarts: u64,
    /// Why the pins cannot be read; then nothing is in use.
    pins_unread: Option<String>,
    pins: BTreeMap<String, Pin>,
    /// What the server listed last.
    there: Option<BTreeSet<String>>,
    /// Tools that cannot be used as they are, and why.
    unfit: BTreeMap<String, String>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            condition: Condition::Dormant,
            why: None,
            restarts: 0,
            pins_unread: Some("they were not read yet".to_owned()),
            pins: BTreeMap::new(),
            there: None,
            unfit: BTreeMap::new(),
        }
    }
}

impl External {
    /// Reads the pins. What was known before stays in use where that fails.
    pub(super) async fn read_pins(&self) {
        match self.pins.load(&self.name).await {
            Ok(pins) => {
                let mut shelf = self.shelf();
                (shelf.pins, shelf.pins_unread) = (pins, None);
            }
            Err(why) => {
                tracing::error!(
                    mcp.server = self.name,
                    "the approved contracts cannot be read: {why}"
                );
                let mut shelf = self.shelf();
                if shelf.pins_unread.is_some() {
                    shelf.pins_unread = Some(why);
                }
            }
        }
    }

    /// Asks the server for its tools and holds them against the pins.
    pub(super) async fn take_stock(&self, peer: &Peer<RoleClient>) -> Result<(), String> {
        let listed = peer
            .list_all_tools()
            .await
            .map_err(|error| format!("it does not list its tools: {error}"))?;
        self.read_pins().await;
        let (before, first) = {
            let shelf = self.shelf();
            if shelf.pins_unread.is_some() {
                return Ok(());
            }
            (shelf.pins.clone(), shelf.pins.is_empty())
        };
        let (mut pins, mut there, mut unfit) = (before.clone(), BTreeSet::new(), BTreeMap::new());
        for tool in listed.into_iter().take(TOOLS_MAX) {
            let name = tool.name.to_string();
            if !self.allows(&name) || !there.insert(name.clone()) {
                continue;
            }
            if let Err(why) = self.look_at(&tool, first, &before, &mut pins).await {
                unfit.insert(name, why);
            }
        }
        let mut shelf = self.shelf();
        (shelf.pins, shelf.there, shelf.unfit) = (pins, Some(there), unfit);
        Ok(())
    }

    async fn look_at(
        &self,
        tool: &Tool,
        first: bool,
        before: &BTreeMap<String, Pin>,
        pins: &mut BTreeMap<String, Pin>,
    ) -> Result<(), String> {
        let name = tool.name.to_string();
        if !is_name(&name) {
            return Err("its name is none that MCP allows".into());
        }
        let contract = Contract::of(tool)?;
        let was = before.get(&name);
        let pin = match was {
            Some(pin) => pin.having_seen(&contract),
            None if self.trusts(&name, first) => Pin::approving(contract, Clock::system().now(), FIRST_USE),
            None => Pin::default().having_seen(&contract),
        };
        if Some(&pin) == was {
            return Ok(());
        }
        let tool = format!("{}.{name}", self.name);
        match standing(Some(&pin)) {
            Standing::Approved if was.is_none() => {
                tracing::info!(tool, "its contract is pinned on first use");
            }
            Standing::Approved => tracing::info!(tool, "its contract is the approved one again"),
            Standing::Changed => tracing::warn!(
                tool,
                "its contract changed, so it is out of use until `xmrt tools approve {tool}`"
            ),
            _ => tracing::warn!(
                tool,
                "it is new, and out of use until `xmrt tools approve {tool}`"
            ),
        }
        // Where another process was first, the next look sees what it wrote; until then this one goes by what it saw.
        if let Err(why) = self.pins.save(&self.name, &name, was, &pin).await {
            tracing::error!(tool, "what was seen of its contract cannot be kept: {why}");
            if was.is_none() {
                return Err(format!("its contract cannot be kept: {why}"));
            }
        }
        pins.insert(name, pin);
        Ok(())
    }

    /// Whether a tool that was never seen may be used at once: whoever named it, or attached the server, meant it.
    fn trusts(&self, name: &str, first: bool) -> bool {
        let named = self
            .spec
            .tools
            .as_ref()
            .is_some_and(|tools| tools.iter().any(|tool| tool == name));
        !self.spec.approve_by_hand && (named || first)
    }

    fn allows(&self, name: &str) -> bool {
        let tools = self.spec.tools.as_ref();
        tools.is_none_or(|tools| tools.iter().any(|tool| tool == name))
    }

    /// Takes the contract that was seen last into use.
    pub(in crate::hub) async fn approve(
        &self,
        tool: &str,
        hash: Option<&str>,
        by: &str,
    ) -> Result<(), ToolError> {
        self.read_pins().await;
        let was = self.shelf().pins.get(tool).cloned();
        let full = format!("{}.{tool}", self.name);
        let Some((pin, seen)) = was.as_ref().and_then(|pin| Some((pin, pin.seen.clone()?))) else {
            let (class, message) = match was {
                Some(_) => (
                    ErrorClass::Conflict,
                    format!("`{full}` is approved as it is; nothing waits"),
                ),
                None => (ErrorClass::NotFound, format!("`{full}` was never seen")),
            };
            return Err(ToolError::new(class, message).with_remedy("`xmrt tools` shows what waits"));
        };
        if hash.is_some_and(|hash| hash != seen.hash()) {
            let message = format!("`{full}` changed again since you looked at it");
            return Err(ToolError::new(ErrorClass::Conflict, message).with_remedy("look at it again"));
        }
        let approved = Pin::approving(seen, Clock::system().now(), by);
        match self.pins.save(&self.name, tool, Some(pin), &approved).await {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("`{full}` was changed by somebody else at the same time");
                return Err(ToolError::new(ErrorClass::Conflict, message).with_remedy("look at it again"));
            }
            Err(why) => return Err(ToolError::new(ErrorClass::Unavailable, why)),
        }
        tracing::info!(tool = full, by, "its contract is approved");
        self.shelf().pins.insert(tool.to_owned(), approved);
        self.tidings.tell();
        Ok(())
    }

    /// Whether a tool may be called.
    pub(super) fn usable(&self, tool: &str) -> Result<(), ToolError> {
        let full = format!("{}.{tool}", self.name);
        let absent = |message: String| {
            let error = ToolError::new(ErrorClass::NotFound, message);
            let shelf = self.shelf();
            match nearest(tool, shelf.pins.keys().map(String::as_str)) {
                Some(meant) => error.with_remedy(format!("did you mean `{}.{meant}`?", self.name)),
                None => error.with_remedy("`xmrt tools` lists them"),
            }
        };
        if !self.allows(tool) {
            return Err(absent(format!(
                "`{full}` is not among the `tools` of [mcp.{}]",
                self.name
            )));
        }
        let (unread, unfit, pin, there) = {
            let shelf = self.shelf();
            let there = shelf.there.as_ref().map(|there| there.contains(tool));
            (
                shelf.pins_unread.clone(),
                shelf.unfit.get(tool).cloned(),
                shelf.pins.get(tool).cloned(),
                there,
            )
        };
        if let Some(why) = unread {
            let message = format!(
                "which contracts of `{}` are approved cannot be read: {why}",
                self.name
            );
            return Err(ToolError::new(ErrorClass::Unavailable, message));
        }
        if let Some(why) = unfit {
            return Err(ToolError::new(
                ErrorClass::Forbidden,
                format!("`{full}` cannot be used: {why}"),
            ));
        }
        match (standing(pin.as_ref()), there) {
            (Standing::Approved, Some(false)) | (Standing::Unseen, Some(false)) => {
                Err(absent(format!("the server `{}` has no tool `{tool}`", self.name)))
            }
            (Standing::Approved, _) => Ok(()),
            (Standing::Unseen, _) => Err(self.down()),
            (standing, _) => {
                let what = match standing {
                    Standing::Changed => "is not the tool that was approved: its contract changed",
                    _ => "was not approved yet",
                };
                Err(
                    ToolError::new(ErrorClass::Forbidden, format!("`{full}` {what}")).with_remedy(format!(
                        "look at it with `xmrt tools show {full}`, then `xmrt tools approve {full}`"
                    )),
                )
            }
        }
    }

    /// The tools as the hub lists them; and whether there may be others that nobody has seen yet.
    pub(in crate::hub) fn contributions(&self) -> (Vec<Contribution>, bool) {
        let shelf = self.shelf();
        let unavailable = match shelf.condition {
            Condition::Up => None,
            _ => Some(
                shelf
                    .why
                    .clone()
                    .unwrap_or_else(|| "it is being started".to_owned()),
            ),
        };
        let mut found = Vec::new();
        let named = self.spec.tools.iter().flatten();
        let names: BTreeSet<&String> = shelf.pins.keys().chain(named).collect();
        for name in names.into_iter().filter(|name| self.allows(name)) {
            let pin = shelf.pins.get(name);
            let tool = pin.and_then(Pin::contract).and_then(Contract::tool);
            let gone = shelf.there.as_ref().is_some_and(|there| !there.contains(name));
            let in_use = standing(pin) == Standing::Approved
                && !gone
                && shelf.pins_unread.is_none()
                && !shelf.unfit.contains_key(name);
            let described = tool.clone().unwrap_or_else(|| unknown(name));
            found.push(Contribution {
                facts: self.facts(name, described),
                listed: tool.filter(|_| in_use),
                unavailable: unavailable.clone(),
            });
        }
        let open = self.spec.tools.is_none() && shelf.there.is_none() && shelf.pins.is_empty();
        (found, open)
    }

    /// What is assumed of a tool that was never seen.
    pub(in crate::hub) fn assumed(&self, name: &str) -> ToolFacts {
        self.facts(name, unknown(name))
    }

    pub(in crate::hub) fn status(&self) -> ServerStatus {
        let shelf = self.shelf();
        let named = self.spec.tools.iter().flatten();
        let names: BTreeSet<&String> = shelf.pins.keys().chain(shelf.unfit.keys()).chain(named).collect();
        let tools = names.into_iter().filter(|name| self.allows(name)).map(|name| {
            let pin = shelf.pins.get(name);
            let gone = shelf.there.as_ref().is_some_and(|there| !there.contains(name));
            let unfit = shelf.unfit.get(name);
            ToolStatus {
                name: format!("{}.{name}", self.name),
                standing: match unfit {
                    Some(_) => Standing::Unfit,
                    None if gone => Standing::Missing,
                    None => standing(pin),
                },
                pin: pin.cloned(),
                approved: pin.and_then(Pin::contract).map(Contract::hash),
                approved_by: pin
                    .and_then(|pin| pin.approved.as_ref())
                    .map(|approval| approval.by.clone()),
                seen: pin.and_then(|pin| pin.seen.as_ref()).map(Contract::hash),
                differences: pin.map(Pin::differences).unwrap_or_default(),
                why: unfit.cloned(),
            }
        });
        ServerStatus {
            name: self.name.clone(),
            condition: shelf.condition,
            why: shelf.why.clone().or_else(|| {
                let unread = shelf.pins_unread.as_ref()?;
                Some(format!("the approved contracts cannot be read: {unread}"))
            }),
            restarts: shelf.restarts,
            stderr: self.tail.lines(),
            tools: tools.collect(),
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name
            .chars()
            .all(|sign| sign.is_ascii_alphanumeric() || "_-.".contains(sign))
}

fn unknown(name: &str) -> Tool {
    let mut anything = JsonObject::new();
    anything.insert("type".to_owned(), "object".into());
    Tool::new(name.to_owned(), "", anything)
}
