//! In: an action's arguments, and the JSON Schema of its tool. Out: what the tool would refuse. Never: values that are
//! only known when a template is rendered: a string with `{{ }}` fits anything.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::rules::diagnostic::{Findings, akin, did_you_mean};
use crate::rules::syntax::{Entry, Kind, Node, find};

/// How many `$ref`s are followed in a row.
const REFERENCES_MAX: usize = 16;

/// `[action.arguments]` that belong to the action before: TOML puts such a table under the last `[[action]]`.
#[derive(Clone, Debug)]
pub(crate) struct Misplaced {
    /// The place of the tool that lacks them.
    lacks: Range<usize>,
    /// The place of the tool that got them.
    pub(crate) got: Range<usize>,
    place: Range<usize>,
    lacking: String,
    getting: String,
}

impl Misplaced {
    pub(crate) fn is_about(&self, tool: &Range<usize>) -> bool {
        self.lacks == *tool || self.got == *tool
    }

    pub(crate) fn tell(&self, findings: &mut Findings<'_>) {
        findings
            .error(
                "misplaced-arguments",
                &self.place,
                format!(
                    "these are arguments of `{}`, and they stand under `{}`",
                    self.lacking, self.getting
                ),
            )
            .hint("`[action.arguments]` belongs to the last `[[action]]` before it: move it up, right below its own action");
    }
}

/// Pairs of neighbors of which the first has no arguments and needs some, and the second has some that it does not take and
/// the first does.
pub(crate) fn misplaced(actions: &[&[Entry]], catalog: Option<&super::Catalog>) -> Vec<Misplaced> {
    let Some(catalog) = catalog else {
        return Vec::new();
    };
    let schema_of = |action: &[Entry]| {
        let entry = find(action, "tool")?;
        let name = entry.node.text()?;
        let names = |key: &str| -> Vec<String> {
            let schema = catalog.get(name).map(|tool| &tool.input_schema);
            match schema.and_then(|schema| schema.get(key)) {
                Some(Value::Object(fields)) => fields.keys().cloned().collect(),
                Some(Value::Array(items)) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                _ => Vec::new(),
            }
        };
        catalog.get(name)?;
        Some((
            name.to_owned(),
            entry.node.span.clone(),
            names("properties"),
            names("required"),
        ))
    };
    let mut found = Vec::new();
    for pair in actions.windows(2) {
        let [before, after] = pair else { continue };
        let (Some(lacking), Some(getting)) = (schema_of(before), schema_of(after)) else {
            continue;
        };
        let given = find(after, "arguments");
        let keys = given.and_then(|entry| entry.node.table()).unwrap_or(&[]);
        let foreign = keys.iter().any(|key| !getting.2.contains(&key.key));
        let fits = !keys.is_empty()
            && keys.iter().all(|key| lacking.2.contains(&key.key))
            && lacking
                .3
                .iter()
                .all(|name| keys.iter().any(|key| key.key == *name));
        if let (Some(entry), None, true, true) = (given, find(before, "arguments"), foreign, fits) {
            found.push(Misplaced {
                lacks: lacking.1,
                got: getting.1,
                place: entry.key_span.clone(),
                lacking: lacking.0,
                getting: getting.0,
            });
        }
    }
    found
}

/// One action's call.
pub(crate) struct Call<'c> {
    pub(crate) tool: &'c str,
    pub(crate) tool_span: &'c Range<usize>,
    /// The whole schema, in which `$ref`s are resolved.
    pub(crate) root: &'c Value,
}

/// Something a schema refuses.
struct Refusal {
    code: &'static str,
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Call<'_> {
    pub(crate) fn check(&self, given: &[Entry], findings: &mut Findings<'_>) {
        let mut refusals = Vec::new();
        self.object(
            given,
            self.resolve(self.root),
            self.tool_span,
            None,
            &mut refusals,
        );
        for refusal in refusals {
            findings
                .error(refusal.code, &refusal.span, refusal.message)
                .maybe_hint(refusal.hint);
        }
    }

    fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..REFERENCES_MAX {
            let Some(pointer) = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.strip_prefix('#'))
            else {
                break;
            };
            match self.root.pointer(pointer) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// `within` is the path of the argument, where the object is not the arguments themselves.
    fn object(
        &self,
        given: &[Entry],
        schema: &Value,
        span: &Range<usize>,
        within: Option<&str>,
        refusals: &mut Vec<Refusal>,
    ) {
        let none = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let name_of = |key: &str| within.map_or_else(|| key.to_owned(), |path| format!("{path}.{key}"));
        let required = schema.get("required").and_then(Value::as_array);
        let missing: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| find(given, name).is_none())
            .collect();
        let strange = given
            .iter()
            .filter(|entry| !properties.contains_key(&entry.key))
            .count();
        for entry in given {
            if let Some(property) = properties.get(&entry.key) {
                self.value(&entry.node, property, &name_of(&entry.key), refusals);
            } else if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let hint = did_you_mean(&entry.key, known.iter().copied()).unwrap_or_else(|| {
                    if known.is_empty() {
                        "it takes none".to_owned()
                    } else {
                        let perhaps =
                            akin(&entry.key, known.iter().copied()).or_else(|| match missing.as_slice() {
                                // One too many and one too few: the one is the other.
                                [only] if strange == 1 => Some(format!("perhaps `{only}`;")),
                                _ => None,
                            });
                        let perhaps = perhaps.map_or(String::new(), |perhaps| format!("{perhaps} "));
                        format!("{perhaps}it takes {}", known.join(", "))
                    }
                });
                refusals.push(Refusal {
                    code: "unknown-argument",
                    span: entry.key_span.clone(),
                    message: format!("`{}` takes no argument `{}`", self.tool, name_of(&entry.key)),
                    hint: Some(hint),
                });
            }
        }
        for name in missing {
            let doc = properties
                .get(name)
                .and_then(|property| property.get("description"))
                .and_then(Value::as_str);
            refusals.push(Refusal {
                code: "missing-argument",
                span: span.clone(),
                message: format!("`{}` needs the argument `{}`", self.tool, name_of(name)),
                hint: doc.map(|doc| format!("{name}: {doc}")),
            });
        }
    }

    fn value(&self, node: &Node, schema: &Value, name: &str, refusals: &mut Vec<Refusal>) {
        if node
            .text()
            .is_some_and(|text| text.contains("{{") || text.contains("{%"))
        {
            return;
        }
        let schema = self.resolve(schema);
        for key in ["anyOf", "oneOf"] {
            if let Some(choices) = schema.get(key).and_then(Value::as_array) {
                self.choice(node, choices, name, refusals);
                return;
            }
        }
        for part in schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.value(node, part, name, refusals);
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|wanted| is_of(node, wanted)) {
            refusals.push(self.wrong_type(node, name, &types));
            return;
        }
        self.literal(node, schema, name, refusals);
        match &node.kind {
            Kind::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (at, item) in items.iter().enumerate() {
                        self.value(item, schema, &format!("{name}[{at}]"), refusals);
                    }
                }
            }
            Kind::Table(entries) => self.object(entries, schema, &node.span, Some(name), refusals),
            _ => {}
        }
    }

    /// One of several schemas. With one that fits all is well; else the nearest one says what is wrong.
    fn choice(&self, node: &Node, choices: &[Value], name: &str, refusals: &mut Vec<Refusal>) {
        let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
        let tried: Vec<Vec<Refusal>> = choices
            .iter()
            .filter(|schema| !is_null(schema))
            .map(|schema| {
                let mut refusals = Vec::new();
                self.value(node, schema, name, &mut refusals);
                refusals
            })
            .collect();
        if tried.iter().any(Vec::is_empty) {
            return;
        }
        let only = tried.len() == 1;
        let nearest = tried
            .into_iter()
            .find(|refusals| only || refusals.iter().any(|refusal| refusal.code != "argument-type"));
        match nearest {
            Some(found) => refusals.extend(found),
            None => refusals.push(Refusal {
                code: "argument-type",
                span: node.span.clone(),
                message: format!(
                    "`{}` takes nothing like {} for `{name}`",
                    self.tool,
                    node.type_name()
                ),
                hint: None,
            }),
        }
    }

    fn wrong_type(&self, node: &Node, name: &str, types: &[&str]) -> Refusal {
        let wanted: Vec<&str> = types
            .iter()
            .filter(|name| **name != "null")
            .map(|name| spoken(name))
            .collect();
        Refusal {
            code: "argument-type",
            span: node.span.clone(),
            message: format!(
                "`{}` takes {} for `{name}`, not {}",
                self.tool,
                wanted.join(" or "),
                node.type_name()
            ),
            hint: None,
        }
    }

    /// `enum` and `const`.
    fn literal(&self, node: &Node, schema: &Value, name: &str, refusals: &mut Vec<Refusal>) {
        let allowed: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => values.iter().collect(),
            (_, Some(value)) => vec![value],
            _ => return,
        };
        let given = node.json();
        if allowed.contains(&&given) {
            return;
        }
        let words: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
        let hint = node
            .text()
            .and_then(|text| did_you_mean(text, words.iter().copied()))
            .unwrap_or_else(|| {
                let shown: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                format!("it is one of {}", shown.join(", "))
            });
        refusals.push(Refusal {
            code: "argument-value",
            span: node.span.clone(),
            message: format!("`{}` does not take {given} for `{name}`", self.tool),
            hint: Some(hint),
        });
    }
}

fn is_of(node: &Node, wanted: &str) -> bool {
    match wanted {
        "string" => matches!(node.kind, Kind::Text(_) | Kind::Date(_)),
        "integer" => match node.kind {
            Kind::Integer(_) => true,
            Kind::Float(number) => number.fract() == 0.0,
            _ => false,
        },
        "number" => matches!(node.kind, Kind::Integer(_) | Kind::Float(_)),
        "boolean" => matches!(node.kind, Kind::Bool(_)),
        "array" => matches!(node.kind, Kind::Array(_)),
        "object" => matches!(node.kind, Kind::Table(_)),
        _ => false,
    }
}

fn spoken(name: &str) -> &str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "a boolean",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}
