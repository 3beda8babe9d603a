//! What somebody writes who has seen other tools of the kind, and not this one.

use super::told;

#[test]
fn a_comparison_where_a_condition_stands() {
    let text = r#"description = "Tell about a pull request"
on = "github.pull_request.opened"

[when]
pull_request.additions > 500

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: key with no value, expected `=`
     --> rules/tell.toml:5:24
      |
    5 | pull_request.additions > 500
      |                        ^
      |
      = help: below `[when]` a comparison is written `pull_request.additions = { gt = 500 }`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}

#[test]
fn two_signs_for_equality() {
    let text = r#"description = "Tell about a pull request"
on = "github.pull_request.opened"

[when]
pull_request.state == "open"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[syntax]: this is not valid TOML: extra `=`, expected nothing
     --> rules/tell.toml:5:21
      |
    5 | pull_request.state == "open"
      |                     ^
      |
      = help: equality is one sign: `pull_request.state = "open"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain syntax` says more about a finding
    "#);
}

#[test]
fn conditions_as_one_text() {
    let text = r#"description = "Tell about a pull request"
on = "github.pull_request.opened"
when = "event.pull_request.additions > 500"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[type]: `when` is a table, not a string
     --> rules/tell.toml:3:8
      |
    3 | when = "event.pull_request.additions > 500"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: conditions stand below a line `[when]`, one path each: `issue.state = "open"`; an expression is `if = "…"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain type` says more about a finding
    "#);
}

#[test]
fn an_if_as_a_table() {
    let text = r#"description = "Tell about a pull request"
on = "github.pull_request.opened"

[if]
pull_request.state = "open"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[type]: `if` is a string, not a table
     --> rules/tell.toml:4:2
      |
    4 | [if]
      |  ^^
      |
      = help: an expression is one line of text, before the first `[table]`: `if = "event.issue.comments > 5"`; conditions on paths stand below `[when]`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain type` says more about a finding
    "#);
}

#[test]
fn a_payload_field_without_event() {
    let text = r#"description = "Tell about a pull request"
on = "github.pull_request.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ pull_request.title }} by {{ sender.login }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-name]: there is no name `pull_request`
     --> rules/tell.toml:6:38
      |
    6 | arguments = { to = "log", text = "{{ pull_request.title }} by {{ sender.login }}" }
      |                                      ^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `event.pull_request.title`?

    error[unknown-name]: there is no name `sender`
     --> rules/tell.toml:6:66
      |
    6 | arguments = { to = "log", text = "{{ pull_request.title }} by {{ sender.login }}" }
      |                                                                  ^^^^^^^^^^^^
      |
      = help: did you mean `event.sender.login`?


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain unknown-name` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_name_instead_of_a_description() {
    let text = r#"name = "Big pull requests"
on = "github.pull_request.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-key]: a rule file has no key `name`
     --> rules/tell.toml:1:1
      |
    1 | name = "Big pull requests"
      | ^^^^
      |
      = help: a rule is called by its file's name; what it does is said by `description`

    error[missing-key]: a rule file needs `description`
     --> rules/tell.toml:1:1
      |
    1 | name = "Big pull requests"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: What the rule does, in one sentence.


    1 rule file(s), 2 error(s), 0 warning(s)
    `xmrt check --explain unknown-key` says more about a finding
    "#);
}
