//! In: a Rust type. Out: its JSON Schema, as plain as clients understand it. Never: a value.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The only `format`s kept: those of JSON Schema itself. Rust's own (`uint64`) make JavaScript clients complain.
const FORMATS: &[&str] = &["date-time", "date", "time", "email", "uri", "uuid", "regex"];

/// What a tool takes.
pub(super) fn of_input<T: JsonSchema>() -> JsonObject {
    plain::<T>(SchemaSettings::draft2020_12())
}

/// What a tool gives.
pub(super) fn of_output<T: JsonSchema>() -> JsonObject {
    let mut object = plain::<T>(SchemaSettings::draft2020_12().for_serialize());
    // What a result could lack and what bounds a count add nothing for its reader, and every list of tools pays for it.
    strip(&mut object, &|name, _| matches!(name, "default" | "minimum"));
    object
}

/// Whether a schema, at any depth, has a property of this name.
pub(super) fn has_field(schema: &JsonObject, name: &str) -> bool {
    let within = |value: &Value| value.as_object().is_some_and(|schema| has_field(schema, name));
    schema.iter().any(|(keyword, value)| match value {
        Value::Object(properties) if keyword == "properties" => {
            properties.contains_key(name) || properties.values().any(within)
        }
        Value::Array(branches) => branches.iter().any(within),
        value => within(value),
    })
}

fn plain<T: JsonSchema>(mut settings: SchemaSettings) -> JsonObject {
    // No references: many clients pass a schema on to a model as it is, and models read what is written out.
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    plainly(settings.into_generator().into_root_schema_for::<T>())
}

/// Apart from what depends on the type: there are two for each tool, and the program would hold as many copies of this.
fn plainly(schema: schemars::Schema) -> JsonObject {
    let Value::Object(mut object) = schema.to_value() else {
        return JsonObject::new();
    };
    // The root's own words are the Rust type's; the tool has its own.
    object.remove("title");
    object.remove("description");
    strip(&mut object, &|name, value| match name {
        "format" => !value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        "default" => value.is_null(),
        _ => false,
    });
    if object.get("type") == Some(&json!("object")) {
        object.entry("properties").or_insert_with(|| json!({}));
    }
    object
}

/// Removes keywords from a schema and every schema in it. The names of properties are no keywords.
fn strip(schema: &mut JsonObject, unwanted: &dyn Fn(&str, &Value) -> bool) {
    schema.retain(|name, value| !unwanted(name, value));
    for (name, value) in schema {
        match value {
            Value::Object(properties) if name == "properties" => properties
                .values_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|property| strip(property, unwanted)),
            Value::Object(inner) => strip(inner, unwanted),
            Value::Array(branches) => branches
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|branch| strip(branch, unwanted)),
            _ => {}
        }
    }
}

/// Gives a writing tool its argument `dry_run`, and its result the form that answers it: `dry_run`, a list of requests,
/// in place of what is otherwise required.
pub(super) fn add_dry_run(input: &mut JsonObject, output: &mut JsonObject) {
    insert_property(
        input,
        json!({
            "type": "boolean",
            "default": false,
            "description": "Send nothing; answer with the requests that would be sent."
        }),
    );
    insert_property(
        output,
        json!({
            "type": "array",
            "description": "With dry_run, and then alone: the requests.",
            "items": {
                "type": "object",
                "required": ["method", "path"],
                "properties": {
                    "method": { "type": "string" },
                    "path": { "type": "string" },
                    "body": {}
                }
            }
        }),
    );
    if let Some(required) = output.remove("required") {
        output.insert(
            "anyOf".to_owned(),
            json!([{ "required": required }, { "required": ["dry_run"] }]),
        );
    }
}

fn insert_property(schema: &mut JsonObject, property: Value) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("dry_run".to_owned(), property);
    }
}
