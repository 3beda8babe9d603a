//! `xmrt tools <name>`: what a person needs to call a tool from a rule.

use serde_json::Value;

use super::{err, folder, out, xmrt};

#[test]
fn a_tool_is_shown_with_all_that_a_rule_needs_to_call_it() {
    let folder = folder(&[]);
    let output = xmrt(folder.path(), &["tools", "github.close_issue"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @r#"
    github.close_issue: Close an issue
    Closes an issue or a pull request (without merging), with a reason. It can be reopened.

    writes; when an answer is lost (idempotent): The call is made again: what it leaves behind after two times is what it leaves behind after one. A restart, a ping or a new status happens a second time, and harms nothing by it; their `idempotentHint` is false.
    comes back as: github.issues.closed:{repo}#{number}, github.pull_request.closed:{repo}#{number}

    arguments
      number        integer, required, at least 1  Number of the issue or pull request.
      repo          string, required, like ^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$  Repository, as owner/name.
      dry_run       boolean, false unless said    Send nothing; answer with the requests that would be sent.
      state_reason  "completed" | "not_planned" | "duplicate", "completed" unless said  Why: done, will not be done, or told elsewhere already.

    result
      dry_run       array of object  With dry_run, and then alone: the requests. Its fields: body, method, path.
      html_url      string           Where people see it.
      id            integer          Its number in all of GitHub.
      number        integer          Its number in the repository.
      state         string           `open` or `closed`.
      state_reason  string           Why it is closed.

    errors
      invalid         final        the arguments are wrong
      not_found       final        the thing is not there, or hidden from us
      forbidden       final        we may not
      conflict        final        it changed under us, or cannot be done in its present state
      rate_limited    tried again  too many calls; the provider's own time is waited for
      unavailable     tried again  the provider is away, and the call had no effect
      unknown_effect  found out    the call may have had its effect

    in a rule
      [[action]]
      tool = "github.close_issue"
      arguments = { number = 1, repo = "acme/api" }
      # and perhaps: dry_run, state_reason
    "#);
    let again = xmrt(folder.path(), &["tools", "show", "github.close_issue"]);
    assert_eq!(out(&again), out(&output));
}

#[test]
fn a_tool_that_only_reads_and_one_with_bounds() {
    let folder = folder(&[]);
    insta::assert_snapshot!(out(&xmrt(folder.path(), &["tools", "render.list_deploys"])), @r#"
    render.list_deploys: List deploys
    A service's deploys, newest first, with status, trigger, commit and times. Filter by status (one or a list) and by how long ago they were asked for (created_within) or went live or failed (finished_within), as in 30m or 2d.

    reads: it changes nothing, and is asked again when an answer is lost

    arguments
      service_id       string, required          srv-… or crn-….
      created_within   string                    Was asked for at most so long ago, as in 2d.
      cursor           string                    Where the page before ended.
      finished_within  string                    Went live or failed at most so long ago, as in 30m.
      limit            integer, 1 to 100         At most so many (20).
      status           string | array of string  One status or a list: created, queued, build_in_progress, pre_deploy_in_progress, update_in_progress, live, deactivated, build_failed, pre_deploy_failed, update_failed, canceled.

    result
      cursor   string           Where the next page begins.
      deploys  array of object  Its fields: commit, created_at, finished_at, id, image, started_at, status, trigger.

    errors
      invalid       final        the arguments are wrong
      not_found     final        the thing is not there, or hidden from us
      forbidden     final        we may not
      conflict      final        it changed under us, or cannot be done in its present state
      rate_limited  tried again  too many calls; the provider's own time is waited for
      unavailable   tried again  the provider is away, and the call had no effect

    in a rule
      [[action]]
      tool = "render.list_deploys"
      arguments = { service_id = "srv-a" }
      # and perhaps: created_within, cursor, finished_within, limit, status
    "#);
}

#[test]
fn for_programs_it_is_json() {
    let folder = folder(&[]);
    let output = xmrt(folder.path(), &["tools", "github.close_issue", "--json"]);
    let shown: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!(shown["tool"]["name"], "github.close_issue");
    assert!(shown["tool"]["input_schema"]["properties"]["repo"].is_object());
}

#[test]
fn what_was_meant_by_a_name_that_is_none() {
    let folder = folder(&[]);
    for (name, hint) in [
        ("github.create_isue", "did you mean `github.create_issue`?"),
        ("create_issue", "did you mean `github.create_issue`?"),
        ("github.summon_demon", "`xmrt tools` lists those of `github`"),
        ("summon_demon", "`xmrt tools` lists them"),
    ] {
        let output = xmrt(folder.path(), &["tools", name]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(err(&output), format!("xmrt: there is no tool `{name}`; {hint}\n"));
    }
}

/// What is offered for copying is something that `xmrt check` has no quarrel with.
#[test]
fn every_example_is_an_action_that_can_be_used() {
    let project = folder(&[]);
    let list: Value = serde_json::from_str(&out(&xmrt(project.path(), &["tools", "--json"]))).expect("JSON");
    let tools = list.as_array().expect("a list");
    assert!(tools.len() > 80, "{}", tools.len());
    let mut rules = Vec::new();
    for tool in tools {
        let (name, action) = (tool["name"].as_str().expect("a name"), &tool["example"]);
        let action = action.as_str().expect("an example");
        let text = format!("description = \"d\"\non = \"github.issues.opened\"\n\n{action}\n");
        rules.push((format!("rules/{}.toml", name.replace(['.', '_'], "-")), text));
    }
    let files: Vec<(&str, &str)> = rules
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let project = folder(&files);
    let report: Value =
        serde_json::from_str(&out(&xmrt(project.path(), &["check", "--json"]))).expect("JSON");
    let errors: Vec<&Value> = report["diagnostics"]
        .as_array()
        .expect("diagnostics")
        .iter()
        .filter(|found| found["severity"] == "error")
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
