//! What each level may do, on every page and with every form there is.

use xmrt::accounts::Level;
use xmrt::http::dashboard_levels;

use super::*;
use crate::harness::issue_opened;

/// A path with something in the place of its names.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{id}" if path.starts_with("/rules") => "asks",
        "{id}" if path.starts_with("/agents") => "eliza",
        part if part.starts_with('{') => "nothing",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_form_of_the_dashboard_has_the_level_it_should() {
    let told: Vec<String> = dashboard_levels()
        .filter(|(method, _, level)| *method == "POST" || *level != Level::Viewer)
        .map(|(method, path, level)| format!("{method} {path} {level}"))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    POST /events/{id}/replay operator
    POST /runs/{id}/retry operator
    POST /runs/{id}/cancel operator
    POST /runs/{id}/resolve operator
    POST /rules/{id}/explain viewer
    POST /rules/{id}/pause operator
    POST /rules/{id}/try operator
    POST /approvals/{run} operator
    POST /agents/{id}/tokens admin
    POST /agents/{id}/tokens/{token} admin
    POST /agents/{id}/account admin
    POST /agents/{id}/pause operator
    POST /agents/{id}/may viewer
    POST /insights operator
    POST /pauses operator
    POST /sign-out viewer
    GET /oauth/github/start admin
    ");
    // The table is where routes come from: no handler of a form stands anywhere else.
    let source = include_str!("../../../src/http/pages.rs");
    let forms = dashboard_levels()
        .filter(|(method, ..)| *method == "POST")
        .count();
    assert_eq!(source.matches("|| post(").count(), forms);
    assert_eq!(source.matches("post(").count(), forms + 1, "the sign-in's own");
}

/// The hash of what is asked about, as the page shows it.
async fn shown_hash(world: &World) -> String {
    let (_, page) = world.api("approvals").await;
    page["approvals"][0]["hash"].as_str().unwrap().to_owned()
}

/// An event whose run asks a person: that run.
async fn question(world: &World) -> String {
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    world
        .until("the question", async || {
            let (_, page) = world.api("approvals").await;
            Some(page["approvals"].get(0)?["run"].as_str()?.to_owned())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_level_for_a_form_is_refused_it_by_name_and_nothing_is_done() {
    let world = world().await;
    for (login, has) in [
        ("vera", Level::Viewer),
        ("olga", Level::Operator),
        ("ada", Level::Admin),
    ] {
        let mut browser = signed_in(&world, login).await;
        let token = csrf(&open(&mut browser, &world, "/").await.text);
        let ordered = dashboard_levels().filter(|(_, path, _)| !["/sign-out", "/live"].contains(path));
        for (method, path, least) in ordered {
            let url = format!("{}{}", world.server.url, filled(path));
            let page = match method {
                "POST" => {
                    let form = [("csrf".to_owned(), token.clone())];
                    browser.post(&url, &form).await
                }
                _ => browser.open(&url).await,
            };
            let refused = page.text.contains("Your level does not allow this");
            assert_eq!(refused, has < least, "{login}: {method} {path}: {}", page.text);
            if refused {
                assert_eq!(page.status, 403, "{login}: {method} {path}");
                assert!(
                    page.text.contains(&format!("needs the level {least}"))
                        && page.text.contains(&format!("github:{login} has {has}"))
                        && page.text.contains("[[person]]"),
                    "{}",
                    page.text
                );
            } else {
                assert_ne!(page.status, 403, "{login}: {method} {path}: {}", page.text);
            }
        }
    }
    let (_, trail) = world
        .api("audit?who=github:Vera&what=dashboard.act&limit=100")
        .await;
    assert_eq!(
        trail["audit"].as_array().unwrap().len(),
        0,
        "the record has the login as GitHub writes it"
    );
    let (_, trail) = world
        .api("audit?who=github:vera&what=dashboard.act&limit=100")
        .await;
    let of_vera = trail["audit"].as_array().unwrap();
    assert_eq!(of_vera.len(), 14, "{trail}");
    assert_eq!(of_vera[0]["outcome"], "refused");
    // What ada sent did something; what vera sent did not.
    let (_, trail) = world.api("audit?who=github:vera&outcome=done&limit=100").await;
    let done: Vec<&str> = trail["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["dashboard.login"]);
    let (_, trail) = world.api("audit?who=github:ada&what=agent.token").await;
    assert_eq!(trail["audit"][0]["outcome"], "done", "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_offers_only_what_its_reader_may_do() {
    let world = world().await;
    let run = question(&world).await;
    world.api_post("pauses", json!({ "what": "agent:eliza" })).await;
    let run = format!("/runs/{run}");
    let pages = [
        "/",
        "/events/d-1",
        "/rules/asks",
        "/approvals",
        "/agents/eliza",
        run.as_str(),
    ];
    for (login, has) in [
        ("vera", Level::Viewer),
        ("olga", Level::Operator),
        ("ada", Level::Admin),
    ] {
        let mut browser = signed_in(&world, login).await;
        let mut offered = std::collections::BTreeSet::new();
        for path in pages {
            let page = open(&mut browser, &world, path).await;
            assert_eq!(page.status, 200, "{login} {path}: {}", page.text);
            for (_, rest) in page
                .text
                .match_indices("action=\"")
                .map(|(at, found)| (at, &page.text[at + found.len()..]))
            {
                offered.insert(rest.split(['"', '#']).next().unwrap().to_owned());
            }
        }
        let may: std::collections::BTreeSet<String> = dashboard_levels()
            .filter(|(method, _, least)| *method == "POST" && *least <= has)
            .map(|(_, path, _)| path.to_owned())
            .collect();
        let shape = |action: &str| {
            let found = may.iter().find(|path| {
                let (want, have): (Vec<&str>, Vec<&str>) =
                    (path.split('/').collect(), action.split('/').collect());
                want.len() == have.len()
                    && want
                        .iter()
                        .zip(&have)
                        .all(|(want, have)| want.starts_with('{') || want == have)
            });
            found.cloned()
        };
        for action in &offered {
            assert!(shape(action).is_some(), "{login} is offered {action}");
        }
        let seen: std::collections::BTreeSet<String> =
            offered.iter().filter_map(|action| shape(action)).collect();
        for path in [
            "/pauses",
            "/events/{id}/replay",
            "/rules/{id}/try",
            "/runs/{id}/cancel",
        ] {
            assert_eq!(seen.contains(path), has >= Level::Operator, "{login}: {path}");
        }
        // Ada may, and the rule asks for a role that she does not have.
        assert_eq!(seen.contains("/approvals/{run}"), login == "olga", "{login}");
        assert_eq!(
            seen.contains("/agents/{id}/tokens"),
            has >= Level::Admin,
            "{login}"
        );
        assert!(
            seen.contains("/agents/{id}/may") && seen.contains("/sign-out"),
            "{login}: {seen:?}"
        );
        let agent = open(&mut browser, &world, "/agents/eliza").await;
        assert_eq!(
            agent.text.contains("/oauth/github/start"),
            has >= Level::Admin,
            "{login}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_word_on_an_approval_is_theirs_with_their_roles_whatever_the_form_says() {
    let world = world().await;
    let run = question(&world).await;
    // An admin without the role says that they are somebody who has it.
    let mut ada = signed_in(&world, "ada").await;
    let path = format!("/approvals/{run}");
    let hash = shown_hash(&world).await;
    let hash = ("hash", hash.as_str());
    let forged = [
        ("answer", "approve"),
        ("as", "github:olga"),
        ("roles", "release"),
        hash,
    ];
    let page = post(&mut ada, &world, &path, &forged).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        page.text.contains("github:ada cannot say this") && page.text.contains("[[person]]"),
        "{}",
        page.text
    );
    let mut olga = signed_in(&world, "olga").await;
    let page = open(&mut olga, &world, "/approvals").await;
    assert!(
        page.text
            .contains("You answer as <b>github:olga</b>, known as <b>alice</b>, with the role release")
            && !page.text.contains("name=\"as\""),
        "{}",
        page.text
    );
    let page = post(
        &mut olga,
        &world,
        &path,
        &[("answer", "approve"), ("why", "seen"), ("as", "ada"), hash],
    )
    .await;
    assert_eq!(page.status, 303, "{}", page.text);
    world.settled("d-1").await;
    let (_, shown) = world.api(&format!("runs/{run}")).await;
    let answer = &shown["steps"][0]["approval"]["answer"];
    assert_eq!(
        (&answer["who"], &answer["why"]),
        (&json!("github:olga"), &json!("seen")),
        "{shown}"
    );
    let (_, trail) = world.api("audit?what=run.approve").await;
    let told: Vec<(&str, &str)> = trail["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["who"].as_str().unwrap(), entry["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("github:olga", "approved"), ("github:ada", "refused")],
        "{trail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_is_on_record_as_theirs() {
    let world = world().await;
    let mut rita = signed_in(&world, "rita").await;
    assert_eq!(
        post(&mut rita, &world, "/pauses", &[("what", "all")])
            .await
            .status,
        303
    );
    let (_, pauses) = world.api("pauses").await;
    assert_eq!(pauses["pauses"][0]["who"], "github:rita", "{pauses}");
    let page = post(
        &mut rita,
        &world,
        "/pauses",
        &[("what", "all"), ("resume", "yes")],
    )
    .await;
    assert_eq!(page.status, 303);
    assert_eq!(post(&mut rita, &world, "/sign-out", &[]).await.status, 303);
    assert_eq!(open(&mut rita, &world, "/").await.status, 303);
    let (_, trail) = world.api("audit?who=github:rita&limit=100").await;
    let mut told: Vec<&str> = trail["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    told.reverse();
    assert_eq!(
        told,
        ["dashboard.login", "pause", "resume", "dashboard.logout"],
        "{trail}"
    );
    // The admin token's door is on record, too.
    let mut browser = Browser::new();
    browser.sign_in(&world).await;
    let (_, trail) = world.api("audit?who=admin&what=dashboard.login").await;
    assert_eq!(trail["audit"][0]["outcome"], "done", "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_xmrt_toml_answers_what_asks_for_that_name_and_no_role_does() {
    let by_name = ASKS.replace("\"role:release\", \"github:nobody\"", "\"alice\"");
    let world = World::start_with(&[("asks", &by_name)], CONFIG, CLIENT).await;
    seed(
        &world,
        "team_members",
        json!([{ "org": "acme", "team": "release", "login": "rita" }]),
    )
    .await;
    let run = question(&world).await;
    let path = format!("/approvals/{run}");
    let hash = shown_hash(&world).await;
    let hash = ("hash", hash.as_str());
    let mut rita = signed_in(&world, "rita").await;
    let page = post(&mut rita, &world, &path, &[("answer", "approve"), hash]).await;
    assert_eq!(page.status, 403, "{}", page.text);
    let mut olga = signed_in(&world, "olga").await;
    let page = post(&mut olga, &world, &path, &[("answer", "approve"), hash]).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_browser_to_github_for_an_agent_is_on_record() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let gone = open(&mut ada, &world, "/oauth/github/start?agent=eliza").await;
    assert!(gone.location.is_some(), "{}", gone.text);
    let (_, trail) = world.api("audit?what=agent.login_begun").await;
    assert_eq!(
        (&trail["audit"][0]["who"], &trail["audit"][0]["target"]),
        (&json!("github:ada"), &json!("eliza")),
        "{trail}"
    );
}
