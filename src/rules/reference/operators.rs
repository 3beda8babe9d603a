//! In: nothing. Out: an example of every operator, group and form of `[when]`, with a payload each way. Never: prose that
//! nobody runs: a test runs them all.

/// An example of a condition.
#[derive(Clone, Copy, Debug)]
pub struct PatternExample {
    /// The operator it shows, or the form.
    pub shows: &'static str,
    /// What stands in `[when]`.
    pub when: &'static str,
    /// A payload for which it holds, as JSON.
    pub holds: &'static str,
    /// One for which it does not.
    pub fails: &'static str,
}

const fn example(
    shows: &'static str,
    when: &'static str,
    holds: &'static str,
    fails: &'static str,
) -> PatternExample {
    PatternExample {
        shows,
        when,
        holds,
        fails,
    }
}

/// In the order of the page.
pub const PATTERNS: &[PatternExample] = &[
    example(
        "a value",
        r#"issue.state = "open""#,
        r#"{"issue": {"state": "open"}}"#,
        r#"{"issue": {"state": "closed"}}"#,
    ),
    example(
        "a list: any of",
        r#"action = ["opened", "reopened"]"#,
        r#"{"action": "reopened"}"#,
        r#"{"action": "closed"}"#,
    ),
    example(
        "a path through a list: some element",
        r#"issue.labels.name = "bug""#,
        r#"{"issue": {"labels": [{"name": "ui"}, {"name": "bug"}]}}"#,
        r#"{"issue": {"labels": [{"name": "ui"}]}}"#,
    ),
    example(
        "several paths: all of them",
        "issue.locked = false\nissue.comments = { gt = 2 }",
        r#"{"issue": {"locked": false, "comments": 3}}"#,
        r#"{"issue": {"locked": false, "comments": 2}}"#,
    ),
    example(
        "equals",
        r#"issue.title = { equals = "help", ignore_case = true }"#,
        r#"{"issue": {"title": "Help"}}"#,
        r#"{"issue": {"title": "Help me"}}"#,
    ),
    example(
        "not",
        r#"issue.labels.name = { not = ["wontfix", "duplicate"] }"#,
        r#"{"issue": {"labels": []}}"#,
        r#"{"issue": {"labels": [{"name": "bug"}, {"name": "duplicate"}]}}"#,
    ),
    example(
        "all",
        r#"commits.author.username = { all = { suffix = "[bot]" } }"#,
        r#"{"commits": [{"author": {"username": "up[bot]"}}]}"#,
        r#"{"commits": [{"author": {"username": "up[bot]"}}, {"author": {"username": "kim"}}]}"#,
    ),
    example(
        "exists",
        "issue.milestone = { exists = false }",
        r#"{"issue": {"milestone": null}}"#,
        r#"{"issue": {"milestone": {"title": "2.0"}}}"#,
    ),
    example(
        "prefix",
        r#"ref = { prefix = "refs/tags/" }"#,
        r#"{"ref": "refs/tags/v1"}"#,
        r#"{"ref": "refs/heads/main"}"#,
    ),
    example(
        "suffix",
        r#"sender.login = { suffix = "[bot]" }"#,
        r#"{"sender": {"login": "up[bot]"}}"#,
        r#"{"sender": {"login": "kim"}}"#,
    ),
    example(
        "contains",
        r#"comment.body = { contains = "/deploy" }"#,
        r#"{"comment": {"body": "please /deploy this"}}"#,
        r#"{"comment": {"body": "deployed"}}"#,
    ),
    example(
        "glob",
        r#"pull_request.base.ref = { glob = "release/*" }"#,
        r#"{"pull_request": {"base": {"ref": "release/2.1"}}}"#,
        r#"{"pull_request": {"base": {"ref": "release/2.1/hotfix"}}}"#,
    ),
    example(
        "regex",
        r#"issue.title = { regex = "^\\[[A-Z]+\\]" }"#,
        r#"{"issue": {"title": "[RFC] A plan"}}"#,
        r#"{"issue": {"title": "A plan [RFC]"}}"#,
    ),
    example(
        "ignore_case",
        r#"issue.title = { contains = "crash", ignore_case = true }"#,
        r#"{"issue": {"title": "CRASH on start"}}"#,
        r#"{"issue": {"title": "slow start"}}"#,
    ),
    example(
        "lt",
        "pull_request.additions = { lt = 10 }",
        r#"{"pull_request": {"additions": 9}}"#,
        r#"{"pull_request": {"additions": 10}}"#,
    ),
    example(
        "lte",
        "pull_request.additions = { lte = 10 }",
        r#"{"pull_request": {"additions": 10}}"#,
        r#"{"pull_request": {"additions": 11}}"#,
    ),
    example(
        "gt",
        r#"issue.created_at = { gt = "2026-01-01T00:00:00Z" }"#,
        r#"{"issue": {"created_at": "2026-03-01T09:00:00+01:00"}}"#,
        r#"{"issue": {"created_at": "2025-12-31T23:59:59Z"}}"#,
    ),
    example(
        "gte",
        "issue.comments = { gte = 5, lt = 10 }",
        r#"{"issue": {"comments": 5}}"#,
        r#"{"issue": {"comments": 10}}"#,
    ),
    example(
        "cidr",
        r#"hook.config.address = { cidr = "10.0.0.0/8" }"#,
        r#"{"hook": {"config": {"address": "10.1.2.3"}}}"#,
        r#"{"hook": {"config": {"address": "192.0.2.1"}}}"#,
    ),
    example(
        "count",
        "pull_request.requested_reviewers.login = { count = { gte = 2 } }",
        r#"{"pull_request": {"requested_reviewers": [{"login": "kim"}, {"login": "alice"}]}}"#,
        r#"{"pull_request": {"requested_reviewers": [{"login": "kim"}]}}"#,
    ),
    example(
        "semver",
        r#"release.tag_name = { semver = ">=2, <3" }"#,
        r#"{"release": {"tag_name": "v2.4.1"}}"#,
        r#"{"release": {"tag_name": "v3.0.0"}}"#,
    ),
    example(
        "the group any",
        "any = [\n  { issue.title = { contains = \"crash\" } },\n  { issue.labels.name = \"bug\" },\n]",
        r#"{"issue": {"title": "x", "labels": [{"name": "bug"}]}}"#,
        r#"{"issue": {"title": "x", "labels": []}}"#,
    ),
    example(
        "the group all",
        "all = [\n  { issue.labels.name = \"bug\" },\n  { issue.labels.name = \"ui\" },\n]",
        r#"{"issue": {"labels": [{"name": "bug"}, {"name": "ui"}]}}"#,
        r#"{"issue": {"labels": [{"name": "bug"}]}}"#,
    ),
    example(
        "the group not",
        "not = { issue.state = \"closed\", issue.state_reason = \"not_planned\" }",
        r#"{"issue": {"state": "closed", "state_reason": "completed"}}"#,
        r#"{"issue": {"state": "closed", "state_reason": "not_planned"}}"#,
    ),
    example(
        "a path and a longer one",
        "\"issue.labels\" = { count = 1 }\nissue.labels.name = \"bug\"",
        r#"{"issue": {"labels": [{"name": "bug"}]}}"#,
        r#"{"issue": {"labels": [{"name": "bug"}, {"name": "ui"}]}}"#,
    ),
    example(
        "a field with an operator's name",
        "\".count\" = 2",
        r#"{"count": 2}"#,
        r#"{"count": 3}"#,
    ),
];
