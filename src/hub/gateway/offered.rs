//! In: a tool as its server lists it. Out: the same as agents see it, with what only agents are asked for. Never: a call.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::super::listing::Listed;
use super::super::{Doubt, ErrorClass, META_FACTS, ToolError, ToolFacts};

/// The argument that repeats the name of the thing a destructive call is about.
const CONFIRM: &str = "confirm";
/// The argument that makes a repeated write recognizable.
const KEY: &str = "idempotency_key";
/// The longest key, in characters.
const KEY_CHARS_MAX: usize = 200;
/// Required arguments that name the thing a call is about, the most telling first.
const NAMES: [&str; 8] = ["service_id", "login", "name", "key", "path", "repo", "id", "what"];

/// A tool as agents see it.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    /// `server.tool`.
    pub(super) tool: String,
    pub(super) described: Tool,
    pub(super) read_only: bool,
    pub(super) doubt: Doubt,
    confirm: Option<Thing>,
    takes_key: bool,
    takes_dry_run: bool,
}

/// How the thing a call is about is named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    /// `repo#number`.
    Numbered,
    /// By one argument.
    Argument(String),
    /// No argument names it: by the tool's own name.
    Tool(String),
}

impl Offered {
    /// The server it is a tool of.
    pub(super) fn server(&self) -> &str {
        self.tool.split_once('.').map_or("", |(server, _)| server)
    }

    pub(super) fn new(name: &str, listed: &Listed, facts: &ToolFacts) -> Self {
        let Listed {
            tool: listed,
            external,
            unavailable,
        } = listed;
        let mut described = listed.clone();
        described.name = name.to_owned().into();
        // What the reactor needs to know of a tool is of no use to an agent, and every list would carry it.
        if let Some(meta) = &mut described.meta {
            meta.remove(META_FACTS);
        }
        described.meta = described.meta.filter(|meta| !meta.is_empty());
        if let Some(why) = unavailable {
            let said = described.description.unwrap_or_default();
            described.description = Some(format!("(Not available at the moment: {why}.) {said}").into());
        }
        let mut schema = listed.input_schema.as_ref().clone();
        // What another's server makes of `dry_run` is not known.
        let takes_dry_run = !external && has(&schema, "dry_run");
        let confirm = (facts.destructive && !has(&schema, CONFIRM)).then(|| Thing::of(&schema, name));
        // Another's server makes nothing of a key, and its own argument of that name is its own.
        let takes_key = !facts.read_only && !external && !has(&schema, KEY);
        if let Some(thing) = &confirm {
            let why = format!(
                "This may destroy or interrupt something. To do it, repeat {}.",
                thing.told()
            );
            add(
                &mut schema,
                CONFIRM,
                json!({ "type": "string", "description": why }),
            );
        }
        if takes_key {
            let what =
                "Any text that names this one wish: a repeated call with it is recognized where possible.";
            let property = json!({ "type": "string", "maxLength": KEY_CHARS_MAX, "description": what });
            add(&mut schema, KEY, property);
        }
        described.input_schema = Arc::new(schema);
        Self {
            tool: facts.name.clone(),
            described,
            read_only: facts.read_only,
            doubt: facts.promises.doubt,
            confirm,
            takes_key,
            takes_dry_run,
        }
    }

    /// Takes the key out of the arguments.
    pub(super) fn take_key(&self, arguments: &mut JsonObject) -> Result<Option<String>, ToolError> {
        if !self.takes_key {
            return Ok(None);
        }
        match arguments.remove(KEY) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(key)) if (1..=KEY_CHARS_MAX).contains(&key.chars().count()) => Ok(Some(key)),
            Some(_) => Err(ToolError::new(
                ErrorClass::Invalid,
                format!("argument `{KEY}` must be a text of 1 to {KEY_CHARS_MAX} characters"),
            )),
        }
    }

    /// Takes the confirmation out of the arguments; without the right one a destructive call goes no further. A dry
    /// run sends nothing and needs none.
    pub(super) fn check_confirmed(&self, arguments: &mut JsonObject) -> Result<(), ToolError> {
        let Some(thing) = &self.confirm else { return Ok(()) };
        let given = arguments.remove(CONFIRM);
        if self.is_dry_run(arguments) {
            return Ok(());
        }
        let wanted = thing.named(arguments)?;
        if given.as_ref().and_then(Value::as_str) == Some(wanted.as_str()) {
            return Ok(());
        }
        let problem = match given {
            None | Some(Value::Null) => "is missing".to_owned(),
            Some(other) => format!("is {other}, which is not the name of the thing"),
        };
        let remedy = if self.takes_dry_run {
            format!(
                "if this is wanted, repeat the call with confirm = \"{wanted}\"; dry_run shows what would be sent"
            )
        } else {
            format!("if this is wanted, repeat the call with confirm = \"{wanted}\"")
        };
        let message = format!(
            "argument `{CONFIRM}` {problem}: `{}` may destroy or interrupt something",
            self.described.name
        );
        Err(ToolError::new(ErrorClass::Invalid, message).with_remedy(remedy))
    }

    /// Whether nothing is to be sent, and the tool knows to send nothing.
    pub(super) fn is_dry_run(&self, arguments: &JsonObject) -> bool {
        self.takes_dry_run && arguments.get("dry_run") == Some(&Value::Bool(true))
    }
}

impl Thing {
    fn of(schema: &JsonObject, tool: &str) -> Self {
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        if required.contains(&"repo") && required.contains(&"number") {
            return Self::Numbered;
        }
        let id = || required.iter().find(|name| name.ends_with("_id"));
        let named = || NAMES.iter().find(|name| required.contains(name));
        let found = match required.contains(&"service_id") {
            true => Some(&"service_id"),
            false => id().or_else(named),
        };
        match found {
            Some(name) => Self::Argument((*name).to_owned()),
            None => Self::Tool(tool.to_owned()),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Numbered => "repo and number here, as in acme/api#42".to_owned(),
            Self::Argument(name) => format!("the value of `{name}` here"),
            Self::Tool(name) => format!("`{name}` here"),
        }
    }

    fn named(&self, arguments: &JsonObject) -> Result<String, ToolError> {
        let argument = |name: &str| match arguments.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(ToolError::new(
                ErrorClass::Invalid,
                format!("argument `{name}` is missing or no text"),
            )),
        };
        match self {
            Self::Numbered => Ok(format!("{}#{}", argument("repo")?, argument("number")?)),
            Self::Argument(name) => argument(name),
            Self::Tool(name) => Ok(name.clone()),
        }
    }
}

fn has(schema: &JsonObject, property: &str) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.is_some_and(|properties| properties.contains_key(property))
}

fn add(schema: &mut JsonObject, name: &str, property: Value) {
    let properties = schema
        .entry("properties")
        .or_insert_with(|| Value::Object(JsonObject::new()));
    if let Value::Object(properties) = properties {
        properties.insert(name.to_owned(), property);
    }
}
