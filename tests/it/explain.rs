//! Why a rule did or did not act on an event that really came: command, API and tool say the same.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const HOURLY: &str = r#"
description = "Greets once an hour"
on = "github.issues.opened"
if = "event.issue.number < 100 and event.issue.user.login != 'bot'"

[limits]
key = "all"
cooldown = "1h"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title }}" }
"#;

const FOR_CAROL: &str = r#"
description = "Tells carol"
on = "github.issues.opened"

[when]
issue.user.login = "carol"
issue.title = { contains = "x" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

const STALE: &str = r#"
description = "Only what is new"
on = "github.issues.opened"

[limits]
max_age = "1h"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

const CLOSED: &str = r#"
description = "Listens to another action"
on = "github.issues.closed"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

const PUSHED: &str = r#"
description = "Has nothing to do with issues"
on = "github.push"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

async fn world() -> World {
    let rules = [
        ("hourly", HOURLY),
        ("for-carol", FOR_CAROL),
        ("stale", STALE),
        ("closed", CLOSED),
        ("pushed", PUSHED),
    ];
    let world = World::start(&rules, "").await;
    for number in 1..=2 {
        let id = format!("delivery-{number}");
        let mut issue = issue_opened(number);
        issue["issue"]["title"] = "x".into();
        issue["issue"]["user"] = json!({ "login": "alice" });
        issue["issue"]["created_at"] = "2020-01-01T00:00:00Z".into();
        issue["issue"]["updated_at"] = "2020-01-01T00:00:00Z".into();
        world.github("issues", &id, &issue).await.expect("an answer");
        world.settled(&id).await;
    }
    world
}

/// Run ids and times differ from run to run.
fn steady(text: &str) -> String {
    let id = regex::Regex::new("[0-9a-f]{32}").expect("a pattern");
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").expect("a pattern");
    let age = regex::Regex::new(r"\d+h( \d+m)?( \d+s)?( \d+ms)?").expect("a pattern");
    let text = id.replace_all(text, "<run>");
    let text = time.replace_all(&text, "<time>");
    age.replace_all(&text, "<hours>").into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_limit_held_back_is_not_said_to_fire() {
    let world = world().await;
    let (text, errors, code) = world.xmrt(&["explain", "hourly", "--event", "delivery-2"]);
    assert_eq!(code, 0, "{errors}");
    insta::assert_snapshot!(steady(&text), @r#"
    hourly did not act on this github.issues.opened: its conditions hold, but a limit held it back: suppressed by run <run> until <time>.

    rule     hourly (live)
    event    github.issues.opened delivery-2 (acme/api#2)
    on       holds github.issues.opened
    if       holds
      holds   event.issue.number < 100
              event.issue.number = 2
      holds   event.issue.user.login != 'bot'
              event.issue.user.login = "alice"
    limits   counted by all
      closed  cooldown <hours>  suppressed by run <run> until <time>
    on record
      suppressed  suppressed by run <run> until <time>
    plan
      1 xmrt.notify
          text = "x"
          to = "log"
    to fire
      - no earlier run would have to stand in the way: suppressed by run <run> until <time>
    "#);
    let (text, _, _) = world.xmrt(&["explain", "hourly", "--event", "delivery-1"]);
    insta::assert_snapshot!(steady(&text), @r#"
    hourly fired on this github.issues.opened: run <run> (succeeded).

    rule     hourly (live)
    event    github.issues.opened delivery-1 (acme/api#1)
    on       holds github.issues.opened
    if       holds
      holds   event.issue.number < 100
              event.issue.number = 1
      holds   event.issue.user.login != 'bot'
              event.issue.user.login = "alice"
    limits   counted by all
      passed  cooldown <hours>
    on record
      fired  run <run> succeeded
    plan
      1 xmrt.notify
          text = "x"
          to = "log"
    "#);
    let (text, _, _) = world.xmrt(&["explain", "stale", "--event", "delivery-1"]);
    insta::assert_snapshot!(steady(&text), @r#"
    stale did not act on this github.issues.opened: its conditions hold, but the event was too old: it happened <hours> ago and the rule acts on events up to <hours> old.

    rule     stale (live)
    event    github.issues.opened delivery-1 (acme/api#1)
    on       holds github.issues.opened
    limits   counted by acme/api#1
      closed  max_age <hours>  <hours> old when it was received
    on record
      stale  it happened <hours> ago and the rule acts on events up to <hours> old
    plan
      1 xmrt.notify
          text = "hello"
          to = "log"
    to fire
      - the event would have to be younger: it happened <hours> ago and the rule acts on events up to <hours> old
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_the_near_misses_are_ranked() {
    let world = world().await;
    let (text, errors, code) = world.xmrt(&["explain", "--event", "delivery-2"]);
    assert_eq!(code, 0, "{errors}");
    insta::assert_snapshot!(steady(&text), @r#"
    github.issues.opened delivery-2 (acme/api#2)

     1. hourly did not act on this github.issues.opened: its conditions hold, but a limit held it back: suppressed by run <run> until <time>.
          - no earlier run would have to stand in the way: suppressed by run <run> until <time>
     2. stale did not act on this github.issues.opened: its conditions hold, but the event was too old: it happened <hours> ago and the rule acts on events up to <hours> old.
          - the event would have to be younger: it happened <hours> ago and the rule acts on events up to <hours> old
     3. for-carol does not fire on this github.issues.opened: a condition does not hold.  (2 of 3 hold)
          - `issue.user.login` would have to satisfy `equals "carol"`; it is "alice"
     4. closed does not listen to github.issues.opened.  (0 of 1 hold)
          - the event would have to be github.issues.closed; it is github.issues.opened
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_failed_at_is_kept_with_the_event_and_agrees_with_what_is_evaluated_now() {
    let world = world().await;
    let (status, json) = world.api("rules/for-carol/explain?event=delivery-1").await;
    assert_eq!(status, 200, "{json}");
    let explanation = &json["explanation"];
    assert_eq!(explanation["decision"], "missed");
    assert_eq!(explanation["in_force"], true);
    assert_eq!(
        (&explanation["failed"], &explanation["questions"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(explanation["contradiction"], Value::Null);
    assert_eq!(
        explanation["would_have_to_differ"],
        json!(["`issue.user.login` would have to satisfy `equals \"carol\"`; it is \"alice\""])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn command_and_interface_and_tool_say_the_same() {
    let world = world().await;
    let (_, api) = world.api("rules/hourly/explain?event=delivery-2").await;
    let (command, _, _) = world.xmrt(&["explain", "hourly", "--event", "delivery-2", "--json"]);
    let command: Value = serde_json::from_str(&command).expect("JSON");
    assert_eq!(command, api);
    let (text, _, _) = world.xmrt(&["explain", "hourly", "--event", "delivery-2"]);
    assert_eq!(text.trim_end(), api["text"].as_str().expect("text").trim_end());
    assert_eq!(
        tool(&world, &json!({ "event": "delivery-2", "rule": "hourly" })),
        api
    );
    let (_, all) = world.api("events/delivery-2/explain").await;
    let (command, _, _) = world.xmrt(&["explain", "--event", "delivery-2", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&command).expect("JSON"), all);
    assert_eq!(tool(&world, &json!({ "event": "delivery-2" })), all);
    let names: Vec<&str> = all["ranking"]
        .as_array()
        .expect("a ranking")
        .iter()
        .filter_map(|row| row["rule"].as_str())
        .collect();
    assert_eq!(names.last(), Some(&"closed"));
    assert!(!names.contains(&"pushed"), "{names:?}");
}

/// What the MCP tool answers, through the running server.
fn tool(world: &World, arguments: &Value) -> Value {
    let arguments = arguments.to_string();
    let (answer, errors, code) = world.xmrt(&[
        "call",
        "xmrt.explain_decision",
        "--arguments",
        &arguments,
        "--json",
    ]);
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&answer).expect("JSON")
}

/// An event from a file is told in the same shape: only what nobody has on record is missing.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "it writes the file")]
async fn an_event_that_never_came_is_explained_in_the_same_words() {
    let world = world().await;
    let (_, shown) = world.api("events/delivery-1").await;
    let file = world.folder.path().join("payload.json");
    std::fs::write(&file, shown["payload"].to_string()).expect("a file");
    let file = file.to_string_lossy().into_owned();
    let of = |more: &[&str]| {
        let given = ["--event", &file, "--type", "github.issues.opened", "--json"];
        let (answer, errors, code) = world.xmrt(&[&["explain"], more, &given[..]].concat());
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str::<Value>(&answer).expect("JSON")
    };
    let (_, api) = world.api("rules/for-carol/explain?event=delivery-1").await;
    let supposed = of(&["for-carol"]);
    let keys = |answer: &Value| -> Vec<String> {
        answer
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect()
    };
    assert_eq!(keys(&supposed), keys(&api));
    for same in [
        "sentence",
        "when",
        "would_have_to_differ",
        "version",
        "decision",
        "failed",
    ] {
        assert_eq!(supposed["explanation"][same], api["explanation"][same], "{same}");
    }
    let (_, all) = world.api("events/delivery-1/explain").await;
    let supposed = of(&[]);
    assert_eq!(keys(&supposed), keys(&all));
    assert_eq!(
        supposed["ranking"].as_array().map(Vec::len),
        all["ranking"].as_array().map(Vec::len)
    );
}

/// A long list is cut, and what is cut off is counted.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_rules_the_nearest_are_ranked_and_the_others_counted() {
    let text = HOURLY.replace("< 100", "> 100");
    let ids: Vec<String> = (0..51).map(|number| format!("far-{number:02}")).collect();
    let rules: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), text.as_str())).collect();
    let world = World::start(&rules, "").await;
    world
        .github("issues", "delivery-1", &issue_opened(1))
        .await
        .expect("an answer");
    world.settled("delivery-1").await;
    let (status, all) = world.api("events/delivery-1/explain").await;
    assert_eq!(status, 200, "{all}");
    assert_eq!(all["ranking"].as_array().map(Vec::len), Some(50));
    assert_eq!(all["left_out"], 1);
    let told = all["text"].as_str().expect("a text");
    assert!(told.contains("and 1 more"), "{told}");
    assert_eq!(tool(&world, &json!({ "event": "delivery-1" })), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_or_a_rule_that_is_not_there_is_said_so() {
    let world = world().await;
    for path in [
        "rules/hourly/explain?event=nothing",
        "events/nothing/explain",
        "rules/nothing/explain?event=delivery-1",
    ] {
        let (status, answer) = world.api(path).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
}
