//! What time does to a sign-in, with a clock that is moved by hand.

use std::sync::Arc;

use secrecy::ExposeSecret;
use xmrt::accounts::{AccountError, Accounts, Callback, SignIn};
use xmrt::agents::{Agent, Directory, RoleText, Vault, new_key};
use xmrt::clock::{self, Clock};
use xmrt::integrations::github::OauthApp;
use xmrt::journal::{AuditQuery, MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};

use super::Browser;

struct Desk {
    clock: Clock,
    accounts: Accounts,
    store: Arc<dyn Store>,
    _running: Running,
}

async fn desk() -> Desk {
    let clock = Clock::virtual_at("2026-03-04T05:06:07Z".parse().unwrap());
    let sandbox = Sandbox::new(Options {
        clock: clock.clone(),
        github_token: "the token".into(),
        render_key: "the key".into(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt-bot".into(),
    })
    .with_oauth_app("Iv1.tests", "the secret");
    let running = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let url = running.github_url();
    let role = RoleText {
        allow: vec!["github.get_issue".into()],
        repos: vec!["acme/*".into()],
        ..RoleText::default()
    };
    let agent = Agent {
        id: "eliza".into(),
        role: "reader".into(),
        github_login: Some("acme-eliza".into()),
    };
    let directory = Directory::new([("reader".to_owned(), role)], vec![agent]).unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.now()));
    let sign_in = SignIn {
        app: OauthApp::new(&url, &url, "Iv1.tests", Some("the secret".into())).unwrap(),
        vault: Vault::new(&[new_key().unwrap()]).unwrap(),
    };
    let accounts = Accounts::new(
        Arc::new(directory),
        Arc::clone(&store),
        clock.clone(),
        Ok(sign_in),
        None,
    );
    accounts.reached_at(Ok("http://127.0.0.1:8080".into()));
    Desk {
        clock,
        accounts,
        store,
        _running: running,
    }
}

impl Desk {
    fn wait(&self, seconds: i64) {
        self.clock
            .advance_to(clock::after(self.clock.now(), seconds * 1_000));
    }

    /// A person agrees at once; gives what their browser comes back with.
    async fn agreed(&self) -> (Callback, String) {
        let started = self.accounts.start("eliza").await.unwrap();
        let page = Browser::new().agree(&started.url, &[]).await;
        let mut callback = Callback::default();
        for (name, value) in page.location.unwrap().query_pairs() {
            match name.as_ref() {
                "code" => callback.code = Some(value.into_owned()),
                "state" => callback.state = Some(value.into_owned()),
                other => panic!("{other}"),
            }
        }
        (callback, started.browser.expose_secret().to_owned())
    }

    async fn refused(&self, callback: &Callback, browser: &str) -> String {
        let error = self.accounts.callback(callback, Some(browser)).await.unwrap_err();
        assert!(matches!(error, AccountError::State(_)), "{error}");
        let query = AuditQuery {
            limit: 1,
            ..AuditQuery::default()
        };
        let last = self.store.audited(&query).await.unwrap().remove(0).entry;
        assert_eq!(
            (last.what.as_str(), last.outcome.as_str()),
            ("agent.login", "refused")
        );
        last.note.unwrap()
    }
}

#[tokio::test]
async fn a_way_back_that_comes_too_late_is_refused_and_on_record_and_so_is_one_after_a_day() {
    let desk = desk().await;
    let (callback, browser) = desk.agreed().await;
    desk.wait(10 * 60);
    let note = desk.refused(&callback, &browser).await;
    assert!(note.contains("has expired"), "{note}");
    desk.wait(25 * 3_600);
    let note = desk.refused(&callback, &browser).await;
    assert!(note.contains("long over"), "{note}");
    // In time it is let in, to the last second.
    let (callback, browser) = desk.agreed().await;
    desk.wait(10 * 60 - 1);
    let signed_in = desk.accounts.callback(&callback, Some(&browser)).await.unwrap();
    assert_eq!(signed_in.login, "acme-eliza");
    let note = desk.refused(&callback, &browser).await;
    assert!(note.contains("used before"), "{note}");
}

#[tokio::test]
async fn of_a_flood_of_forged_states_the_journal_keeps_a_few() {
    let desk = desk().await;
    for n in 0..200 {
        let callback = Callback {
            code: Some("abc".into()),
            state: Some(format!("{n:064x}")),
            ..Callback::default()
        };
        assert!(desk.accounts.callback(&callback, None).await.is_err());
    }
    let query = AuditQuery {
        limit: 500,
        ..AuditQuery::default()
    };
    let kept = desk.store.audited(&query).await.unwrap().len();
    assert_eq!(kept, 30);
}
