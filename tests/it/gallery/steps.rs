//! Steps, limits and tests that are wrong.

use super::told;

#[test]
fn one_label_instead_of_a_list() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = "bug" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[argument-type]: `github.add_labels` takes a list for `labels`, not a string
     --> rules/tell.toml:6:104
      |
    6 | arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = "bug" }
      |                                                                                                        ^^^^^
      |
      = help: in brackets: `["bug"]`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain argument-type` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn owner_and_repo_apart() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { owner = "acme", repo = "api", number = "{{ event.issue.number }}", body = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-argument]: `github.create_comment` takes no argument `owner`
     --> rules/tell.toml:6:15
      |
    6 | arguments = { owner = "acme", repo = "api", number = "{{ event.issue.number }}", body = "hello" }
      |               ^^^^^
      |
      = help: `repo` is both: `owner/name`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-argument` says more about a finding
    "#);
}

#[test]
fn a_duration_without_a_unit() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[limits]
cooldown = 30

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[duration]: `cooldown` is a duration such as "15m", not a number
     --> rules/tell.toml:5:12
      |
    5 | cooldown = 30
      |            ^^
      |
      = help: say the unit: `"30s"` or `"30m"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain duration` says more about a finding
    "#);
}

#[test]
fn a_duration_in_words() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[limits]
cooldown = "30 minutes"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[duration]: `30 minutes` is not a duration: write whole numbers with their units, such as "500ms" or "1h30m"
     --> rules/tell.toml:5:12
      |
    5 | cooldown = "30 minutes"
      |            ^^^^^^^^^^^^
      |
      = help: did you mean `30m`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain duration` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_misspelled_limit() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[limits]
cool_down = "30m"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-key]: [limits] has no key `cool_down`
     --> rules/tell.toml:5:1
      |
    5 | cool_down = "30m"
      | ^^^^^^^^^
      |
      = help: did you mean `cooldown`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-key` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_variable_that_is_not_declared() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[vars]
chanel = "log"

[[action]]
tool = "xmrt.notify"
arguments = { to = "{{ vars.channel }}", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[unknown-variable]: there is no variable `channel`
     --> rules/tell.toml:9:24
      |
    9 | arguments = { to = "{{ vars.channel }}", text = "hello" }
      |                        ^^^^^^^^^^^^
      |
      = help: did you mean `chanel`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain unknown-variable` says more about a finding
    `xmrt check --diff` shows what `--fix` would mend
    "#);
}

#[test]
fn a_result_before_its_step() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ steps.issue.html_url }}" }

[[action]]
id = "issue"
tool = "github.create_issue"
arguments = { repo = "acme/ops", title = "Look" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[step-order]: the step `issue` has not run yet when this is needed
     --> rules/tell.toml:6:38
      |
    6 | arguments = { to = "log", text = "{{ steps.issue.html_url }}" }
      |                                      ^^^^^^^^^^^^^^^^^^^^
      |
      = help: a step sees the results of those before it


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain step-order` says more about a finding
    "#);
}

#[test]
fn a_filter_that_does_not_exist() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title | uppercase }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[expression]: this template does not work: there is no filter `uppercase`
     --> rules/tell.toml:6:58
      |
    6 | arguments = { to = "log", text = "{{ event.issue.title | uppercase }}" }
      |                                                          ^^^^^^^^^
      |
      = help: did you mean `upper`?


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "#);
}

#[test]
fn braces_that_do_not_close() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[expression]: this template does not work: unexpected end of input, expected end of variable block
     --> rules/tell.toml:6:50
      |
    6 | arguments = { to = "log", text = "{{ event.issue.title" }
      |                                                  ^^^^^
      |
      = help: what begins with `{{` ends with `}}`, and `{%` with `%}`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain expression` says more about a finding
    "#);
}

#[test]
fn a_stranger_chooses_the_target() {
    let text = r#"description = "Restart what a pull request names"
on = "github.pull_request.closed"

[limits]
cooldown = "1h"

[[action]]
tool = "render.restart_service"
arguments = { service_id = "{{ event.pull_request.title }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[untrusted-target]: `event.pull_request.title` is text that anybody may write, and here it chooses what `render.restart_service` acts on (`service_id`)
     --> rules/tell.toml:9:32
      |
    9 | arguments = { service_id = "{{ event.pull_request.title }}" }
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use an id, a number or a hash of the event, or a fixed value


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain untrusted-target` says more about a finding
    "#);
}

#[test]
fn destructive_without_a_limit() {
    let text = r#"description = "Restart what fails"
on = "render.server_failed"

[[action]]
tool = "render.restart_service"
arguments = { service_id = "{{ event.data.serviceId }}" }

[[test]]
name = "a failure"
event = { on = "render.server_failed", payload = { data = { serviceId = "srv-a" } } }
expect = [{ tool = "render.restart_service" }]

[[test]]
name = "a success"
event = { on = "render.server_available", payload = { data = { serviceId = "srv-a" } } }
expect = []
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    warning[unlimited-destructive]: `render.restart_service` may destroy or interrupt something, and nothing limits how often this rule calls it
     --> rules/tell.toml:5:8
      |
    5 | tool = "render.restart_service"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `[limits]` with a `cooldown` or a `rate`


    1 rule file(s), 0 error(s), 1 warning(s)
    `xmrt check --explain unlimited-destructive` says more about a finding
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn a_rule_without_tests() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

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


    1 rule file(s), 0 error(s), 2 warning(s)
    `xmrt check --explain missing-quiet-test` says more about a finding
    matching: 0 indexed, 1 scanned, 0 off
      rules/tell.toml: scanned for every event it listens to; no single value tells that it holds
    "#);
}

#[test]
fn a_test_that_cannot_fail() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }

[[test]]
name = "acts"
event = { on = "github.issues.opened" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @r#"
    error[test-expects-nothing]: this test expects nothing, so it cannot fail
     --> rules/tell.toml:8:1
      |
    8 | [[test]]
      | ^^^^^^^^
      |
      = help: say `expect = [ … ]` (the calls, in order; `[]` for none) or `decision = "…"`


    1 rule file(s), 1 error(s), 0 warning(s)
    `xmrt check --explain test-expects-nothing` says more about a finding
    "#);
}
