//! Lints about strangers' texts: where they come from, and what they may not choose.

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
        .filter(|found| !found.code.starts_with("missing-") && found.code != "sometimes-missing");
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

/// What is found when a text from an event is the `argument` of a call that destroys.
async fn chosen_by(on: &str, target: &str, argument: &str) -> bool {
    let text = format!(
        "description = \"d\"\non = \"{on}\"\n\n[limits]\ncooldown = \"1m\"\n\n[[action]]\ntool = \"github.remove_collaborator\"\n\
         arguments = {{ {argument} = {} }}\n",
        toml_edit::Value::from(format!("{{{{ {target} }}}}"))
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let odd = diagnostics
        .iter()
        .find(|found| ["unknown-field", "expression", "unknown-name"].contains(&found.code));
    assert!(odd.is_none(), "{target}: {odd:?}");
    diagnostics.iter().any(|found| found.code == "untrusted-target")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of fields")]
async fn who_can_write_a_field_decides_whether_it_is_a_strangers() {
    for (on, target) in [
        ("github.issues.opened", "event.issue.body"),
        ("github.issues.opened", "event.issue.user.login"),
        ("github.issues.edited", "event.changes.title.from"),
        ("github.issue_comment.created", "event.comment.body"),
        ("github.discussion.created", "event.discussion.title"),
        ("github.discussion_comment.created", "event.comment.body"),
        ("github.pull_request.opened", "event.pull_request.head.ref"),
        ("github.pull_request.opened", "event.pull_request.head.label"),
        ("github.pull_request.opened", "event.pull_request.head.repo.name"),
        (
            "github.pull_request.opened",
            "event.pull_request.head.repo.full_name",
        ),
        (
            "github.pull_request.opened",
            "event.pull_request.head.repo.default_branch",
        ),
        (
            "github.pull_request.opened",
            "event.pull_request.head.repo.clone_url",
        ),
        ("github.pull_request.opened", "event.pull_request.head.user.login"),
        ("github.pull_request.opened", "event.pull_request.base.ref"),
        ("github.pull_request", "event.pull_request.head"),
        ("github.pull_request_review.submitted", "event.review.body"),
        (
            "github.pull_request_review_comment.created",
            "event.comment.diff_hunk",
        ),
        ("github.push", "event.ref"),
        ("github.push", "event.head_commit.author.name"),
        (
            "github.push",
            "event.commits | map(attribute='author.email') | first",
        ),
        ("github.push", "event.commits[0].added[0]"),
        ("github.push", "event.head_commit.message | replace('a', 'b')"),
        ("github.create", "event.ref"),
        ("github.fork", "event.forkee.full_name"),
        ("github.release.published", "event.release.name"),
        ("github.release.published", "event.release.tag_name"),
        ("github.workflow_run.completed", "event.workflow_run.head_branch"),
        (
            "github.workflow_run.completed",
            "event.workflow_run.display_title",
        ),
        (
            "github.workflow_run.completed",
            "event.workflow_run.head_repository.full_name",
        ),
        (
            "github.workflow_run.completed",
            "event.workflow_run.head_commit.author.name",
        ),
        ("github.check_run.completed", "event.check_run.output.title"),
        ("github.check_run.completed", "event.check_run.external_id"),
        ("github.status", "event.target_url"),
        ("github.repository_dispatch", "event.client_payload.service"),
        ("github.repository_dispatch", "event.client_payload.id"),
        ("github.workflow_dispatch", "event.inputs.service"),
        ("github.issues.opened", "meta.actor"),
        ("github.push", "meta.subject"),
        ("github.issues.opened", "event.issue.title | int"),
        ("github.issues.opened", "vars.x | default(event.issue.title)"),
        (
            "github.issues.opened",
            "event.issue.title if event.issue.number > 5 else 'x'",
        ),
        (
            "github.issues.opened",
            "[event.issue.title | length, event.issue.title] | last",
        ),
        ("xmrt.run_dead", "event.run.reason"),
        ("shop.order", "event.order.comment"),
    ] {
        assert!(chosen_by(on, target, "repo").await, "{on} {target}");
    }
    for (on, target) in [
        ("github.issues.opened", "event.issue.number"),
        ("github.issues.opened", "event.issue.node_id"),
        ("github.issues.opened", "event.issue.created_at"),
        ("github.issues.opened", "event.issue.author_association"),
        ("github.issues.opened", "event.issue.html_url"),
        ("github.issues.opened", "event.issue.title | length"),
        ("github.issues.opened", "event.issue.title == 'x'"),
        (
            "github.issues.opened",
            "'a' if event.issue.title is startingwith('x') else 'b'",
        ),
        ("github.issues.opened", "{'a': 'b'}[event.issue.title]"),
        ("github.issues.labeled", "event.label.name"),
        ("github.issues.labeled", "event.issue.labels[0].name"),
        ("github.issues.opened", "event.repository.full_name"),
        ("github.issues.opened", "event.repository.owner.login"),
        ("github.issues.opened", "event.organization.login"),
        ("github.pull_request.opened", "event.pull_request.head.sha"),
        ("github.pull_request.opened", "event.pull_request.head.repo.id"),
        (
            "github.pull_request.opened",
            "event.pull_request.base.repo.full_name",
        ),
        ("github.pull_request.opened", "event.pull_request.state"),
        ("github.push", "event.after"),
        ("github.push", "event.commits | length"),
        ("github.deployment.created", "event.deployment.environment"),
        ("github.workflow_run.completed", "event.workflow_run.conclusion"),
        ("github.workflow_run.completed", "event.workflow_run.head_sha"),
        ("render.deploy_ended", "event.data.serviceName"),
        ("xmrt.run_dead", "event.run.rule"),
        ("shop.order", "event.order.id"),
    ] {
        assert!(!chosen_by(on, target, "repo").await, "{on} {target}");
    }
    // A person is whom the provider says; nobody can write another's login.
    assert!(!chosen_by("github.issues.opened", "event.issue.user.login", "login").await);
    assert!(!chosen_by("github.issues.opened", "meta.actor", "login").await);
    assert!(chosen_by("github.issues.opened", "event.issue.title", "login").await);
    assert!(chosen_by("github.push", "event.head_commit.author.username", "login").await);
}

/// What is found when a part of what `step` finds is the `argument` of a call that destroys.
async fn chosen_by_step(step: &str, target: &str, argument: &str) -> bool {
    let text = format!(
        "description = \"d\"\non = \"github.issues.opened\"\n\n[limits]\ncooldown = \"1m\"\n\n[[action]]\nid = \"found\"\n{step}\n\n\
         [[action]]\ntool = \"github.remove_collaborator\"\narguments = {{ {argument} = {} }}\n",
        toml_edit::Value::from(format!("{{{{ steps.found.{target} }}}}"))
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let odd = diagnostics.iter().find(|found| {
        [
            "unknown-result",
            "unknown-tool",
            "unknown-argument",
            "expression",
            "syntax",
        ]
        .contains(&found.code)
    });
    assert!(odd.is_none(), "{step} {target}: {odd:?}");
    diagnostics.iter().any(|found| found.code == "untrusted-target")
}

#[tokio::test]
async fn what_a_step_found_is_as_trusted_as_whoever_wrote_it() {
    let events = |kind: &str| format!("tool = \"xmrt.find_events\"\narguments = {{ {kind}payload = true }}");
    let (any, pushes) = (events(""), events("kind = \"github.push\", "));
    let (labels, deploys) = (
        events("kind = \"github.issues.labeled\", "),
        events("kind = \"render.deploy_ended\", "),
    );
    let templated = events("kind = \"{{ meta.type }}\", ");
    let event = "tool = \"xmrt.get_event\"\narguments = { id = \"{{ meta.id }}\", payload = true }";
    let at = "repo = \"acme/api\", number = 1";
    let issue = format!("tool = \"github.get_issue\"\narguments = {{ {at} }}");
    let pull = format!("tool = \"github.get_pull_request\"\narguments = {{ {at} }}");
    let services = "tool = \"render.list_services\"";
    for (step, target) in [
        (pushes.as_str(), "events[0].payload.ref"),
        (&pushes, "events[0].subject"),
        (&pushes, "events[0].payload"),
        (
            &pushes,
            "events | map(attribute='payload.head_commit.message') | first",
        ),
        (&labels, "events[0].payload.issue.title"),
        (&any, "events[0].payload.ref"),
        (&any, "events[0].payload.client_payload.id"),
        (&templated, "events[0].payload.anything.at.all"),
        (event, "event.payload.ref"),
        (event, "event.subject"),
        (&issue, "title"),
        (&issue, "user.login"),
        (&pull, "head.ref"),
        (&pull, "head.repo"),
        (&pull, "head"),
    ] {
        assert!(chosen_by_step(step, target, "repo").await, "{step} {target}");
    }
    for (step, target) in [
        (pushes.as_str(), "events[0].id"),
        (&pushes, "events[0].payload.after"),
        (&pushes, "events[0].payload.repository.full_name"),
        (&labels, "events[0].payload.label.name"),
        (&deploys, "events[0].payload.data.serviceName"),
        (&deploys, "events[0].subject"),
        (&any, "events[0].payload.issue.node_id"),
        (&any, "events | length"),
        (event, "event.id"),
        (&issue, "number"),
        (&issue, "state"),
        (&pull, "head.sha"),
        (&pull, "base.repo"),
        (services, "services[0].name"),
    ] {
        assert!(!chosen_by_step(step, target, "repo").await, "{step} {target}");
    }
    assert!(!chosen_by_step(&issue, "user.login", "login").await);
}

/// What is found when an action's prompt says this.
async fn prompts(said: &str) -> Vec<&'static str> {
    let text = format!(
        "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"model.ask\"\narguments = {{ messages = [{{ role = \"user\", \
         content = {} }}] }}\n",
        toml_edit::Value::from(said)
    );
    let diagnostics = found(&files(&[("rules/sample.toml", &text)]), &catalog().await);
    let told = diagnostics.into_iter().map(|found| found.code);
    told.filter(|code| !code.starts_with("missing-")).collect()
}

#[tokio::test]
async fn a_strangers_text_in_a_prompt_is_fenced_however_it_gets_there() {
    for said in [
        "{{ event.issue.body }}",
        "{{ event.issue.title | upper }} and {{ event.issue.title | fence }}",
        "{% for it in event.issue.labels %}{{ event.issue.body }}{% endfor %}",
        "{{ event.issue }}",
    ] {
        assert_eq!(prompts(said).await, ["unfenced-prompt"], "{said}");
    }
    for said in [
        "{{ event.issue.body | fence }}",
        "{{ event.issue.body | default('') | truncate_bytes(200) | fence('md') }}",
        "{% filter fence %}{{ event.issue.body }}{% endfilter %}",
        "{{ event.issue.number }} in {{ event.repository.full_name }} has {{ event.issue.body | length }} letters",
        "{{ event.sender.login }}",
    ] {
        assert_eq!(prompts(said).await, [""; 0], "{said}");
    }
}
