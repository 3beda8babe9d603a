//! A provider's description of its API, as `scripts/generate-contracts` writes it, and an exchange held against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::Method;
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, json};

/// Statuses that any call may have and that the descriptions leave out of most.
const ANYWHERE: [u16; 10] = [400, 401, 402, 403, 404, 405, 406, 415, 422, 429];

/// The calls of a provider.
pub struct Contract {
    operations: Vec<Operation>,
    defs: Value,
    /// The definition of a refusal.
    refusal: &'static str,
    /// Compiled schemas, by their text: the same answer comes many times.
    compiled: Mutex<BTreeMap<String, Arc<Validator>>>,
}

#[derive(Deserialize)]
struct Table {
    operations: BTreeMap<String, Described>,
    #[serde(rename = "$defs")]
    defs: Value,
}

#[derive(Deserialize)]
struct Described {
    query: BTreeMap<String, Value>,
    required: Vec<String>,
    body: Option<Body>,
    answers: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Body {
    required: bool,
    schema: Option<Value>,
}

struct Operation {
    name: String,
    described: Described,
}

/// One request and its answer.
pub struct Exchange<'a> {
    pub method: &'a Method,
    /// Below the API's root, percent-encoded as it was sent.
    pub path: &'a str,
    pub query: &'a str,
    pub body: &'a [u8],
    pub status: u16,
    pub answer: &'a [u8],
    /// False for a diff, a log, an archive.
    pub answer_is_json: bool,
}

impl Contract {
    pub fn new(table: &str, refusal: &'static str) -> Self {
        let table: Table = serde_json::from_str(table).unwrap();
        let operation = |(name, described)| Operation { name, described };
        Self {
            operations: table.operations.into_iter().map(operation).collect(),
            defs: table.defs,
            refusal,
            compiled: Mutex::default(),
        }
    }

    /// What an exchange does that the description does not say, each with the call's name.
    pub fn breaches(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let called = format!("{} {}", exchange.method, exchange.path);
        let Some(operation) = self.find(&called) else {
            return vec![format!("{called}: there is no such call")];
        };
        let mut found = Vec::new();
        // What is refused for its shape was wrong on purpose.
        if !matches!(exchange.status, 400 | 422) {
            self.hold_query(&operation.described, exchange.query, &mut found);
            self.hold_body(&operation.described, exchange.body, &mut found);
        }
        self.hold_answer(&operation.described, exchange, &mut found);
        found
            .into_iter()
            .map(|breach| format!("{} ({called}): {breach}", operation.name))
            .collect()
    }

    /// The call that a method and path mean: of several, the one with the fewest parameters.
    fn find(&self, called: &str) -> Option<&Operation> {
        let fits = self
            .operations
            .iter()
            .filter(|operation| fits(&operation.name, called));
        fits.min_by_key(|operation| operation.name.matches('{').count())
    }

    fn hold_query(&self, described: &Described, query: &str, found: &mut Vec<String>) {
        let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
            given.entry(name).or_default().push(value.into_owned());
        }
        for name in &described.required {
            if !given.contains_key(name) {
                found.push(format!("the parameter `{name}` is required"));
            }
        }
        for (name, values) in given {
            let Some(schema) = described.query.get(&name) else {
                found.push(format!("there is no parameter `{name}`"));
                continue;
            };
            // Text on the wire; what it is meant as, only the schema knows.
            let list: Vec<&str> = values.iter().flat_map(|value| value.split(',')).collect();
            let mut meanings = vec![json!(list)];
            if let [one] = values.as_slice() {
                meanings.push(json!(one));
                meanings.extend(serde_json::from_str::<Value>(one));
            }
            let refused: Vec<String> = meanings
                .iter()
                .flat_map(|meaning| self.first_error(schema, meaning))
                .collect();
            if refused.len() == meanings.len() {
                found.push(format!("the parameter `{name}`: {}", refused.last().unwrap()));
            }
        }
    }

    fn hold_body(&self, described: &Described, body: &[u8], found: &mut Vec<String>) {
        match (&described.body, body.is_empty()) {
            (None, true) => {}
            (None, false) => found.push("it takes no body".into()),
            (Some(Body { required, .. }), true) => {
                if *required {
                    found.push("it wants a body".into());
                }
            }
            (Some(Body { schema, .. }), false) => match (schema, serde_json::from_slice::<Value>(body)) {
                (None, _) => {}
                (Some(_), Err(error)) => found.push(format!("the body is not JSON: {error}")),
                (Some(schema), Ok(body)) => {
                    found.extend(
                        self.first_error(schema, &body)
                            .map(|error| format!("the body: {error}")),
                    );
                }
            },
        }
    }

    fn hold_answer(&self, described: &Described, exchange: &Exchange<'_>, found: &mut Vec<String>) {
        let (status, answer) = (exchange.status, exchange.answer);
        // GitHub documents it once for all reads, and describes it with few.
        if status == 304 && exchange.method == Method::GET && answer.is_empty() {
            return;
        }
        let refusal = json!({ "$ref": format!("#/$defs/{}", self.refusal) });
        let schema = match described.answers.get(&status.to_string()) {
            Some(schema) => schema,
            None if ANYWHERE.contains(&status) || status >= 500 => &refusal,
            None => {
                let known: Vec<&str> = described.answers.keys().map(String::as_str).collect();
                found.push(format!("it has no status {status}, only {}", known.join(", ")));
                return;
            }
        };
        if schema.is_null() && status < 400 {
            if !answer.is_empty() {
                found.push(format!("the answer {status} has no body"));
            }
            return;
        }
        if !exchange.answer_is_json || schema == &json!(true) {
            return;
        }
        let schema = if schema.is_null() { &refusal } else { schema };
        match serde_json::from_slice::<Value>(answer) {
            Err(error) => found.push(format!("the answer {status} is not JSON: {error}")),
            Ok(answer) => {
                found.extend(
                    self.first_error(schema, &answer)
                        .map(|error| format!("the answer {status}: {error}")),
                );
            }
        }
    }

    /// The first thing that a value breaks of a schema: where, and what.
    fn first_error(&self, schema: &Value, value: &Value) -> Option<String> {
        let validator = {
            let mut compiled = self.compiled.lock().unwrap();
            compiled
                .entry(schema.to_string())
                .or_insert_with(|| {
                    let whole = json!({
                        "$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema], "$defs": self.defs,
                    });
                    let made = jsonschema::options().should_validate_formats(true).build(&whole);
                    Arc::new(made.unwrap_or_else(|error| panic!("{schema}: {error}")))
                })
                .clone()
        };
        let error = validator.iter_errors(value).next()?;
        let mut text = error.to_string();
        if text.len() > 400 {
            text = format!("…{}", text.split_at(text.floor_char_boundary(text.len() - 400)).1);
        }
        Some(format!("{} {text}", error.instance_path()))
    }
}

/// Whether a call is the one that a template names: `{x}` is one step, `{x*}` any number of them.
fn fits(template: &str, called: &str) -> bool {
    let mut steps = called.split('/');
    for wanted in template.split('/') {
        if wanted.ends_with("*}") {
            // The only parameter that spans is the last one, but for a word after it.
            let rest = template.split_once(wanted).map_or("", |(_, rest)| rest);
            return called.ends_with(rest);
        }
        let Some(step) = steps.next() else {
            return false;
        };
        let (before, after) = match (wanted.find('{'), wanted.find('}')) {
            (Some(from), Some(to)) => (&wanted[..from], &wanted[to + 1..]),
            _ if wanted == step => continue,
            _ => return false,
        };
        if step.len() <= before.len() + after.len() || !step.starts_with(before) || !step.ends_with(after) {
            return false;
        }
    }
    steps.next().is_none()
}
