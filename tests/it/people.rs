//! People who sign in to the dashboard with GitHub: who is let in, as what, for how long, and what is on record of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;

use crate::accounts::{Browser, CLIENT, Page, last};
use crate::harness::World;

mod attacks;
mod doctor;
mod levels;
mod sessions;

const CONFIG: &str = r#"
[limits]
settle_ms = 60

[role.triager]
allow = ["github.get_issue"]
repos = ["acme/*"]

[[agent]]
id = "eliza"
role = "triager"
github_login = "acme-eliza"

[[person]]
github_login = "Vera"
level = "viewer"

[[person]]
github_login = "olga"
level = "operator"
roles = ["release"]
name = "alice"

[[person]]
github_login = "ada"
level = "admin"

[[person]]
github_login = "mallory"
level = "none"

[[team]]
github_team = "acme/release"
level = "operator"
roles = ["release"]

[[team]]
github_team = "acme/everybody"
level = "viewer"
"#;

const ASKS: &str = r#"
description = "Asks"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
approval = { by = ["role:release", "github:nobody"] }
"#;

async fn world() -> World {
    let world = World::start_with(&[("asks", ASKS)], CONFIG, CLIENT).await;
    seed(
        &world,
        "team_members",
        json!([
            { "org": "acme", "team": "release", "login": "rita" },
            { "org": "acme", "team": "everybody", "login": "rita" },
            { "org": "acme", "team": "everybody", "login": "evan" },
            { "org": "acme", "team": "release", "login": "penny", "state": "pending" },
            { "org": "acme", "team": "release", "login": "mallory" },
        ]),
    )
    .await;
    world
}

async fn seed(world: &World, list: &str, entries: Value) {
    world
        .sandbox_post("seed", json!({ "github": { list: entries } }))
        .await;
}

/// What a page's forms carry.
fn csrf(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"csrf\" value=\"")
        .expect("the page has a form");
    rest.split('"').next().unwrap().to_owned()
}

fn asked(authorize: &Url) -> BTreeMap<String, String> {
    authorize.query_pairs().into_owned().collect()
}

/// Goes to GitHub to sign in; gives the address there.
async fn set_out(browser: &mut Browser, world: &World, next: &str) -> Url {
    let url = format!("{}/sign-in/github?next={next}", world.server.url);
    let page = browser.open(&url).await;
    page.location
        .unwrap_or_else(|| panic!("{}: {}", page.status, page.text))
}

/// Comes back as an account, with these changes to what is agreed to.
async fn come_back(browser: &mut Browser, authorize: &Url, changes: &[(&str, &str)]) -> Page {
    let back = browser.agree(authorize, changes).await.location.unwrap();
    browser.open(back.as_str()).await
}

/// Tries to sign in as an account.
async fn try_as(world: &World, login: &str) -> (Browser, Page) {
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, world, "").await;
    let page = come_back(&mut browser, &authorize, &[("login", login)]).await;
    (browser, page)
}

/// Signs in as an account.
async fn signed_in(world: &World, login: &str) -> Browser {
    let (browser, page) = try_as(world, login).await;
    assert_eq!(page.status, 303, "{}", page.text);
    browser
}

async fn open(browser: &mut Browser, world: &World, path: &str) -> Page {
    browser.open(&format!("{}{path}", world.server.url)).await
}

async fn post(browser: &mut Browser, world: &World, path: &str, form: &[(&str, &str)]) -> Page {
    let page = open(browser, world, "/").await;
    let mut fields = vec![("csrf".to_owned(), csrf(&page.text))];
    fields.extend(
        form.iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned())),
    );
    browser
        .post(&format!("{}{path}", world.server.url), &fields)
        .await
}

/// Writes the settings anew, and waits until the server lets in whom they name.
async fn rewrite(world: &World, config: &str) {
    let told = || {
        world
            .server_log()
            .matches("are let in to the dashboard from now on")
            .count()
    };
    let before = told();
    std::fs::write(world.folder.path().join("xmrt.toml"), config).unwrap();
    world
        .until("the settings to be read again", async || {
            (told() > before).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_and_whose_team_is_gets_in_with_that_level_and_nobody_else_does() {
    let world = world().await;
    for (login, level, by) in [
        ("vera", "viewer", "by name"),
        ("OLGA", "operator", "by name"),
        ("ada", "admin", "by name"),
        ("rita", "operator", "by acme/release, acme/everybody"),
        ("evan", "viewer", "by acme/everybody"),
    ] {
        let mut browser = Browser::new();
        let form = open(&mut browser, &world, "/sign-in?next=%2Fruns").await;
        assert!(
            form.text.contains("/sign-in/github?next=%2Fruns"),
            "{}",
            form.text
        );
        let authorize = set_out(&mut browser, &world, "%2Fruns").await;
        let page = come_back(&mut browser, &authorize, &[("login", login)]).await;
        assert_eq!(page.status, 303, "{login}: {}", page.text);
        assert_eq!(page.location.unwrap().path(), "/runs");
        let page = open(&mut browser, &world, "/runs").await;
        assert_eq!(page.status, 200, "{login}");
        assert!(
            page.text
                .contains(&format!("github:{login}</span> <span class=\"tag\">{level}<")),
            "{login}: {}",
            page.text
        );
        let (outcome, note) = last(&world, "dashboard.login").await;
        assert_eq!(outcome, "done");
        assert!(
            note.starts_with("number ") && note.contains(level) && note.contains(by),
            "{login}: {note}"
        );
    }
    for (login, why) in [
        ("stranger", "neither this login nor a team"),
        ("penny", "release is not accepted yet"),
        ("mallory", "you are not let in"),
    ] {
        let (mut browser, page) = try_as(&world, login).await;
        assert_eq!(page.status, 403, "{login}: {}", page.text);
        assert!(page.text.contains(why), "{login}: {}", page.text);
        assert!(page.text.contains("id=\"token\""), "the other door is there");
        let (_, trail) = world
            .api(&format!("audit?what=dashboard.login&who=github:{login}"))
            .await;
        assert_eq!(trail["audit"][0]["outcome"], "refused", "{trail}");
        assert_eq!(open(&mut browser, &world, "/runs").await.status, 303);
    }
    // Nothing of GitHub's is kept: no token lives on, whatever came of it.
    assert_eq!(world.count("revoke_token").await, 8);
    assert_eq!(world.sandbox_post("oauth", json!({})).await["tokens"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn github_is_asked_for_teams_only_where_there_are_some_and_what_was_not_granted_lets_nobody_in() {
    let world = world().await;
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    let wanted = asked(&authorize);
    assert_eq!(wanted["scope"], "read:org");
    assert_eq!(wanted["code_challenge_method"], "S256");
    assert_eq!(wanted["prompt"], "select_account");
    assert_eq!(
        wanted["redirect_uri"],
        format!("{}/oauth/github/callback", world.server.url)
    );
    // GitHub hides teams from a token without the scope, and refuses one of an App that the organization did not approve.
    let page = come_back(
        &mut browser,
        &authorize,
        &[("login", "rita"), ("granted", "user:email")],
    )
    .await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("does not let this App see"), "{}", page.text);
    let hidden = json!({ "match": { "operation": "get_team_membership" }, "kind": "status", "status": 403 });
    world.sandbox_post("faults", hidden).await;
    let (_, page) = try_as(&world, "rita").await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("does not let this App see"), "{}", page.text);
    // Who is named needs no team.
    signed_in(&world, "olga").await;

    let named = CONFIG.split("[[team]]").next().unwrap();
    let world = World::start_with(&[], named, CLIENT).await;
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    assert_eq!(asked(&authorize)["scope"], "");
    let page = come_back(&mut browser, &authorize, &[("login", "olga")]).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_people_or_without_an_app_there_is_the_tokens_door_only() {
    let nobody = CONFIG.split("[[person]]").next().unwrap();
    for (config, client, lacks) in [
        (nobody, CLIENT, "names no `[[person]]`"),
        (CONFIG, &CLIENT[..1], "GITHUB_CLIENT_SECRET"),
        (CONFIG, &[][..], "GITHUB_CLIENT_ID"),
    ] {
        let world = World::start_with(&[], config, client).await;
        let mut browser = Browser::new();
        let form = open(&mut browser, &world, "/sign-in").await;
        assert_eq!(form.status, 200);
        assert!(!form.text.contains("/sign-in/github"), "{lacks}");
        let page = open(&mut browser, &world, "/sign-in/github").await;
        assert_eq!(page.status, 409);
        assert!(page.text.contains(lacks), "{}", page.text);
        browser.sign_in(&world).await;
        let ready = world
            .client
            .get(format!("{}/readyz", world.server.url))
            .send()
            .await
            .unwrap();
        let told = ready.text().await.unwrap();
        assert_eq!(
            told.contains("cannot sign in with GitHub"),
            config == CONFIG,
            "{told}"
        );
    }
}
