//! Where there is no new pull request: it is there already, enough are open, or GitHub does not give what one needs.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::proposals::{bare, close};
use super::{files, stage};

/// With files of another repository, too.
fn beside(repo: &str, all: &[(&str, &str)]) -> Value {
    let mut github = bare();
    github["contents"]
        .as_array_mut()
        .unwrap()
        .append(&mut files(repo, all));
    github
}

fn refuses(operation: &str) -> Value {
    json!({"match": {"operation": operation}, "kind": "status", "status": 403})
}

#[tokio::test]
async fn a_repeated_step_finds_its_pull_request_though_nothing_is_missing_any_more() {
    let stage = stage(bare()).await;
    let arguments = json!({"repo": "acme/shop", "kind": "license"});
    let first = stage
        .step("propose_improvement", arguments.clone())
        .await
        .unwrap();
    close(&stage, &first["number"], true).await;
    let again = stage.step("propose_improvement", arguments).await.unwrap();
    assert_eq!(
        (&again["outcome"], &again["number"]),
        (&json!("opened"), &first["number"]),
        "{again}"
    );
    assert_eq!(stage.times("create_pull_request"), 1);
}

#[tokio::test]
async fn an_open_proposal_counts_though_what_it_brings_came_another_way() {
    let mut github = beside("acme/shop", &[("SECURITY.md", "Tell us.")]);
    github["pulls"] = json!([{
        "repo": "acme/shop", "number": 3, "title": "Say where to report a weakness", "head": "xmrt/security-policy",
    }]);
    let stage = stage(github).await;
    let arguments = json!({"repo": "acme/shop", "open_max": 1});
    let made = stage.call("propose_improvement", arguments).await.unwrap();
    assert_eq!(made["outcome"], "nothing", "{made}");
    assert!(made["why"].as_str().unwrap().starts_with("#3 of ours"), "{made}");
    assert_eq!(stage.written(), [""; 0]);
}

#[tokio::test]
async fn a_license_of_which_github_has_no_words_is_said_to_be_one() {
    let manifest = "[package]\nlicense = \"GPL-3.0-or-later\"\n";
    let stage = stage(beside("acme/lib", &[("Cargo.toml", manifest)])).await;
    let arguments = json!({"repo": "acme/lib", "kind": "license"});
    let error = stage.call("propose_improvement", arguments).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    insta::assert_snapshot!(error.message, @"`Cargo.toml` names the license `GPL-3.0-or-later`, and its words were not to be had: GitHub has no words of it");
    let asked = stage.sandbox.requests();
    assert!(
        asked.iter().any(|request| request["path"] == "/licenses/gpl-3.0"),
        "{asked:#?}"
    );
}

#[tokio::test]
async fn what_github_refuses_for_one_kind_is_passed_over_and_the_next_is_proposed() {
    let notes = [("README.md", "# Notes"), ("SECURITY.md", "Tell us.")];
    let stage = stage(beside("acme/notes", &notes)).await;
    stage.sandbox.add_faults(&refuses("list_contributors")).unwrap();
    let made = stage
        .call("propose_improvement", json!({"repo": "acme/notes"}))
        .await
        .unwrap();
    assert_eq!(
        (&made["outcome"], &made["kind"]),
        (&json!("opened"), &json!("pull_request_template")),
        "{made}"
    );
    let over = &made["passed_over"][0];
    assert_eq!(over["kind"], "codeowners", "{made}");
    assert!(
        over["why"]
            .as_str()
            .unwrap()
            .starts_with("who committed here could not be read"),
        "{made}"
    );
}

#[tokio::test]
async fn words_that_are_refused_say_so_and_a_limit_that_is_up_ends_the_call() {
    for (operation, kind) in [("get_license", "license"), ("list_contributors", "codeowners")] {
        let refused = stage(bare()).await;
        refused.sandbox.add_faults(&refuses(operation)).unwrap();
        let arguments = json!({"repo": "acme/shop", "kind": kind});
        let error = refused
            .call("propose_improvement", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Conflict, "{operation}: {error}");
        assert!(error.message.contains("403"), "{operation}: {error}");
        let limited = stage(bare()).await;
        let limit =
            json!({"match": {"operation": operation}, "kind": "status", "status": 429, "retry_after": 60});
        limited.sandbox.add_faults(&limit).unwrap();
        let error = limited.call("propose_improvement", arguments).await.unwrap_err();
        assert!(
            matches!(error.class, ErrorClass::RateLimited { .. }),
            "{operation}: {error}"
        );
    }
}
