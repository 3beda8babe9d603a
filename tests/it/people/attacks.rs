//! Ways to sign in as somebody that are none: each is refused, and on record.

use super::*;
use crate::accounts::record;

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_forged_used_before_or_begun_in_another_browser_signs_nobody_in() {
    let world = world().await;
    let mut stranger = Browser::new();
    let forged = format!("{}/oauth/github/callback?code=abc&state=0000", world.server.url);
    assert_eq!(stranger.open(&forged).await.status, 400);
    // Login CSRF: somebody begins, and has another browser end it.
    let mut mine = Browser::new();
    let authorize = set_out(&mut mine, &world, "").await;
    let back = mine
        .agree(&authorize, &[("login", "ada")])
        .await
        .location
        .unwrap();
    let page = stranger.open(back.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("begun in another browser"), "{}", page.text);
    let (outcome, note) = last(&world, "dashboard.login").await;
    assert_eq!(outcome, "refused");
    assert!(note.contains("another browser"), "{note}");
    let mut other = Browser::new();
    set_out(&mut other, &world, "").await;
    assert_eq!(
        other.open(back.as_str()).await.status,
        400,
        "with a cookie of its own"
    );
    for browser in [&mut stranger, &mut other] {
        assert_eq!(
            open(browser, &world, "/").await.status,
            303,
            "nobody is signed in"
        );
    }
    // The right one comes in, once.
    let cookies = mine.cookies.clone();
    assert_eq!(mine.open(back.as_str()).await.status, 303);
    assert_eq!(open(&mut mine, &world, "/").await.status, 200);
    let mut replayed = Browser::new();
    replayed.cookies = cookies;
    let page = replayed.open(back.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("used before"), "{}", page.text);
    assert!(last(&world, "dashboard.login").await.1.contains("used before"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_for_a_person_signs_no_agent_in_and_the_other_way_around() {
    let world = world().await;
    let mut person = Browser::new();
    let authorize = set_out(&mut person, &world, "").await;
    let code_of = |back: &Url| asked(back)["code"].clone();
    let back = person
        .agree(&authorize, &[("login", "acme-eliza")])
        .await
        .location
        .unwrap();
    // What an agent's owner agreed to, under the state of a person: PKCE tells them apart.
    let mut admin = Browser::new();
    admin.sign_in(&world).await;
    let start = format!("{}/oauth/github/start?agent=eliza", world.server.url);
    let agents = admin.open(&start).await.location.unwrap();
    let agents = admin.agree(&agents, &[]).await.location.unwrap();
    let mixed = |state: &Url, code: &Url| {
        format!(
            "{}/oauth/github/callback?code={}&state={}",
            world.server.url,
            code_of(code),
            asked(state)["state"]
        )
    };
    let page = person.open(&mixed(&back, &agents)).await;
    assert_eq!(page.status, 403, "{}", page.text);
    let page = admin.open(&mixed(&agents, &back)).await;
    assert_eq!(page.status, 403, "{}", page.text);
    let (_, shown) = world.api("agents/eliza/account").await;
    assert!(shown["account"].is_null(), "{shown}");
    assert_eq!(open(&mut person, &world, "/").await.status, 303);
    // And the account of an agent is nobody who may look.
    let (_, page) = try_as(&world, "acme-eliza").await;
    assert_eq!(page.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_is_taken_out_or_weakened_lets_nobody_in() {
    let world = world().await;
    for (changes, words) in [
        (
            vec![
                ("login", "ada"),
                ("code_challenge", ""),
                ("code_challenge_method", ""),
            ],
            "bad_verification_code",
        ),
        (
            vec![("login", "ada"), ("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (vec![("decision", "deny")], "access_denied"),
    ] {
        let mut browser = Browser::new();
        let authorize = set_out(&mut browser, &world, "").await;
        let page = come_back(&mut browser, &authorize, &changes).await;
        assert_eq!(page.status, 403, "{}", page.text);
        assert!(last(&world, "dashboard.login").await.1.contains(words), "{words}");
        assert_eq!(open(&mut browser, &world, "/").await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_page_of_this_server_is_gone_to_after_signing_in() {
    let world = world().await;
    for (next, place) in [
        ("%2Fruns%3Fstate%3Ddead", "/runs?state=dead"),
        ("%2F%2Fevil.example", "/"),
        ("https%3A%2F%2Fevil.example%2F", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%2F%09%2Fevil.example", "/"),
        ("javascript%3Aalert(1)", "/"),
        (&format!("%2F{}", "a".repeat(2_000)), "/"),
        ("", "/"),
    ] {
        let mut browser = Browser::new();
        let authorize = set_out(&mut browser, &world, next).await;
        let page = come_back(&mut browser, &authorize, &[("login", "ada")]).await;
        let expected = Url::parse(&world.server.url).unwrap().join(place).unwrap();
        assert_eq!(page.location, Some(expected), "{next}");
    }
    // Where GitHub leads back to is nobody's to say.
    let mut browser = Browser::new();
    let tricky = "&redirect_uri=https://evil.example/&return_to=//evil.example";
    let authorize = set_out(&mut browser, &world, tricky).await;
    assert_eq!(
        asked(&authorize)["redirect_uri"],
        format!("{}/oauth/github/callback", world.server.url)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_by_its_number_not_by_its_login() {
    let world = world().await;
    signed_in(&world, "olga").await;
    // The login becomes somebody else's.
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    let page = come_back(&mut browser, &authorize, &[("login", "olga"), ("id", "4242")]).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        page.text.contains("belongs to another account now"),
        "{}",
        page.text
    );
    assert!(last(&world, "dashboard.login").await.1.contains("number 4242"));
    // The account has another login: it is still who it was.
    let number = record(&world, "dashboard.login").await[0].1.clone();
    let number = number.split(['r', ',']).nth(1).unwrap().trim().to_owned();
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    let page = come_back(
        &mut browser,
        &authorize,
        &[("login", "olga-new"), ("id", &number)],
    )
    .await;
    assert_eq!(page.status, 303, "{}", page.text);
    let page = open(&mut browser, &world, "/").await;
    assert!(
        page.text
            .contains("github:olga-new</span> <span class=\"tag\">operator<"),
        "{}",
        page.text
    );
    let (outcome, note) = last(&world, "dashboard.login").await;
    assert_eq!(outcome, "done");
    assert!(note.contains("github_login = \"olga-new\""), "{note}");
    // Another account that takes the login on is meant, where the file says its number.
    let meant = CONFIG.replace(
        "github_login = \"olga\"",
        "github_login = \"olga\"\ngithub_id = 4242",
    );
    rewrite(&world, &meant).await;
    let mut browser = Browser::new();
    let authorize = set_out(&mut browser, &world, "").await;
    let page = come_back(&mut browser, &authorize, &[("login", "olga"), ("id", "4242")]).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_github_is_away_nobody_comes_in_and_the_page_says_so() {
    let world = world().await;
    for operation in ["oauth_token", "get_me", "get_team_membership"] {
        let fault =
            json!({ "match": { "operation": operation }, "times": 1, "kind": "status", "status": 503 });
        world.sandbox_post("faults", fault).await;
        let (mut browser, page) = try_as(&world, "rita").await;
        assert_eq!(page.status, 502, "{operation}: {}", page.text);
        assert!(
            page.text.contains("cannot be reached"),
            "{operation}: {}",
            page.text
        );
        assert_eq!(open(&mut browser, &world, "/").await.status, 303);
        assert_eq!(last(&world, "dashboard.login").await.0, "unavailable");
    }
    signed_in(&world, "rita").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_github_are_bounded_by_place_and_so_are_refused_ones() {
    let world = world().await;
    for _ in 0..5 {
        let (_, page) = try_as(&world, "stranger").await;
        assert_eq!(page.status, 403);
    }
    let mut browser = Browser::new();
    let page = open(&mut browser, &world, "/sign-in/github").await;
    assert_eq!(page.status, 429);
    assert!(page.text.contains("Too many attempts"), "{}", page.text);
    // The same bound holds for the token's door; a place is the nearest proxy's word.
    let url = format!("{}/sign-in/github", world.server.url);
    let mut begun = 0;
    loop {
        let request = browser.client.get(&url).header("x-forwarded-for", "192.0.2.7");
        match browser.sent(&url, request).await.status.as_u16() {
            303 => begun += 1,
            429 => break,
            other => panic!("{other}"),
        }
    }
    assert_eq!(begun, 20);
}
