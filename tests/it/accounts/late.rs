//! What time does to a sign-in, with a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use xmrt::accounts::{AccountError, Accounts, Arrived, Callback, Level, People, Person, SignIn, Started};
use xmrt::agents::{Agent, Directory, RoleText, Vault, new_key};
use xmrt::clock::{self, Clock};
use xmrt::integrations::github::OauthApp;
use xmrt::journal::{AuditQuery, MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};

use super::{Browser, Url, json};

struct Desk {
    clock: Clock,
    accounts: Accounts,
    store: Arc<dyn Store>,
    running: Running,
}

async fn desk() -> Desk {
    desk_by(async |url| url).await
}

/// A desk that reaches GitHub under the address that `by` makes of its own.
async fn desk_by(by: impl AsyncFnOnce(String) -> String) -> Desk {
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
    let url = by(running.github_url()).await;
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
        running,
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
        self.came_back(started, &[]).await
    }

    async fn came_back(&self, started: Started, changes: &[(&str, &str)]) -> (Callback, String) {
        let page = Browser::new().agree(&started.url, changes).await;
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
        self.refused_as("agent.login", callback, browser).await
    }

    async fn refused_as(&self, what: &str, callback: &Callback, browser: &str) -> String {
        let error = self.accounts.callback(callback, Some(browser)).await.unwrap_err();
        assert!(matches!(error.error, AccountError::State(_)), "{error}");
        let query = AuditQuery {
            limit: 1,
            ..AuditQuery::default()
        };
        let last = self.store.audited(&query).await.unwrap().remove(0).entry;
        assert_eq!((last.what.as_str(), last.outcome.as_str()), (what, "refused"));
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
    let note = desk.refused_as("oauth.callback", &callback, &browser).await;
    assert!(note.contains("long over"), "{note}");
    // In time it is let in, to the last second.
    let (callback, browser) = desk.agreed().await;
    desk.wait(10 * 60 - 1);
    let arrived = desk.accounts.callback(&callback, Some(&browser)).await.unwrap();
    let Arrived::Agent(signed_in) = arrived else {
        panic!("{arrived:?}")
    };
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

/// A way to `url` on which answers wait while `open` is false; each that does rings.
async fn road(url: String, open: watch::Receiver<bool>, rings: Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, here) = (Url::parse(&url).unwrap(), listener.local_addr().unwrap());
    let there = url.socket_addrs(|| None).unwrap().remove(0);
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(there).await.unwrap();
            let (mut near_in, mut near_out) = near.into_split();
            let (mut far_in, mut far_out) = far.into_split();
            let (mut open, rings) = (open.clone(), Arc::clone(&rings));
            tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
            tokio::spawn(async move {
                let mut answer = vec![0; 65_536];
                while let Ok(length @ 1..) = far_in.read(&mut answer).await {
                    if !*open.borrow() {
                        rings.notify_one();
                    }
                    let _ = open.wait_for(|open| *open).await;
                    let _ = near_out.write_all(&answer[..length]).await;
                }
            });
        }
    });
    format!("http://{here}{}", url.path())
}

#[tokio::test]
async fn a_token_that_was_made_anew_is_kept_although_nobody_waits_for_it_any_more() {
    let (gate, open) = watch::channel(true);
    let waits = Arc::new(Notify::new());
    let rings = Arc::clone(&waits);
    let desk = desk_by(async |url| road(url, open, rings).await).await;
    let told = reqwest::Client::new()
        .post(format!("{}/oauth", desk.running.control_url()))
        .json(&json!({ "expires_in": 600 }))
        .send();
    assert!(told.await.unwrap().status().is_success());
    let (callback, browser) = desk.agreed().await;
    desk.accounts.callback(&callback, Some(&browser)).await.unwrap();
    desk.wait(700);
    gate.send(false).unwrap();
    tokio::select! {
        token = desk.accounts.token("eliza") => panic!("it was answered: {token:?}"),
        // GitHub has ended the old tokens by now.
        () = waits.notified() => {}
    }
    gate.send(true).unwrap();
    let query = AuditQuery {
        what: Some("agent.refresh".into()),
        ..AuditQuery::default()
    };
    let kept = async {
        while desk.store.audited(&query).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), kept)
        .await
        .expect("it is made anew all the same");
    desk.accounts.token("eliza").await.unwrap();
}

#[tokio::test]
async fn a_persons_way_back_ends_as_soon_and_is_forgotten_sooner() {
    let desk = desk().await;
    desk.accounts.let_in(People {
        persons: vec![Person {
            github_login: "ada".into(),
            github_id: None,
            level: Some(Level::Admin),
            roles: Vec::new(),
            name: None,
        }],
        teams: Vec::new(),
    });
    let begun = async || {
        let started = desk.accounts.start_person("/runs").await.unwrap();
        desk.came_back(started, &[("login", "ada")]).await
    };
    let (callback, browser) = begun().await;
    desk.wait(10 * 60);
    let note = desk.refused_as("dashboard.login", &callback, &browser).await;
    assert!(note.contains("has expired"), "{note}");
    desk.wait(3_600);
    // Nobody knows any more what it was for.
    let note = desk.refused_as("oauth.callback", &callback, &browser).await;
    assert!(note.contains("long over"), "{note}");
    let (callback, browser) = begun().await;
    desk.wait(10 * 60 - 1);
    let arrived = desk.accounts.callback(&callback, Some(&browser)).await.unwrap();
    let Arrived::Person { visitor, next } = arrived else {
        panic!("{arrived:?}")
    };
    assert_eq!((visitor.who().as_str(), next.as_str()), ("github:ada", "/runs"));
    let note = desk.refused_as("dashboard.login", &callback, &browser).await;
    assert!(note.contains("used before"), "{note}");
}
