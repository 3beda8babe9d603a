//! Lints that look through what a rule says to what it does: whose text it uses, and what comes back to it.

use super::{catalog, found};
use crate::rules::files;

/// What a rule on pushes and opened issues hands to a tool that destroys, with the list it is done for.
async fn destroyed(target: &str, list: &str) -> Vec<&'static str> {
    let text = format!(
        "description = \"d\"\non = [\"github.issues.opened\", \"github.push\"]\n\n[limits]\ncooldown = \"1m\"\n\n[[action]]\n\
         tool = \"render.delete_service\"\n{list}\narguments = {{ service_id = {} }}\n",
        toml_edit::Value::from(target)
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let told = diagnostics
        .iter()
        .filter(|found| !found.code.starts_with("missing-"));
    told.map(|found| found.code).collect()
}

#[tokio::test]
async fn a_strangers_text_is_found_however_it_is_taken_out_of_the_event() {
    let lines = "for_each = \"{{ event.issue.body | lines }}\"";
    let messages = "for_each = \"{{ event.commits | map(attribute='message') }}\"";
    for (target, list) in [
        ("{{ event.issue.title }}", ""),
        ("{{ event.issue['title'] }}", ""),
        ("{{ event['issue'][\"title\"] }}", ""),
        ("{{ event.commits[0].message }}", ""),
        ("{{ event.commits[-1]['message'] | slug }}", ""),
        ("{{ event.issue | attr('title') }}", ""),
        ("{{ event | tojson }}", ""),
        ("{% set issue = event.issue %}srv-{{ issue.title }}", ""),
        ("{{ item }}", lines),
        ("{{ item }}", messages),
    ] {
        assert_eq!(
            destroyed(target, list).await,
            ["untrusted-target"],
            "{target} {list}"
        );
    }
    let labels = "for_each = \"{{ event.issue.labels | map(attribute='name') }}\"";
    for (target, list) in [
        ("srv-{{ event.issue.number }}", ""),
        ("srv-{{ event['issue']['number'] }}", ""),
        ("srv-{{ event.commits[0].id }}", ""),
        ("srv-{{ event.commits | length }}", ""),
        ("{{ event.repository['name'] }}", ""),
        ("{{ item }}", labels),
    ] {
        assert_eq!(
            destroyed(target, list).await,
            Vec::<&str>::new(),
            "{target} {list}"
        );
    }
}

#[tokio::test]
async fn a_field_is_looked_up_in_brackets_too() {
    for wrong in [
        "event.commits[0].mesage",
        "event['head_commit'].mesage",
        "event.head_commit['mesage']",
    ] {
        let text = format!(
            "description = \"d\"\non = \"github.push\"\nif = {}\n\n[[action]]\ntool = \"xmrt.notify\"\n\
             arguments = {{ to = \"log\", text = \"hello\" }}\n",
            toml_edit::Value::from(format!("{wrong} == 'x'"))
        );
        let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
        let told: Vec<_> = diagnostics
            .iter()
            .map(|found| (found.code, found.hint.as_deref()))
            .collect();
        assert!(
            matches!(told.as_slice(), [("unknown-field", Some(hint)), ..] if hint.contains("message")),
            "{wrong}: {told:?}"
        );
    }
}

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
