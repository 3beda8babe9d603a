//! How large a page gets, however much there is, and what it leaves out.

use serde_json::json;

use crate::harness::{self, World, issue_opened};
use crate::intake::{House, issue};

use super::{AGENTS, ASKS, Browser};

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
