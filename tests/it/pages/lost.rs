//! Somebody who is not where they think: signed out meanwhile, at an address at which nothing is, on a page that is too old.

use super::{Browser, csrf};
use crate::intake::{ADMIN_TOKEN, House, issue};

#[tokio::test]
async fn a_form_that_comes_after_the_session_has_ended_says_so_and_leads_back_to_its_page() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    for (form, page) in [
        ("/runs/r-1/retry", "%2Fruns%2Fr-1"),
        ("/rules/a/try", "%2Frules%2Fa"),
        ("/agents/scout/tokens/t1", "%2Fagents%2Fscout"),
        ("/approvals/r-1", "%2Fapprovals"),
        ("/insights", "%2Finsights"),
        ("/pauses", "%2F"),
    ] {
        let answer = browser.post(form, "what=all".into()).await;
        assert_eq!(answer.status, 303, "{form}");
        let place = answer.header("location").to_owned();
        assert_eq!(place, format!("/sign-in?next={page}&said=not-done"), "{form}");
        let door = browser.get(&place).await;
        assert!(door.text.contains("Nothing was done"), "{}", door.text);
    }
    let door = browser
        .get("/sign-in?next=%2Fruns%2Fr-1&said=%3Cb%3Eanything")
        .await;
    assert!(!door.text.contains("role=\"alert\""), "{}", door.text);
    let token = ADMIN_TOKEN.replace(' ', "+");
    let form = format!("csrf={}&next=%2Fruns%2Fr-1&token={token}", csrf(&door.text));
    let answer = browser.post("/sign-in", form).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/runs/r-1"));
    house.close().await;
}

#[tokio::test]
async fn a_sign_in_page_that_is_too_old_is_not_said_to_be_about_cookies_alone() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    let door = browser.get("/sign-in").await.text;
    // The browser has forgotten the cookie by then.
    browser.cookie.clear();
    let form = format!("csrf={}&next=%2F&token=x", csrf(&door));
    let answer = browser.post("/sign-in", form).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("older than an hour"), "{}", answer.text);
    house.close().await;
}

#[tokio::test]
async fn a_browser_gets_a_page_where_nothing_is_and_a_program_its_problem() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    for path in ["/evnets", "/runs/x/y/z", "/<b>"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(
            page.text.contains("No such page") && page.text.contains("href=\"/\""),
            "{}",
            page.text
        );
        assert!(!page.text.contains("<b>"), "{}", page.text);
    }
    for path in ["/api/v1/nothing", "/webhooks", "/mcp/x/y", "/metrics/x"] {
        let answer = browser.get(path).await;
        assert_ne!(answer.status, 200, "{path}");
        assert!(!answer.header("content-type").starts_with("text/html"), "{path}");
    }
    let answer = house
        .client
        .get(format!("{}/evnets", house.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    house.close().await;
}

#[tokio::test]
async fn insights_that_there_are_not_are_named_with_those_there_are() {
    let house = House::open().await;
    let mut browser = Browser::signed_in(&house).await;
    for (query, words) in [
        ("kind=nix", "it can be `ecosystem`, `service` or `repository`"),
        ("of=acme/api", "`of` goes with `kind`"),
    ] {
        let page = browser.get(&format!("/insights?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        let text = page.text.replace("&#x2f;", "/").replace("&#x60;", "`");
        assert!(text.contains(words), "{text}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_signed_out_is_told_of_no_change_any_more() {
    let house = House::open().await;
    let mut browser = Browser::signed_in(&house).await;
    let mut live = browser
        .client
        .get(format!("{}/live", house.url))
        .header("cookie", &browser.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(live.chunk().await.unwrap().unwrap(), "retry: 2000\n\n");
    let page = browser.get("/").await.text;
    let out = browser.post("/sign-out", format!("csrf={}", csrf(&page))).await;
    assert_eq!(out.status, 303);
    house.github("issues", "d-1", &issue(1)).await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), live.chunk());
    assert_eq!(told.await.expect("the stream goes on").unwrap(), None);
    house.close().await;
}
