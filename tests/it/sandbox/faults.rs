use super::*;

fn fault(story: &Story, rules: Value) {
    story
        .sandbox
        .add_faults(&rules)
        .expect("rules that are understood");
}

async fn comment(story: &Story, body: &str) -> Result<Response, reqwest::Error> {
    let url = format!("{}/repos/acme/api/issues/2/comments", story.running.github_url());
    let request = story
        .client
        .post(url)
        .bearer_auth("github-test")
        .header("user-agent", "story");
    request
        .json(&json!({"body": body}))
        .timeout(Duration::from_secs(3))
        .send()
        .await
}

async fn bodies(story: &Story) -> Vec<String> {
    let comments = story.github_get("/repos/acme/api/issues/2/comments").await;
    comments
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["body"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_lost_reply_leaves_the_effect_and_a_closed_connection() {
    story(|story| async {
        story.seed(acme());
        fault(
            &story,
            json!({"match": {"operation": "create_comment"}, "times": 1, "kind": "reply_lost"}),
        );
        let error = comment(&story, "once\n<!-- xmrt:0123456789abcdef0123456789abcdef -->")
            .await
            .expect_err("no reply");
        assert!(!error.is_timeout(), "{error}");
        assert_eq!(bodies(&story).await.len(), 2);
        let effects = story.sandbox.effects();
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0]["key"], "0123456789abcdef0123456789abcdef");
        assert_eq!(
            (&effects[0]["operation"], &effects[0]["target"]),
            (&json!("create_comment"), &json!("acme/api#2"))
        );
        assert_eq!(
            comment(&story, "again").await.expect("an answer").status(),
            201,
            "the rule is used up"
        );
        story
    });
}

#[test]
fn a_status_fault_answers_in_the_providers_words_and_changes_nothing() {
    story(|story| async {
        story.seed(acme());
        fault(
            &story,
            json!([
                {"match": {"provider": "github", "method": "POST"}, "times": 1, "kind": "status", "status": 403, "secondary": true, "retry_after": 7},
                {"match": {"path": "/services/*/deploys"}, "times": 1, "kind": "status", "status": 429},
            ]),
        );
        let limited = comment(&story, "no").await.expect("an answer");
        assert_eq!(
            (
                limited.status().as_u16(),
                limited.headers()["retry-after"].to_str().unwrap()
            ),
            (403, "7")
        );
        assert!(limited.text().await.unwrap().contains("secondary rate limit"));
        assert_eq!(bodies(&story).await, ["me too"]);
        story.seed(json!({"render": {"services": [{"id": "srv-a", "name": "api"}]}}));
        let limited = story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        assert_eq!(limited.status(), 429);
        assert_eq!(limited.headers()["ratelimit-remaining"], "0");
        assert!(story.sandbox.effects().is_empty());
        story
    });
}

#[test]
fn a_hanging_call_took_effect_and_is_let_go_when_the_sandbox_stops() {
    story(|story| async {
        story.seed(acme());
        fault(
            &story,
            json!([
                {"match": {"operation": "create_comment"}, "times": 1, "kind": "hang"},
                {"match": {"operation": "add_labels"}, "times": 1, "kind": "hang", "effect": false},
            ]),
        );
        let error = comment(&story, "slow").await.expect_err("a time-out");
        assert!(error.is_timeout(), "{error}");
        assert_eq!(bodies(&story).await, ["me too", "slow"]);
        let url = format!("{}/repos/acme/api/issues/2/labels", story.running.github_url());
        let request = story
            .client
            .post(url)
            .bearer_auth("github-test")
            .header("user-agent", "story");
        let hanging = tokio::spawn(request.json(&json!({"labels": ["late"]})).send());
        while !story
            .sandbox
            .requests()
            .iter()
            .any(|one| one["operation"] == "add_labels")
        {
            tokio::task::yield_now().await;
        }
        story.running.stop().await;
        hanging.await.expect("a task").expect_err("no reply");
        assert_eq!(story.sandbox.effects().len(), 1, "the label was not added");
        let running = story
            .sandbox
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        Story { running, ..story }
    });
}

#[test]
fn lagging_reads_do_not_show_a_write_until_the_time_has_passed() {
    story(|story| async {
        story.seed(acme());
        fault(
            &story,
            json!({"match": {"operation": "create_comment"}, "kind": "lagging_reads", "ms": 5_000}),
        );
        assert_eq!(comment(&story, "hidden").await.expect("an answer").status(), 201);
        assert_eq!(bodies(&story).await, ["me too"]);
        story.pass(4_999);
        assert_eq!(bodies(&story).await, ["me too"]);
        story.pass(1);
        assert_eq!(bodies(&story).await, ["me too", "hidden"]);
        story
    });
}

#[test]
fn a_foreign_writer_does_the_same_thing_without_our_marker() {
    story(|story| async {
        story.seed(acme());
        story.seed(json!({"render": {"deploys": [{"id": "dep-1", "service_id": "srv-a"}]}}));
        fault(
            &story,
            json!([
                {"match": {"operation": "create_comment"}, "times": 1, "kind": "foreign_writer"},
                {"match": {"operation": "trigger_deploy"}, "times": 1, "kind": "foreign_writer"},
                {"match": {"operation": "trigger_deploy"}, "times": 1, "kind": "empty_202"},
            ]),
        );
        comment(&story, "ours\n\n<!-- xmrt:0123456789abcdef0123456789abcdef -->")
            .await
            .expect("an answer");
        assert_eq!(bodies(&story).await[2], "ours");
        let answer = story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap()),
            (202, String::new())
        );
        let deploys = story.render_get("/services/srv-a/deploys").await;
        assert_eq!(
            deploys.as_array().unwrap().len(),
            3,
            "ours, the other one, and the one that was there"
        );
        let actors: Vec<Value> = story
            .sandbox
            .effects()
            .iter()
            .map(|one| one["actor"].clone())
            .collect();
        assert_eq!(actors, ["xmrt-bot", "somebody-else", "xmrt-bot", "somebody-else"]);
        story
    });
}

#[test]
fn latency_moves_a_virtual_clock() {
    story(|story| async {
        story.seed(acme());
        fault(
            &story,
            json!({"operation": "get_repository", "kind": "latency", "ms": 30_000}),
        );
        story.github_get("/repos/acme/api").await;
        assert_eq!(story.clock.now().as_second() - start().as_second(), 30);
        story
    });
}

#[test]
fn a_rule_that_is_not_understood_names_its_place() {
    let sandbox = Sandbox::new(options(Clock::virtual_at(start())));
    let wrong = sandbox
        .add_faults(&json!([{"kind": "hang"}, {"kind": "reply_list"}]))
        .expect_err("unknown kind");
    assert!(
        wrong.starts_with("faults[1]: unknown kind \"reply_list\""),
        "{wrong}"
    );
    let wrong = sandbox
        .add_faults(&json!({"kind": "hang", "match": {"tool": "x"}}))
        .expect_err("unknown key");
    assert!(wrong.contains("faults[0]: unknown key \"tool\""), "{wrong}");
    assert!(
        sandbox
            .add_faults(&json!({"kind": "status", "status": 200}))
            .is_err()
    );
}
