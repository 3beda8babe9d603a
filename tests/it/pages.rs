//! The dashboard over real sockets: who gets in, what forms are taken, what a page may hold.

mod again;
mod insights;
mod lost;
mod size;

use http::HeaderMap;
use serde_json::json;

use crate::harness::{self, World};
use crate::intake::{ADMIN_TOKEN, Answer, House, issue};

const ASKS: &str = r#"
description = "Asks"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "TEXT" }
approval = { by = ["alice"], reason = "REASON" }
"#;

const AGENTS: &str =
    "[role.triage]\nallow = [\"xmrt.notify\"]\n\n[[agent]]\nid = \"scout\"\nrole = \"triage\"\n";

/// A browser without a screen: it keeps its cookie, and reads a form's token off the page.
struct Browser {
    url: String,
    client: reqwest::Client,
    cookie: String,
}

impl Browser {
    fn new(house: &House) -> Self {
        Self::at(&house.url)
    }

    fn at(url: &str) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            url: url.to_owned(),
            client,
            cookie: String::new(),
        }
    }

    async fn signed_in(house: &House) -> Self {
        let mut browser = Self::new(house);
        let answer = browser.sign_in(ADMIN_TOKEN).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/"),
            "{}",
            answer.text
        );
        browser
    }

    async fn ask(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let request = request
            .header("accept", "text/html")
            .header("cookie", &self.cookie);
        let answer = Answer::of(request.send().await.unwrap()).await;
        if let Some(pair) = answer
            .header("set-cookie")
            .split(';')
            .next()
            .filter(|pair| !pair.is_empty())
        {
            self.cookie = pair.to_owned();
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.ask(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn post(&mut self, path: &str, body: String) -> Answer {
        let request = self.client.post(format!("{}{path}", self.url)).body(body);
        self.ask(request).await
    }

    async fn sign_in(&mut self, token: &str) -> Answer {
        let csrf = csrf(&self.get("/sign-in").await.text);
        let token = token.replace(' ', "+");
        self.post("/sign-in", format!("csrf={csrf}&next=%2F&token={token}"))
            .await
    }
}

fn csrf(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"csrf\" value=\"")
        .expect("the page has a form");
    rest.chars().take_while(|character| *character != '"').collect()
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    for path in [
        "/",
        "/events",
        "/events/x",
        "/runs",
        "/runs/x",
        "/rules",
        "/rules/x",
        "/approvals",
        "/agents",
        "/agents/x",
        "/insights",
        "/audit",
        "/live",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(
            answer.header("location").starts_with("/sign-in?next=%2F"),
            "{path}"
        );
    }
    assert_eq!(browser.post("/pauses", "what=all".into()).await.status, 303);
    assert!(house.reactor.pauses().await.unwrap().is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_page_has_the_policy_and_no_script_or_style_inside() {
    let house = House::open().await;
    house.github("issues", "d-1", &issue(1)).await;
    let mut browser = Browser::signed_in(&house).await;
    for path in [
        "/",
        "/events",
        "/events/d-1",
        "/runs",
        "/rules",
        "/approvals",
        "/agents",
        "/insights",
        "/audit",
        "/nothing-else/..",
    ] {
        let page = browser.get(path).await;
        if page.status != 200 {
            continue;
        }
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("script-src 'self'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(page.text.matches("<script").count(), 1, "{path}");
        assert!(page.text.contains("<script src="), "{path}");
        assert!(
            !page.text.contains("<style") && !page.text.contains(" style="),
            "{path}"
        );
        assert!(!page.text.contains(" onclick="), "{path}");
    }
    house.close().await;
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites_and_ends_with_the_session() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    let form = browser.get("/sign-in").await;
    let before = browser.cookie.clone();
    let cookie = form.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert_eq!(browser.sign_in(ADMIN_TOKEN).await.status, 303);
    assert_ne!(
        browser.cookie, before,
        "a name that was known before is not signed in"
    );
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    let session = browser.cookie.clone();
    assert_eq!(
        browser
            .post("/sign-out", format!("csrf={}", csrf(&page.text)))
            .await
            .status,
        303
    );
    browser.cookie = session;
    assert_eq!(
        browser.get("/").await.status,
        303,
        "the session is over, not only forgotten"
    );
    house.close().await;
}

#[tokio::test]
async fn a_form_without_its_token_or_of_another_site_does_nothing() {
    let house = House::open().await;
    let mut browser = Browser::signed_in(&house).await;
    let token = csrf(&browser.get("/").await.text);
    for body in [
        "what=all".to_owned(),
        "what=all&csrf=".into(),
        format!("what=all&csrf={}0", &token[1..]),
    ] {
        assert_eq!(browser.post("/pauses", body).await.status, 403);
    }
    let mut foreign = HeaderMap::new();
    foreign.insert("sec-fetch-site", "cross-site".parse().unwrap());
    let request = browser.client.post(format!("{}/pauses", house.url));
    let request = request.headers(foreign).body(format!("what=all&csrf={token}"));
    assert_eq!(browser.ask(request).await.status, 403);
    assert!(house.reactor.pauses().await.unwrap().is_empty());
    assert_eq!(
        browser
            .post("/pauses", format!("what=all&csrf={token}"))
            .await
            .status,
        303
    );
    assert_eq!(house.reactor.pauses().await.unwrap()[0].who, "admin");
    assert_eq!(
        browser
            .post("/pauses", format!("what=all&resume=yes&csrf={token}"))
            .await
            .status,
        303
    );
    assert!(house.reactor.pauses().await.unwrap().is_empty());
    house.close().await;
}

#[tokio::test]
async fn five_wrong_tokens_and_nobody_is_heard_from_there_for_a_while() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    for _ in 0..5 {
        assert_eq!(browser.sign_in("wrong").await.status, 401);
    }
    let answer = browser.sign_in(ADMIN_TOKEN).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 60);
    house.close().await;
}

#[tokio::test]
async fn only_a_path_of_this_site_is_gone_to_after_the_sign_in() {
    let house = House::open().await;
    for (next, place) in [
        ("%2Fruns", "/runs"),
        ("%2F%2Fevil.example", "/"),
        ("https:%2F%2Fevil.example", "/"),
        ("%2F%5Cevil", "/"),
    ] {
        let mut browser = Browser::new(&house);
        let token = csrf(&browser.get("/sign-in").await.text);
        let body = format!("csrf={token}&next={next}&token={}", ADMIN_TOKEN.replace(' ', "+"));
        assert_eq!(browser.post("/sign-in", body).await.header("location"), place);
    }
    house.close().await;
}

#[tokio::test]
async fn what_strangers_write_is_text_on_every_page() {
    let house = House::open().await;
    let mut hostile = issue(1);
    let text = "</main><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";
    hostile["issue"]["title"] = text.into();
    hostile["sender"]["login"] = text.into();
    hostile[text] = json!({ text: [text] });
    let run = house.github("issues", "d-1", &hostile).await.body["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut browser = Browser::signed_in(&house).await;
    for path in [
        "/",
        "/events",
        "/events/d-1",
        "/runs",
        &format!("/runs/{run}"),
        "/events?q=%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(
            !page.text.contains("<script>") && !page.text.contains("<img"),
            "{path}"
        );
    }
    house.close().await;
}

#[tokio::test]
async fn an_event_shows_the_failing_condition_and_a_run_is_cancelled_retried_and_its_event_replayed() {
    let house = House::open().await;
    let mut closed = issue(2);
    closed["action"] = "closed".into();
    house.github("issues", "d-2", &closed).await;
    let run = house.github("issues", "d-1", &issue(1)).await.body["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut browser = Browser::signed_in(&house).await;
    let page = browser.get("/events/d-2?rule=greet").await.text;
    assert!(
        page.contains("d0 failed") && page.contains("github.issues.closed"),
        "{page}"
    );
    let token = csrf(&page);
    let post = |path: String| (path, format!("csrf={token}"));
    let (path, body) = post(format!("/runs/{run}/cancel"));
    assert_eq!(
        browser.post(&path, body).await.header("location"),
        format!("/runs/{run}?said=cancelled")
    );
    assert_eq!(
        house.api("GET", &format!("runs/{run}"), None).await.body["state"],
        "cancelled"
    );
    let (path, body) = post(format!("/runs/{run}/cancel"));
    assert_eq!(browser.post(&path, body).await.status, 409);
    let (path, body) = post(format!("/runs/{run}/retry"));
    assert_eq!(browser.post(&path, body).await.status, 303);
    let (path, body) = post("/events/d-1/replay".into());
    assert_eq!(browser.post(&path, body).await.status, 303);
    let runs = house.api("GET", "runs?event=d-1&rule=greet", None).await.body;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 3);
    assert_eq!(browser.get("/runs/nothing").await.status, 404);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_on_one_page_that_nobody_keeps() {
    let world = World::start(&[], AGENTS).await;
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    let csrf = csrf(&browser.get("/agents/scout").await.text);
    let wrong = browser
        .post("/agents/scout/tokens", format!("csrf={csrf}&days=100000"))
        .await;
    assert_eq!(wrong.status, 400);
    let page = browser
        .post("/agents/scout/tokens", format!("csrf={csrf}&days=7"))
        .await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    let (_, rest) = page.text.split_once("aria-label=\"The token\">").unwrap();
    let token = rest.split('<').next().unwrap();
    let again = browser.get("/agents/scout").await.text;
    assert!(!again.contains(token) && again.contains("Take back"));
    assert!(!world.server_log().contains(token));
    let (_, trail) = world.api("audit?who=admin").await;
    assert_eq!(trail["audit"][0]["what"], "agent.token", "{trail}");
}
