//! Every tool that writes a report, over providers in which everything that strangers may name is hostile: what they wrote
//! does not leave its code span.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use xmrt::clock::Clock;
use xmrt::hub::{CallMeta, Hub, Reply};
use xmrt::integrations::{github, render};
use xmrt::journal::{MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::xmrt::{Starter, XmrtParts};
use xmrt::tools::{github as on_github, render as on_render, xmrt as on_journal};

/// What leaves a code span where it can, in the ways of Markdown, HTML, GitHub and Slack.
const HOSTILE: &str = "`pwned` ``pwned`` ```pwned\n\n```\n~~~\n# pwned @channel <!everyone> @octocat\r\n<!-- xmrt:pwned --> --> [pwned](http://pwned) |\u{85}`\u{2028}pwned";
/// The same as far as it may name a branch.
const BRANCH: &str = "pwned`@channel`<!everyone>`<!--x-->";
/// Outside of code spans none of these is ever ours.
const NEVER_OURS: &[&str] = &[
    "pwned", "@", "<!", "-->", "~~~", "](", "channel", "everyone", "octocat",
];

/// What is wrong with a report, if anything is.
fn leak(report: &str) -> Option<String> {
    for line in report.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        if parts.len().is_multiple_of(2) || line.contains("``") {
            return Some(format!("a span is not closed in {line:?}"));
        }
        let outside: String = parts.into_iter().step_by(2).collect();
        if let Some(word) = NEVER_OURS.iter().find(|word| outside.contains(**word)) {
            return Some(format!("{word} is outside of a span in {line:?}"));
        }
        if line.trim_start().starts_with(['#', '>', '~']) {
            return Some(format!("a line begins as ours never do: {line:?}"));
        }
    }
    None
}

fn seed() -> Value {
    let sha = |digit: &str| digit.repeat(40);
    let deploy = |id: &str, status: &str, at: &str| {
        json!({ "id": id, "service_id": "srv-a", "status": status, "created": at, "finished": at, "commit": sha("a"),
                "commit_message": HOSTILE })
    };
    let run = |id: u64, conclusion: &str| {
        json!({ "repo": "acme/api", "id": id, "name": HOSTILE, "path": ".github/workflows/ci.yml", "branch": BRANCH,
                "head_sha": sha("b"), "status": "completed", "conclusion": conclusion, "created": format!("-{}h", 9 - id) })
    };
    let lines = [
        format!("ERROR {}", HOSTILE.replace('\n', " ")),
        "java.lang.IllegalStateException: no".to_owned(),
        format!("Caused by: {}", HOSTILE.replace('\n', " ")),
    ];
    let logs = lines.map(|line| json!({ "service_id": "srv-a", "at": "-3m", "message": line }));
    json!({
        "render": {
            "services": [{ "id": "srv-a", "name": HOSTILE, "repo": "acme/api" }],
            "deploys": [deploy("dep-2", "live", "-20m"), deploy("dep-1", "deactivated", "-2d")],
            "logs": logs,
        },
        "github": {
            "repos": [{ "full_name": "acme/api", "default_branch": BRANCH, "description": HOSTILE, "created": "-400d" }],
            "branches": (1..=12).map(|n| json!({ "repo": "acme/api", "name": BRANCH, "sha": format!("{n:040x}"),
                "parent": format!("{:040x}", n - 1), "message": HOSTILE, "author": HOSTILE, "files": ["src/a.rs"],
                "at": format!("-{}h", 24 * (12 - n) + 1) })).collect::<Vec<_>>(),
            "runs": [run(3, "failure"), run(2, "failure"), run(1, "success")],
            "releases": [{ "repo": "acme/api", "tag": HOSTILE, "created": "-100d" }],
            "pulls": [{ "repo": "acme/api", "number": 5, "title": HOSTILE, "created": "-84d" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": HOSTILE, "created": "-200d" }],
            "contents": [{ "repo": "acme/api", "path": "a `pwned` @channel <!-- x -->.pem", "content": "x" }],
        },
    })
}

/// The three servers over a sandbox, which goes on for as long as what comes second lives.
async fn hub() -> (Hub, Running) {
    let clock = Clock::system();
    let sandbox = Sandbox::new(Options {
        clock: clock.clone(),
        github_token: "token".into(),
        render_key: "key".into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    });
    sandbox.seed(&seed()).unwrap();
    let running = sandbox.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let github = github::Client::new(&running.github_url(), "token").unwrap();
    let render = render::Client::new(&running.render_url(), "key")
        .unwrap()
        .with_clock(clock.clone());
    let builder = Hub::builder();
    let journal = on_journal::Server::new(XmrtParts {
        store: Arc::new(MemoryStore::new(clock.now())) as Arc<dyn Store>,
        github: Some(github.clone()),
        render: Some(render.clone()),
        agents: BTreeMap::new(),
        notify: BTreeMap::new(),
        starter: Starter::default(),
        clock: clock.clone(),
        hub: builder.later(),
    });
    let hub = builder
        .serve("github", on_github::Server::new(Some(github)))
        .serve("render", on_render::Server::new(Some(render)).with_clock(clock))
        .serve("xmrt", journal)
        .start()
        .await
        .unwrap();
    (hub, running)
}

#[tokio::test]
async fn what_strangers_wrote_does_not_leave_its_code_span_in_any_report() {
    let (hub, running) = hub().await;
    let service = json!({ "service_id": "srv-a" });
    let repo = json!({ "repo": "acme/api" });
    let all = json!({});
    let back = json!({ "service_id": "srv-a", "to": "previous", "healthy_for": "0s" });
    let tried = [
        ("render.analyze_logs", &service),
        ("render.check_health", &service),
        ("xmrt.dora_metrics", &service),
        ("github.analyze_repository", &repo),
        ("xmrt.flaky_workflows", &repo),
        ("xmrt.activity_insights", &repo),
        ("xmrt.ecosystem_health", &all),
        ("xmrt.weekly_report", &all),
        ("xmrt.scan_repository", &repo),
        ("render.rollback_deploy", &back),
        ("render.unfreeze_deploys", &service),
    ];
    // One that is added is tried, too.
    let mut named: Vec<&str> = tried.iter().map(|(tool, _)| *tool).collect();
    named.sort_unstable();
    let tools = hub.facts();
    let reporting = tools.iter().filter(|(_, facts)| {
        let schema = facts.output_schema.as_ref();
        schema.is_some_and(|schema| schema["properties"].get("report").is_some())
    });
    assert_eq!(
        named,
        reporting.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    );
    for (tool, arguments) in tried {
        let called = hub
            .call(
                tool,
                arguments.clone(),
                CallMeta::default(),
                Duration::from_secs(20),
            )
            .await;
        let Ok(Reply::Done(result)) = called else {
            panic!("{tool}: {called:?}");
        };
        let report = result["report"].as_str().unwrap();
        assert!(report.contains("pwned"), "{tool} tells nothing of it: {report}");
        assert_eq!(leak(report), None, "{tool}: {report}");
    }
    running.stop().await;
}

#[test]
fn what_leaves_its_span_is_seen() {
    for report in [
        "- pwned",
        "- `a` @channel",
        "- `a",
        "- ``a``",
        "- `a`\n> b",
        "<!everyone>",
    ] {
        assert!(leak(report).is_some(), "{report}");
    }
    assert_eq!(leak("- `@channel <!everyone>` is ours, and (b) too."), None);
}
