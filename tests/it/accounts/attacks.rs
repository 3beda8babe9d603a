//! Ways to sign an agent in that are none: each is refused, and on record.

use serde_json::json;
use url::Url;

use super::{Browser, account, last, signed_in, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_forged_used_before_or_another_browsers_is_refused_and_on_record() {
    let world = world().await;
    let callback = |query: &str| format!("{}/oauth/github/callback?{query}", world.server.url);
    let mut stranger = Browser::new();
    for (query, why) in [
        ("code=abc&state=0000", "none that was given out here"),
        ("code=abc", "names no state"),
        ("code=abc&state=", "names no state"),
    ] {
        let page = stranger.open(&callback(query)).await;
        assert_eq!(page.status, 400, "{}", page.text);
        // Nobody is known whose sign-in it could have been.
        let (outcome, note) = last(&world, "oauth.callback").await;
        assert_eq!(outcome, "refused");
        assert!(note.contains(why), "{query}: {note}");
    }

    let mut browser = Browser::new();
    browser.sign_in(&world).await;
    let authorize = browser.start(&world, "eliza").await;
    let back = browser.agree(&authorize, &[]).await.location.unwrap();
    // Somebody is led to a way back that another one began: their browser has no cookie of it, or that of their own.
    let page = stranger.open(back.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(
        last(&world, "agent.login")
            .await
            .1
            .contains("begun in another browser")
    );
    let mut other = Browser::new();
    other.sign_in(&world).await;
    other.start(&world, "eliza").await;
    assert_eq!(other.open(back.as_str()).await.status, 400);
    assert!(
        last(&world, "agent.login")
            .await
            .1
            .contains("begun in another browser")
    );
    assert!(account(&world).await["account"].is_null());

    // The right one comes in, once.
    let cookies = browser.cookies.clone();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.cookies.iter().any(|cookie| cookie.contains("Max-Age=0")),
        "{:?}",
        page.cookies
    );
    browser.cookies = cookies;
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("used before"), "{}", page.text);
    assert!(last(&world, "agent.login").await.1.contains("used before"));
    assert_eq!(
        account(&world).await["account"]["login"],
        "acme-eliza",
        "what was signed in stays so"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_is_taken_out_or_weakened_on_the_way_gives_no_token() {
    let world = world().await;
    let mut browser = Browser::new();
    browser.sign_in(&world).await;
    // Taken out: the code has no challenge, and is exchanged with a verifier all the same.
    let authorize = browser.start(&world, "eliza").await;
    let stripped = [("code_challenge", ""), ("code_challenge_method", "")];
    let back = browser.agree(&authorize, &stripped).await.location.unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 403, "{}", page.text);
    let (outcome, note) = last(&world, "agent.login").await;
    assert_eq!(outcome, "refused");
    assert!(note.contains("bad_verification_code"), "{note}");
    // Weakened.
    let authorize = browser.start(&world, "eliza").await;
    let plain = [("code_challenge_method", "plain")];
    let back = browser.agree(&authorize, &plain).await.location.unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(last(&world, "agent.login").await.1.contains("invalid_request"));
    // Another sign-in's code, under this one's state.
    let first = browser.start(&world, "eliza").await;
    let stolen = browser.agree(&first, &[]).await.location.unwrap();
    let code = stolen
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let second = browser.start(&world, "eliza").await;
    let state = second
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let mixed = format!(
        "{}/oauth/github/callback?code={code}&state={state}",
        world.server.url
    );
    let page = browser.open(&mixed).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        last(&world, "agent.login")
            .await
            .1
            .contains("bad_verification_code")
    );
    assert!(account(&world).await["account"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_request_says_changes_where_github_sends_the_browser_back_to() {
    let world = world().await;
    let mut browser = Browser::new();
    browser.sign_in(&world).await;
    for trick in [
        "agent=eliza&redirect_uri=https://evil.example/",
        "agent=eliza&return_to=//evil.example",
        "agent=eliza&agent=plain",
        "agent=eliza&callback=https://evil.example",
    ] {
        let page = browser
            .open(&format!("{}/oauth/github/start?{trick}", world.server.url))
            .await;
        assert_eq!(page.status, 400, "{trick}: {}", page.text);
        assert!(page.location.is_none());
    }
    let expected = format!("{}/oauth/github/callback", world.server.url);
    let url = format!("{}/oauth/github/start?agent=eliza", world.server.url);
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example"),
        ("referer", "https://evil.example/"),
    ] {
        let request = browser.client.get(&url).header(name, value);
        let page = browser.sent(&url, request).await;
        let to = page.location.unwrap();
        let back = to
            .query_pairs()
            .find(|(name, _)| name == "redirect_uri")
            .unwrap()
            .1
            .into_owned();
        assert_eq!(back, expected, "{name}");
        assert!(to.as_str().starts_with(&world.sandbox.url), "{to}");
    }
    // An address that is changed on the way is none of the App's; or, where it is, not the one of the code.
    let authorize = browser.start(&world, "eliza").await;
    for changed in [
        "https://evil.example/oauth/github/callback",
        "http://127.0.0.1@evil.example/",
        "javascript:alert(1)",
    ] {
        let page = browser.agree(&authorize, &[("redirect_uri", changed)]).await;
        assert_eq!(page.status, 400, "{changed}");
        assert!(page.location.is_none(), "{changed}");
    }
    let elsewhere = "http://127.0.0.1:9/oauth/github/callback";
    let mut back = browser
        .agree(&authorize, &[("redirect_uri", elsewhere)])
        .await
        .location
        .unwrap();
    assert_eq!(back.port(), Some(9), "a loopback address may use any port");
    back.set_port(Some(Url::parse(&world.server.url).unwrap().port().unwrap()))
        .unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        last(&world, "agent.login")
            .await
            .1
            .contains("redirect_uri_mismatch")
    );
    // Another server's answer.
    let authorize = browser.start(&world, "eliza").await;
    let mut back = browser.agree(&authorize, &[]).await.location.unwrap();
    back.query_pairs_mut().append_pair("iss", "https://evil.example");
    assert_eq!(browser.open(back.as_str()).await.status, 400);
    assert!(last(&world, "agent.login").await.1.contains("another server"));
    assert!(account(&world).await["account"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_agrees_is_refused_and_their_token_does_not_stay_valid() {
    let world = world().await;
    let mut browser = Browser::new();
    browser.sign_in(&world).await;
    let authorize = browser.start(&world, "eliza").await;
    let back = browser
        .agree(&authorize, &[("login", "mallory")])
        .await
        .location
        .unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 403);
    assert!(
        page.text.contains("the person who agreed is mallory"),
        "{}",
        page.text
    );
    assert_eq!(world.count("revoke_token").await, 1);
    assert_eq!(world.sandbox_post("oauth", json!({})).await["tokens"], 0);
    let (outcome, note) = last(&world, "agent.login").await;
    assert_eq!(outcome, "refused");
    assert!(note.contains("mallory"), "{note}");

    // They do not agree.
    let authorize = browser.start(&world, "eliza").await;
    let back = browser
        .agree(&authorize, &[("decision", "deny")])
        .await
        .location
        .unwrap();
    assert_eq!(browser.open(back.as_str()).await.status, 403);
    assert_eq!(last(&world, "agent.login").await.0, "denied");

    // The login becomes somebody else's: the number tells.
    signed_in(&world).await;
    let authorize = browser.start(&world, "eliza").await;
    let back = browser
        .agree(&authorize, &[("id", "4242")])
        .await
        .location
        .unwrap();
    let page = browser.open(back.as_str()).await;
    assert_eq!(page.status, 403);
    assert!(
        page.text.contains("belongs to another account now"),
        "{}",
        page.text
    );
    assert_ne!(account(&world).await["account"]["user_id"], 4242);
    // An agent without an account of its own has nothing to sign in to.
    let page = browser
        .open(&format!("{}/oauth/github/start?agent=plain", world.server.url))
        .await;
    assert_eq!(page.status, 409);
    assert!(page.text.contains("github_login"), "{}", page.text);
}
