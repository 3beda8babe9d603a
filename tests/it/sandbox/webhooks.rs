use super::*;

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::{Semaphore, mpsc};

/// A door that takes webhooks, tells the story of each, and answers when and as it is let.
#[derive(Clone)]
struct Receiver {
    came: mpsc::UnboundedSender<Delivery>,
    may_answer: Arc<Semaphore>,
    answers: Arc<Mutex<Vec<u16>>>,
    /// Where nothing is taken any more.
    refused: Arc<Mutex<Option<&'static str>>>,
}

struct Delivery {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Delivery {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn take(State(receiver): State<Receiver>, request: Request) -> (StatusCode, &'static str) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = parts.uri.path().to_owned();
    let refused = *receiver.refused.lock().unwrap() == Some(path.as_str());
    let _ = receiver.came.send(Delivery {
        path,
        headers: parts.headers,
        body,
    });
    let permit = receiver.may_answer.acquire().await.unwrap();
    permit.forget();
    let status = match refused {
        true => 503,
        false => receiver.answers.lock().unwrap().pop().unwrap_or(202),
    };
    (StatusCode::from_u16(status).unwrap(), "{\"taken\": true}")
}

/// A receiver that the sandbox delivers to, and what comes in; it may answer `permits` times.
async fn receiver(story: &Story, permits: usize) -> (Receiver, mpsc::UnboundedReceiver<Delivery>) {
    let (came, coming) = mpsc::unbounded_channel();
    let receiver = Receiver {
        came,
        may_answer: Arc::new(Semaphore::new(permits)),
        answers: Arc::default(),
        refused: Arc::default(),
    };
    let app = axum::Router::new().fallback(take).with_state(receiver.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    story
        .sandbox
        .deliver_to(Some(&format!("http://{}", listener.local_addr().unwrap())));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (receiver, coming)
}

#[test]
fn what_a_person_does_on_github_arrives_signed_and_complete() {
    story(|story| async {
        let (_receiver, mut coming) = receiver(&story, 100).await;
        let act = json!({"do": "open_issue", "repo": "acme/api", "title": "Crash", "body": "It crashes", "by": "ann"});
        let done = story.sandbox.act(&act).await.expect("an act");
        assert_eq!(
            (
                &done["deliveries"][0]["status"],
                &done["deliveries"][0]["response"]["taken"]
            ),
            (&json!(202), &json!(true))
        );
        let delivery = coming.recv().await.expect("a delivery");
        assert_eq!(delivery.path, "/webhooks/github");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"It's a Secret to Everybody").unwrap();
        mac.update(delivery.body.as_bytes());
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(delivery.header("x-hub-signature-256"), format!("sha256={hex}"));
        assert_eq!(
            (
                delivery.header("x-github-event"),
                delivery.header("x-github-delivery").len()
            ),
            ("issues", 36)
        );
        assert!(delivery.header("user-agent").starts_with("GitHub-Hookshot/"));
        let payload = delivery.json();
        assert_eq!(
            (&payload["action"], &payload["issue"]["title"]),
            (&json!("opened"), &json!("Crash"))
        );
        assert_eq!(
            (&payload["sender"]["login"], &payload["repository"]["full_name"]),
            (&json!("ann"), &json!("acme/api"))
        );
        assert_eq!(
            story.github_get("/repos/acme/api/issues/1").await["user"]["login"],
            "ann"
        );
        assert!(
            story.sandbox.effects().is_empty(),
            "a person's act is not our effect"
        );
        story
    });
}

#[test]
fn our_own_writes_come_back_as_webhooks_with_us_as_sender() {
    story(|story| async {
        story.seed(acme());
        let (_receiver, mut coming) = receiver(&story, 100).await;
        let issue = json!({"title": "Ours", "labels": ["bug"]});
        story.github(Method::POST, "/repos/acme/api/issues", issue).await;
        story
            .github(
                Method::POST,
                "/repos/acme/api/issues/4/comments",
                json!({"body": "and a word"}),
            )
            .await;
        story
            .github(
                Method::PATCH,
                "/repos/acme/api/issues/4",
                json!({"state": "closed"}),
            )
            .await;
        let mut told = Vec::new();
        for _ in 0..4 {
            let delivery = coming.recv().await.expect("a delivery");
            let payload = delivery.json();
            assert_eq!(payload["sender"]["login"], "xmrt-bot");
            told.push(format!(
                "{}.{}",
                delivery.header("x-github-event"),
                payload["action"].as_str().unwrap()
            ));
        }
        assert_eq!(
            told,
            [
                "issues.opened",
                "issues.labeled",
                "issue_comment.created",
                "issues.closed"
            ]
        );
        story
    });
}

#[test]
fn a_deploys_way_is_told_in_order_by_standard_webhooks() {
    story(|story| async {
        story.seed(json!({"render": {"services": [{"id": "srv-a", "name": "api-prod"}]}}));
        let (_receiver, mut coming) = receiver(&story, 100).await;
        story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        story.pass(60_000);
        story.sandbox.tick();
        let judge = standardwebhooks::Webhook::new(&render_secret()).unwrap();
        let mut told = Vec::new();
        for _ in 0..5 {
            let delivery = coming.recv().await.expect("a delivery");
            assert_eq!(delivery.path, "/webhooks/render");
            let (id, at) = (
                delivery.header("webhook-id"),
                delivery.header("webhook-timestamp").parse().unwrap(),
            );
            assert_eq!(at, story.clock.now().as_second());
            assert_eq!(
                delivery.header("webhook-signature"),
                judge.sign(id, at, delivery.body.as_bytes()).unwrap()
            );
            let payload = delivery.json();
            assert_eq!(
                (&payload["data"]["id"], &payload["data"]["serviceName"]),
                (&json!(id), &json!("api-prod"))
            );
            assert_eq!(
                story.render_get(&format!("/events/{id}")).await["type"],
                payload["type"]
            );
            told.push(format!(
                "{} {}",
                payload["type"].as_str().unwrap(),
                payload["data"]["status"]
            ));
        }
        let wanted = [
            "build_started null",
            "build_ended \"succeeded\"",
            "deploy_started null",
            "deploy_ended \"succeeded\"",
            "server_available null",
        ];
        assert_eq!(told, wanted);
        story
    });
}

#[test]
fn render_tries_again_after_a_refusal_and_github_does_not() {
    story(|story| async {
        let (receiver, mut coming) = receiver(&story, 100).await;
        *receiver.answers.lock().unwrap() = vec![202, 503];
        let event = json!({"do": "server_failed", "service_id": "srv-a", "service_name": "api"});
        let done = story.sandbox.act(&event).await.expect("an act");
        assert_eq!(
            (
                &done["deliveries"][0]["attempts"],
                &done["deliveries"][0]["status"]
            ),
            (&json!(2), &json!(202))
        );
        let (first, second) = (coming.recv().await.unwrap(), coming.recv().await.unwrap());
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        *receiver.answers.lock().unwrap() = vec![503];
        let done = story
            .sandbox
            .act(&json!({"do": "ping", "repo": "acme/api"}))
            .await
            .expect("an act");
        assert_eq!(
            (
                &done["deliveries"][0]["attempts"],
                &done["deliveries"][0]["status"]
            ),
            (&json!(1), &json!(503))
        );
        story
    });
}

#[test]
fn a_render_webhook_sends_what_it_wants_signed_by_itself_until_nobody_takes_it() {
    story(|story| async {
        story.seed(json!({"render": {"services": [{"id": "srv-a", "name": "api-prod"}]}}));
        let (receiver, mut coming) = receiver(&story, 100).await;
        let target = story.render_get("/webhooks").await[0]["webhook"]["url"].clone();
        let url = target.as_str().unwrap().replace("/webhooks/render", "/elsewhere");
        let wanted = json!({
            "ownerId": "tea-00000000000000sandbx", "url": url, "name": "second", "enabled": true,
            "eventFilter": ["service_suspended"],
        });
        let made = read(story.render(Method::POST, "/webhooks", wanted).await).await;
        let one = format!("/webhooks/{}", made["id"].as_str().unwrap());
        story
            .render(Method::POST, "/services/srv-a/suspend", json!({}))
            .await;
        let (own, to_target) = (coming.recv().await.unwrap(), coming.recv().await.unwrap());
        assert_eq!(
            (own.path.as_str(), to_target.path.as_str()),
            ("/elsewhere", "/webhooks/render")
        );
        let (id, at) = (
            own.header("webhook-id"),
            own.header("webhook-timestamp").parse().unwrap(),
        );
        assert_eq!(
            id,
            to_target.header("webhook-id"),
            "the event's id, whoever is told"
        );
        let judge = standardwebhooks::Webhook::new(made["secret"].as_str().unwrap()).unwrap();
        assert_eq!(
            own.header("webhook-signature"),
            judge.sign(id, at, own.body.as_bytes()).unwrap()
        );
        assert_ne!(
            own.header("webhook-signature"),
            to_target.header("webhook-signature")
        );

        // What it does not want goes to the target alone; and once nobody takes it, it is switched off.
        story
            .render(Method::POST, "/services/srv-a/restart", json!({}))
            .await;
        story
            .render(Method::POST, "/services/srv-a/resume", json!({}))
            .await;
        let resumed = coming.recv().await.unwrap();
        assert_eq!(resumed.path, "/webhooks/render");
        // Four attempts of its own and one of the target's, in whichever order they come.
        *receiver.refused.lock().unwrap() = Some("/elsewhere");
        story
            .render(Method::POST, "/services/srv-a/suspend", json!({}))
            .await;
        let mut paths = Vec::new();
        while paths.len() < 5 {
            paths.push(coming.recv().await.unwrap().path);
        }
        paths.sort();
        assert_eq!(paths[..4], ["/elsewhere"; 4]);
        assert_eq!(paths[4..], ["/webhooks/render"]);
        assert_eq!(story.render_get(&one).await["enabled"], false);
        let sent = story.render_get(&format!("{one}/events")).await;
        let statuses: Vec<&Value> = sent
            .as_array()
            .unwrap()
            .iter()
            .map(|sent| &sent["webhookEvent"]["statusCode"])
            .collect();
        assert_eq!(statuses, [&json!(503), &json!(202)]);
        story
    });
}

#[test]
fn a_webhook_can_be_made_to_arrive_before_the_reply() {
    story(|story| async {
        story.seed(acme());
        let (receiver, mut coming) = receiver(&story, 0).await;
        let body = json!({"labels": ["late"]});
        let path = "/repos/acme/api/issues/2/labels";
        assert_eq!(
            story.github(Method::POST, path, body).await.status(),
            200,
            "normally the reply waits for nobody"
        );
        coming.recv().await.expect("a delivery");
        receiver.may_answer.add_permits(1);

        story
            .sandbox
            .add_faults(&json!({"kind": "webhook_before_reply"}))
            .expect("a rule");
        let url = format!("{}{path}", story.running.github_url());
        let request = story
            .client
            .post(url)
            .bearer_auth("github-test")
            .header("user-agent", "story");
        let call = tokio::spawn(request.json(&json!({"labels": ["early"]})).send());
        coming.recv().await.expect("a delivery");
        assert!(!call.is_finished(), "the reply waits for the receiver");
        receiver.may_answer.add_permits(1);
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
        let settled = story
            .sandbox
            .deliveries()
            .iter()
            .all(|one| one["settled"] == true);
        assert!(settled);
        story
    });
}

#[test]
fn the_control_routes_do_what_the_handle_does() {
    story(|story| async {
        let (_receiver, mut coming) = receiver(&story, 100).await;
        let base = story.running.control_url();
        let control = async |method: Method, path: &str, body: Value| {
            let request = story.client.request(method, format!("{base}/{path}"));
            if body.is_null() {
                request
            } else {
                request.json(&body)
            }
            .send()
            .await
            .expect("an answer")
        };
        let seed = json!({"render": {"deploys": [{"id": "dep-1", "service_id": "srv-a"}]}});
        assert_eq!(control(Method::POST, "seed", seed).await.status(), 200);
        let wrong = control(Method::POST, "seed", json!({"x": 1})).await;
        assert_eq!(wrong.status(), 400);
        assert!(wrong.text().await.unwrap().contains("state.x: unknown"));
        let state = read(control(Method::GET, "state", Value::Null).await).await;
        assert_eq!(state["render"]["services"][0]["deploys"][0]["id"], "dep-1");
        let rule = json!([{"match": {"operation": "get_service"}, "kind": "status", "status": 500}]);
        control(Method::POST, "faults", rule).await;
        assert_eq!(
            story
                .render(Method::GET, "/services/srv-a", Value::Null)
                .await
                .status(),
            500
        );
        assert_eq!(
            read(control(Method::GET, "faults", Value::Null).await).await["faults"][0]["hits"],
            1
        );
        control(Method::DELETE, "faults", Value::Null).await;
        assert_eq!(
            story
                .render(Method::GET, "/services/srv-a", Value::Null)
                .await
                .status(),
            200
        );
        let payload = json!({"type": "server_failed", "data": {"id": "evt-9", "serviceId": "srv-a"}});
        let emitted = control(
            Method::POST,
            "emit",
            json!({"source": "render", "payload": payload}),
        )
        .await;
        assert_eq!(read(emitted).await["delivery"]["status"], 202);
        assert_eq!(
            coming.recv().await.expect("a delivery").header("webhook-id"),
            "evt-9"
        );
        let act = json!({"do": "push", "repo": "acme/api", "message": "Ship it"});
        let done = read(control(Method::POST, "act", act).await).await;
        assert_eq!(done["deliveries"][0]["event"], "push");
        let unknown = control(Method::POST, "act", json!({"do": "fly"})).await;
        assert!(unknown.text().await.unwrap().contains("known are open_issue"));
        assert_eq!(control(Method::GET, "nowhere", Value::Null).await.status(), 404);
        story
    });
}
