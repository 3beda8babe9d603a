//! Files whose form is wrong: TOML, keys, events, names.

use super::told;

#[test]
fn an_empty_file() {
    let text = r#""#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_file_that_is_yaml() {
    let text = r#"name: triage
on:
  issues:
    types: [opened]
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_file_that_is_json() {
    let text = r#"{ "on": "github.issues.opened" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_missing_quote() {
    let text = r#"description = "Tell about an issue
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn no_event() {
    let text = r#"description = "Tell about an issue"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
expect = [{ tool = "xmrt.notify" }]

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn an_event_without_its_source() {
    let text = r#"description = "Tell about an issue"
on = "issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn an_event_as_people_say_it() {
    let text = r#"description = "Tell about an issue"
on = "issue opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_misspelled_event() {
    let text = r#"description = "Tell about an issue"
on = "github.issue.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_misspelled_action_of_an_event() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opend"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn github_actions_syntax() {
    let text = r#"description = "Tell about an issue"
on = { issues = { types = ["opened"] } }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn no_action() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn one_bracket_instead_of_two() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[action]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn actions_in_the_plural() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[actions]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn the_mode_at_the_end() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

mode = "shadow"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn an_inline_table_over_several_lines() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = {
  to = "log",
  text = "hello",
}
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn off_without_a_reason() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
mode = "off"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
expect = [{ tool = "xmrt.notify" }]

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn enabled_false() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
enabled = false

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
expect = [{ tool = "xmrt.notify" }]

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_file_name_with_capitals() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
expect = [{ tool = "xmrt.notify" }]

[[test]]
name = "does not act"
event = { on = "github.issues.closed" }
expect = []
"#;
    insta::assert_snapshot!(told("Tell_About_Issues.toml", text), @"");
}

#[test]
fn many_things_at_once() {
    let text = r#"description = ""
on = ["github.issues.opened", "github.isues.closed"]
modes = "live"

[when]
issue.titel = { prefx = "RFC" }

[limits]
cooldown = "5 min"

[[action]]
tool = "xmrt.notfy"
arguments = { too = "log" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}
