//! Agents that act on GitHub as accounts of their own: signing in, being refused, refreshing, losing it. Everything that is
//! refused is on record.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{ADMIN_TOKEN, World, issue_opened};

mod attacks;
mod devices;
mod late;
mod ours;

mod sealed;
mod teams;

const CONFIG: &str = r#"
[role.triager]
allow = ["github.get_me", "github.get_issue", "github.add_labels", "github.list_webhooks"]
repos = ["acme/*"]

[[agent]]
id = "eliza"
role = "triager"
github_login = "acme-eliza"

[[agent]]
id = "plain"
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

pub const CLIENT: &[(&str, &str)] = &[
    ("GITHUB_CLIENT_ID", "Iv1.the-tests"),
    ("GITHUB_CLIENT_SECRET", "the client secret of the tests"),
];

async fn world() -> World {
    let world = World::start_with(&[("label", LABEL)], CONFIG, CLIENT).await;
    seed(&world).await;
    world
}

async fn seed(world: &World) {
    let state = json!({
        "github": {
            "repos": [{ "full_name": "acme/api" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": "a" }, { "repo": "acme/api", "number": 2, "title": "b" }, { "repo": "acme/api", "number": 3, "title": "c" }],
        },
    });
    world.sandbox_post("seed", state).await;
}

/// A browser of one person: it keeps cookies by host, and follows no redirect by itself.
pub struct Browser {
    pub client: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
}

/// Where a page leads, or what it says.
pub struct Page {
    pub status: StatusCode,
    pub location: Option<Url>,
    pub text: String,
    pub cookies: Vec<String>,
}

impl Browser {
    pub fn new() -> Self {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .user_agent("a browser");
        let client = client.build().unwrap();
        Self {
            client,
            cookies: BTreeMap::new(),
        }
    }

    pub async fn open(&mut self, url: &str) -> Page {
        let request = self.client.get(url);
        self.sent(url, request).await
    }

    pub async fn post(&mut self, url: &str, form: &[(String, String)]) -> Page {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = self.client.post(url).body(body.finish());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.sent(url, request).await
    }

    pub async fn sent(&mut self, url: &str, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request
            .header("accept", "text/html")
            .header("cookie", cookies.join("; "))
            .send()
            .await
            .unwrap();
        let mut set = Vec::new();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().to_owned();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
            set.push(cookie);
        }
        let location = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap().to_owned());
        let location = location.map(|to| Url::parse(url).unwrap().join(&to).unwrap());
        Page {
            status: answer.status(),
            location,
            text: answer.text().await.unwrap(),
            cookies: set,
        }
    }

    /// Signs in to the dashboard.
    pub async fn sign_in(&mut self, world: &World) {
        let url = format!("{}/sign-in", world.server.url);
        let page = self.open(&url).await;
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap().to_owned();
        let form = [
            ("csrf".to_owned(), csrf),
            ("token".to_owned(), ADMIN_TOKEN.to_owned()),
        ];
        let page = self.post(&url, &form).await;
        assert_eq!(page.status, 303, "{}", page.text);
    }

    /// Begins to sign an agent in; gives the address at GitHub.
    async fn start(&mut self, world: &World, agent: &str) -> Url {
        let url = format!("{}/oauth/github/start?agent={agent}", world.server.url);
        let page = self.open(&url).await;
        page.location
            .unwrap_or_else(|| panic!("{}: {}", page.status, page.text))
    }

    /// Agrees at GitHub's page, with these changes to its form; gives where that leads.
    pub async fn agree(&mut self, authorize: &Url, changes: &[(&str, &str)]) -> Page {
        let mut form: BTreeMap<String, String> = authorize.query_pairs().into_owned().collect();
        form.insert("decision".into(), "agree".into());
        for (name, value) in changes {
            match value.is_empty() {
                true => form.remove(*name),
                false => form.insert((*name).to_owned(), (*value).to_owned()),
            };
        }
        let mut page = authorize.clone();
        page.set_query(None);
        let form: Vec<(String, String)> = form.into_iter().collect();
        self.post(page.as_str(), &form).await
    }
}

/// Signs eliza in as the account that is expected.
async fn signed_in(world: &World) -> Browser {
    let mut browser = Browser::new();
    browser.sign_in(world).await;
    let authorize = browser.start(world, "eliza").await;
    let back = browser.agree(&authorize, &[]).await.location.unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    browser
}

async fn account(world: &World) -> Value {
    let (status, shown) = world.api("agents/eliza/account").await;
    assert_eq!(status, 200, "{shown}");
    shown
}

/// What the audit trail says about signing in, oldest first: outcome and note.
pub async fn record(world: &World, what: &str) -> Vec<(String, String)> {
    let (_, page) = world.api(&format!("audit?what={what}&limit=500")).await;
    let entries = page["audit"].as_array().unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let told = entries.iter().rev();
    told.map(|entry| (text(entry, "outcome"), text(entry, "note")))
        .collect()
}

/// The last one.
pub async fn last(world: &World, what: &str) -> (String, String) {
    record(world, what).await.pop().expect("something is on record")
}

async fn label(world: &World, id: &str, number: u64) -> Value {
    world.github("issues", id, &issue_opened(number)).await.unwrap();
    let run = world.settled(id).await.remove(0);
    let (_, shown) = world.api(&format!("runs/{}", run["id"].as_str().unwrap())).await;
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_signed_in_acts_as_its_account_and_one_that_is_not_acts_as_nobody() {
    let world = world().await;
    let refused = label(&world, "before", 1).await;
    assert_eq!(refused["state"], "dead", "{refused}");
    let why = refused["reason"].as_str().unwrap();
    assert!(
        why.contains("not signed in to GitHub as `acme-eliza`") && why.contains("xmrt agents login eliza"),
        "{why}"
    );
    assert_eq!(
        world.count("add_labels").await,
        0,
        "the program's own token did not step in"
    );

    let mut browser = Browser::new();
    // Who is not signed in here cannot begin.
    let page = browser
        .open(&format!("{}/oauth/github/start?agent=eliza", world.server.url))
        .await;
    assert!(page.location.unwrap().path().ends_with("/sign-in"));
    browser.sign_in(&world).await;
    let authorize = browser.start(&world, "eliza").await;
    let asked: BTreeMap<String, String> = authorize.query_pairs().into_owned().collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["code_challenge"].len(), 43);
    assert_eq!(
        asked["redirect_uri"],
        format!("{}/oauth/github/callback", world.server.url)
    );
    assert_eq!(
        asked["scope"], "admin:org_hook repo",
        "what the role needs, and no more"
    );
    assert_eq!(asked["login"], "acme-eliza");
    let back = browser
        .agree(&authorize, &[("granted", "repo")])
        .await
        .location
        .unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for told in ["acme-eliza", "admin:org_hook", "github.list_webhooks"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let shown = account(&world).await;
    assert_eq!(shown["account"]["login"], "acme-eliza");
    assert_eq!(shown["account"]["scopes"], json!(["repo"]));
    assert_eq!(shown["missing"].as_array().unwrap().len(), 1, "{shown}");
    let (outcome, note) = last(&world, "agent.login").await;
    assert_eq!(outcome, "done");
    assert!(
        note.contains("as acme-eliza") && note.contains("not granted: admin:org_hook"),
        "{note}"
    );

    assert_eq!(label(&world, "after", 2).await["state"], "succeeded");
    let (_, page) = world.api("audit?who=eliza&what=github.add_labels").await;
    assert_eq!(page["audit"][0]["outcome"], "done", "{page}");
    let requests = world.sandbox_get("requests").await;
    let requests = requests["requests"].as_array().unwrap();
    let labeled = requests
        .iter()
        .rev()
        .find(|request| request["operation"] == "add_labels")
        .unwrap();
    assert_eq!(labeled["actor"], "acme-eliza", "{labeled}");

    let (said, errors, code) = world.xmrt(&["agents", "account", "eliza", "--check"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        said.contains("eliza acts as acme-eliza") && said.contains("✗ not granted: admin:org_hook"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_owner_takes_back_is_gone_at_once_and_what_is_signed_out_is_revoked() {
    let world = world().await;
    world.close_the_loop().await;
    signed_in(&world).await;
    let revoked = world
        .sandbox_post("oauth", json!({ "revoke": "acme-eliza" }))
        .await;
    assert_eq!(revoked["revoked"], 1);
    world
        .until("the revocation to be heard", async || {
            account(&world).await["account"].is_null().then_some(())
        })
        .await;
    let (_, note) = world
        .until("it to be on record", async || {
            record(&world, "agent.revoked").await.pop()
        })
        .await;
    assert!(note.contains("took back"), "{note}");
    let refused = label(&world, "revoked", 1).await;
    assert_eq!(refused["state"], "dead", "{refused}");

    // The same word, delivered again when the owner has agreed anew, ends nothing.
    signed_in(&world).await;
    let id = account(&world).await["account"]["user_id"].clone();
    let old = json!({ "action": "revoked", "sender": { "id": id, "login": "acme-eliza" }, "said": "again" });
    let (status, _) = world
        .github("github_app_authorization", "old-word", &old)
        .await
        .unwrap();
    assert_eq!(status, 202);
    assert_eq!(
        account(&world).await["account"]["login"],
        "acme-eliza",
        "she signed in anew"
    );

    // Without a word of GitHub's it is found out with the next call.
    world.sandbox_post("deliver_to", json!({ "url": null })).await;
    world
        .sandbox_post("oauth", json!({ "revoke": "acme-eliza" }))
        .await;
    let refused = label(&world, "unheard", 2).await;
    assert_eq!(refused["state"], "dead", "{refused}");
    assert!(account(&world).await["account"].is_null());
    assert!(
        last(&world, "agent.revoked")
            .await
            .1
            .contains("does not take its token")
    );
    assert_eq!(
        world.count("add_labels").await,
        0,
        "the program's own token did not step in"
    );

    signed_in(&world).await;
    let (said, errors, code) = world.xmrt(&["agents", "logout", "eliza"]);
    assert_eq!(
        (code, said.trim()),
        (0, "eliza is signed out of GitHub"),
        "{errors}"
    );
    assert_eq!(world.sandbox_post("oauth", json!({})).await["tokens"], 0);
    assert_eq!(last(&world, "agent.logout").await.0, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_taken_out_of_the_settings_is_signed_out_at_the_next_start() {
    let mut world = world().await;
    signed_in(&world).await;
    let without = CONFIG.replace("github_login = \"acme-eliza\"\n", "");
    std::fs::write(world.folder.path().join("xmrt.toml"), without).unwrap();
    world.server.kill();
    world.restart();
    world
        .until("the token to be revoked", async || {
            (world.sandbox_post("oauth", json!({})).await["tokens"] == 0).then_some(())
        })
        .await;
    world
        .until("it to be on record", async || {
            record(&world, "agent.logout")
                .await
                .pop()
                .filter(|(outcome, _)| outcome == "done")
        })
        .await;
}
