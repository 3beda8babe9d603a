//! What was measured, as a page, a form and the API have it.

use serde_json::json;

use crate::harness::{self, World};

use super::{Browser, csrf};

/// A repository with a red build and a hostile author, and a service that is built from it.
async fn measurable(world: &World) {
    let seed = json!({
        "github": {
            "repos": [{ "full_name": "acme/api", "pushed": "-1d" }],
            "issues": [{ "repo": "acme/api", "number": 1, "title": "It", "author": "<b>ann", "created": "-2d" }],
            "runs": [{ "repo": "acme/api", "id": 1, "name": "<script>CI", "path": ".github/workflows/ci.yml", "branch": "main",
                       "status": "completed", "conclusion": "failure", "created": "-1h" }],
        },
        "render": {
            "services": [{ "id": "srv-a", "name": "<i>api", "repo": "acme/api" }],
            "deploys": [{ "id": "dep-1", "service_id": "srv-a", "status": "live", "created": "-3d", "finished": "-3d" }],
        },
    });
    world.sandbox_post("seed", seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_shown_with_charts_and_measured_again_by_a_form() {
    let world = World::start(&[], "").await;
    measurable(&world).await;
    let mut browser = Browser::at(&world.server.url);
    assert_eq!(browser.sign_in(harness::ADMIN_TOKEN).await.status, 303);
    let nothing = browser.get("/insights").await.text;
    assert!(nothing.contains("Nothing was measured yet"), "{nothing}");
    let csrf = csrf(&nothing);
    for (kind, of, says) in [
        ("ecosystem", "", "of 100"),
        ("service", "srv-a", "Lead time of a commit"),
        ("repository", "acme/api", "open and without an answer"),
    ] {
        let form = format!("csrf={csrf}&kind={kind}&of={of}");
        let done = browser.post("/insights", form).await;
        assert_eq!(done.status, 303, "{kind}: {}", done.text);
        let page = browser.get(done.header("location")).await;
        assert!(page.text.contains(says), "{kind}: {}", page.text);
        assert!(page.text.contains("It was measured just now"), "{kind}");
        let strange = ["<script>CI", "<b>ann", "<i>api", "<style", " style="];
        assert!(
            !strange.iter().any(|part| page.text.contains(part)),
            "{kind}: {}",
            page.text
        );
        assert!(page.text.len() <= 100_000, "{kind}: {}", page.text.len());
    }
    let all = browser.get("/insights").await.text;
    assert_eq!(all.matches("<svg").count(), 3, "{all}");
    assert_eq!(all.matches("Measure again").count(), 3);

    // The same by the API.
    let (status, found) = world.api("insights?kind=repository").await;
    assert_eq!((status, &found["insights"][0]["of"]), (200, &json!("acme/api")));
    let (status, again) = world
        .api_post("insights", json!({ "kind": "service", "of": "srv-a" }))
        .await;
    assert_eq!(
        (status, &again["table"][0]["name"]),
        (200, &json!("Deployments")),
        "{again}"
    );
    for (wish, expected) in [
        (json!({ "kind": "service", "of": "srv-gone" }), 404),
        (json!({ "kind": "repository", "of": "acme" }), 422),
        (json!({ "kind": "ecosystem", "of": "acme/api" }), 422),
        (json!({ "kind": "weather" }), 400),
    ] {
        let (status, problem) = world.api_post("insights", wish.clone()).await;
        assert_eq!(status, expected, "{wish}: {problem}");
    }
    for (wish, status) in [("kind=weather&of=", 400), ("kind=repository&of=acme", 422)] {
        let answer = browser.post("/insights", format!("csrf={csrf}&{wish}")).await;
        assert_eq!(answer.status, status, "{wish}");
    }
    // It is on record who wished for it.
    let (_, trail) = world.api("audit?what=xmrt.dora_metrics").await;
    let who: Vec<&str> = trail["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["who"].as_str().unwrap())
        .collect();
    assert!(who.contains(&"admin") && who.contains(&"api"), "{trail}");
}
