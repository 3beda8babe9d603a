//! Every tool of a server against a provider that refuses, fails, and loses its answers. What each does when all is well is
//! tested tool by tool; here none is left out.

use serde_json::{Map, Value, json};
use xmrt::hub::{ErrorClass, ToolFacts};

/// Arguments that a tool takes: each that is required, and `more`. What they name need not be there: who refuses does not look.
pub fn arguments(facts: &ToolFacts, more: &Value) -> Value {
    let schema = &facts.input_schema;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut made = Map::new();
    for name in required.iter().filter_map(Value::as_str) {
        made.insert(name.to_owned(), value(schema, name, &schema["properties"][name]));
    }
    made.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(made)
}

fn value(root: &Value, name: &str, schema: &Value) -> Value {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    match name {
        "repo" => return json!("acme/api"),
        "to_repo" => return json!("acme/web"),
        "sha" | "expected_head" => return json!("a".repeat(40)),
        "service_id" => return json!("srv-a"),
        "url" => return json!("https://example.com/hook"),
        "to" => return json!("last_known_good"),
        "event_id" => return json!("evt-a"),
        _ => {}
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices[0].clone();
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return value(root, name, &choices[0]);
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    match schema["type"].as_str().or(schema["type"][0].as_str()) {
        Some("integer" | "number") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([value(root, "", &schema["items"])]),
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = required.iter().filter_map(Value::as_str);
            fields
                .map(|field| (field.to_owned(), value(root, field, &schema["properties"][field])))
                .collect::<Map<_, _>>()
                .into()
        }
        _ => json!("mona"),
    }
}

/// What a tool must make of a provider that says 403, and of one that says 500.
pub fn expected(facts: &ToolFacts) -> [(u16, Vec<ErrorClass>); 2] {
    let failing = match facts.read_only {
        true => vec![ErrorClass::Unavailable],
        // A tool that reads before it writes fails while nothing is in doubt.
        false => vec![ErrorClass::Unavailable, ErrorClass::UnknownEffect],
    };
    [(403, vec![ErrorClass::Forbidden]), (500, failing)]
}
