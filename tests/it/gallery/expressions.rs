//! Expressions and templates that are wrong.

use super::told;

#[test]
fn braces_in_an_if() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"
if = "{{ event.issue.comments > 5 }}"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[expression]: `if` is an expression already: write it without `{{ }}`
     --> rules/tell.toml:3:6
      |
    3 | if = "{{ event.issue.comments > 5 }}"
      |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: if = "event.issue.comments > 5"


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "#);
}

#[test]
fn a_dollar_before_the_braces() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "${{ github.event.issue.title }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-name]: there is no name `github`
     --> rules/tell.toml:6:39
      |
    6 | arguments = { to = "log", text = "${{ github.event.issue.title }}" }
      |                                       ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: what GitHub Actions calls `github.event` is `event` here


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-name` says more about a finding
    "#);
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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-name]: there is no name `github`
     --> rules/tell.toml:3:7
      |
    3 | if = "github.event.issue.comments > 5"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: what GitHub Actions calls `github.event` is `event` here


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-name` says more about a finding
    "#);
}
