//! Tools and arguments that are not there.

use super::told;

#[test]
fn a_tool_without_its_server() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[tool-name]: `notify` is not the name of a tool
     --> rules/tell.toml:5:8
      |
    5 | tool = "notify"
      |        ^^^^^^^^
      |
      = help: did you mean `xmrt.notify`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain tool-name` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_tool_as_agents_write_it() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt_notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[tool-name]: `xmrt_notify` is not the name of a tool
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt_notify"
      |        ^^^^^^^^^^^^^
      |
      = help: did you mean `xmrt.notify`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain tool-name` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_misspelled_tool() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.add_label"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = ["bug"] }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-tool]: there is no tool `github.add_label`
     --> rules/tell.toml:5:8
      |
    5 | tool = "github.add_label"
      |        ^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.add_labels`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-tool` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_tool_of_a_server_that_is_not_there() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "slack.post_message"
arguments = { text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-tool]: there is no tool `slack.post_message`
     --> rules/tell.toml:5:8
      |
    5 | tool = "slack.post_message"
      |        ^^^^^^^^^^^^^^^^^^^^
      |
      = help: there is no server `slack`; there are github, render, xmrt; another is declared in xmrt.toml: `[mcp.slack]`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-tool` says more about a finding
    "#);
}

#[test]
fn arguments_beside_the_tool() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
to = "log"
text = "hello"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-argument]: `xmrt.notify` needs the argument `to`
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt.notify"
      |        ^^^^^^^^^^^^^
      |
      = help: to: A name from XMRT_NOTIFY_URLS, or log.

    error[missing-argument]: `xmrt.notify` needs the argument `text`
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt.notify"
      |        ^^^^^^^^^^^^^
      |
      = help: text: The text.

    error[unknown-key]: [[action]] has no key `to`
     --> rules/tell.toml:6:1
      |
    6 | to = "log"
      | ^^
      |
      = help: arguments of the tool stand together: `arguments = { to = … }`

    error[unknown-key]: [[action]] has no key `text`
     --> rules/tell.toml:7:1
      |
    7 | text = "hello"
      | ^^^^
      |
      = help: arguments of the tool stand together: `arguments = { text = … }`


    1 rule file(s), 4 error(s), 0 warning(s)
    `xmrt check --explain missing-argument` says more about a finding
    "#);
}

#[test]
fn arguments_as_with() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
with = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-argument]: `xmrt.notify` needs the argument `to`
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt.notify"
      |        ^^^^^^^^^^^^^
      |
      = help: to: A name from XMRT_NOTIFY_URLS, or log.

    error[missing-argument]: `xmrt.notify` needs the argument `text`
     --> rules/tell.toml:5:8
      |
    5 | tool = "xmrt.notify"
      |        ^^^^^^^^^^^^^
      |
      = help: text: The text.

    error[unknown-key]: [[action]] has no key `with`
     --> rules/tell.toml:6:1
      |
    6 | with = { to = "log", text = "hello" }
      | ^^^^
      |
      = help: did you mean `arguments`?


    1 rule file(s), 3 error(s), 0 warning(s)
    `xmrt check --explain missing-argument` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_missing_argument() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { number = "{{ event.issue.number }}", body = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-argument]: `github.create_comment` needs the argument `repo`
     --> rules/tell.toml:5:8
      |
    5 | tool = "github.create_comment"
      |        ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: repo: Repository, as owner/name.


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain missing-argument` says more about a finding
    "#);
}

#[test]
fn arguments_below_the_wrong_action() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_issue"

[[action]]
tool = "xmrt.notify"

[action.arguments]
repo = "acme/ops"
title = "Look"
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"
    error[misplaced-arguments]: these are arguments of `github.create_issue`, and they stand under `xmrt.notify`
      --> rules/tell.toml:10:9
       |
    10 | [action.arguments]
       |         ^^^^^^^^^
       |
       = help: `[action.arguments]` belongs to the last `[[action]]` before it: move it up, right below its own action


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain misplaced-arguments` says more about a finding
    ");
}
