//! What every tool of every built-in server keeps, because rules, agents and doubt resolution rely on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, Doubt, ErrorClass, Hub, ToolFacts};
use xmrt::journal::MemoryStore;
use xmrt::tools::xmrt::{Starter, XmrtParts};
use xmrt::tools::{github, render, xmrt as own};

/// With the server's name and a separator; providers cap names at 64, and clients add prefixes of their own.
const NAME_CHARS_MAX: usize = 40;

/// Every built-in server, none of them configured.
async fn hub() -> Hub {
    let parts = XmrtParts {
        store: Arc::new(MemoryStore::new(Timestamp::UNIX_EPOCH)),
        github: None,
        render: None,
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        starter: Starter::default(),
        clock: Clock::system(),
        hub: Default::default(),
    };
    Hub::builder()
        .serve("github", github::Server::new(None))
        .serve("render", render::Server::new(None))
        .serve("xmrt", own::Server::new(parts))
        .start()
        .await
        .unwrap()
}

/// Holds every tool against one demand; reports all that fail it.
async fn every_tool(holds: impl Fn(&ToolFacts) -> bool) {
    let hub = hub().await;
    let tools = hub.tools();
    assert!(tools.len() >= 25, "only {} tools", tools.len());
    let bad: Vec<String> = tools
        .into_iter()
        .filter(|tool| !holds(tool))
        .map(|tool| tool.name)
        .collect();
    hub.stop().await;
    assert!(bad.is_empty(), "{bad:?}");
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten().collect()
}

/// Every schema in a schema, itself included.
fn walk<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(schema);
    match schema {
        Value::Object(object) => object.values().for_each(|inner| walk(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, found)),
        _ => {}
    }
}

#[tokio::test]
async fn names_are_in_snake_case_and_short() {
    every_tool(|tool| {
        let (_, name) = tool.name.split_once('.').unwrap();
        !name.starts_with('_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && tool.name.len() <= NAME_CHARS_MAX
    })
    .await;
}

#[tokio::test]
async fn titles_and_descriptions_are_sentences_for_people() {
    every_tool(|tool| {
        !tool.title.is_empty()
            && tool.title != tool.name
            && tool.title.chars().count() <= 60
            && tool.description.chars().count() >= 30
            && tool.description.ends_with('.')
            && !tool.description.contains("  ")
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_reading_destroying_and_doubt_agrees() {
    every_tool(|tool| {
        let promises = &tool.promises;
        let harmless =
            !tool.destructive && promises.effects.is_empty() && promises.doubt == Doubt::Idempotent;
        (!tool.read_only || harmless) && promises.settle_ms >= 0 && promises.effects_ms >= 0
    })
    .await;
}

#[tokio::test]
async fn every_writing_tool_declares_how_its_doubt_is_resolved_and_how_long_its_effect_may_be_invisible() {
    every_tool(|tool| {
        let promises = &tool.promises;
        match promises.doubt {
            _ if tool.read_only => true,
            Doubt::Idempotent | Doubt::MayDouble => true,
            // Our own journal shows at once what was written to it; a provider's lists lag.
            Doubt::GoalState if tool.name.starts_with("xmrt.") => promises.settle_ms == 0,
            Doubt::Marker | Doubt::GoalState | Doubt::Evidence => {
                (2_000..=60_000).contains(&promises.settle_ms)
            }
            Doubt::None => false,
        }
    })
    .await;
}

#[tokio::test]
async fn announcements_name_an_event_and_only_arguments_that_there_are() {
    every_tool(|tool| {
        tool.promises.effects.iter().all(|effect| {
            let arguments = effect
                .split('{')
                .skip(1)
                .filter_map(|part| part.split('}').next());
            effect.contains(':')
                && arguments
                    .into_iter()
                    .all(|name| match name.strip_prefix("result.") {
                        Some(field) => tool
                            .output_schema
                            .as_ref()
                            .is_some_and(|schema| schema["properties"].get(field).is_some()),
                        None => name == "$key" || tool.input_schema["properties"].get(name).is_some(),
                    })
        })
    })
    .await;
}

#[tokio::test]
async fn arguments_are_closed_objects_with_every_property_described() {
    every_tool(|tool| {
        tool.input_schema["type"] == "object"
            && tool.input_schema["additionalProperties"] == false
            && properties(&tool.input_schema).iter().all(|(_, property)| {
                property["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with(['.', '…']))
            })
    })
    .await;
}

#[tokio::test]
async fn schemas_are_plain_no_references_and_no_formats_of_rusts() {
    // What is in a list is described: many clients cannot read a bare `true` there.
    let lists_something = |schema: &&Value| schema.get("items").is_none_or(Value::is_object);
    every_tool(|tool| {
        let mut found = Vec::new();
        walk(&tool.input_schema, &mut found);
        let output = tool.output_schema.as_ref().unwrap();
        walk(output, &mut found);
        output["type"] == "object"
            && found.iter().all(lists_something)
            && found.iter().all(|schema| {
                schema.get("$ref").is_none()
                    && schema
                        .get("format")
                        .and_then(Value::as_str)
                        .is_none_or(|format| !format.contains("int"))
            })
    })
    .await;
}

#[tokio::test]
async fn writing_tools_and_only_they_have_a_dry_run() {
    every_tool(|tool| {
        let argument = tool.input_schema["properties"].get("dry_run").is_some();
        let answer = tool.output_schema.as_ref().unwrap()["properties"]
            .get("dry_run")
            .is_some();
        argument != tool.read_only && answer != tool.read_only
    })
    .await;
}

#[tokio::test]
async fn every_tool_of_a_server_without_credentials_is_forbidden_and_names_the_variable() {
    let hub = hub().await;
    for (server, variable) in [("github", "GITHUB_TOKEN"), ("render", "RENDER_API_KEY")] {
        for tool in hub
            .tools()
            .into_iter()
            .filter(|tool| tool.name.starts_with(&format!("{server}.")))
        {
            let arguments = filled(&tool.input_schema);
            let called = hub
                .call(
                    &tool.name,
                    arguments,
                    CallMeta::default(),
                    std::time::Duration::from_secs(5),
                )
                .await;
            let error = called.unwrap_err();
            assert_eq!(error.class, ErrorClass::Forbidden, "{}: {error}", tool.name);
            assert!(error.remedy.unwrap().contains(variable));
        }
    }
    hub.stop().await;
}

/// The required arguments, each with something that fits.
fn filled(schema: &Value) -> Value {
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let fitting = |name: &str| {
        let property = &schema["properties"][name];
        let length = property["minLength"].as_u64().unwrap_or(1);
        match (name, property["type"].as_str()) {
            ("repo", _) => json!("acme/api"),
            ("to_repo", _) => json!("acme/web"),
            _ if property["enum"].is_array() => property["enum"][0].clone(),
            (_, Some("string")) => json!("a".repeat(usize::try_from(length).unwrap())),
            (_, Some("integer")) => json!(1),
            (_, Some("boolean")) => json!(true),
            (_, Some("array")) if property["items"]["type"] == "object" => {
                json!([filled(&property["items"])])
            }
            (_, Some("array")) => json!(["x"]),
            _ => json!("x"),
        }
    };
    required
        .map(|name| (name.to_owned(), fitting(name)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
