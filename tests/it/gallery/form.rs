//! Files whose form is wrong: TOML, keys, names.

use super::told;

#[test]
fn an_empty_file() {
    let text = r#""#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-key]: a rule file needs `description`
     --> rules/tell.toml:1:1
      |
    1 |
      | ^
      |
      = help: What the rule does, in one sentence.

    error[missing-key]: a rule file needs `on`
     --> rules/tell.toml:1:1
      |
    1 |
      | ^
      |
      = help: The event types it listens to: `source.type[.action]`. A shorter form matches all below it: `github.issues`, `render.*`; `*` is everything that comes from outside. `schedule` ticks with `cron`, `manual` is asked for by name, `xmrt.run_dead` and the like tell what became of runs.

    error[missing-key]: a rule file needs `[[action]]`
     --> rules/tell.toml:1:1
      |
    1 |
      | ^
      |
      = help: the steps, in order: a line `[[action]]`, then `tool = "server.tool"` and `arguments = { … }`


    1 rule file(s), 3 error(s), 0 warning(s)
    `xmrt check --explain missing-key` says more about a finding
    "#);
}

#[test]
fn a_file_that_is_yaml() {
    let text = r#"name: triage
on:
  issues:
    types: [opened]
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"
    error[syntax]: this is not valid TOML: key with no value, expected `=`
     --> rules/tell.toml:1:7
      |
    1 | name: triage
      |       ^
      |
      = help: this looks like YAML, and rule files are TOML; `xmrt rules new` writes one to begin with


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    ");
}

#[test]
fn a_file_that_is_json() {
    let text = r#"{ "on": "github.issues.opened" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: invalid key-value pair, expected key
     --> rules/tell.toml:1:1
      |
    1 | { "on": "github.issues.opened" }
      | ^
      |
      = help: this looks like JSON, and rule files are TOML; `xmrt rules new` writes one to begin with


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}

#[test]
fn a_missing_quote() {
    let text = r#"description = "Tell about an issue
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: invalid basic string, expected `"`
     --> rules/tell.toml:1:35
      |
    1 | description = "Tell about an issue
      |                                   ^
      |
      = help: the closing `"` is missing; a text of several lines stands between `"""` and `"""`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}

#[test]
fn no_action() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-key]: a rule file needs `[[action]]`
     --> rules/tell.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the steps, in order: a line `[[action]]`, then `tool = "server.tool"` and `arguments = { … }`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain missing-key` says more about a finding
    "#);
}

#[test]
fn one_bracket_instead_of_two() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[action]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"
    error[type]: `action` is a list of tables, not a table
     --> rules/tell.toml:4:2
      |
    4 | [action]
      |  ^^^^^^
      |
      = help: write `[[action]]` with two brackets


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain type` says more about a finding
    ");
}

#[test]
fn actions_in_the_plural() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[actions]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-key]: a rule file has no key `actions`
     --> rules/tell.toml:4:3
      |
    4 | [[actions]]
      |   ^^^^^^^
      |
      = help: did you mean `action`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-key` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[misplaced-key]: `mode` is a key of the rule, not of [[action]]
     --> rules/tell.toml:8:1
      |
    8 | mode = "shadow"
      | ^^^^
      |
      = help: top-level keys come before the first `[table]`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain misplaced-key` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[toml-version]: an inline table must stand on one line: rule files are TOML 1.0
     --> rules/tell.toml:6:13
      |
    6 |   arguments = {
      |  _____________^
    7 | |   to = "log",
    8 | |   text = "hello",
    9 | | }
      | |_^
      |
      = help: put it on one line without a comma before `}`, or write it as a `[table]` of its own


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain toml-version` says more about a finding
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[off-without-reason]: a rule that is off says why
     --> rules/tell.toml:3:8
      |
    3 | mode = "off"
      |        ^^^^^
      |
      = help: add `off_reason = "…"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain off-without-reason` says more about a finding
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-key]: a rule file has no key `enabled`
     --> rules/tell.toml:3:1
      |
    3 | enabled = false
      | ^^^^^^^
      |
      = help: `mode = "off"` switches a rule off, and `off_reason` says why


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-key` says more about a finding
    "#);
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
    insta::assert_snapshot!(told("Tell_About_Issues.toml", text), @r#"
    error[rule-id]: the file's name is the rule's id, and `Tell_About_Issues` is not kebab-case
     --> rules/Tell_About_Issues.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^
      |
      = help: lower-case letters and digits, words joined by `-`: `triage-new-issue.toml`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain rule-id` says more about a finding
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[empty]: `description` is empty
     --> rules/tell.toml:1:15
      |
    1 | description = ""
      |               ^^

    warning[unknown-event]: GitHub is not known to send an event `isues`
     --> rules/tell.toml:2:31
      |
    2 | on = ["github.issues.opened", "github.isues.closed"]
      |                               ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.closed`?

    error[unknown-key]: a rule file has no key `modes`
     --> rules/tell.toml:3:1
      |
    3 | modes = "live"
      | ^^^^^
      |
      = help: did you mean `mode`?

    error[duration]: `5 min` is not a duration: write whole numbers with their units, such as "500ms" or "1h30m"
     --> rules/tell.toml:9:12
      |
    9 | cooldown = "5 min"
      |            ^^^^^^^
      |
      = help: did you mean `5m`?

    error[unknown-tool]: there is no tool `xmrt.notfy`
      --> rules/tell.toml:12:8
       |
    12 | tool = "xmrt.notfy"
       |        ^^^^^^^^^^^^
       |
       = help: did you mean `xmrt.notify`?


    1 rule file(s), 4 error(s), 1 warning(s)
    `xmrt check --explain empty` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}
