use super::*;

#[test]
fn a_payload_makes_what_it_mentions_exist() {
    story(|story| async {
        let payload = json!({
            "action": "opened", "number": 7,
            "pull_request": {"title": "Add it", "user": {"login": "ann", "id": 42}, "head": {"ref": "add", "sha": "abc"}},
            "repository": {"full_name": "acme/web"},
        });
        story.sandbox.seed_from_payload("github", &payload);
        let pull = story.github_get("/repos/acme/web/pulls/7").await;
        assert_eq!(
            (&pull["title"], &pull["head"]["sha"]),
            (&json!("Add it"), &json!("abc"))
        );
        assert_eq!(pull["user"]["id"], 42);
        assert!(story.github_get("/repos/acme/web/issues/7").await["pull_request"].is_object());
        story.seed(json!({"github": {"files": [{"number": 7, "filename": "a.rs"}, {"number": 7, "filename": "b.rs"}]}}));
        let files = story.github_get("/repos/acme/web/pulls/7/files").await;
        assert_eq!(
            (&files[0]["filename"], &files[1]["filename"]),
            (&json!("a.rs"), &json!("b.rs"))
        );

        let run = json!({"workflow_run": {"id": 5}, "repository": {"full_name": "acme/web"}});
        story.sandbox.seed_from_payload("github", &run);
        assert_eq!(
            story.github_get("/repos/acme/web/actions/runs/5").await["status"],
            "completed"
        );

        let event = json!({"type": "deploy_ended", "data": {"id": "evt-1", "serviceId": "srv-a", "serviceName": "api", "status": "failed"}});
        story.sandbox.seed_from_payload("render", &event);
        story.seed(json!({"render": {"deploys": [{"id": "dep-4", "service_id": "srv-a", "status": "update_failed", "finished": "-1m"},
                                                 {"id": "dep-3", "status": "live", "finished": "-1d"}]}}));
        assert_eq!(
            story.render_get("/events/evt-1").await["details"]["deployId"],
            "dep-4"
        );
        assert_eq!(story.render_get("/services/srv-a").await["name"], "api");
        story
    });
}

#[test]
fn a_deploy_known_to_be_bad_has_failed_while_it_was_live() {
    story(|story| async {
        story.seed(json!({"render": {"deploys": [
            {"id": "dep-2", "service_id": "srv-a", "status": "deactivated", "known_good": false, "finished": "-40m"},
            {"id": "dep-1", "service_id": "srv-a", "status": "deactivated", "known_good": true, "finished": "-50m"},
        ]}}));
        let failed = story
            .render_get("/services/srv-a/events?type=server_failed")
            .await;
        assert_eq!(failed.as_array().unwrap().len(), 1);
        assert_eq!(failed[0]["event"]["timestamp"], "2026-11-22T11:21:00Z");
        story
    });
}

#[test]
fn comments_are_listed_in_the_order_in_which_they_were_written() {
    story(|story| async {
        story.seed(json!({"github": {"comments": [
            {"repo": "acme/api", "number": 1, "body": "second", "created": "-1m"},
            {"repo": "acme/api", "number": 1, "body": "third", "created": "-1m"},
            {"repo": "acme/api", "number": 1, "body": "first", "created": "-1h"},
        ]}}));
        let listed = story.github_get("/repos/acme/api/issues/1/comments").await;
        let bodies: Vec<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["body"].as_str().unwrap())
            .collect();
        assert_eq!(bodies, ["first", "second", "third"]);
        story
    });
}

#[test]
fn times_are_relative_to_the_sandboxes_clock() {
    story(|story| async {
        story.seed(json!({"github": {"issues": [
            {"repo": "acme/api", "number": 1, "title": "a", "created": "-1h30m"},
            {"repo": "acme/api", "number": 2, "title": "b", "created": "2026-01-01T00:00:00Z"},
        ]}}));
        let listed = story
            .github_get("/repos/acme/api/issues?since=2026-11-22T10:00:00Z")
            .await;
        assert_eq!(listed.as_array().unwrap().len(), 1);
        assert_eq!(listed[0]["created_at"], "2026-11-22T10:30:00Z");
        story
    });
}

#[test]
fn a_seed_that_is_not_understood_names_its_place() {
    for (state, wanted) in [
        (
            json!({"github": {"isues": []}}),
            "state.github.isues: unknown; did you mean \"issues\"?",
        ),
        (
            json!({"gitlab": {}}),
            "state.gitlab: unknown; did you mean \"github\"?",
        ),
        (
            json!({"forge": {}}),
            "state.forge: unknown; known are github, render",
        ),
        (
            json!({"render": {"deploys": [{"id": "dep-1", "service_id": "srv-a", "statsu": "live"}]}}),
            "state.render.deploys[0]: unknown key \"statsu\"; did you mean \"status\"?",
        ),
        (
            json!({"render": {"deploys": [{"service_id": "srv-a", "status": "lively"}]}}),
            "status cannot be \"lively\"; did you mean \"live\"?",
        ),
        (
            json!({"render": {"deploys": [{"service_id": "srv-a", "finished": "10 minutes"}]}}),
            "finished must be a time",
        ),
        (json!({"render": {"deploys": [{}]}}), "service_id is missing"),
        (
            json!({"github": {"issues": [{"repo": "acme", "number": 1}]}}),
            "repo must be owner/name",
        ),
        (
            json!({"github": {"issues": [{"repo": "acme/api", "number": "one"}]}}),
            "number must be a whole number",
        ),
    ] {
        let sandbox = Sandbox::new(options(Clock::virtual_at(start())));
        let error = sandbox.seed(&state).expect_err("an error");
        assert!(error.contains(wanted), "{error}");
    }
}
