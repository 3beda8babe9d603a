//! In: the toolsets there are, and what a caller asked for. Out: the tools offered to it. Never: who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rmcp::model::Tool;

use super::super::nearest;
use super::offered::Offered;

/// The set of a server that holds what no other set does.
const OTHER: &str = "other";

/// Tools by what they are for.
#[derive(Clone, Debug, Default)]
pub struct Toolsets {
    /// `server.set` → its tools, as `server.tool`.
    pub sets: BTreeMap<String, Vec<String>>,
    /// What is offered over HTTP to who asks for nothing in particular.
    pub default: Vec<String>,
    /// The servers there are, also those without a tool yet. Filled in by the gateway.
    pub servers: BTreeSet<String>,
}

/// The tools offered to one caller.
#[derive(Clone, Debug)]
pub struct Selection {
    /// As `server.tool`.
    tools: Arc<BTreeSet<String>>,
    /// Servers of which every tool is offered, also one that comes later.
    whole: Arc<BTreeSet<String>>,
    read_only: bool,
    /// Without output schemas, which few clients use and every list pays for.
    lean: bool,
}

impl Toolsets {
    /// The same, for the given tools only; those in no set are in `server.other`.
    pub(super) fn completed<'a>(
        &self,
        tools: impl Iterator<Item = &'a str>,
        servers: impl Iterator<Item = &'a String>,
    ) -> Self {
        let tools: BTreeSet<&str> = tools.collect();
        let mut completed = self.clone();
        completed.servers = servers.cloned().collect();
        for members in completed.sets.values_mut() {
            members.retain(|tool| tools.contains(tool.as_str()));
        }
        completed.default.retain(|tool| tools.contains(tool.as_str()));
        let known: BTreeSet<String> = completed.sets.values().flatten().cloned().collect();
        for tool in tools {
            if !known.contains(tool) {
                let server = tool.split('.').next().unwrap_or_default();
                let other = completed.sets.entry(format!("{server}.{OTHER}")).or_default();
                other.push(tool.to_owned());
            }
        }
        completed.sets.retain(|_, members| !members.is_empty());
        completed
    }

    /// All tools.
    pub fn everything(&self) -> Selection {
        self.selection(std::iter::empty(), self.servers.clone(), false)
    }

    /// The tools for who asks for nothing in particular, listed without their output schemas.
    pub fn by_default(&self) -> Selection {
        // At a door of its own where nobody chose among its tools, a server of somebody else shows them all.
        let whole = match self.default.is_empty() {
            true => self.servers.clone(),
            false => BTreeSet::new(),
        };
        self.selection(self.default.iter(), whole, true)
    }

    /// Some tools, listed as by default.
    pub(super) fn only(&self, tools: &[&String]) -> Selection {
        self.selection(tools.iter().copied(), BTreeSet::new(), true)
    }

    /// The tools of some sets: words separated by commas, each `all`, `default`, a server, `server.set`, or a set's
    /// name. An unknown word is an error that names what there is.
    pub fn select(&self, words: &str) -> Result<Selection, String> {
        let mut chosen: Vec<&String> = Vec::new();
        let mut whole: BTreeSet<String> = BTreeSet::new();
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut words = words.peekable();
        if words.peek().is_none() {
            return Err(format!("no toolset is named; there are {}", self.names()));
        }
        for word in words {
            match word {
                "all" => whole.extend(self.servers.iter().cloned()),
                "default" => chosen.extend(&self.default),
                word if self.servers.contains(word) => {
                    whole.insert(word.to_owned());
                }
                word => {
                    let before = chosen.len();
                    let fits = |name: &str| {
                        let set = name.split_once('.').map_or("", |(_, set)| set);
                        name == word || set == word
                    };
                    let fitting = self.sets.iter().filter(|(name, _)| fits(name));
                    chosen.extend(fitting.flat_map(|(_, members)| members));
                    if chosen.len() == before {
                        return Err(self.unknown(word));
                    }
                }
            }
        }
        Ok(self.selection(chosen.into_iter(), whole, false))
    }

    /// The set a tool is in, without the server's name.
    pub fn of(&self, tool: &str) -> Option<&str> {
        let (name, _) = self
            .sets
            .iter()
            .find(|(_, members)| members.iter().any(|member| member == tool))?;
        name.split_once('.').map(|(_, set)| set)
    }

    fn selection<'a>(
        &self,
        tools: impl Iterator<Item = &'a String>,
        whole: BTreeSet<String>,
        lean: bool,
    ) -> Selection {
        Selection {
            tools: Arc::new(tools.cloned().collect()),
            whole: Arc::new(whole),
            read_only: false,
            lean,
        }
    }

    fn names(&self) -> String {
        let names = self.servers.iter().chain(self.sets.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        format!("all, default, {}", names.join(", "))
    }

    fn unknown(&self, word: &str) -> String {
        let sets = self.sets.keys().flat_map(|name| {
            let (server, set) = name.split_once('.').unwrap_or((name, name));
            [name.as_str(), server, set]
        });
        match nearest(word, sets) {
            Some(meant) => format!("there is no toolset `{word}`; did you mean `{meant}`?"),
            None => format!("there is no toolset `{word}`; there are {}", self.names()),
        }
    }
}

impl Selection {
    /// The same, without tools that change anything if `read_only`.
    pub fn read_only(self, read_only: bool) -> Self {
        Self {
            read_only: self.read_only || read_only,
            ..self
        }
    }

    /// Whether it has the tool, apart from whether that changes anything.
    pub(super) fn holds(&self, tool: &str) -> bool {
        let server = tool.split('.').next().unwrap_or_default();
        self.whole.contains(server) || self.tools.contains(tool)
    }

    /// The tool as it is listed, if it is offered.
    pub(super) fn shown(&self, offered: &Offered) -> Option<Tool> {
        if !self.holds(&offered.tool) || (self.read_only && !offered.read_only) {
            return None;
        }
        let mut described = offered.described.clone();
        if self.lean {
            described.output_schema = None;
        }
        Some(described)
    }

    /// Why a tool that exists is not offered, and what to do about it.
    pub(super) fn refusal(&self, offered: &Offered, toolsets: &Toolsets) -> Option<String> {
        if self.read_only && !offered.read_only {
            return Some("changes something, and this connection is for reading only".to_owned());
        }
        if !self.holds(&offered.tool) {
            // What is in no set is asked for by its server's name.
            let set = toolsets.of(&offered.tool).filter(|set| *set != OTHER);
            let set = set.unwrap_or_else(|| offered.server());
            return Some(format!(
                "is not among the tools of this connection; its toolset is `{set}` (toolsets={set})"
            ));
        }
        None
    }
}
