//! Conditions and expressions that are wrong.

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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn braces_in_an_if() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "{{ event.issue.comments > 5 }}"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_dollar_before_the_braces() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "${{ github.event.issue.title }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn github_instead_of_event() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "github.event.issue.comments > 5"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_misspelled_field_in_a_template() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.isue.title }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}
