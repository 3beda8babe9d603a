//! Conditions that are wrong.

use super::told;

#[test]
fn the_condition_below_a_table() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.state = "open"
if = "event.issue.comments > 5"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[misplaced-key]: `if` is a key of the rule, not a path of `[when]`
     --> rules/tell.toml:6:1
      |
    6 | if = "event.issue.comments > 5"
      | ^^
      |
      = help: top-level keys come before the first `[table]`; a payload field of this name is `".if"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain misplaced-key` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_single_equals_sign() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.state = 'open'"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[expression]: this expression does not work: unexpected input after expression
     --> rules/tell.toml:3:25
      |
    3 | if = "event.issue.state = 'open'"
      |                         ^
      |
      = help: to compare, write `==`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "#);
}

#[test]
fn and_as_in_other_languages() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.locked == false && event.issue.comments > 5"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[expression]: this expression does not work: unexpected character
     --> rules/tell.toml:3:35
      |
    3 | if = "event.issue.locked == false && event.issue.comments > 5"
      |                                   ^
      |
      = help: write `and`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "#);
}

#[test]
fn a_method_of_a_text() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "event.issue.title.startswith('RFC')"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: texts have no methods, so there is no `event.issue.title.startswith`
     --> rules/tell.toml:3:7
      |
    3 | if = "event.issue.title.startswith('RFC')"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `event.issue.title is startingwith(…)`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    "#);
}

#[test]
fn a_misspelled_field() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.titel = { contains = "crash" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `issue.titel`
     --> rules/tell.toml:5:7
      |
    5 | issue.titel = { contains = "crash" }
      |       ^^^^^
      |
      = help: did you mean `issue.title`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_misspelled_field_in_a_template() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.isue.title }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `event.isue.title`
     --> rules/tell.toml:6:38
      |
    6 | arguments = { to = "log", text = "{{ event.isue.title }}" }
      |                                      ^^^^^^^^^^^^^^^^
      |
      = help: did you mean `event.issue.title`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn event_in_a_path_of_when() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
event.issue.state = "open"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `event.issue.state`
     --> rules/tell.toml:5:13
      |
    5 | event.issue.state = "open"
      |             ^^^^^
      |
      = help: a path of `[when]` begins within the payload: `issue.state`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    "#);
}

#[test]
fn labels_without_their_names() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.labels = "bug"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    warning[missing-quiet-test]: no `[[test]]` shows an event that this rule leaves alone
     --> rules/tell.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event and `expect = []`

    warning[missing-test]: no `[[test]]` shows an event on which this rule acts
     --> rules/tell.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^^^^^^^^^^^
      |
      = help: add a `[[test]]` with such an event; its `expect` lists the calls the rule makes, in order

    warning[type-mismatch]: `issue.labels` is a list of objects, and it is compared with a text: this never matches
     --> rules/tell.toml:5:16
      |
    5 | issue.labels = "bug"
      |                ^^^^^
      |
      = help: ask for one of its fields: `issue.labels.name`


    1 rule file(s), 0 error(s), 3 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    matching: 1 indexed, 0 scanned, 0 off
    "#);
}

#[test]
fn a_number_in_quotes() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.comments = { gt = "5" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[operand]: `gt` takes a number or an RFC 3339 time (`"2026-11-01T00:00:00Z"`), not a string
     --> rules/tell.toml:5:25
      |
    5 | issue.comments = { gt = "5" }
      |                         ^^^
      |
      = help: without quotes: `5`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain operand` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn an_operator_of_another_language() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.comments = { ">" = 5 }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `issue.comments.>`
     --> rules/tell.toml:5:20
      |
    5 | issue.comments = { ">" = 5 }
      |                    ^^^
      |
      = help: did you mean `gt`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_misspelled_operator() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.title = { starts_with = "RFC" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-field]: github.issues.opened has no `issue.title.starts_with`
     --> rules/tell.toml:5:17
      |
    5 | issue.title = { starts_with = "RFC" }
      |                 ^^^^^^^^^^^
      |
      = help: did you mean `prefix`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-field` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn two_operators_that_exclude_each_other() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.comments = { gt = 10, lt = 5 }

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
    insta::assert_snapshot!(told("tell.toml", text), @"
    warning[contradiction]: what is asked of `issue.comments` cannot hold together: the rule would never fire
     --> rules/tell.toml:5:7
      |
    5 | issue.comments = { gt = 10, lt = 5 }
      |       ^^^^^^^^
      |
      = help: all of `[when]` must hold; alternatives are a list, or branches of `any`


    1 rule file(s), 0 error(s), 1 warning(s)
    `xmrt check --explain contradiction` says more about a finding
    matching: 1 indexed, 0 scanned, 0 off
    ");
}

#[test]
fn a_value_the_field_never_has() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.state = "opened"

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
    warning[unknown-value]: `issue.state` is not known to be `opened`
     --> rules/tell.toml:5:15
      |
    5 | issue.state = "opened"
      |               ^^^^^^^^
      |
      = help: did you mean `open`?


    1 rule file(s), 0 error(s), 1 warning(s)
    `xmrt check --explain unknown-value` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 1 indexed, 0 scanned, 0 off
    "#);
}

#[test]
fn a_pattern_that_cannot_be_read() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.title = { regex = "(bug" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[pattern]: this is not a regular expression: unclosed group
     --> rules/tell.toml:5:25
      |
    5 | issue.title = { regex = "(bug" }
      |                         ^^^^^^


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain pattern` says more about a finding
    "#);
}

#[test]
fn a_backslash_that_toml_takes() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[when]
issue.title = { regex = "\bbug\d" }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
     --> rules/tell.toml:5:32
      |
    5 | issue.title = { regex = "\bbug\d" }
      |                                ^
      |
      = help: within `"…"` a backslash begins an escape; between single quotes it is an ordinary letter: '\bbug\b'


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}
