use super::*;

fn services() -> Value {
    json!({"render": {
        "services": [{"id": "srv-a", "name": "api-prod", "repo": "acme/api"}, {"id": "crn-b", "name": "nightly"}],
        "deploys": [
            {"id": "dep-2", "service_id": "srv-a", "status": "live", "finished": "-10m", "commit": "c2"},
            {"id": "dep-1", "service_id": "srv-a", "status": "deactivated", "known_good": true, "finished": "-2d", "commit": "c1"},
            {"id": "dep-0", "service_id": "srv-a", "status": "build_failed", "finished": "-3d"},
        ],
        "logs": [{"service_id": "srv-a", "message": "panic: no port", "level": "error", "at": "-5m"},
                 {"service_id": "srv-a", "message": "started", "at": "-6m"}],
    }})
}

async fn statuses(story: &Story) -> Vec<String> {
    let deploys = story.render_get("/services/srv-a/deploys").await;
    deploys
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["deploy"]["status"].as_str().unwrap().to_owned())
        .collect()
}

async fn event_types(story: &Story) -> Vec<String> {
    let mut events = story.render_get("/services/srv-a/events?limit=100").await;
    let events = events.as_array_mut().unwrap();
    events.reverse();
    events
        .iter()
        .map(|one| one["event"]["type"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_deploy_comes_along_with_the_clock_and_replaces_the_live_one() {
    story(|story| async {
        story.seed(services());
        let made = story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        assert_eq!(made.status(), 201);
        let made = read(made).await;
        assert_eq!(
            (&made["status"], &made["trigger"]),
            (&json!("created"), &json!("api"))
        );
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("dep-") && id.len() == 24, "{id}");
        story.pass(500);
        assert_eq!(statuses(&story).await[0], "build_in_progress");
        story.pass(2_000);
        assert_eq!(statuses(&story).await[..2], ["update_in_progress", "live"]);
        story.pass(1_500);
        assert_eq!(statuses(&story).await[..2], ["live", "deactivated"]);
        let seen = story.render_get(&format!("/services/srv-a/deploys/{id}")).await;
        assert_eq!(seen["finishedAt"], "2026-11-22T12:00:04Z");
        let after = event_types(&story).await.split_off(1);
        assert_eq!(
            after,
            [
                "build_started",
                "build_ended",
                "deploy_started",
                "deploy_ended",
                "server_available"
            ]
        );
        story
    });
}

#[test]
fn a_deploy_far_in_the_past_has_its_events_at_the_times_they_happened() {
    story(|story| async {
        story.seed(services());
        story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        story.pass(60_000);
        assert_eq!(statuses(&story).await[0], "live");
        let ended = story
            .render_get("/services/srv-a/events?type=deploy_ended&limit=1")
            .await;
        assert_eq!(ended[0]["event"]["timestamp"], "2026-11-22T12:00:04Z");
        let id = ended[0]["event"]["id"].as_str().unwrap();
        let details = story.render_get(&format!("/events/{id}")).await;
        assert_eq!(details["details"]["deployStatus"], "succeeded");
        story
    });
}

#[test]
fn a_second_trigger_queues_with_an_empty_202_and_starts_when_the_first_is_done() {
    story(|story| async {
        story.seed(services());
        story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        for _ in 0..2 {
            let second = story
                .render(Method::POST, "/services/srv-a/deploys", json!({"commitId": "c9"}))
                .await;
            assert_eq!(
                (second.status().as_u16(), second.text().await.unwrap()),
                (202, String::new())
            );
        }
        assert_eq!(statuses(&story).await[..3], ["queued", "canceled", "created"]);
        story.pass(8_000);
        assert_eq!(statuses(&story).await[..3], ["live", "canceled", "deactivated"]);
        story
    });
}

#[test]
fn a_rollback_is_a_new_deploy_of_the_old_commit_and_refuses_what_was_never_live() {
    story(|story| async {
        story.seed(services());
        let back = story
            .render(
                Method::POST,
                "/services/srv-a/rollback",
                json!({"deployId": "dep-1"}),
            )
            .await;
        assert_eq!(back.status(), 201);
        let back = read(back).await;
        assert_eq!(
            (&back["trigger"], &back["commit"]["id"]),
            (&json!("rollback"), &json!("c1"))
        );
        for (body, status) in [
            (json!({"deployId": "dep-9"}), 404),
            (json!({"deployId": "dep-0"}), 400),
            (json!({}), 400),
        ] {
            let refused = story.render(Method::POST, "/services/srv-a/rollback", body).await;
            assert_eq!(refused.status(), status);
            assert!(read_error(refused).await["message"].is_string());
        }
        story.pass(2_000);
        assert_eq!(statuses(&story).await[..2], ["live", "deactivated"]);
        assert_eq!(
            story.render_get("/services/srv-a").await["autoDeploy"],
            "yes",
            "the API's rollback leaves it on"
        );
        story
    });
}

async fn read_error(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).expect("JSON")
}

#[test]
fn a_scripted_deploy_fails_in_build_with_its_logs() {
    story(|story| async {
        story.seed(services());
        let act = json!({"do": "fail_next_deploy", "service_id": "srv-a", "logs": ["error[E0425]: cannot find value `x`"]});
        story.sandbox.act(&act).await.expect("an act");
        story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        story.pass(5_000);
        assert_eq!(statuses(&story).await[..2], ["build_failed", "live"]);
        let owner = story.render_get("/services/srv-a").await["ownerId"]
            .as_str()
            .unwrap()
            .to_owned();
        let logs = story
            .render_get(&format!(
                "/logs?ownerId={owner}&resource=srv-a&type=build&text=error*E0425"
            ))
            .await;
        assert_eq!(logs["logs"].as_array().unwrap().len(), 1);
        story
            .render(Method::POST, "/services/srv-a/deploys", json!({}))
            .await;
        story.pass(5_000);
        assert_eq!(statuses(&story).await[0], "live", "only the next one fails");
        story
    });
}

#[test]
fn a_deploy_that_goes_live_and_breaks_tells_so_and_a_rollback_stops_it() {
    story(|story| async {
        story.seed(services());
        let act = json!({"do": "deploy", "service_id": "srv-a", "commit": "c3", "fails": "live", "after": "10s", "logs": ["FATAL boom"]});
        story.sandbox.act(&act).await.expect("an act");
        story.pass(4_000);
        assert_eq!(statuses(&story).await[0], "live");
        assert!(!event_types(&story).await.contains(&"server_failed".to_owned()));
        story.pass(10_000);
        assert_eq!(
            event_types(&story).await.last().map(String::as_str),
            Some("server_failed")
        );
        story.sandbox.act(&act).await.expect("an act");
        story.pass(4_000);
        let back = json!({"deployId": "dep-2"});
        story.render(Method::POST, "/services/srv-a/rollback", back).await;
        story.pass(60_000);
        let failures = event_types(&story)
            .await
            .into_iter()
            .filter(|kind| kind == "server_failed")
            .count();
        assert_eq!(failures, 1, "the second one was replaced before it broke");
        story
    });
}

#[test]
fn deploys_are_filtered_and_paged_newest_first() {
    story(|story| async {
        story.seed(services());
        let page = story.render_get("/services/srv-a/deploys?limit=2").await;
        assert_eq!(
            (&page[0]["deploy"]["id"], &page[1]["deploy"]["id"]),
            (&json!("dep-2"), &json!("dep-1"))
        );
        let cursor = page[1]["cursor"].as_str().unwrap();
        let rest = story
            .render_get(&format!("/services/srv-a/deploys?limit=2&cursor={cursor}"))
            .await;
        assert_eq!(
            (rest.as_array().unwrap().len(), &rest[0]["deploy"]["id"]),
            (1, &json!("dep-0"))
        );
        let some = story
            .render_get("/services/srv-a/deploys?status=live&status=deactivated")
            .await;
        assert_eq!(some.as_array().unwrap().len(), 2);
        let recent = story
            .render_get("/services/srv-a/deploys?finishedAfter=2026-11-22T11:30:00Z")
            .await;
        assert_eq!(recent[0]["deploy"]["id"], "dep-2");
        assert_eq!(recent.as_array().unwrap().len(), 1);
        story
    });
}

#[test]
fn logs_are_paged_through_their_windows_in_both_directions() {
    story(|story| async {
        story.seed(services());
        for direction in ["backward", "forward"] {
            let owner = story.render_get("/services/srv-a").await["ownerId"]
                .as_str()
                .unwrap()
                .to_owned();
            let base = format!("/logs?ownerId={owner}&resource=srv-a&limit=1&direction={direction}");
            let first = story.render_get(&base).await;
            assert_eq!(first["hasMore"], true);
            let (from, to) = (
                first["nextStartTime"].as_str().unwrap(),
                first["nextEndTime"].as_str().unwrap(),
            );
            let second = story
                .render_get(&format!("{base}&startTime={from}&endTime={to}"))
                .await;
            assert_eq!(second["hasMore"], false);
            let mut seen =
                [&first, &second].map(|page| page["logs"][0]["message"].as_str().unwrap().to_owned());
            if direction == "forward" {
                seen.reverse();
            }
            assert_eq!(seen, ["panic: no port", "started"]);
        }
        story
    });
}

#[test]
fn the_render_side_refuses_what_the_real_api_refuses() {
    story(|story| async {
        story.seed(services());
        let post = |path: &'static str, body: Value| story.render(Method::POST, path, body);
        assert_eq!(post("/services/srv-x/deploys", json!({})).await.status(), 404);
        let both = json!({"deployMode": "deploy_only", "commitId": "c1"});
        assert_eq!(post("/services/srv-a/deploys", both).await.status(), 400);
        assert_eq!(post("/services/crn-b/restart", Value::Null).await.status(), 400);
        assert_eq!(post("/services/srv-a/restart", Value::Null).await.status(), 200);
        assert_eq!(
            post("/services/srv-a/deploys/dep-2/cancel", Value::Null)
                .await
                .status(),
            400
        );
        let wrong_verb = story.render(Method::DELETE, "/owners", Value::Null).await;
        assert_eq!(wrong_verb.status(), 405);
        assert!(wrong_verb.headers().contains_key("ratelimit-remaining"));
        let url = format!("{}/services", story.running.render_url());
        let stranger = story.send(Method::GET, url, "wrong", Value::Null).await;
        assert_eq!(
            (stranger.status().as_u16(), &read_error(stranger).await["code"]),
            (401, &json!("unauthorized"))
        );
        assert_eq!(
            story
                .render(Method::GET, "/logs?resource=srv-a", Value::Null)
                .await
                .status(),
            400
        );
        assert_eq!(
            story
                .render(Method::GET, "/services?limit=0", Value::Null)
                .await
                .status(),
            400
        );
        story
    });
}

#[test]
fn auto_deploy_and_its_trigger_move_together() {
    story(|story| async {
        story.seed(services());
        let off = read(
            story
                .render(Method::PATCH, "/services/srv-a", json!({"autoDeploy": "no"}))
                .await,
        )
        .await;
        assert_eq!(
            (&off["autoDeploy"], &off["autoDeployTrigger"]),
            (&json!("no"), &json!("off"))
        );
        let on = json!({"autoDeployTrigger": "checksPass"});
        let on = read(story.render(Method::PATCH, "/services/srv-a", on).await).await;
        assert_eq!(
            (&on["autoDeploy"], &on["autoDeployTrigger"]),
            (&json!("yes"), &json!("checksPass"))
        );
        assert_eq!(
            event_types(&story).await.split_off(1),
            ["auto_deploy_disabled", "auto_deploy_enabled"]
        );
        story
    });
}

#[test]
fn a_push_is_deployed_by_itself_unless_that_is_switched_off_or_skipped() {
    story(|story| async {
        story.seed(services());
        let push = async |message: &str| {
            let act = json!({"do": "push", "repo": "acme/api", "message": message});
            story.sandbox.act(&act).await.expect("an act")["result"]["sha"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let sha = push("Ship it").await;
        story.pass(60_000);
        let newest = story.render_get("/services/srv-a/deploys?limit=1").await;
        assert_eq!(
            (
                &newest[0]["deploy"]["commit"]["id"],
                &newest[0]["deploy"]["trigger"]
            ),
            (&json!(sha), &json!("new_commit"))
        );
        push("Docs only [skip render]").await;
        assert_eq!(
            event_types(&story).await.last().map(String::as_str),
            Some("commit_ignored")
        );
        story
            .render(Method::PATCH, "/services/srv-a", json!({"autoDeploy": "no"}))
            .await;
        push("Frozen").await;
        story
            .render(
                Method::PATCH,
                "/services/srv-a",
                json!({"autoDeployTrigger": "checksPass"}),
            )
            .await;
        let sha = push("Wait for it").await;
        assert_eq!(statuses(&story).await.len(), 4);
        let green = json!({"do": "complete_workflow_run", "repo": "acme/api", "sha": sha});
        story.sandbox.act(&green).await.expect("an act");
        assert_eq!(statuses(&story).await[0], "created");
        story
    });
}
