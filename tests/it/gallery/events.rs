//! Events that are written as they are not called.

use super::told;

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
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[missing-key]: a rule file needs `on`
     --> rules/tell.toml:1:1
      |
    1 | description = "Tell about an issue"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: The event types it listens to: `source.type[.action]`. A shorter form matches all below it: `github.issues`, `render.*`; `*` is everything that comes from outside. `schedule` ticks with `cron`, `manual` is asked for by name, `xmrt.run_dead` and the like tell what became of runs.


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain missing-key` says more about a finding
    "#);
}

#[test]
fn an_event_without_its_source() {
    let text = r#"description = "Tell about an issue"
on = "issues.opened"

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

    warning[unknown-event]: there is no source `issues`
     --> rules/tell.toml:2:6
      |
    2 | on = "issues.opened"
      |      ^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?


    1 rule file(s), 0 error(s), 3 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn an_event_as_people_say_it() {
    let text = r#"description = "Tell about an issue"
on = "issue opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[event-type]: `issue opened` is not an event type: it is made of lower-case letters, digits and `_`
     --> rules/tell.toml:2:6
      |
    2 | on = "issue opened"
      |      ^^^^^^^^^^^^^^
      |
      = help: an event type is `source.type` or `source.type.action`, such as `github.issues.opened` or `render.*`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain event-type` says more about a finding
    "#);
}

#[test]
fn a_misspelled_event() {
    let text = r#"description = "Tell about an issue"
on = "github.issue.opened"

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

    warning[unknown-event]: GitHub is not known to send an event `issue`
     --> rules/tell.toml:2:6
      |
    2 | on = "github.issue.opened"
      |      ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?


    1 rule file(s), 0 error(s), 3 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn a_misspelled_action_of_an_event() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opend"

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

    warning[unknown-event]: GitHub's event `issues` is not known to have an action `opend`
     --> rules/tell.toml:2:6
      |
    2 | on = "github.issues.opend"
      |      ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `github.issues.opened`?


    1 rule file(s), 0 error(s), 3 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn github_actions_syntax() {
    let text = r#"description = "Tell about an issue"
on = { issues = { types = ["opened"] } }

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[type]: `on` is a string or a list of strings, not a table
     --> rules/tell.toml:2:6
      |
    2 | on = { issues = { types = ["opened"] } }
      |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `on = "github.issues.opened"`, or several in a list


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain type` says more about a finding
    "#);
}
