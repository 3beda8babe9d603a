//! In: an instance of its own on a free port. Out: whether a signed delivery comes through its real door to a decision, a
//! forged one does not, and a repeated one is known; and whether agents are let in, with a token only. Never: a call of a provider; the rule only plans.

use std::path::Path;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::report::{Finding, Level};
use crate::assemble::{self, Running, Signed};
use crate::clock::Clock;
use crate::config::Settings;

const AREA: &str = "end to end";
/// How long the decision may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long to wait before looking again.
const AGAIN: Duration = Duration::from_millis(20);

const RULE: &str = "description = \"Hears of the self-test, and does nothing\"\n\
    on = [\"github.issues\", \"render.deploy_ended\"]\nmode = \"shadow\"\n\n\
    [[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ meta.type }}\" }\n";

/// The settings of an instance that shares nothing with the one that is looked at but the secrets.
pub(super) fn apart(settings: &Settings, folder: &Path) -> Result<Settings, String> {
    let mut settings = settings.clone();
    settings.listen = ([127, 0, 0, 1], 0).into();
    settings.data_dir = folder.join("data");
    settings.rules = folder.join("rules");
    settings.redis = None;
    settings.mcp.clear();
    settings.file.mcp.clear();
    settings.file.coverage.every_ms = 0;
    for (secrets, made) in [
        (
            &mut settings.github_webhook_secrets,
            "a secret that is made for the self-test only",
        ),
        (
            &mut settings.render_webhook_secrets,
            "YSBzZWNyZXQgZm9yIHRoZSBzZWxmLXRlc3Qgb25seQ==",
        ),
    ] {
        if secrets.is_empty() {
            secrets.push(made.to_owned().into());
        }
    }
    write_rule(&settings.rules).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(settings)
}

#[expect(clippy::disallowed_methods, reason = "the self-test has a rule of its own")]
fn write_rule(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("self-test.toml"), RULE)
}

/// Sends deliveries to an instance.
pub(super) async fn test(running: &Running, settings: &Settings) -> Vec<Finding> {
    let base = format!("http://{}", running.address);
    let id = |provider: &str| format!("self-test-{provider}");
    let github = assemble::signed_github(settings, "issues", &id("github"), br#"{"action":"opened"}"#);
    let data = br#"{"data":{"id":"evt-selftest","serviceId":"srv-selftest","status":"succeeded"}}"#;
    let render = assemble::signed_render(settings, "deploy_ended", &id("render"), data);
    let mut found = Vec::new();
    for (provider, signed) in [("GitHub", github), ("Render", render)] {
        let tested = match signed {
            Ok(signed) => provider_door(running, &base, signed, &id(&provider.to_lowercase())).await,
            Err(why) => Err(why),
        };
        found.push(match tested {
            Ok(took) => Finding::ok(
                AREA,
                format!("{provider}: a signed delivery was decided in {took} ms, a forged one refused, a repeated one known"),
            ),
            Err(why) => Finding::new(
                AREA,
                Level::Problem,
                format!("{provider}: {why}"),
                "deliveries do not get to the rules",
                "this is about the program or this machine: please report it with this report",
            ),
        });
    }
    found
}

/// Lets an agent in at the door for agents, and nobody without a token.
pub(super) async fn agents(running: &Running) -> Finding {
    const AREA: &str = "agents";
    match agents_door(running).await {
        Ok((tools, took)) => Finding::ok(
            AREA,
            format!("at /mcp a token is let in and sees {tools} tools, in {took} ms; nobody is without one"),
        ),
        Err(why) => Finding::new(
            AREA,
            Level::Problem,
            format!("/mcp: {why}"),
            "agents cannot connect over HTTP",
            "this is about the program or this machine: please report it with this report",
        ),
    }
}

async fn agents_door(running: &Running) -> Result<(usize, u128), String> {
    let url = format!("http://{}/mcp", running.address);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let stranger = client
        .post(&url)
        .json(&serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
    let stranger = stranger.send().await.map_err(|error| error.to_string())?;
    if stranger.status() != reqwest::StatusCode::UNAUTHORIZED {
        return Err(format!(
            "without a token it answers {} and not 401",
            stranger.status().as_u16()
        ));
    }
    let begun = Clock::monotonic();
    let token = running.instance.admin_token.expose_secret();
    let config = StreamableHttpClientTransportConfig::with_uri(url.as_str()).auth_header(token);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let listed = async {
        let agent = ().serve(transport).await.map_err(|error| error.to_string())?;
        let tools = agent.list_all_tools().await.map_err(|error| error.to_string());
        // It is only looked at; that it leaves is no matter.
        let _ = agent.cancel().await;
        tools
    };
    let tools = tokio::time::timeout(PATIENCE, listed)
        .await
        .map_err(|_elapsed| format!("it gave no answer within {PATIENCE:?}"))??;
    match tools.len() {
        0 => Err("it lists no tools".to_owned()),
        tools => Ok((tools, begun.elapsed().as_millis())),
    }
}

async fn provider_door(running: &Running, base: &str, signed: Signed, id: &str) -> Result<u128, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let send = async |body: Vec<u8>| {
        let mut call = client.post(format!("{base}{}", signed.path)).body(body);
        for (name, value) in &signed.headers {
            call = call.header(*name, value);
        }
        let answer = call.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        Ok::<_, String>((status, body))
    };
    let mut forged = signed.body.clone();
    forged.push(b' ');
    match send(forged).await? {
        (401, _) => {}
        (status, _) => return Err(format!("a forged delivery was answered {status} and not 401")),
    }
    let begun = Clock::monotonic();
    match send(signed.body.clone()).await? {
        (202, answer) if answer["runs"][0]["rule"] == "self-test" => {}
        (status, answer) => return Err(format!("a signed delivery was answered {status}: {answer}")),
    }
    let token = running.instance.admin_token.expose_secret();
    loop {
        let asked = client
            .get(format!("{base}/api/v1/runs?rule=self-test&limit=10"))
            .bearer_auth(token);
        let runs: Value = asked
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| error.to_string())?
            .json()
            .await
            .map_err(|error| error.to_string())?;
        let of_it = |run: &&Value| run["event"] == id && run["state"] == "shadowed";
        if runs["runs"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|run| of_it(&run))
        {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it was not decided within {PATIENCE:?}"));
        }
        tokio::time::sleep(AGAIN).await;
    }
    let took = begun.elapsed().as_millis();
    match send(signed.body.clone()).await? {
        (202, answer) if answer["duplicate"] == true => Ok(took),
        (status, answer) => Err(format!("a repeated delivery was answered {status}: {answer}")),
    }
}
