//! An action that is done once for each item of a list: in order, each once, whatever is killed when.

use std::sync::Arc;

use serde_json::{Value, json};
use xmrt::assemble::run_tests;
use xmrt::rules::SourceFile;

use crate::harness::{World, issue_opened};
use crate::reactor::world;

/// A comment on each of three issues, then a label that counts them.
const COMMENTS: &str = r#"
description = "Comments on three issues"
on = "github.issues.opened"

[vars]
numbers = [3, 1, 2]

[[action]]
id = "tell"
tool = "github.create_comment"
for_each = "{{ vars.numbers }}"
item_key = "{{ item }}"
arguments = { repo = "acme/api", number = "{{ item }}", body = "Seen." }
timeout = "1s"
retry = { attempts = 3, initial = "50ms", max = "100ms" }

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = 1, labels = ["told-{{ steps.tell | length }}"] }
"#;

async fn run_of(world: &World, event: &str) -> Value {
    let runs = world.settled(event).await;
    let (_, run) = world
        .api(&format!("runs/{}", runs[0]["id"].as_str().unwrap()))
        .await;
    run
}

fn steps(run: &Value) -> Vec<(&str, &str)> {
    run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["state"].as_str().unwrap()))
        .collect()
}

/// The issues that were commented on, in order.
async fn commented(world: &World) -> Vec<String> {
    let effects = world.effects().await;
    let comments = effects.into_iter().filter(|(done, _)| done == "create_comment");
    comments.map(|(_, target)| target).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_list_each_item_is_done_once_and_in_order() {
    for effect in [false, true] {
        let mut world = world(&[("comments", COMMENTS)]).await;
        let fault = json!([{
            "match": { "operation": "create_comment", "path": "/repos/acme/api/issues/1/comments" },
            "times": 1, "kind": "hang", "effect": effect,
        }]);
        world.sandbox_post("faults", fault).await;
        world
            .github("issues", "delivery-1", &issue_opened(1))
            .await
            .unwrap();
        world
            .until("the second comment to hang", async || {
                let requests = world.sandbox_get("requests").await;
                let list = requests
                    .as_array()
                    .or_else(|| requests["requests"].as_array())
                    .cloned();
                let hangs = list.unwrap_or_default().iter().any(|request| {
                    request["operation"] == "create_comment"
                        && request["path"].as_str().is_some_and(|path| path.contains("/1/"))
                });
                hangs.then_some(())
            })
            .await;
        world.server.kill();
        world.restart();
        let run = run_of(&world, "delivery-1").await;
        assert_eq!(run["state"], "succeeded", "effect {effect}: {run}");
        assert_eq!(
            commented(&world).await,
            ["acme/api#3", "acme/api#1", "acme/api#2"],
            "effect {effect}"
        );
        assert_eq!(
            steps(&run),
            [
                ("tell", "listed"),
                ("tell[3]", "done"),
                ("tell[1]", "done"),
                ("tell[2]", "done"),
                ("add_labels", "done"),
            ]
        );
        let labels = &run["steps"][4]["call"]["arguments"]["labels"];
        assert_eq!(labels, &json!(["told-3"]), "the results are a list");
        let (shown, _, _) = world.xmrt(&["runs", "show", run["id"].as_str().unwrap()]);
        assert!(shown.contains("\n  tell · listed\n"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_that_is_retried_does_not_do_done_items_again() {
    let world = world(&[("comments", COMMENTS)]).await;
    let fault = json!([{
        "match": { "operation": "create_comment", "path": "/repos/acme/api/issues/1/comments" },
        "times": 1, "kind": "status", "status": 403,
    }]);
    world.sandbox_post("faults", fault).await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .unwrap();
    let run = run_of(&world, "delivery-1").await;
    assert_eq!(run["state"], "dead", "{run}");
    assert!(
        run["reason"].as_str().unwrap().contains("step `tell[1]`"),
        "{run}"
    );
    assert_eq!(commented(&world).await, ["acme/api#3"]);
    let id = run["id"].as_str().unwrap();
    let (status, again) = world.api_post(&format!("runs/{id}/retry"), json!({})).await;
    assert_eq!(status, 200, "{again}");
    let again = again["id"].as_str().unwrap();
    world
        .until("the retried run to end", async || {
            let (_, run) = world.api(&format!("runs/{again}")).await;
            (run["state"] == "succeeded").then_some(())
        })
        .await;
    assert_eq!(
        commented(&world).await,
        ["acme/api#3", "acme/api#1", "acme/api#2"]
    );
    assert_eq!(world.count("add_labels").await, 1);
}

/// A rule that notifies for each of what an expression gives, with one test of it.
fn file(items: &str, more: &str, test: &str) -> SourceFile {
    SourceFile {
        path: "rules/sample.toml".into(),
        text: format!(
            "description = \"d\"\non = \"github.push\"\n\n[[action]]\nid = \"tell\"\ntool = \"xmrt.notify\"\n\
             for_each = \"{{{{ {items} }}}}\"\n{more}\narguments = {{ to = \"log\", text = \"{{{{ item.n | default(item) }}}}!\" }}\n\n\
             [[action]]\nid = \"sum\"\ntool = \"xmrt.notify\"\n\
             arguments = {{ to = \"log\", text = \"{{{{ steps.tell | length }}}} told\" }}\n\n\
             [[test]]\nname = \"t\"\nevent = {{ on = \"github.push\" }}\n{test}\n"
        ),
        unreadable: None,
    }
}

/// What does not come out as the test says.
async fn failures(items: &str, more: &str, test: &str) -> Vec<String> {
    let mut trials = run_tests(&file(items, more, test), &json!({}), &Arc::default())
        .await
        .unwrap();
    trials.remove(0).failures
}

fn told(texts: &[&str]) -> String {
    let calls: Vec<String> = texts
        .iter()
        .map(|text| format!("{{ tool = \"xmrt.notify\", arguments.text = \"{text}\" }}"))
        .collect();
    format!("expect = [{}]", calls.join(", "))
}

#[tokio::test]
async fn items_are_done_in_their_order_an_if_skips_single_ones_and_the_results_are_a_list() {
    let none: Vec<String> = Vec::new();
    let expected = told(&["b!", "a!", "c!", "3 told"]);
    assert_eq!(failures("['b', 'a', 'c']", "", &expected).await, none);
    let expected = told(&["b!", "c!", "2 told"]);
    assert_eq!(
        failures("['b', 'a', 'c']", "if = \"item != 'a'\"", &expected).await,
        none
    );
    let by_key = "item_key = \"{{ item.n }}\"";
    let expected = told(&["7!", "8!", "2 told"]);
    assert_eq!(failures("[{'n': 7}, {'n': 8}]", by_key, &expected).await, none);
    assert_eq!(failures("[]", "", &told(&["0 told"])).await, none);
}

#[tokio::test]
async fn a_list_that_cannot_be_done_ends_the_run_before_its_first_item_and_says_why() {
    for (items, more, reason) in [
        ("7", "", "for_each: gives a number, not a list"),
        ("['a', 'b', 'a']", "", "item 3 has the key \\\"a\\\""),
        ("[{'n': 1}]", "", "item 1 of for_each is an object"),
        ("[' ', '']", "", "the key of item 2 is"),
        (
            "range(201) | list",
            "",
            "201 items, and at most 200 are done in one run",
        ),
        ("[event.nothing.there]", "", "for_each"),
    ] {
        let test = format!("expect = []\ndecision = \"dead\"\nreason = \"{reason}\"");
        assert_eq!(
            failures(items, more, &test).await,
            Vec::<String>::new(),
            "{items}"
        );
    }
}

#[tokio::test]
async fn with_continue_on_error_an_item_that_fails_for_good_is_left_out_and_the_run_goes_on() {
    let rule = r#"
description = "d"
on = "github.push"

[[action]]
id = "tell"
tool = "github.create_comment"
for_each = "{{ [1, 99, 2] }}"
continue_on_error = true
arguments = { repo = "acme/api", number = "{{ item }}", body = "Seen." }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ steps.tell | length }} told" }

[[test]]
name = "there is no issue 99"
event = { on = "github.push" }
state.github.repos = [{ full_name = "acme/api" }]
state.github.issues = [{ repo = "acme/api", number = 1 }, { repo = "acme/api", number = 2 }]
decision = "succeeded"
expect = [
    { tool = "github.create_comment", arguments.number = 1 },
    { tool = "github.create_comment", arguments.number = 99 },
    { tool = "github.create_comment", arguments.number = 2 },
    { tool = "xmrt.notify", arguments.text = "2 told" },
]
"#;
    let file = SourceFile {
        path: "rules/sample.toml".into(),
        text: rule.into(),
        unreadable: None,
    };
    let trials = run_tests(&file, &json!({}), &Arc::default()).await.unwrap();
    assert_eq!(trials[0].failures, Vec::<String>::new());
}
