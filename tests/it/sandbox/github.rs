use super::*;

#[test]
fn an_issue_that_was_created_can_be_read_labelled_commented_and_closed() {
    story(|story| async {
        story.seed(acme());
        let issue = json!({"title": "New", "body": "text", "labels": ["bug", "fresh"]});
        let created = story.github(Method::POST, "/repos/acme/api/issues", issue).await;
        assert_eq!(created.status(), 201);
        let created = read(created).await;
        assert_eq!(
            (created["number"].as_u64(), created["user"]["login"].as_str()),
            (Some(4), Some("xmrt-bot"))
        );
        let names: Vec<&str> = created["labels"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(
            names,
            ["bug", "fresh"],
            "an unknown label is made, as the real API does"
        );

        let labels = read(
            story
                .github(
                    Method::POST,
                    "/repos/acme/api/issues/4/labels",
                    json!({"labels": ["p1"]}),
                )
                .await,
        )
        .await;
        assert_eq!(labels.as_array().unwrap().len(), 3);
        let gone = story
            .github(
                Method::DELETE,
                "/repos/acme/api/issues/4/labels/fresh",
                Value::Null,
            )
            .await;
        assert_eq!(gone.status(), 200);
        let again = story
            .github(
                Method::DELETE,
                "/repos/acme/api/issues/4/labels/fresh",
                Value::Null,
            )
            .await;
        assert_eq!(again.status(), 404);
        let comment = story
            .github(
                Method::POST,
                "/repos/acme/api/issues/4/comments",
                json!({"body": "hello"}),
            )
            .await;
        assert_eq!(comment.status(), 201);
        let id = read(comment).await["id"].as_u64().unwrap();
        let path = format!("/repos/acme/api/issues/comments/{id}");
        assert_eq!(
            read(story.github(Method::PATCH, &path, json!({"body": "bye"})).await).await["body"],
            "bye"
        );
        let closed = json!({"state": "closed", "state_reason": "not_planned"});
        assert_eq!(
            read(
                story
                    .github(Method::PATCH, "/repos/acme/api/issues/4", closed)
                    .await
            )
            .await["state"],
            "closed"
        );
        let seen = story.github_get("/repos/ACME/API/issues/4").await;
        assert_eq!(
            (&seen["state_reason"], &seen["comments"]),
            (&json!("not_planned"), &json!(1))
        );
        assert!(
            story
                .github_get("/repos/acme/api/labels")
                .await
                .as_array()
                .unwrap()
                .iter()
                .any(|label| label["name"] == "p1")
        );
        story
    });
}

#[test]
fn the_github_side_refuses_what_the_real_api_refuses() {
    story(|story| async {
        story.seed(acme());
        story.seed(json!({"github": {"repos": [{"full_name": "acme/quiet", "has_issues": false}]}}));
        let url = format!("{}/user", story.running.github_url());
        let stranger = story.send(Method::GET, url.clone(), "wrong", Value::Null).await;
        assert_eq!(stranger.status(), 401);
        let body: Value = serde_json::from_str(&stranger.text().await.unwrap()).unwrap();
        assert_eq!(
            (&body["message"], &body["status"]),
            (&json!("Bad credentials"), &json!("401"))
        );
        let nameless = story
            .client
            .get(url)
            .bearer_auth("github-test")
            .send()
            .await
            .unwrap();
        assert_eq!(nameless.status(), 403, "a User-Agent is mandatory");

        let issues = "/repos/acme/api/issues";
        for (method, path, body, status) in [
            (Method::GET, "/repos/acme/none", Value::Null, 404),
            (Method::GET, "/repos/acme/api/issues/99", Value::Null, 404),
            (Method::DELETE, issues, Value::Null, 404),
            (
                Method::POST,
                "/repos/acme/quiet/issues",
                json!({"title": "x"}),
                410,
            ),
            (Method::POST, issues, json!({"body": "no title"}), 422),
            (Method::POST, issues, json!({"title": 5}), 422),
            (Method::POST, issues, json!({"title": "x", "labels": "bug"}), 422),
            (Method::POST, issues, json!(["title"]), 422),
            (
                Method::POST,
                "/repos/acme/api/issues/2/comments",
                json!({"body": "  "}),
                422,
            ),
            (
                Method::PATCH,
                "/repos/acme/api/issues/2",
                json!({"state": "done"}),
                422,
            ),
            (
                Method::POST,
                "/repos/acme/api/statuses/short",
                json!({"state": "success"}),
                422,
            ),
            (Method::GET, "/search/issues", Value::Null, 422),
        ] {
            let answer = story.github(method.clone(), path, body.clone()).await;
            assert_eq!(answer.status().as_u16(), status, "{method} {path} {body}");
            assert!(answer.headers().contains_key("x-ratelimit-remaining"));
            assert!(answer.text().await.unwrap().contains("documentation_url"));
        }
        let url = format!("{}{issues}", story.running.github_url());
        let request = story
            .client
            .post(url)
            .bearer_auth("github-test")
            .header("user-agent", "story");
        assert_eq!(request.body("{\"title\"").send().await.unwrap().status(), 400);
        assert!(story.sandbox.effects().is_empty());
        story
    });
}

#[test]
fn pages_are_linked_with_whole_urls_and_end() {
    story(|story| async {
        let issues: Vec<Value> = (1..=5)
            .map(|n| json!({"repo": "acme/api", "number": n, "title": "x"}))
            .collect();
        story.seed(json!({"github": {"issues": issues}}));
        let first = story
            .github(
                Method::GET,
                "/repos/acme/api/issues?per_page=2&state=all",
                Value::Null,
            )
            .await;
        let link = first.headers()["link"].to_str().unwrap().to_owned();
        let base = story.running.github_url();
        let next = format!("<{base}/repos/acme/api/issues?per_page=2&state=all&page=2>; rel=\"next\"");
        assert!(
            link.contains(&next) && link.contains("&page=3>; rel=\"last\""),
            "{link}"
        );
        let last = story
            .github(
                Method::GET,
                "/repos/acme/api/issues?per_page=2&page=3",
                Value::Null,
            )
            .await;
        let link = last.headers()["link"].to_str().unwrap().to_owned();
        assert!(
            link.contains("rel=\"first\"") && !link.contains("rel=\"next\""),
            "{link}"
        );
        assert_eq!(read(last).await.as_array().unwrap().len(), 1);
        let beyond = story.github_get("/repos/acme/api/issues?per_page=2&page=9").await;
        assert_eq!(beyond, json!([]));
        story
    });
}

#[test]
fn issues_are_filtered_as_asked_and_pull_requests_are_among_them() {
    story(|story| async {
        story.seed(acme());
        let numbers = async |path: &str| -> Vec<u64> {
            let listed = story.github_get(path).await;
            listed
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["number"].as_u64().unwrap())
                .collect()
        };
        assert_eq!(numbers("/repos/acme/api/issues").await, [3, 2]);
        assert_eq!(
            numbers("/repos/acme/api/issues?state=all&direction=asc").await,
            [1, 2, 3]
        );
        assert_eq!(numbers("/repos/acme/api/issues?labels=BUG").await, [2]);
        assert_eq!(numbers("/repos/acme/api/issues?state=closed").await, [1]);
        let found = story.github_get("/search/issues?q=repo:acme/api+is:pr+fix").await;
        assert_eq!(
            (&found["total_count"], &found["items"][0]["number"]),
            (&json!(1), &json!(3))
        );
        story
    });
}

#[test]
fn failed_jobs_are_run_again_once_the_run_is_over() {
    story(|story| async {
        story.seed(json!({"github": {"runs": [
            {"repo": "acme/api", "id": 70, "conclusion": "failure", "branch": "main", "sha": "abc"},
            {"repo": "acme/api", "id": 71, "status": "in_progress"},
        ]}}));
        let rerun = |id: u64| format!("/repos/acme/api/actions/runs/{id}/rerun-failed-jobs");
        assert_eq!(
            story.github(Method::POST, &rerun(70), Value::Null).await.status(),
            201
        );
        let run = story.github_get("/repos/acme/api/actions/runs/70").await;
        assert_eq!(
            (&run["run_attempt"], &run["status"], &run["conclusion"]),
            (&json!(2), &json!("queued"), &Value::Null)
        );
        assert_eq!(run["triggering_actor"]["login"], "xmrt-bot");
        assert_eq!(
            story.github(Method::POST, &rerun(70), Value::Null).await.status(),
            403
        );
        assert_eq!(
            story.github(Method::POST, &rerun(71), Value::Null).await.status(),
            403
        );
        assert_eq!(
            story.github(Method::POST, &rerun(72), Value::Null).await.status(),
            404
        );
        let act =
            json!({"do": "complete_workflow_run", "repo": "acme/api", "id": 70, "conclusion": "success"});
        story.sandbox.act(&act).await.expect("an act");
        let done = story
            .github_get("/repos/acme/api/actions/runs?branch=main&status=success&head_sha=abc")
            .await;
        assert_eq!(
            (&done["total_count"], &done["workflow_runs"][0]["run_attempt"]),
            (&json!(1), &json!(2))
        );
        story
    });
}

#[test]
fn people_statuses_and_files_are_told() {
    story(|story| async {
        story.seed(json!({"github": {
            "repos": [{"full_name": "acme/api", "private": true}],
            "collaborators": [{"login": "ann", "permission": "maintain"}],
            "contents": [{"path": "src/a/b.rs", "content": "fn b() {}"}, {"path": "src/c.rs", "content": "x", "ref": "dev"}],
        }}));
        let permission = async |login: &str| {
            let told = story
                .github_get(&format!("/repos/acme/api/collaborators/{login}/permission"))
                .await;
            (
                told["permission"].as_str().unwrap().to_owned(),
                told["role_name"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(
            permission("ann").await,
            ("write".to_owned(), "maintain".to_owned())
        );
        assert_eq!(permission("nobody").await, ("none".to_owned(), "none".to_owned()));
        let sha = "a".repeat(40);
        let status = json!({"state": "success", "context": "deploy"});
        let made = story
            .github(Method::POST, &format!("/repos/acme/api/statuses/{sha}"), status)
            .await;
        assert_eq!(made.status(), 201);
        assert_eq!(
            story
                .github_get(&format!("/repos/acme/api/commits/{sha}/statuses"))
                .await[0]["context"],
            "deploy"
        );
        let folder = story.github_get("/repos/acme/api/contents/src").await;
        assert_eq!(
            (folder.as_array().unwrap().len(), &folder[0]["type"]),
            (1, &json!("dir"))
        );
        let dev = story.github_get("/repos/acme/api/contents/src?ref=dev").await;
        assert_eq!(dev.as_array().unwrap().len(), 2);
        let missing = story
            .github(Method::GET, "/repos/acme/api/contents/src/c.rs", Value::Null)
            .await;
        assert_eq!(missing.status(), 404);
        story
    });
}

#[test]
fn a_rerun_by_a_person_is_told_with_their_name() {
    story(|story| async {
        story.seed(json!({"github": {"runs": [{"repo": "acme/api", "id": 70, "conclusion": "failure"}]}}));
        story
            .sandbox
            .act(&json!({"do": "rerun", "repo": "acme/api", "id": 70, "by": "mona"}))
            .await
            .expect("an act");
        let run = story.github_get("/repos/acme/api/actions/runs/70").await;
        assert_eq!(
            (&run["run_attempt"], &run["triggering_actor"]["login"]),
            (&json!(2), &json!("mona"))
        );
        let typo = story
            .sandbox
            .act(&json!({"do": "rerun", "repo": "acme/api", "number": 70, "whom": "x"}))
            .await;
        assert!(typo.expect_err("an error").contains("unknown parameter \"whom\""));
        story
    });
}
