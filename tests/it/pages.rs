//! The dashboard over real sockets: who gets in, what forms are taken, what a page may hold.

use http::HeaderMap;
use serde_json::json;

use crate::harness::{self, World, issue_opened};
use crate::intake::{ADMIN_TOKEN, Answer, House, issue};

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

#[tokio::test]
async fn a_page_stays_small_however_much_there_is() {
    let house = House::open().await;
    let mut large = issue(1);
    large["many"] = (0..20_000)
        .map(|number| json!({ "n": number, "t": "<&>".repeat(20) }))
        .collect();
    house.github("issues", "d-0", &large).await;
    for number in 1..=60 {
        house
            .github("issues", &format!("d-{number}"), &issue(number))
            .await;
    }
    let mut browser = Browser::signed_in(&house).await;
    for path in ["/", "/events", "/events/d-0", "/runs"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.len() <= 100_000, "{path}: {}", page.text.len());
    }
    house.close().await;
}

const ASKS: &str = r#"
description = "Asks"
on = "github.issues.opened"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "TEXT" }
approval = { by = ["alice"], reason = "REASON" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pages_about_rules_and_approvals_stay_small_too_and_say_what_they_leave_out() {
    const QUESTIONS: u64 = 22;
    let asks = ASKS
        .replace("TEXT", &"<&>".repeat(3_000))
        .replace("REASON", &"<why>".repeat(400));
    let quiet = ASKS.replace("issues.opened", "issues.pinned");
    let described = quiet.replace("Asks", &"it does <this> & <that>, ".repeat(20));
    let long = format!("{quiet}{}", "# nothing <but> words\n".repeat(4_000));
    let names: Vec<String> = (0..150).map(|number| format!("rule-{number}")).collect();
    let mut rules: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), described.as_str()))
        .collect();
    rules.extend([("asks", asks.as_str()), ("long", long.as_str())]);
    let world = World::start(&rules, "").await;
    for number in 1..=QUESTIONS {
        let id = format!("d-{number}");
        world.github("issues", &id, &issue_opened(number)).await.unwrap();
    }
    world
        .until("all questions are asked", async || {
            let asked = world.api("approvals?limit=100").await.1;
            (asked["approvals"].as_array()?.len() as u64 == QUESTIONS).then_some(())
        })
        .await;
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    for (path, says) in [
        ("/rules", "52 more"),
        ("/rules/long", "more lines"),
        ("/rules/long", "too long for a form"),
        ("/rules/rule-7", "<textarea"),
        ("/rules/asks", "too long for a form"),
        ("/approvals", "Older"),
        ("/approvals", "cut here"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains(says), "{path} does not say {says:?}");
        assert!(page.text.len() <= 100_000, "{path}: {}", page.text.len());
        assert!(
            !page.text.contains("<why>") && !page.text.contains("<but>"),
            "{path}"
        );
    }
}

const AGENTS: &str =
    "[role.triage]\nallow = [\"xmrt.notify\"]\n\n[[agent]]\nid = \"scout\"\nrole = \"triage\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_and_an_agent_are_shown_whole_small_and_without_a_strangers_markup() {
    let tells = ASKS
        .replace("TEXT", &"<&>".repeat(3_000))
        .replace("approval = { by = [\"alice\"], reason = \"REASON\" }\n", "")
        .replace("\non = ", "\nagent = \"scout\"\non = ");
    let world = World::start(&[("tells", &tells)], AGENTS).await;
    for number in 1..=55 {
        let id = format!("d-{number}");
        world.github("issues", &id, &issue_opened(number)).await.unwrap();
        world.settled(&id).await;
    }
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    for (path, says) in [
        ("/audit", "Older"),
        ("/audit?who=scout", "xmrt.notify"),
        ("/audit?what=xmrt.*&outcome=done", "xmrt.notify"),
        ("/audit?who=nobody", "No entry is like that"),
        ("/agents", "scout"),
        ("/agents/scout", "All of it"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains(says), "{path} does not say {says:?}");
        assert!(page.text.len() <= 100_000, "{path}: {}", page.text.len());
        assert!(!page.text.contains("<&>"), "{path}");
    }
    let older = browser.get("/audit").await.text;
    let (_, link) = older.split_once("class=\"next\" href=\"").unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let page = browser.get(&link).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("xmrt.notify") && !page.text.contains("class=\"next\""));
    for (path, status) in [("/agents/nobody", 404), ("/audit?before=yesterday", 400)] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
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

/// A repository with a red build and a hostile author, and a service that is built from it.
async fn measurable(world: &World) {
    let seed = json!({
        "github": {
            "repos": [{ "full_name": "acme/api", "pushed": "-1d" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": "It", "author": "<b>ann", "created": "-2d" }],
            "runs": [{ "repo": "acme/api", "id": 1, "name": "<script>CI", "path": ".github/workflows/ci.yml", "branch": "main",
                       "status": "completed", "conclusion": "failure", "created": "-1h" }],
        },
        "render": {
            "services": [{ "id": "srv-a", "name": "<i>api", "repo": "acme/api" }],
            "deploys": [{ "id": "dep-1", "service_id": "srv-a", "status": "live", "created": "-3d", "finished": "-3d" }],
        },
    });
    world.sandbox_post("seed", seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_shown_with_charts_and_measured_again_by_a_form() {
    let world = World::start(&[], "").await;
    measurable(&world).await;
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    let nothing = browser.get("/insights").await.text;
    assert!(nothing.contains("Nothing was measured yet"), "{nothing}");
    let csrf = csrf(&nothing);
    for (kind, of, says) in [
        ("ecosystem", "", "of 100"),
        ("service", "srv-a", "Lead time of a commit"),
        ("repository", "acme/api", "open and without an answer"),
    ] {
        let form = format!("csrf={csrf}&kind={kind}&of={of}");
        let done = browser.post("/insights", form).await;
        assert_eq!(done.status, 303, "{kind}: {}", done.text);
        let page = browser.get(done.header("location")).await;
        assert!(page.text.contains(says), "{kind}: {}", page.text);
        assert!(page.text.contains("It was measured just now"), "{kind}");
        let strange = ["<script>CI", "<b>ann", "<i>api", "<style", " style="];
        assert!(
            !strange.iter().any(|part| page.text.contains(part)),
            "{kind}: {}",
            page.text
        );
        assert!(page.text.len() <= 100_000, "{kind}: {}", page.text.len());
    }
    let all = browser.get("/insights").await.text;
    assert_eq!(all.matches("<svg").count(), 3, "{all}");
    assert_eq!(all.matches("Measure again").count(), 3);

    // The same by the API.
    let (status, found) = world.api("insights?kind=repository").await;
    assert_eq!((status, &found["insights"][0]["of"]), (200, &json!("acme/api")));
    let (status, again) = world
        .api_post("insights", json!({ "kind": "service", "of": "srv-a" }))
        .await;
    assert_eq!(
        (status, &again["table"][0]["name"]),
        (200, &json!("Deployments")),
        "{again}"
    );
    for (wish, expected) in [
        (json!({ "kind": "service", "of": "srv-gone" }), 404),
        (json!({ "kind": "repository", "of": "acme" }), 422),
        (json!({ "kind": "ecosystem", "of": "acme/api" }), 422),
        (json!({ "kind": "weather" }), 400),
    ] {
        let (status, problem) = world.api_post("insights", wish.clone()).await;
        assert_eq!(status, expected, "{wish}: {problem}");
    }
    for (wish, status) in [("kind=weather&of=", 400), ("kind=repository&of=acme", 422)] {
        let answer = browser.post("/insights", format!("csrf={csrf}&{wish}")).await;
        assert_eq!(answer.status, status, "{wish}");
    }
    // It is on record who wished for it.
    let (_, trail) = world.api("audit?what=xmrt.dora_metrics").await;
    let who: Vec<&str> = trail["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["who"].as_str().unwrap())
        .collect();
    assert!(who.contains(&"admin") && who.contains(&"api"), "{trail}");
}
