//! Lints that look through what a rule says to what it does: what it asks for, and what comes back to it.

use super::{catalog, found};
use crate::rules::files;

/// A rule on `on` with this `[when]` whose call creates something in `repo`; whether it is said to wake itself.
async fn wakes_itself(on: &str, when: &str, call: &str) -> bool {
    let text = format!(
        "description = \"d\"\non = \"{on}\"\n\n[when]\n{when}\n\n[[action]]\n{call}\n\n[[test]]\nname = \"acts\"\n\
         event = {{ on = \"{on}\" }}\ndecision = \"fired\"\n"
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    assert!(
        diagnostics.iter().all(|found| !found.is_error()),
        "{diagnostics:?}"
    );
    diagnostics.iter().any(|found| found.code == "cyclic-rule")
}

#[tokio::test]
async fn what_a_rule_creates_comes_back_to_it() {
    let issue = |repo: &str, more: &str| {
        format!(
            "tool = \"github.create_issue\"\narguments = {{ repo = \"{repo}\", title = \"t\", body = \"b\"{more} }}"
        )
    };
    let (same, labels) = ("{{ event.repository.full_name }}", ", labels = [\"x\"]");
    let asks_where = "repository.full_name = \"acme/api\"";
    for (on, when, call) in [
        ("github.issues.opened", "", issue(same, "")),
        ("github.issues.opened", asks_where, issue(same, "")),
        ("github.issues.labeled", "", issue(same, labels)),
        (
            "github.pull_request.opened",
            "",
            format!(
                "tool = \"github.create_pull_request\"\narguments = {{ repo = \"{same}\", title = \"t\", body = \"b\", head = \"h\", base = \"m\" }}"
            ),
        ),
    ] {
        assert!(wakes_itself(on, when, &call).await, "{on} {when} {call}");
    }
    for (on, when, call) in [
        ("github.issues.opened", "", issue("acme/ops", "")),
        (
            "github.issues.opened",
            "issue.title.prefix = \"bug\"",
            issue(same, ""),
        ),
        ("github.issues.labeled", "", issue(same, "")),
        ("github.issues.closed", "", issue(same, labels)),
    ] {
        assert!(!wakes_itself(on, when, &call).await, "{on} {when} {call}");
    }
}

/// What is found about an `if` of a rule that listens to `on`: each lint with its hint.
async fn about_if(on: &str, condition: &str) -> Vec<(&'static str, Option<String>)> {
    let text = format!(
        "description = \"d\"\non = {on}\nif = {}\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"hello\" }}\n",
        toml_edit::Value::from(condition)
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let told = diagnostics.into_iter().map(|found| (found.code, found.hint));
    told.filter(|(code, _)| !code.starts_with("missing-")).collect()
}

#[tokio::test]
async fn what_an_expression_compares_is_looked_up_too() {
    let opened = "\"github.issues.opened\"";
    for (condition, lint, hint) in [
        (
            "event.issue.state == 'opened'",
            "unknown-value",
            "did you mean `open`?",
        ),
        (
            "event.issue.state in ['open', 'closd']",
            "unknown-value",
            "did you mean `closed`?",
        ),
        (
            "event.issue.comments == '5'",
            "type-mismatch",
            "without quotes: `5`",
        ),
        (
            "'5' < event.issue.comments",
            "type-mismatch",
            "without quotes: `5`",
        ),
        (
            "event.issue.locked == 'true'",
            "type-mismatch",
            "without quotes: `true`",
        ),
        ("event.issue.title == 5", "type-mismatch", "as a text: `'5'`"),
        (
            "'bug' in event.issue.labels",
            "type-mismatch",
            "look among their fields: `'bug' in event.issue.labels | map(attribute='name')`",
        ),
        (
            "event.issue.assignees == 'mona' and event.issue.number > 1",
            "type-mismatch",
            "look among their fields: `'mona' in event.issue.assignees | map(attribute='login')`",
        ),
        (
            "event.issue.labels.name == 'bug'",
            "unknown-field",
            "take one of it, `event.issue.labels[0].name`, or all of them, `event.issue.labels | map(attribute='name') | list`",
        ),
    ] {
        assert_eq!(
            about_if(opened, condition).await,
            [(lint, Some(hint.to_owned()))],
            "{condition}"
        );
    }
    for condition in [
        "event.issue.state == 'open' and event.issue.comments > 5 and not event.issue.locked",
        "'bug' in event.issue.labels | map(attribute='name')",
        "'crash' in event.issue.title",
        "event.issue.milestone == none or event.issue.labels == []",
        "event.issue.labels[0].name == 'bug' and 'b' in event.issue.labels[0].name",
        "event.issue.assignees[0] == event.sender",
        "(event.issue.body | default('', true)) == ''",
        "event.issue.title | length > 5",
        "event.issue.state == vars.state | default('x')",
        "event.issue.number in [1, 2]",
    ] {
        let told = about_if(opened, condition).await;
        let told: Vec<_> = told
            .iter()
            .filter(|(code, _)| *code != "unknown-variable")
            .collect();
        assert!(told.is_empty(), "{condition}: {told:?}");
    }
}

#[tokio::test]
async fn a_field_of_some_events_is_asked_for_with_care() {
    let both = "[\"github.issues.opened\", \"github.pull_request.opened\"]";
    for condition in [
        "event.issue.comments > 5",
        "event.issue.user.login == event.issue.title",
    ] {
        let told = about_if(both, condition).await;
        assert_eq!(told.len(), 1, "{condition}: {told:?}");
        assert_eq!(told[0].0, "sometimes-missing", "{condition}");
    }
    for condition in [
        "event.sender.login == 'mona'",
        "event.issue is defined and event.issue.comments > 5",
        "meta.type == 'github.issues.opened' and event.issue.comments > 5",
        "(event.issue | default(event.pull_request)).number > 5",
    ] {
        assert_eq!(about_if(both, condition).await, [], "{condition}");
    }
    // The patterns let no other event through.
    let asked = format!("{both}\n[when]\nissue.state = \"open\"\n");
    let text = format!(
        "description = \"d\"\non = {asked}\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"{{{{ event.issue.title }}}}\" }}\n"
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    assert!(
        diagnostics.iter().all(|found| found.code.starts_with("missing-")),
        "{diagnostics:?}"
    );
}

/// The events that are said to lack what a call of a rule on issues and pull requests with this `[when]` names.
async fn lacking(when: &str) -> Vec<String> {
    let text = format!(
        "description = \"d\"\non = [\"github.issues.opened\", \"github.pull_request.opened\"]\n\n[when]\n{when}\n\n[[action]]\n\
         tool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"{{{{ event.issue.title }}}}\" }}\n"
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    assert!(
        diagnostics.iter().all(|found| !found.is_error()),
        "{diagnostics:?}"
    );
    let told = diagnostics
        .iter()
        .filter(|found| found.code == "sometimes-missing");
    told.filter_map(|found| found.message.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn only_what_every_event_must_have_to_come_through_rules_events_out() {
    for when in [
        "any = [{ issue.state = \"open\" }, { pull_request.state = \"open\" }]",
        "issue.exists = false",
        "issue.state = { not = \"closed\" }",
        "issue.state = [\"open\", { exists = false }]",
        "issue.labels = { count = 0 }",
        "not = { issue.state = \"closed\" }",
    ] {
        assert_eq!(lacking(when).await, ["github.pull_request.opened"], "{when}");
    }
    for when in [
        "issue.state = \"open\"",
        "issue.exists = true",
        "issue.labels = { count = { gte = 1 } }",
        "all = [{ issue.state = \"open\" }, { issue.title = { contains = \"x\" } }]",
        "issue.state = \"open\"\nany = [{ issue.title = \"x\" }, { issue.title = \"y\" }]",
    ] {
        assert!(lacking(when).await.is_empty(), "{when}");
    }
}

#[tokio::test]
async fn what_looks_like_an_expression_is_taken_for_one_only_where_the_field_is_known() {
    let opened = "github.issues.opened";
    let certain = |path: &str| Some(format!("did you mean `{{{{ {path} }}}}`?"));
    let perhaps = |path: &str| Some(format!("if it is meant as one, write `{{{{ {path} }}}}`"));
    for (on, said, hint) in [
        (opened, "event.issue.title", certain("event.issue.title")),
        (
            opened,
            "event.issue.labels[0].name",
            certain("event.issue.labels[0].name"),
        ),
        (opened, "event.json", perhaps("event.json")),
        (opened, "vars.tf", perhaps("vars.tf")),
        (opened, "meta.json", perhaps("meta.json")),
        (opened, "steps.md", perhaps("steps.md")),
        ("manual", "event.json", perhaps("event.json")),
        (opened, "event.labels[0] is nice", None),
        (opened, "event.issue.labels[x]", None),
        (opened, "event.issue.title.", None),
    ] {
        let text = format!(
            "description = \"d\"\non = \"{on}\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"{said}\" }}\n"
        );
        let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
        let told = diagnostics
            .into_iter()
            .find(|found| found.code == "literal-expression");
        assert_eq!(told.and_then(|found| found.hint), hint, "{on} {said}");
    }
}

async fn of_items(list: &str, said: &str) -> Vec<(&'static str, Option<String>)> {
    let text = format!(
        "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\nid = \"found\"\ntool = \"render.list_deploys\"\n\
         arguments = {{ service_id = \"srv-a\" }}\n\n[[action]]\ntool = \"xmrt.notify\"\nfor_each = {}\nitem_key = \"{{{{ item | string }}}}\"\n\
         arguments = {{ to = \"log\", text = {} }}\n",
        toml_edit::Value::from(list),
        toml_edit::Value::from(said)
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let told = diagnostics
        .into_iter()
        .filter(|found| ["unknown-field", "unknown-result"].contains(&found.code));
    told.map(|found| (found.code, found.hint)).collect()
}

#[tokio::test]
async fn fields_of_items_are_those_of_what_the_list_holds() {
    let labels = "{{ event.issue.labels }}";
    let near = |code: &'static str, right: &str| vec![(code, Some(format!("did you mean `{right}`?")))];
    for list in [
        labels,
        "{{ event.issue.labels | selectattr('default') | list }}",
        "{{ event.issue.labels[1:] | sort(attribute='name') }}",
        "{{ (event.issue.labels | default([])) | reverse }}",
    ] {
        assert_eq!(
            of_items(list, "{{ item.nme }}").await,
            near("unknown-field", "item.name"),
            "{list}"
        );
        assert_eq!(of_items(list, "{{ item.name }}").await, [], "{list}");
    }
    // A loop in a template, by its own name, and a loop within it.
    let said = "{% for it in event.issue.assignees %}{{ it.logn }}{% endfor %}";
    assert_eq!(of_items(labels, said).await, near("unknown-field", "it.login"));
    let said =
        "{% set issue = event.issue %}{% for it in issue.labels %}{{ it.name }}{{ item.colour }}{% endfor %}";
    assert_eq!(of_items(labels, said).await, near("unknown-field", "item.color"));
    // Another name for a table is no list.
    let said = "{% set issue = event.issue %}{{ issue.titel }}";
    assert_eq!(of_items(labels, said).await, near("unknown-field", "issue.title"));
    // What a step found.
    let deploys = "{{ steps.found.deploys }}";
    assert_eq!(
        of_items(deploys, "{{ item.statu }}").await,
        near("unknown-result", "item.status")
    );
    assert_eq!(of_items(deploys, "{{ item.status }}").await, []);
    // What was made of the list may have any field.
    for list in [
        "{{ event.issue.labels | groupby('color') }}",
        "{{ event.issue.labels | map('upper') }}",
        "{{ event.issue | items }}",
        "{{ vars.list | default([]) }}",
        "{{ [event.issue, event.repository] }}",
    ] {
        assert_eq!(of_items(list, "{{ item.whatever }}").await, [], "{list}");
    }
}
