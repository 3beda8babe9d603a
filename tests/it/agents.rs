//! Who may call what: the pure decision, the settings it comes from, and the hub that asks it.

use serde_json::{Value, json};
use xmrt::agents::{Agent, Asked, Directory, Grant, NAMES_ORG, NAMES_REPO, NAMES_SERVICE, RoleText, Who};

use crate::harness::{World, environment, issue_opened};

fn role(allow: &[&str], approval: &[&str], repos: &[&str], services: &[&str]) -> RoleText {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    RoleText {
        allow: owned(allow),
        approval: owned(approval),
        repos: owned(repos),
        services: owned(services),
    }
}

fn agent(id: &str, role: &str) -> Agent {
    Agent {
        id: id.into(),
        role: role.into(),
        github_login: None,
    }
}

fn directory() -> Directory {
    let roles = [
        (
            "triager".to_owned(),
            role(
                &[
                    "github.get_*",
                    "github.list_*",
                    "github.add_labels",
                    "github.search_issues",
                    "github.add_sub_issue",
                    "github.transfer_issue",
                    "github.search_code",
                    "github.list_webhooks",
                    "xmrt.*",
                ],
                &["github.close_issue"],
                &["acme/*", "Other/One"],
                &[],
            ),
        ),
        (
            "ops".to_owned(),
            role(&["render.*"], &["render.rollback_deploy"], &[], &["srv-a*"]),
        ),
        ("all".to_owned(), role(&["*"], &[], &["*"], &["*"])),
    ];
    let agents = vec![
        agent("eliza", "triager"),
        agent("otto", "ops"),
        agent("max", "all"),
    ];
    Directory::new(roles, agents).unwrap()
}

fn word(grant: &Grant) -> &'static str {
    match grant {
        Grant::Granted => "granted",
        Grant::Approval => "approval",
        Grant::Refused { .. } => "refused",
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of decisions")]
fn an_agent_may_do_what_its_role_names_within_its_bounds_and_nothing_else() {
    let directory = directory();
    let table: &[(&str, &str, Value, &str)] = &[
        (
            "eliza",
            "github.get_issue",
            json!({"repo": "acme/api", "number": 1}),
            "granted",
        ),
        (
            "eliza",
            "github.get_issue",
            json!({"repo": "ACME/Api", "number": 1}),
            "granted",
        ),
        (
            "eliza",
            "github.get_issue",
            json!({"repo": "other/one", "number": 1}),
            "granted",
        ),
        (
            "eliza",
            "github.get_issue",
            json!({"repo": "other/two", "number": 1}),
            "refused",
        ),
        (
            "eliza",
            "github.close_issue",
            json!({"repo": "acme/api", "number": 1}),
            "approval",
        ),
        (
            "eliza",
            "github.close_issue",
            json!({"repo": "evil/api", "number": 1}),
            "refused",
        ),
        (
            "eliza",
            "github.merge_pull_request",
            json!({"repo": "acme/api", "number": 1}),
            "refused",
        ),
        ("eliza", "github.get_me", json!({}), "granted"),
        // What names nothing may reach anything.
        (
            "eliza",
            "github.search_issues",
            json!({"query": "repo:evil/api secret"}),
            "refused",
        ),
        (
            "eliza",
            "github.search_issues",
            json!({"query": "secret", "repo": "acme/api"}),
            "granted",
        ),
        // Every argument that names a repository counts.
        (
            "eliza",
            "github.add_sub_issue",
            json!({"repo": "acme/api", "number": 1, "sub_issue": 2, "sub_issue_repo": "evil/api"}),
            "refused",
        ),
        (
            "eliza",
            "github.transfer_issue",
            json!({"repo": "acme/api", "number": 1, "to_repo": "evil/api"}),
            "refused",
        ),
        (
            "eliza",
            "github.transfer_issue",
            json!({"repo": "acme/api", "number": 1, "to_repo": "acme/web"}),
            "granted",
        ),
        ("eliza", "github.list_repositories", json!({}), "refused"),
        ("eliza", "github.list_invitations", json!({}), "refused"),
        ("eliza", "github.get_user", json!({"login": "mona"}), "granted"),
        (
            "eliza",
            "xmrt.triage_issue",
            json!({"repo": "evil/api", "number": 1}),
            "refused",
        ),
        ("eliza", "xmrt.find_events", json!({}), "granted"),
        (
            "eliza",
            "render.list_deploys",
            json!({"service_id": "srv-abc"}),
            "refused",
        ),
        (
            "otto",
            "render.list_deploys",
            json!({"service_id": "srv-abc"}),
            "granted",
        ),
        (
            "otto",
            "render.list_deploys",
            json!({"service_id": "srv-xyz"}),
            "refused",
        ),
        (
            "otto",
            "render.rollback_deploy",
            json!({"service_id": "srv-abc", "to": "previous"}),
            "approval",
        ),
        ("otto", "render.list_services", json!({}), "refused"),
        (
            "otto",
            "render.query_logs",
            json!({"resources": ["srv-abc", "srv-xyz"]}),
            "refused",
        ),
        (
            "otto",
            "render.query_logs",
            json!({"resources": ["srv-abc", "srv-abd"]}),
            "granted",
        ),
        ("max", "render.list_services", json!({}), "granted"),
        ("max", "github.search_issues", json!({"query": "x"}), "granted"),
        ("max", "slack.post_message", json!({"text": "x"}), "granted"),
        ("eliza", "slack.post_message", json!({"text": "x"}), "refused"),
        ("nobody", "github.get_me", json!({}), "refused"),
    ];
    for (who, tool, arguments, wanted) in table {
        let asked = Asked {
            tool,
            arguments,
            partly: false,
        };
        let (grant, reasons) = directory.explain(&Who::Agent((*who).to_owned()), &asked);
        assert_eq!(word(&grant), *wanted, "{who} {tool} {arguments}: {reasons:?}");
        // A refusal says why, last; a grant has no reason against it.
        let against = reasons.iter().filter(|reason| !reason.holds).count();
        assert_eq!(
            against,
            usize::from(*wanted == "refused"),
            "{who} {tool} {arguments}: {reasons:?}"
        );
    }
}

#[test]
fn a_repository_that_is_not_plainly_written_is_refused() {
    let directory = directory();
    for spelled in [
        "acme/api.git",
        "acme/api/",
        "/acme/api",
        "acme//api",
        "acme/../evil/api",
        "acme/..",
        "acme%2Fapi",
        "acme/api%2F..%2Fevil",
        "https://github.com/acme/api",
        "acme/api?x=1",
        "acme/api#1",
        " acme/api",
        "acme/api ",
        "acme\\api",
        "acme/a\u{440}i",
        "acme",
        "",
    ] {
        let arguments = json!({ "repo": spelled, "number": 1 });
        let asked = Asked {
            tool: "github.get_issue",
            arguments: &arguments,
            partly: false,
        };
        let grant = directory.decide(&Who::Agent("eliza".into()), &asked);
        assert_eq!(word(&grant), "refused", "{spelled:?}");
    }
    for other in [json!(7), json!({"a": 1}), json!(["acme/api", 3])] {
        let arguments = json!({ "repo": other });
        let asked = Asked {
            tool: "github.get_issue",
            arguments: &arguments,
            partly: false,
        };
        assert_eq!(
            word(&directory.decide(&Who::Agent("eliza".into()), &asked)),
            "refused",
            "{other}"
        );
    }
}

#[test]
fn the_reactor_and_who_runs_the_program_have_every_tool_until_a_role_narrows_the_reactor() {
    let arguments = json!({ "service_id": "srv-a" });
    let asked = Asked {
        tool: "render.delete_service",
        arguments: &arguments,
        partly: false,
    };
    let operator = Who::Operator("admin".into());
    for who in [&Who::Reactor, &operator] {
        assert_eq!(directory().decide(who, &asked), Grant::Granted);
    }
    let narrowed = Directory::new(
        [("reactor".to_owned(), role(&["github.*"], &[], &["acme/*"], &[]))],
        Vec::new(),
    )
    .unwrap();
    assert_eq!(word(&narrowed.decide(&Who::Reactor, &asked)), "refused");
    assert_eq!(narrowed.decide(&operator, &asked), Grant::Granted);
}

#[test]
fn all_mistakes_in_roles_and_agents_are_reported_at_once_with_the_remedy() {
    let roles = [
        ("Empty".to_owned(), RoleText::default()),
        (
            "blind".to_owned(),
            role(&["github.get_*"], &["render.*"], &[], &[]),
        ),
        (
            "odd".to_owned(),
            role(&["close everything"], &[], &["acme"], &["srv a"]),
        ),
    ];
    let agents = vec![
        agent("eliza", "triage"),
        agent("admin", "odd"),
        agent("Bot 1", "odd"),
        agent("eliza", "odd"),
    ];
    let problems = Directory::new(roles, agents).unwrap_err().join("\n");
    insta::assert_snapshot!(problems, @r#"
    `[role.Empty]`: a role's name is made of a-z, 0-9 and `-`
    `[role.Empty]` allows nothing: list tools in `allow`, as in `allow = ["github.get_*"]`
    `[role.blind]` allows tools of `github` and no repos to use them on: add `repos = […]` ("*" for all), or take them out
    `[role.blind]` allows tools of `render` and no services to use them on: add `services = […]` ("*" for all), or take them out
    `[role.odd]`: `allow` holds "close everything"; write `server.tool`, with `*` for any signs, as in "github.get_*"
    `[role.odd]`: `repos` holds "acme"; write `owner/name`, with `*` for any signs, as in "acme/*"
    `[role.odd]`: `services` holds "srv a"; write a service's id, as in "srv-…", or "*" for all
    `[[agent]]` `eliza`: there is no role `triage`; there are Empty, blind, odd: add `[role.triage]`
    `[[agent]]` `admin`: this name is taken: the records use `reactor`, `admin`, `api`, `local`, `mcp`, `stdio`, `system` for others than agents, and it would count as a person; choose another
    `[[agent]]` `Bot 1`: an agent's id is made of a-z, 0-9 and `-`
    `[[agent]]` `eliza` is there twice
    "#);
}

/// Arguments whose names look like they name something of a provider, and why they do not say whose it is.
const SAID_BY_OTHERS: &[&str] = &[
    // Numbers within the repository that the call names.
    "run_id",
    "job_id",
    "comment_id",
    // Within the service that the call names.
    "deploy_id",
    "plan_id",
    // Tools with these name no service, and so need a role that may reach all.
    "owner_id",
    "event_id",
    "webhook_id",
    // Within the repository or organization that the call names.
    "hook_id",
    "delivery_id",
    // Within the repository that the call names.
    "deployment_id",
    // Commits within the repository or service.
    "commit_id",
];

#[tokio::test]
async fn every_argument_of_every_tool_that_could_name_a_repository_or_a_service_is_known_to_the_policy() {
    let tools = xmrt::assemble::tool_facts().await.unwrap();
    let mut unknown = Vec::new();
    for (tool, facts) in &tools {
        let properties = facts.input_schema["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        for name in properties.keys() {
            let suspicious = name.ends_with("_id")
                || name.ends_with("_ids")
                || ["repo", "service", "resource", "owner", "org", "node"]
                    .iter()
                    .any(|part| name.contains(part));
            let known = [NAMES_REPO, NAMES_ORG, NAMES_SERVICE, SAID_BY_OTHERS]
                .iter()
                .any(|names| names.contains(&name.as_str()));
            if suspicious && !known {
                unknown.push(format!("{tool}: {name}"));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "an agent could reach beyond its bounds by these: {unknown:#?}"
    );
}

const CONFIG: &str = r#"
[role.triager]
allow = ["github.add_labels"]
repos = ["acme/*"]

[[agent]]
id = "eliza"
role = "triager"
"#;

const LABEL: &str = r#"
description = "Labels new issues"
on = "github.issues.opened"
agent = "eliza"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", labels = ["new"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_acts_as_its_agent_and_what_the_agent_may_not_do_is_not_sent() {
    let world = World::start(&[("label", LABEL)], CONFIG).await;
    let repos = json!([{ "full_name": "acme/api" }, { "full_name": "umbrella/core" }]);
    let issues = json!([{ "repo": "acme/api", "number": 1, "title": "a" }, { "repo": "umbrella/core", "number": 2, "title": "b" }]);
    world
        .sandbox_post("seed", json!({ "github": { "repos": repos, "issues": issues } }))
        .await;
    world.github("issues", "inside", &issue_opened(1)).await.unwrap();
    assert_eq!(world.settled("inside").await[0]["status"], "succeeded");
    let mut outside = issue_opened(2);
    outside["repository"]["full_name"] = json!("umbrella/core");
    world.github("issues", "outside", &outside).await.unwrap();
    let run = &world.settled("outside").await[0];
    assert_eq!(run["status"], "dead", "{run}");
    let (_, shown) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
    let reason = shown["reason"].as_str().unwrap();
    assert!(
        reason.contains("`umbrella/core` is outside `repos` of role `triager`"),
        "{reason}"
    );
    assert_eq!(world.effects().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_whether_a_call_would_be_granted_and_why() {
    let world = World::start(&[], CONFIG).await;
    let arguments = r#"{"repo": "umbrella/core", "number": 1, "labels": ["x"]}"#;
    let (said, _, code) = world.xmrt(&[
        "agents",
        "can",
        "eliza",
        "github.add_labels",
        "--arguments",
        arguments,
    ]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(said, @r#"
    ✓ role `triager` names it: "github.add_labels" in `allow`
    ✗ repository `umbrella/core` is outside `repos` of role `triager` (acme/*)
    eliza → github.add_labels: refused
      add "umbrella/core" to `repos` of `[role.triager]` in xmrt.toml if it may
    "#);
    let (_, error, code) = world.xmrt(&["agents", "can", "elisa", "github.add_labels"]);
    assert_eq!(
        (code, error.trim()),
        (2, "xmrt: there is no agent `elisa`; did you mean `eliza`?")
    );
    let (_, error, code) = world.xmrt(&["agents", "can", "eliza", "github.add_label"]);
    assert_eq!(
        (code, error.trim()),
        (
            2,
            "xmrt: there is no tool `github.add_label`; did you mean `github.add_labels`?"
        )
    );
}

#[test]
fn contradictory_agents_are_refused_at_start_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(
        folder.path().join("xmrt.toml"),
        "[[agent]]\nid = \"eliza\"\nrole = \"triager\"\n",
    )
    .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .envs(environment(folder.path()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("there is no role `triager`; there is none yet: add `[role.triager]`"),
        "{said}"
    );
}
