//! Why a rule fired, or did not.

use serde_json::{Value, json};
use xmrt::rules::{Explanation, explain};

use crate::rules::{book, event};

const TRIAGE: &str = r#"
description = "Triage"
on = ["github.issues.opened", "github.issues.reopened"]
if = "event.issue.comments < 5 and event.issue.user.login != 'bot'"

[when]
issue.labels.name = { not = ["triaged", "spam"], count = { lte = 3 } }
issue.title = { regex = "crash", ignore_case = true }
any = [
  { issue.author_association = "NONE" },
  { issue.milestone = { exists = true }, not = { issue.draft = true } },
]

[[action]]
tool = "github.add_labels"
"#;

fn issue() -> Value {
    json!({
        "action": "opened",
        "issue": {
            "title": "Crash on start", "comments": 0, "author_association": "NONE", "milestone": null,
            "labels": [{ "name": "bug" }], "user": { "login": "mona" },
        },
    })
}

fn explained(text: &str, kind: &str, payload: Value) -> Explanation {
    explain(&book(text).rules()[0], &event(kind, payload), None)
}

#[test]
fn a_rule_that_fires_shows_every_condition_that_held() {
    insta::assert_snapshot!(explained(TRIAGE, "github.issues.opened", issue()).to_text(), @r#"
    sample fires on this github.issues.opened (key: acme/api#42).

    rule     sample (live)
    event    github.issues.opened delivery-1 (acme/api#42)
    on       holds github.issues.opened, github.issues.reopened
    when
      holds   issue.labels.name             not ["triaged","spam"]         is "bug"
      holds   issue.labels.name             count {"lte":3}                is 1
      holds   issue.title                   regex "crash" (ignoring case)  is "Crash on start"
      holds   any of
      holds     branch 1
      holds       issue.author_association  equals "NONE"                  is "NONE"
      fails     branch 2
      fails       issue.milestone           exists true                    is null
      holds       not all of
      fails         issue.draft             equals true                    is absent
    if       holds
      holds   event.issue.comments < 5
              event.issue.comments = 0
      holds   event.issue.user.login != 'bot'
              event.issue.user.login = "mona"
    plan
      1 github.add_labels
    "#);
}

#[test]
fn a_rule_that_misses_says_what_would_have_to_differ() {
    let mut payload = issue();
    payload["issue"]["labels"] = json!([{ "name": "bug" }, { "name": "spam" }]);
    payload["issue"]["author_association"] = json!("OWNER");
    payload["issue"]["title"] = json!(null);
    insta::assert_snapshot!(explained(TRIAGE, "github.issues.opened", payload).to_text(), @r#"
    sample does not fire on this github.issues.opened: 3 conditions do not hold.

    rule     sample (live)
    event    github.issues.opened delivery-1 (acme/api#42)
    on       holds github.issues.opened, github.issues.reopened
    when
      fails   issue.labels.name             not ["triaged","spam"]         is "bug", "spam"
      holds   issue.labels.name             count {"lte":3}                is 2
      fails   issue.title                   regex "crash" (ignoring case)  is null
      fails   any of
      fails     branch 1
      fails       issue.author_association  equals "NONE"                  is "OWNER"
      fails     branch 2
      fails       issue.milestone           exists true                    is null
      holds       not all of
      fails         issue.draft             equals true                    is absent
    if       holds, if it were asked: the patterns do not hold
      holds   event.issue.comments < 5
              event.issue.comments = 0
      holds   event.issue.user.login != 'bot'
              event.issue.user.login = "mona"
    to fire
      - `issue.labels.name` would have to satisfy `not ["triaged","spam"]`; its values are "bug", "spam"
      - `issue.title` would have to satisfy `regex "crash" (ignoring case)`; it is null
      - one of the 2 branches of `any` would have to hold; branch 2 is the nearest: `issue.milestone` would have to satisfy `exists true`; it is null
    "#);
}

#[test]
fn a_false_if_is_shown_with_the_values_it_looked_at() {
    let mut payload = issue();
    payload["issue"]["comments"] = json!(9);
    insta::assert_snapshot!(explained(TRIAGE, "github.issues.opened", payload).to_text(), @r#"
    sample does not fire on this github.issues.opened: its `if` is false.

    rule     sample (live)
    event    github.issues.opened delivery-1 (acme/api#42)
    on       holds github.issues.opened, github.issues.reopened
    when
      holds   issue.labels.name             not ["triaged","spam"]         is "bug"
      holds   issue.labels.name             count {"lte":3}                is 1
      holds   issue.title                   regex "crash" (ignoring case)  is "Crash on start"
      holds   any of
      holds     branch 1
      holds       issue.author_association  equals "NONE"                  is "NONE"
      fails     branch 2
      fails       issue.milestone           exists true                    is null
      holds       not all of
      fails         issue.draft             equals true                    is absent
    if       fails
      fails   event.issue.comments < 5
              event.issue.comments = 9
      holds   event.issue.user.login != 'bot'
              event.issue.user.login = "mona"
    to fire
      - `event.issue.comments < 5` would have to be true; event.issue.comments is 9
    "#);
}

#[test]
fn an_if_that_cannot_be_decided_is_no_false_one() {
    let mut payload = issue();
    payload["issue"].as_object_mut().unwrap().remove("user");
    insta::assert_snapshot!(explained(TRIAGE, "github.issues.opened", payload).to_text(), @r#"
    sample could not be decided on this github.issues.opened: if: `event.issue.user` is undefined.

    rule     sample (live)
    event    github.issues.opened delivery-1 (acme/api#42)
    on       holds github.issues.opened, github.issues.reopened
    when
      holds   issue.labels.name             not ["triaged","spam"]         is "bug"
      holds   issue.labels.name             count {"lte":3}                is 1
      holds   issue.title                   regex "crash" (ignoring case)  is "Crash on start"
      holds   any of
      holds     branch 1
      holds       issue.author_association  equals "NONE"                  is "NONE"
      fails     branch 2
      fails       issue.milestone           exists true                    is null
      holds       not all of
      fails         issue.draft             equals true                    is absent
    if       error: `event.issue.user` is undefined
      holds   event.issue.comments < 5
              event.issue.comments = 0
      error   event.issue.user.login != 'bot'
                `event.issue.user` is undefined
              event.issue.user.login = undefined
    to fire
      - the `if` would have to be decidable: `event.issue.user` is undefined
    "#);
}

#[test]
fn a_rule_that_does_not_listen_says_to_what_it_does() {
    let explanation = explained(TRIAGE, "github.issues.closed", issue());
    assert_eq!(explanation.outcome, "not_listening");
    assert_eq!(
        explanation.would_have_to_differ,
        [
            "the event would have to be github.issues.opened or github.issues.reopened; it is github.issues.closed"
        ]
    );
}

#[test]
fn a_rule_that_is_off_shows_its_reason_and_what_it_would_see() {
    let text = TRIAGE.replace(
        "\n[when]",
        "mode = \"off\"\noff_reason = \"Too noisy.\"\n\n[when]",
    );
    let explanation = explained(&text, "github.issues.opened", issue());
    assert_eq!(explanation.outcome, "off");
    assert_eq!(explanation.sentence, "sample is off: Too noisy.");
    assert!(explanation.when.iter().all(xmrt::rules::ConditionView::held));
    assert_eq!(
        explanation.would_have_to_differ,
        ["the rule would have to be switched on (`mode`)"]
    );
}

#[test]
fn the_json_form_holds_the_same_as_the_text() {
    let json = serde_json::to_value(explained(TRIAGE, "github.issues.opened", issue())).unwrap();
    assert_eq!(json["outcome"], "fired");
    assert_eq!(json["key"], "acme/api#42");
    assert_eq!(
        json["when"][0],
        json!({
            "kind": "field", "path": "issue.labels.name", "held": true, "count": 1, "actual": ["bug"],
            "tests": [
                { "operator": "not", "expected": ["triaged", "spam"], "held": true },
                { "operator": "count", "expected": { "lte": 3 }, "held": true },
            ],
        })
    );
    assert_eq!(json["when"][2]["kind"], "any");
    assert_eq!(json["when"][2]["branches"][1][1]["kind"], "not");
    assert_eq!(json["if"]["held"], true);
    assert_eq!(
        json["if"]["mentions"],
        json!([
            { "path": "event.issue.comments", "defined": true, "value": 0 },
            { "path": "event.issue.user.login", "defined": true, "value": "mona" },
        ])
    );
}

#[test]
fn the_explanation_and_the_verdict_never_disagree() {
    let book = book(TRIAGE);
    for comments in [0, 9] {
        for association in ["NONE", "OWNER"] {
            for title in [json!("crash"), json!("fine"), json!(5)] {
                let mut payload = issue();
                payload["issue"]["comments"] = json!(comments);
                payload["issue"]["author_association"] = json!(association);
                payload["issue"]["title"] = title;
                let event = event("github.issues.opened", payload);
                let fired = matches!(
                    book.evaluate(&event)[0].verdict,
                    xmrt::rules::Verdict::Fired { .. }
                );
                let explanation = explain(&book.rules()[0], &event, None);
                assert_eq!(explanation.outcome == "fired", fired);
                assert_eq!(explanation.would_have_to_differ.is_empty(), fired);
            }
        }
    }
}
