//! `[limits]` and `[concurrency]` of rules, told in `[[test]]`s: events at their times, in virtual time.

use serde_json::json;
use xmrt::assemble::{Trial, run_tests};
use xmrt::rules::SourceFile;

/// A rule that tells of pushes, with these limits and tests.
async fn tried(limits: &str, tests: &str) -> Vec<Trial> {
    let text = format!(
        r#"description = "Tell of pushes"
on = "github.push"

{limits}

[[action]]
tool = "xmrt.notify"
arguments = {{ to = "log", text = "{{{{ meta.id }}}}" }}

{tests}
"#
    );
    let file = SourceFile {
        path: "rules/tell.toml".into(),
        text,
        unreadable: None,
    };
    run_tests(&file, &json!({})).await.expect("the rule holds")
}

/// The `[[test]]` of this name in the guide.
fn from_the_guide(name: &str) -> String {
    let guide = include_str!("../../docs/rules/limits.md");
    let blocks = guide
        .split("[[test]]")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let block = blocks
        .into_iter()
        .find(|block| block.contains(name))
        .expect("the guide has it");
    format!("[[test]]{block}")
}

fn passes(trials: &[Trial]) {
    for trial in trials {
        assert!(trial.failures.is_empty(), "{}: {:?}", trial.test, trial.failures);
    }
    assert!(!trials.is_empty());
}

#[tokio::test]
async fn the_examples_of_the_guide_hold() {
    let burst = from_the_guide("a burst of pushes is told of once");
    passes(&tried("[limits]\ndebounce = \"30s\"", &burst).await);
    let again = from_the_guide("within half an hour of another it is left alone");
    passes(&tried("[limits]\ncooldown = \"30m\"", &again).await);
}

#[tokio::test]
async fn a_test_says_what_became_of_an_event_that_was_given() {
    let trials = tried(
        "[limits]\ncooldown = \"30m\"",
        r#"[[test]]
name = "wrong about both"
event = { on = "github.push" }
given = [{ on = "github.push", at = "-31m", decision = "superseded" }]
decision = "suppressed"
"#,
    )
    .await;
    let failures = &trials[0].failures;
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(failures[0], "the decision is `succeeded`, not `suppressed`");
    assert_eq!(
        failures[1],
        "`given` event 1: the decision is `succeeded`, not `superseded`"
    );
}

#[tokio::test]
async fn a_newer_event_takes_the_place_of_the_one_the_test_is_about() {
    let trials = tried(
        "[limits]\ndebounce = \"30s\"",
        r#"[[test]]
name = "superseded by what comes after"
event = { on = "github.push" }
given = [{ on = "github.push", at = "+20s", decision = "fired" }]
decision = "superseded"
reason = "superseded by run"
expect = []

[[test]]
name = "quiet has come before the next one"
event = { on = "github.push" }
given = [{ on = "github.push", at = "+31s" }]
expect = [{ tool = "xmrt.notify" }]
"#,
    )
    .await;
    passes(&trials);
}

#[tokio::test]
async fn a_rate_is_counted_in_any_hour() {
    let trials = tried(
        "[limits]\nrate = \"2/1h\"",
        r#"[[test]]
name = "two within the hour before"
event = { on = "github.push" }
given = [{ on = "github.push", at = "-59m" }, { on = "github.push", at = "-1m" }]
decision = "suppressed"
reason = "the rate of 2 in 1h"

[[test]]
name = "one of the two is over"
event = { on = "github.push" }
given = [{ on = "github.push", at = "-61m" }, { on = "github.push", at = "-1m" }]
decision = "fired"
"#,
    )
    .await;
    passes(&trials);
}

#[tokio::test]
async fn a_delayed_run_is_begun_when_its_time_has_come() {
    let trials = tried(
        "[limits]\ndelay = \"20m\"",
        r#"[[test]]
name = "an hour passes at once"
event = { on = "github.push" }
expect = [{ tool = "xmrt.notify" }]
decision = "succeeded"
"#,
    )
    .await;
    passes(&trials);
}
