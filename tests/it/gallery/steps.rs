//! Steps, limits and tests that are wrong.

use super::told;

#[test]
fn a_tool_without_its_server() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_tool_as_agents_write_it() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt_notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_misspelled_tool() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.add_label"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = ["bug"] }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_tool_of_a_server_that_is_not_there() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "slack.post_message"
arguments = { text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn arguments_as_with() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
with = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_missing_argument() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { number = "{{ event.issue.number }}", body = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn one_label_instead_of_a_list() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = "bug" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn owner_and_repo_apart() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { owner = "acme", repo = "api", number = "{{ event.issue.number }}", body = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_filter_that_does_not_exist() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title | uppercase }}" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn braces_that_do_not_close() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.issue.title" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}

#[test]
fn a_rule_without_tests() {
    let text = r#"description = "Tell about an issue"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;
    insta::assert_snapshot!(told("tell.toml", text), @"");
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
    insta::assert_snapshot!(told("tell.toml", text), @"");
}
