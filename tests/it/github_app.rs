//! Acting as a GitHub App: narrow tokens, kept and renewed; what it is not installed on; its own webhook.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use xmrt::budget::Budgets;
use xmrt::clock::{Clock, after};
use xmrt::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use xmrt::integrations::github::{AppKey, Client, Rates};
use xmrt::sandbox::{Options, Running, Sandbox};
use xmrt::tools::github;

use crate::contract::{self, Witness};

const SOON: Duration = Duration::from_secs(10);
const APP_ID: &str = "314159";

/// A private key in PEM, made for this run of the tests.
pub(crate) static KEY: LazyLock<String> = LazyLock::new(new_key);

fn new_key() -> String {
    let made = std::process::Command::new("openssl")
        .args(["genrsa", "2048"])
        .output()
        .expect("openssl is there; scripts/test installs it");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap()
}

struct Stage {
    sandbox: Sandbox,
    running: Running,
    /// Ends the test if a request or an answer is not what GitHub describes.
    _witness: Witness,
    hub: Hub,
    clock: Clock,
    budgets: Budgets,
}

impl Stage {
    /// Two owners with a repository each, and the App installed on both; the client signs with `key`.
    async fn new(key: &str) -> Self {
        Self::within(key, Rates::default()).await
    }

    /// The same for a client that keeps to these limits.
    async fn within(key: &str, rates: Rates) -> Self {
        let clock = Clock::virtual_at("2026-03-01T12:00:00Z".parse().unwrap());
        let sandbox = Sandbox::new(Options {
            clock: clock.clone(),
            github_token: "sandbox-token".into(),
            render_key: "sandbox-key".into(),
            github_secret: None,
            render_secret: None,
            bot_login: "xmrt-bot".into(),
        })
        .with_github_app(APP_ID, &KEY);
        let repos =
            json!([{ "full_name": "acme/api" }, { "full_name": "acme/web" }, { "full_name": "globex/site" }]);
        let issues = json!([
            { "repo": "acme/api", "number": 1, "title": "One" },
            { "repo": "globex/site", "number": 1, "title": "One" },
        ]);
        sandbox
            .seed(&json!({ "github": { "repos": repos, "issues": issues } }))
            .unwrap();
        let running = sandbox
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let app = AppKey::new(APP_ID, &key.to_owned().into()).unwrap();
        let witness = Witness::before(&running.github_url(), &contract::GITHUB).await;
        let budgets = Budgets::alone(clock.clone());
        let client = Client::of_app(&witness.url, app)
            .unwrap()
            .with_clock(clock.clone())
            .within_budgets(&budgets)
            .with_rates(rates);
        let hub = Hub::builder()
            .serve("github", github::Server::new(Some(client)))
            .start()
            .await
            .unwrap();
        Self {
            sandbox,
            running,
            _witness: witness,
            hub,
            clock,
            budgets,
        }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let meta = CallMeta {
            idempotency_key: Some("0123456789abcdef0123456789abcdef".into()),
            ..CallMeta::default()
        };
        match self
            .hub
            .call(&format!("github.{tool}"), arguments, meta, SOON)
            .await?
        {
            Reply::Done(result) => Ok(result),
            other => panic!("{other:?}"),
        }
    }

    async fn comment(&self, repo: &str) -> Result<Value, ToolError> {
        self.call(
            "create_comment",
            json!({ "repo": repo, "number": 1, "body": "Seen." }),
        )
        .await
    }

    /// What the requests for installation tokens asked for.
    fn minted(&self) -> Vec<Value> {
        let effects = self.sandbox.effects();
        let minted = effects
            .iter()
            .filter(|effect| effect["operation"] == "create_installation_token");
        minted.map(|effect| effect["detail"].clone()).collect()
    }

    async fn end(self) {
        self.hub.stop().await;
        self.running.stop().await;
    }
}

#[tokio::test]
async fn each_repository_has_a_token_of_its_own_that_is_kept_until_it_is_nearly_over() {
    let stage = Stage::new(&KEY).await;
    for _ in 0..2 {
        stage.comment("acme/api").await.unwrap();
        stage.comment("ACME/Api").await.unwrap();
    }
    // As the call spells it: that GitHub takes another spelling here is not documented.
    assert_eq!(
        stage.minted(),
        [json!({ "repositories": ["api"] })],
        "one token, narrowed, for all four calls"
    );
    stage.comment("globex/site").await.unwrap();
    assert_eq!(stage.minted()[1], json!({ "repositories": ["site"] }));

    let now = stage.clock.now();
    stage.clock.advance_to(after(now, 54 * 60_000));
    stage.comment("acme/api").await.unwrap();
    assert_eq!(stage.minted().len(), 2, "six minutes are left");
    stage.clock.advance_to(after(now, 56 * 60_000));
    stage.comment("acme/api").await.unwrap();
    assert_eq!(stage.minted().len(), 3, "four are not enough");

    let comments = stage
        .call("list_comments", json!({ "repo": "acme/api", "number": 1 }))
        .await
        .unwrap();
    assert_eq!(
        comments["comments"][0]["user"]["login"], "xmrt-app[bot]",
        "{comments}"
    );
    stage.end().await;
}

#[tokio::test]
async fn many_calls_at_once_ask_for_one_token() {
    let stage = Stage::new(&KEY).await;
    let one = || stage.call("get_issue", json!({ "repo": "acme/api", "number": 1 }));
    let answers = tokio::join!(one(), one(), one(), one(), one(), one());
    let (a, b, c, d, e, f) = answers;
    for answer in [a, b, c, d, e, f] {
        answer.unwrap();
    }
    assert_eq!(stage.minted().len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_and_the_call_made_once() {
    let stage = Stage::new(&KEY).await;
    stage.comment("acme/api").await.unwrap();
    let refused =
        json!({ "match": { "operation": "create_comment" }, "kind": "status", "status": 401, "times": 1 });
    stage.sandbox.add_faults(&refused).unwrap();
    stage.comment("acme/api").await.unwrap();
    assert_eq!(stage.minted().len(), 2);
    let done = stage.sandbox.effects();
    let comments = done
        .iter()
        .filter(|effect| effect["operation"] == "create_comment");
    assert_eq!(comments.count(), 2);
    // One that is refused again is not tried for ever.
    let refused = json!({ "match": { "operation": "create_comment" }, "kind": "status", "status": 401 });
    stage.sandbox.add_faults(&refused).unwrap();
    let error = stage.comment("acme/api").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden, "{error}");
    assert!(
        error.to_string().contains("the App's installation"),
        "not of a token that nobody set: {error}"
    );
    assert_eq!(stage.minted().len(), 3);
    stage.end().await;
}

/// What fetches the token is a request, too: it is counted, and kept back where GitHub wants a pause.
#[tokio::test]
async fn the_apps_own_requests_are_within_a_budget_of_their_own() {
    let stage = Stage::within(&KEY, Rates::public()).await;
    stage.comment("acme/api").await.unwrap();
    let points = async || {
        let shown = stage.budgets.shown().await.unwrap();
        let points = shown.iter().map(|shown| {
            let points = shown
                .limits
                .iter()
                .find(|limit| limit.limit == "points_per_minute");
            let points = points.and_then(|limit| Some(limit.max? - limit.left?));
            (shown.identity.clone(), points.unwrap_or_default())
        });
        points.collect::<Vec<_>>()
    };
    // One looked for the installation, and one, a write, made the token; on the account the comment itself.
    let app = format!("github app {APP_ID}");
    let used = points().await;
    assert_eq!(used[0], (app.clone(), 1 + 5), "{used:?}");
    assert_eq!(used[1].0, format!("{app} on acme"));

    let pause = json!({ "match": { "operation": "create_installation_token" }, "kind": "status", "status": 403, "secondary": true, "times": 1 });
    stage.sandbox.add_faults(&pause).unwrap();
    for repo in ["globex/site", "acme/web"] {
        let error = stage.comment(repo).await.unwrap_err();
        assert!(
            matches!(error.class, ErrorClass::RateLimited { .. }),
            "{repo}: {error}"
        );
    }
    assert_eq!(stage.minted().len(), 1, "the second time nothing was sent");
    // Where there is a token already, nothing has to wait.
    stage.comment("acme/api").await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn what_fetches_a_token_does_not_wait_for_the_request_that_needs_it() {
    let rates = Rates {
        at_once: Some(1),
        ..Rates::default()
    };
    let stage = Stage::within(&KEY, rates).await;
    let one = || stage.call("search_issues", json!({ "query": "is:open" }));
    let answers = tokio::join!(one(), one(), one());
    for answer in [answers.0, answers.1, answers.2] {
        let told = answer.unwrap_err().to_string();
        assert!(told.contains("has 2 installations"), "{told}");
    }
    stage.comment("acme/api").await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn the_app_is_known_as_its_bot() {
    let stage = Stage::new(&KEY).await;
    let me = stage.call("get_me", json!({})).await.unwrap();
    assert_eq!(
        (&me["login"], &me["type"]),
        (&json!("xmrt-app[bot]"), &json!("Bot")),
        "{me}"
    );
    assert!(stage.minted().is_empty(), "the App says that itself");
    stage.end().await;
}

#[tokio::test]
async fn where_it_is_not_installed_it_says_so_and_what_to_do() {
    let stage = Stage::new(&KEY).await;
    let error = stage.comment("initech/tps").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    let told = error.to_string();
    assert!(
        told.contains("the GitHub App is not installed on initech/tps"),
        "{told}"
    );
    assert!(told.contains("install it there"), "{told}");

    // Two installations, and nothing that says which.
    let error = stage
        .call("search_issues", json!({ "query": "is:open" }))
        .await
        .unwrap_err();
    let told = error.to_string();
    assert!(told.contains("has 2 installations"), "{told}");
    assert!(told.contains("name a repository"), "{told}");
    stage.end().await;
}

#[tokio::test]
async fn another_key_than_the_apps_is_found_out() {
    let stage = Stage::new(&new_key()).await;
    let error = stage.comment("acme/api").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    let told = error.to_string();
    assert!(
        told.contains("GITHUB_APP_PRIVATE_KEY must be of the same App"),
        "{told}"
    );
    stage.end().await;
}

#[tokio::test]
async fn what_is_no_key_or_no_id_is_refused_without_showing_it() {
    let error = AppKey::new(APP_ID, &"not a key".to_owned().into()).unwrap_err();
    assert!(
        error.contains("BEGIN RSA PRIVATE KEY") && !error.contains("not a key"),
        "{error}"
    );
    let error = AppKey::new("my app", &KEY.clone().into()).unwrap_err();
    assert!(error.contains("is not an App id"), "{error}");
    let in_one_line = KEY.replace('\n', "\\n");
    assert!(AppKey::new("Iv23liAbCdEf", &in_one_line.into()).is_ok());
}

#[tokio::test]
async fn its_own_webhook_is_shown_with_what_it_delivered() {
    let stage = Stage::new(&KEY).await;
    let none = stage.call("list_webhooks", json!({})).await.unwrap();
    assert_eq!(none["webhooks"], json!([]), "an App without an address");
    stage.sandbox.deliver_to(Some("http://127.0.0.1:9"));
    let hooks = stage.call("list_webhooks", json!({ "app": true })).await.unwrap();
    let hook = &hooks["webhooks"][0];
    assert_eq!(
        (&hook["app"], &hook["hook_id"], &hook["url"]),
        (
            &json!(true),
            &json!(314_159),
            &json!("http://127.0.0.1:9/webhooks/github")
        )
    );
    for (tool, more) in [
        ("ping_webhook", json!({})),
        ("delete_webhook", json!({})),
        ("update_webhook", json!({ "active": false })),
    ] {
        let mut arguments = json!({ "app": true, "hook_id": 314_159 });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{tool}: {error}");
        assert!(error.to_string().contains("settings page"), "{tool}: {error}");
    }
    let both = json!({ "app": true, "repo": "acme/api" });
    let error = stage.call("list_webhooks", both).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    stage.end().await;
}

#[tokio::test]
async fn with_a_token_an_apps_webhook_cannot_be_seen() {
    let stage = Stage::new(&KEY).await;
    let client = Client::new(&stage.running.github_url(), "sandbox-token".to_owned()).unwrap();
    let hub = Hub::builder()
        .serve("github", github::Server::new(Some(client)))
        .start()
        .await
        .unwrap();
    let asked = json!({ "app": true, "hook_id": 1 });
    let error = hub
        .call("github.list_deliveries", asked, CallMeta::default(), SOON)
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.to_string().contains("set GITHUB_APP_ID"), "{error}");
    hub.stop().await;
    stage.end().await;
}

/// GitHub's GraphQL API keeps to what a token is for, and so must what stands in for it: else a client that asks with the wrong
/// token would be found out by GitHub alone.
#[tokio::test]
async fn graphql_reaches_no_further_than_the_token() {
    let stage = Stage::new(&KEY).await;
    let api = stage.running.github_url();
    let http = reqwest::Client::builder()
        .user_agent("the tests")
        .build()
        .unwrap();
    let now = stage.clock.now().as_second();
    let claims = json!({ "iss": APP_ID, "iat": now - 60, "exp": now + 300 });
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
    let signed = jsonwebtoken::encode(
        &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256),
        &claims,
        &key,
    );
    let signed = signed.unwrap();
    let installation = http
        .get(format!("{api}/repos/acme/api/installation"))
        .bearer_auth(&signed);
    let installation: Value = installation.send().await.unwrap().json().await.unwrap();
    let id = installation["id"].as_u64().unwrap();
    let token = http
        .post(format!("{api}/app/installations/{id}/access_tokens"))
        .bearer_auth(&signed)
        .json(&json!({ "repositories": ["api"] }));
    let token: Value = token.send().await.unwrap().json().await.unwrap();
    let token = token["token"].as_str().unwrap();
    for (owner, name, reached) in [
        ("acme", "api", true),
        ("acme", "web", false),
        ("globex", "site", false),
    ] {
        let query = "query ListCategories($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }";
        let variables = json!({ "owner": owner, "name": name });
        let ask = http
            .post(format!("{api}/graphql"))
            .bearer_auth(token)
            .json(&json!({ "query": query, "operationName": "ListCategories", "variables": variables }));
        let answer: Value = ask.send().await.unwrap().json().await.unwrap();
        assert_eq!(
            answer["data"]["repository"].is_object(),
            reached,
            "{owner}/{name}: {answer}"
        );
        assert_eq!(
            answer["errors"][0]["type"] == "NOT_FOUND",
            !reached,
            "{owner}/{name}: {answer}"
        );
    }
    stage.end().await;
}
