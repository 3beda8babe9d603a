//! The validation suite, on the real program: what is well is said to be, and each thing that is broken is found, named and
//! given a remedy.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use xmrt::store::Redis;
use xmrt::store::redis::{Options, Time};

use crate::harness::World;
use crate::redis_server::RedisServer;

const RULE: &str = r#"
description = "Comments on every new issue, and restarts what fails"
on = ["github.issues.opened", "render.server_failed"]

[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = 1, body = "Seen." }
"#;

/// What is off needs no webhook.
const OFF: &str = r#"
description = "Is off"
on = ["github.release.published", "render.deploy_started"]
mode = "off"
off_reason = "not yet"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "Released." }
"#;

/// A world whose repository has a webhook that leads to the server, which is not running.
async fn world(config: &str) -> World {
    let mut world = World::start(&[("hears", RULE), ("is-off", OFF)], config).await;
    let state = json!({
        "github": { "repos": [{ "full_name": "acme/api" }] },
        "render": { "services": [{ "id": "srv-a", "name": "api" }] },
    });
    world.sandbox_post("seed", state).await;
    world.close_the_loop().await;
    world.server.terminate();
    world
}

/// What `xmrt doctor --json` says, and how it exits.
fn doctor(world: &World, more: &[(&str, &str)]) -> (Value, i32) {
    let (out, err, code) = world.xmrt_with(&["doctor", "--json"], more);
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (report, code)
}

/// The one finding of that level in that part; it has a reason or a remedy.
fn found<'r>(report: &'r Value, area: &str, level: &str) -> &'r str {
    let findings = report["findings"].as_array().unwrap();
    let of_it = |finding: &&Value| finding["area"] == area && finding["level"] == level;
    let [finding] = &findings.iter().filter(of_it).collect::<Vec<_>>()[..] else {
        panic!("one {level} about {area}: {report:#}")
    };
    if level != "ok" {
        assert!(finding["remedy"].is_string(), "{finding:#}");
    }
    finding["what"].as_str().unwrap()
}

/// With this it is a problem, and the only one; what is said of it holds these words.
fn breaks(world: &World, more: &[(&str, &str)], area: &str, words: &[&str]) {
    let (report, code) = doctor(world, more);
    assert_eq!(code, 1, "{report:#}");
    let what = found(&report, area, "problem");
    for word in words {
        assert!(what.contains(word), "{area}: {what}");
    }
    assert_eq!(report["problems"], 1, "{report:#}");
}

const OWN: &str = "[github]\naccount = \"own\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_said_of_every_part_and_a_report_is_written() {
    let world = world(OWN).await;
    let file = world.folder.path().join("report.md");
    let (out, err, code) = world.xmrt(&["doctor", "--report", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(!out.contains('\u{1b}'), "no colours in a pipe");
    let report = std::fs::read_to_string(file).unwrap();
    for part in [
        "configuration",
        "rules",
        "store",
        "MCP server github",
        "GitHub",
        "MCP server render",
        "Render",
        "MCP server xmrt",
        "agents",
        "coverage",
        "end to end",
    ] {
        assert!(out.contains(part), "{part}: {out}");
        assert!(report.contains(&format!("| {part} |")), "{part}: {report}");
    }
    assert!(out.contains("\n0 problem(s), "), "{out}");
    for secret in world
        .environment()
        .iter()
        .filter(|(name, _)| name.contains("TOKEN") || name.contains("SECRET"))
    {
        assert!(
            !out.contains(&secret.1) && !report.contains(&secret.1),
            "{}",
            secret.0
        );
    }
    let (told, _) = doctor(&world, &[]);
    let is_let_in = |finding: &Value| {
        let what = finding["what"].as_str().unwrap_or_default();
        finding["area"] == "agents" && finding["level"] == "ok" && what.contains("at /mcp a token is let in")
    };
    assert!(
        told["findings"].as_array().unwrap().iter().any(is_let_in),
        "{told:#}"
    );
    // It left nothing behind, and the journal as it was.
    assert!(world.effects().await.is_empty());
    let (events, _, _) = world.xmrt(&["events", "--json"]);
    assert!(!events.contains("self-test"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_the_sandbox_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args([
            "doctor",
            "--sandbox",
            "--json",
            "--rules",
            concat!(env!("CARGO_MANIFEST_DIR"), "/rules"),
        ])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["problems"], 0, "{report:#}");
    found(&report, "MCP server render", "ok");
    assert!(!folder.path().join(".xmrt").exists(), "nothing is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_contradict_each_other_are_a_finding() {
    let world = world(OWN).await;
    let more = [("GITHUB_TOKEN_FILE", "/nowhere")];
    breaks(
        &world,
        &more,
        "configuration",
        &["GITHUB_TOKEN", "GITHUB_TOKEN_FILE"],
    );
    let (report, code) = doctor(&world, &[("XMRT_ADMIN_TOKEN", "short")]);
    assert_eq!(code, 0, "a warning is no failure: {report:#}");
    assert!(found(&report, "configuration", "warning").contains("XMRT_ADMIN_TOKEN"));
    let (report, _) = doctor(&world, &[("GITHUB_WEBHOOK_SECRET", "")]);
    assert!(found(&report, "configuration", "note").contains("GITHUB_WEBHOOK_SECRET"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_broken_or_missing_are_found() {
    let world = world(OWN).await;
    let rules = world.folder.path().join("rules");
    std::fs::write(rules.join("broken.toml"), "on = 3\n").unwrap();
    breaks(&world, &[], "rules", &["error(s)"]);
    breaks(&world, &[("XMRT_RULES", "/nowhere")], "rules", &["/nowhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_or_forgets_is_found() {
    let world = world(OWN).await;
    let volatile = RedisServer::with(&["--appendonly", "no"]);
    let (report, code) = doctor(&world, &[("REDIS_URL", volatile.url().as_str())]);
    assert_eq!(code, 1);
    assert!(
        found(&report, "store", "problem").contains("appendonly"),
        "{report:#}"
    );
    let mut gone = RedisServer::start("everysec");
    let url = gone.url();
    let (report, code) = doctor(&world, &[("REDIS_URL", url.as_str())]);
    assert_eq!(code, 0, "{report:#}");
    let none = found(&report, "store", "note");
    assert!(none.contains("there is no journal yet"), "{none}");
    assert_eq!(gone.ask(&["DBSIZE"]), redis::Value::Int(0), "nothing is made");
    let options = Options {
        prefix: "xmrt".into(),
        time: Time::OfServer,
        ..gone.options()
    };
    drop(Redis::open(&options, jiff::Timestamp::now()).await.unwrap());
    let (report, code) = doctor(&world, &[("REDIS_URL", url.as_str())]);
    assert_eq!(code, 0, "{report:#}");
    let level = found(&report, "store", "ok");
    assert!(level.contains("a power failure loses up to about 2 s"), "{level}");
    gone.kill();
    let (report, code) = doctor(&world, &[("REDIS_URL", url.as_str())]);
    assert_eq!(code, 1);
    found(&report, "store", "problem");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_or_is_not_reached_is_found() {
    let world = world(OWN).await;
    breaks(&world, &[("GITHUB_TOKEN", "another")], "GitHub", &["401"]);
    breaks(
        &world,
        &[("GITHUB_API_URL", "http://127.0.0.1:1")],
        "GitHub",
        &["cannot be reached"],
    );
    breaks(&world, &[("RENDER_API_KEY", "another")], "Render", &["401"]);
    breaks(
        &world,
        &[("RENDER_API_URL", "http://127.0.0.1:1")],
        "Render",
        &["reached"],
    );
    for (variable, area) in [("GITHUB_TOKEN", "GitHub"), ("RENDER_API_KEY", "Render")] {
        let (report, code) = doctor(&world, &[(variable, "")]);
        assert_eq!((code, found(&report, area, "note")), (0, "not configured"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_is_found_and_holds_up_nothing_else() {
    let world = world(OWN).await;
    let hangs = |operation: &str| json!({ "match": { "operation": operation }, "kind": "hang" });
    world
        .sandbox_post("faults", json!([hangs("get_me"), hangs("list_services")]))
        .await;
    let begun = Instant::now();
    let (report, code) = doctor(&world, &[]);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(code, 1);
    assert!(
        found(&report, "GitHub", "problem").contains("get_me"),
        "{report:#}"
    );
    assert!(
        found(&report, "Render", "problem").contains("list_services"),
        "{report:#}"
    );
    assert_eq!(report["problems"], 2, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_leads_to_another_host_is_not_ours() {
    let world = world(&format!("{OWN}[http]\nhosts = [\"reactor.example\"]\n")).await;
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
    for area in ["GitHub", "Render"] {
        assert!(
            found(&report, area, "warning").contains("no webhook"),
            "{report:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_person_shares_is_warned_of() {
    let world = world("").await;
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0);
    assert!(
        found(&report, "GitHub", "warning").contains("a person's account"),
        "{report:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_does_not_tell_what_the_rules_listen_to_is_found() {
    let world = world(OWN).await;
    let url = format!("{}/webhooks/github", world.server.url);
    world.sandbox_post("deliver_to", json!({ "url": null })).await;
    let (report, _) = doctor(&world, &[]);
    assert!(
        found(&report, "GitHub", "warning").contains("no webhook"),
        "{report:#}"
    );
    let hook = json!({ "name": "web", "events": ["push"], "config": { "url": url, "content_type": "json" } });
    let (_, made) = world
        .at_github(Method::POST, "repos/acme/api/hooks", Some(hook))
        .await;
    breaks(&world, &[], "GitHub", &["acme/api", "does not tell: issues"]);
    let change = async |body: Value| {
        let hook = format!("repos/acme/api/hooks/{}", made["id"]);
        let (status, _) = world.at_github(Method::PATCH, &hook, Some(body)).await;
        assert_eq!(status, 200);
    };
    change(json!({ "events": ["issues"], "active": false })).await;
    breaks(&world, &[], "GitHub", &["switched off"]);
    change(json!({ "active": true })).await;
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_do_what_the_rules_want_is_found() {
    let agents = "[[agent]]\nid = \"otto\"\nrole = \"owner\"\n\n[role.owner]\nallow = [\"github.invite_member\"]\nrepos = [\"acme/*\"]\n";
    let world = world(&format!("{OWN}\n{agents}")).await;
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
    let lacks = found(&report, "GitHub", "warning");
    assert_eq!(
        lacks,
        "the token lacks the scope `admin:org`, which agents' roles need for github.invite_member"
    );
    world
        .sandbox_post("oauth", json!({ "scopes": ["admin:org"] }))
        .await;
    breaks(
        &world,
        &[],
        "GitHub",
        &["`repo`", "rules need", "github.create_comment"],
    );
    world.sandbox_post("oauth", json!({ "scopes": null })).await;
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert!(
        found(&report, "GitHub", "note").contains("is not told"),
        "{report:#}"
    );
    world
        .sandbox_post("oauth", json!({ "scopes": ["repo", "admin:org"] }))
        .await;
    let (out, _, _) = world.xmrt(&["doctor"]);
    assert!(
        out.contains("scopes (repo, admin:org) are enough for what rules and roles call"),
        "{out}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_may_read_are_found_and_closed_to_them() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    let world = world(OWN).await;
    let data = world.folder.path().join("data");
    let mode = || fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o700, "a server makes it so");
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert!(
        found(&report, "configuration", "warning").contains("others on this machine may read"),
        "{report:#}"
    );
    assert_eq!(mode(), 0o755, "unasked it changes nothing");
    let (out, err, code) = world.xmrt(&["doctor", "--fix"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("mended: only you may read"), "{out}");
    assert_eq!(mode(), 0o700);
    let (out, _, _) = world.xmrt(&["doctor", "--fix"]);
    assert!(!out.contains("mended"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_mended_where_that_is_certain_and_only_when_asked() {
    let world = world(OWN).await;
    let file = world.folder.path().join("rules").join("hears.toml");
    let broken = RULE.replace("description =", "descripton =");
    std::fs::write(&file, &broken).unwrap();
    let (_, _, code) = world.xmrt(&["doctor"]);
    assert_eq!(code, 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), broken);
    let (out, err, code) = world.xmrt(&["doctor", "--fix"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("mended: ") && out.contains("hears.toml"), "{out}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), RULE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_role_is_found() {
    let world = world(OWN).await;
    let config = format!("{OWN}\n[[agent]]\nid = \"eliza\"\nrole = \"nobody\"\n");
    std::fs::write(world.folder.path().join("xmrt.toml"), config).unwrap();
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 1);
    assert!(
        found(&report, "agents", "problem").contains("nobody"),
        "{report:#}"
    );
    let whole = found(&report, "end to end", "problem");
    assert!(whole.contains("does not start"), "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_whom_agents_act_on_github_is_told_as_it_is() {
    let world = world(OWN).await;
    let settings = |more: &str| {
        let config = format!(
            "{OWN}\n[role.triager]\nallow = [\"github.get_*\"]\nrepos = [\"acme/*\"]\n\n[[agent]]\nid = \"eliza\"\nrole = \"triager\"\n{more}"
        );
        std::fs::write(world.folder.path().join("xmrt.toml"), config).unwrap();
    };
    let said = |more: &[(&str, &str)]| {
        let (report, code) = doctor(&world, more);
        assert_eq!(code, 0, "{report:#}");
        let findings = report["findings"].as_array().unwrap().clone();
        let of_it = findings.iter().filter(|finding| finding["area"] == "agents");
        let told: Vec<String> = of_it
            .map(|finding| {
                format!(
                    "{}: {}",
                    finding["level"].as_str().unwrap(),
                    finding["what"].as_str().unwrap()
                )
            })
            .collect();
        told.join("\n")
    };
    let app = [
        ("GITHUB_CLIENT_ID", "the-app"),
        ("GITHUB_CLIENT_SECRET", "the secret of the app"),
    ];
    settings("");
    assert!(said(&app).contains("note: agents act on GitHub with the server's credentials"));
    settings("github_login = \"acme-eliza\"\n");
    let told = said(&[]);
    assert!(
        told.contains("warning: eliza cannot be signed in") && told.contains("GITHUB_CLIENT_ID"),
        "{told}"
    );
    let told = said(&app);
    assert!(
        told.contains("ok: on GitHub eliza has an account of its own"),
        "{told}"
    );
    assert!(!told.contains("the server's credentials"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_running_is_asked_and_not_disturbed() {
    let mut world = world(OWN).await;
    world.restart();
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert!(
        found(&report, "store", "ok").contains("can accept deliveries"),
        "{report:#}"
    );
    let (_, page) = world.api("events").await;
    assert_eq!(
        page["events"],
        json!([]),
        "the self-test has a journal of its own"
    );

    // What the server knows is told on.
    let (status, compared) = world.api_post("coverage/recover", json!({})).await;
    assert_eq!(status, 200, "{compared}");
    std::fs::write(world.folder.path().join("rules/broken.toml"), "on = 3\n").unwrap();
    world.api_post("rules/reload", json!({})).await;
    let (report, _) = doctor(&world, &[]);
    assert!(
        found(&report, "coverage", "ok").contains("nothing is missing"),
        "{report:#}"
    );
    let less = found(&report, "store", "warning");
    assert!(less.contains("rules: "), "{less}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_server_redis_itself_is_asked() {
    let redis = RedisServer::start("always");
    let mut world = world(OWN).await;
    world.set("REDIS_URL", &redis.url());
    world.restart();
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let (report, code) = doctor(&world, &[]);
    assert_eq!(code, 1, "{report:#}");
    let what = found(&report, "store", "problem");
    assert!(what.contains("set `maxmemory-policy noeviction`"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_damaged_is_found() {
    let world = world("").await;
    let journal = world.folder.path().join("data/journal.db");
    let mut bytes = std::fs::read(&journal).unwrap();
    let page = 16_384;
    assert!(bytes.len() > 12 * page, "{}", bytes.len());
    bytes[8 * page..12 * page].fill(0xa5);
    std::fs::write(&journal, bytes).unwrap();
    breaks(&world, &[], "store", &["is damaged"]);
}
