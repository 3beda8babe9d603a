//! In: the tools there are, and who may use them. Out: what rules are checked against. Never: a call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::agents::Directory;

/// What rules may call, and who may call what.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    tools: BTreeMap<String, CatalogTool>,
    /// Servers whose tools are not known yet: whatever a rule calls there may exist.
    pub(super) open: BTreeSet<String>,
    pub(super) directory: Directory,
    /// JSON Schema of a test's `state`; null where nobody said.
    pub(super) state: Value,
}

impl Catalog {
    /// The tools by name, as in `github.create_issue`, and who may use them.
    pub fn new(tools: BTreeMap<String, CatalogTool>, directory: Directory) -> Self {
        Self {
            tools,
            open: BTreeSet::new(),
            directory,
            state: Value::Null,
        }
    }

    /// The same, with what a test's `state` may hold, as a JSON Schema.
    pub fn with_state(self, state: Value) -> Self {
        Self { state, ..self }
    }

    /// The same, with servers whose tools are not known yet.
    pub fn opened(self, open: BTreeSet<String>) -> Self {
        Self { open, ..self }
    }

    /// The tool of this name.
    pub fn get(&self, name: &str) -> Option<&CatalogTool> {
        self.tools.get(name)
    }

    /// The names of all tools, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tools.keys().map(String::as_str)
    }
}

/// What is known of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogTool {
    /// JSON Schema of its arguments.
    pub input_schema: Value,
    /// JSON Schema of its result, where it has one.
    pub output_schema: Option<Value>,
    /// Event types its effect comes back as, `<type>:<subject>`: see [`crate::hub::Promises::effects`].
    pub effects: Vec<String>,
    /// Fields of its result, at any depth, that hold what strangers wrote.
    pub untrusted: Vec<String>,
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy or interrupt something.
    pub destructive: bool,
}
