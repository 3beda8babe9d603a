//! Who belongs to a team, asked as the person who is meant, and held against GitHub's description of its API.

use xmrt::clock::Clock;
use xmrt::integrations::github::{InTeam, OauthApp, Pkce};
use xmrt::sandbox::{Options, Sandbox};

use super::{Browser, json};
use crate::contract::{self, Witness};

const BACK: &str = "http://127.0.0.1:8080/oauth/github/callback";

#[tokio::test]
async fn a_member_an_invited_one_a_stranger_and_a_token_that_may_not_see_are_told_apart() {
    let sandbox = Sandbox::new(Options {
        clock: Clock::system(),
        github_token: "the token".into(),
        render_key: "the key".into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    })
    .with_oauth_app("Iv1.tests", "the secret");
    let members = json!([
        { "org": "acme", "team": "release", "login": "rita" },
        { "org": "acme", "team": "release", "login": "penny", "state": "pending" },
    ]);
    sandbox
        .seed(&json!({ "github": { "team_members": members } }))
        .unwrap();
    let running = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let witness = Witness::before(&running.github_url(), &contract::GITHUB).await;
    let secret = Some("the secret".into());
    let app = OauthApp::new(&running.github_url(), &witness.url, "Iv1.tests", secret).unwrap();
    for (login, team, granted, is) in [
        ("rita", "release", "read:org", InTeam::Active),
        ("Rita", "Release", "admin:org", InTeam::Active),
        ("penny", "release", "read:org", InTeam::Pending),
        ("sam", "release", "read:org", InTeam::No),
        ("rita", "other", "read:org", InTeam::No),
        ("rita", "release", "repo", InTeam::No),
    ] {
        let pkce = Pkce::new(&[7; 32]);
        let to = app.authorize_url(BACK, &["read:org".into()], "state", &pkce, None);
        let agreed = [("login", login), ("granted", granted)];
        let back = Browser::new().agree(&to, &agreed).await.location.unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1;
        let token = app.exchange(&code, BACK, &pkce).await.unwrap().access_token;
        assert_eq!(app.user(&token).await.unwrap().login, login);
        let found = app.in_team(&token, "acme", team, login).await.unwrap();
        assert_eq!(found, is, "{login} {team} {granted}");
        app.revoke(&token).await.unwrap();
        app.in_team(&token, "acme", team, login).await.unwrap_err();
    }
    drop(witness);
    running.stop().await;
}
