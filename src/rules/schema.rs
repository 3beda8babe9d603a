//! In: the table of keys. Out: a JSON Schema of rule files, for editors. Never: checking a file.

use serde_json::{Map, Value, json};

use crate::rules::keys::{self, Key, Shape};

/// JSON Schema (2020-12) of a rule file: what the parser takes, with a description of every key. Keys that are not
/// available yet are absent. `state` is the schema of what a test may put into the sandbox.
pub fn schema(state: Value) -> Value {
    let mut schema = table(keys::RULE);
    merge(
        &mut schema["properties"]["test"]["items"]["properties"]["state"],
        state,
    );
    let extra = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "xmrt rule",
        "description": "One rule per file; the file's name is the rule's id.",
        "$defs": definitions(),
    });
    merge(&mut schema, extra);
    for (name, reference) in [("when", "#/$defs/conditions"), ("vars", "#/$defs/vars")] {
        merge(&mut schema["properties"][name], json!({ "$ref": reference }));
    }
    schema["if"] = json!({ "properties": { "mode": { "const": "off" } }, "required": ["mode"] });
    schema["then"] = json!({ "required": ["off_reason"] });
    schema
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn table(known: &[Key]) -> Value {
    let properties: Map<String, Value> = known
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = known
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut property = shape(key);
    property["description"] = json!(key.doc);
    property
}

fn shape(key: &Key) -> Value {
    match key.shape {
        Shape::Text | Shape::Expression | Shape::Template => json!({ "type": "string", "minLength": 1 }),
        Shape::Duration => json!({ "type": "string", "pattern": keys::DURATION }),
        Shape::Rate => json!({ "type": "string", "pattern": keys::RATE }),
        Shape::Whole(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::OneOf(choices) => json!({ "enum": choices }),
        Shape::Texts => json!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        }),
        Shape::Table => json!({ "type": "object" }),
        Shape::Keys(known) => table(known),
        Shape::Tables(known) => {
            let mut list = json!({ "type": "array", "items": table(known) });
            if key.name == "action" {
                list["minItems"] = json!(1);
            }
            list
        }
        Shape::Bool => json!({ "type": "boolean" }),
    }
}

fn definitions() -> Value {
    json!({
        "vars": { "type": "object", "additionalProperties": true },
        "scalar": { "type": ["string", "number", "boolean"] },
        "matcher": {
            "description": "A scalar (equals), a list (any of), or a table of operators.",
            "anyOf": [
                { "$ref": "#/$defs/scalar" },
                { "type": "array", "items": { "$ref": "#/$defs/matcher" }, "minItems": 1 },
                { "$ref": "#/$defs/operators" },
            ],
        },
        "operators": {
            "type": "object",
            "properties": operators(),
            "additionalProperties": false,
            "minProperties": 1,
        },
        "field": {
            "description": "What the values at this path must be, or a table of further path segments.",
            "anyOf": [
                { "$ref": "#/$defs/matcher" },
                {
                    "type": "object",
                    "propertyNames": { "not": { "enum": keys::operators().collect::<Vec<_>>() } },
                    "additionalProperties": { "$ref": "#/$defs/field" },
                    "minProperties": 1,
                },
            ],
        },
        "conditions": {
            "type": "object",
            "properties": {
                "any": {
                    "description": "One of these groups holds.",
                    "type": "array", "items": { "$ref": "#/$defs/conditions" }, "minItems": 1,
                },
                "all": {
                    "description": "All of these groups hold.",
                    "type": "array", "items": { "$ref": "#/$defs/conditions" }, "minItems": 1,
                },
                "not": { "description": "Not all of this holds.", "$ref": "#/$defs/conditions" },
            },
            "additionalProperties": { "$ref": "#/$defs/field" },
        },
    })
}

fn operators() -> Map<String, Value> {
    keys::OPERATORS
        .iter()
        .map(|(name, doc)| {
            let mut operand = operand(name);
            operand["description"] = json!(doc);
            ((*name).to_owned(), operand)
        })
        .collect()
}

fn operand(operator: &str) -> Value {
    match operator {
        "equals" => json!({
            "anyOf": [
                { "$ref": "#/$defs/scalar" },
                { "type": "array", "items": { "$ref": "#/$defs/matcher" }, "minItems": 1 },
            ],
        }),
        "not" | "all" => json!({ "$ref": "#/$defs/matcher" }),
        "exists" | "ignore_case" => json!({ "type": "boolean" }),
        "lt" | "lte" | "gt" | "gte" => json!({ "type": ["number", "string"] }),
        "count" => json!({
            "anyOf": [
                { "type": "number" },
                {
                    "type": "object",
                    "properties": {
                        "equals": { "type": "number" }, "lt": { "type": "number" }, "lte": { "type": "number" },
                        "gt": { "type": "number" }, "gte": { "type": "number" },
                    },
                    "additionalProperties": false,
                    "minProperties": 1,
                },
            ],
        }),
        _ => json!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        }),
    }
}
