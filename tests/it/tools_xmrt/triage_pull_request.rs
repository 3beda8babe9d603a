//! A pull request is read, and what a reviewer would want to know is said.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::{Stage, stage};

fn github(pull: Value, files: Value) -> Value {
    let mut pull = pull;
    pull["repo"] = json!("acme/api");
    pull["number"] = json!(12);
    pull["head"] = json!("topic");
    pull["files"] = files;
    json!({
        "repos": [{ "full_name": "acme/api" }],
        "pulls": [pull],
        "issues": [{ "repo": "acme/api", "number": 7, "title": "It crashes" }],
        "contents": [{ "repo": "acme/api", "path": ".github/CODEOWNERS", "content": "* @acme/core\n/src/ @mona @octo\n" }],
    })
}

async fn triaged(stage: &Stage, more: Value) -> Value {
    let mut asked = json!({ "repo": "acme/api", "number": 12 });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    stage.call("triage_pull_request", asked).await.unwrap()
}

#[tokio::test]
async fn size_risks_gaps_and_owners_are_said_with_reasons() {
    let files = json!([
        { "filename": "src/login.rs", "additions": 120, "deletions": 40 },
        { "filename": ".github/workflows/ci.yml", "additions": 3, "deletions": 0 },
        { "filename": "Cargo.lock", "additions": 4_000, "deletions": 100 },
    ]);
    let pull = json!({
        "title": "fix(login): a session that never ends", "author": "mona", "body": "<!-- say why -->\nFixes #7",
        "author_association": "FIRST_TIME_CONTRIBUTOR",
    });
    let stage = stage(github(pull, files)).await;
    let found = triaged(
        &stage,
        json!({ "paths": { "area/login": ["/src/login*"], "ci": [".github/**"] } }),
    )
    .await;
    assert_eq!(found["labels"], json!(["area/login", "ci", "bug"]));
    assert_eq!(
        (&found["size"], &found["lines"], &found["files"]),
        (&json!("l"), &json!(163), &json!(3))
    );
    assert_eq!(
        (&found["closes"], &found["first_contribution"]),
        (&json!([7]), &json!(true))
    );
    // Its author is not asked to look at it.
    assert_eq!(found["owners"], json!(["@octo", "@acme/core"]));
    let risks: Vec<&str> = found["risks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(risks, ["workflows", "access", "dependencies"]);
    insta::assert_snapshot!(found["conclusion"].as_str().unwrap(), @"
    Thanks, and welcome: this would be your first contribution here.

    Before somebody looks at it, please add:

    - what it changes and why, in the description
    - a test, or a word why there is none

    To look at first:

    - workflows: `.github/workflows/ci.yml`, as what it changes there runs with the repository's token and secrets once it is merged
    - access: `src/login.rs`, as its path speaks of who may do what
    - dependencies: `Cargo.lock`, as it changes whose code is built in

    What it changes is looked after by `@octo` and `@acme/core`.
    ");
    let reasons = found["reasons"].to_string();
    for reason in [
        "it changes 160 lines of code and no test",
        "its title begins with",
        "CODEOWNERS gives",
    ] {
        assert!(reasons.contains(reason), "{reason}: {reasons}");
    }
}

#[tokio::test]
async fn one_that_has_everything_is_left_with_a_word() {
    let files = json!([
        { "filename": "src/a.rs", "additions": 12, "deletions": 0 },
        { "filename": "tests/a.rs", "additions": 20, "deletions": 0 },
    ]);
    let pull = json!({ "title": "Say what failed", "author": "robin", "body": "The message named no file; now it does.", "labels": ["bug"] });
    let stage = stage(github(pull, files)).await;
    let found = triaged(&stage, json!({})).await;
    assert_eq!(
        (&found["labels"], &found["missing"], &found["risks"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert_eq!(found["size"], "s");
    // Documentation that is changed beside code is no reason for the label; alone it is.
    let docs = json!([{ "filename": "docs/a.md", "additions": 2, "deletions": 0 }]);
    let pull = json!({ "title": "Mend a word", "author": "robin", "body": "It was written with one letter too many." });
    let stage = super::stage::stage(github(pull, docs)).await;
    let found = triaged(&stage, json!({})).await;
    assert_eq!(found["labels"], json!(["documentation"]));
    assert_eq!(found["size"], "xs");
}

#[tokio::test]
async fn what_is_no_pull_request_and_what_may_not_be_read() {
    let pull = json!({ "title": "`pwned` @channel", "author": "robin", "body": "" });
    let files = json!([{ "filename": "a`b@channel/Cargo.toml", "additions": 1, "deletions": 0 }]);
    let stage = stage(github(pull, files)).await;
    let found = triaged(&stage, json!({})).await;
    let conclusion = found["conclusion"].as_str().unwrap();
    let outside: String = conclusion.split('`').step_by(2).collect();
    assert!(
        !outside.contains('@') && !outside.contains("pwned"),
        "{conclusion}"
    );

    // A token that may not read checks still triages.
    let refused =
        json!({ "match": { "operation": "list_check_runs" }, "kind": "status", "status": 403, "times": 1 });
    stage.sandbox.add_faults(&refused).unwrap();
    let found = triaged(&stage, json!({})).await;
    assert_eq!(
        found["checks"],
        json!({ "passed": 0, "pending": 0, "failed": [], "more": false })
    );

    for number in [7, 99] {
        let asked = json!({ "repo": "acme/api", "number": number });
        let error = stage.call("triage_pull_request", asked).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::NotFound, "{error:?}");
    }
    let asked = json!({ "repo": "acme/api", "number": 12, "paths": { "x": ["[a-z]"] } });
    let error = stage.call("triage_pull_request", asked).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error:?}");
}

#[tokio::test]
async fn what_failed_is_named_whoever_says_so_and_a_test_that_is_gone_is_none() {
    let files = json!([
        { "filename": "src/a.rs", "additions": 500, "deletions": 0 },
        { "filename": "tests/a.rs", "status": "removed", "additions": 0, "deletions": 80 },
    ]);
    let pull = json!({ "title": "fix: all of it", "author": "renovate[bot]", "body": "It is shorter and does the same.", "head_sha": "c".repeat(40) });
    let stage = stage(github(pull, files)).await;
    let say = async |state: &str, context: &str| {
        let arguments =
            json!({ "repo": "acme/api", "sha": "c".repeat(40), "state": state, "context": context });
        let meta = xmrt::hub::CallMeta {
            idempotency_key: Some(super::stage::KEY.into()),
            ..Default::default()
        };
        stage
            .hub
            .call("github.create_commit_status", arguments, meta, super::SOON)
            .await
            .unwrap();
    };
    say("failure", "deploy/preview").await;
    say("failure", "lint").await;
    say("success", "lint").await;
    let found = triaged(&stage, json!({})).await;
    assert_eq!(
        found["checks"],
        json!({ "passed": 1, "pending": 0, "failed": ["deploy/preview"], "more": false })
    );
    assert_eq!(found["missing"], json!(["a test, or a word why there is none"]));
    assert_eq!(found["risks"][0]["kind"], "tests");
    insta::assert_snapshot!(found["conclusion"].as_str().unwrap(), @"
    Before somebody looks at it, please add:

    - a test, or a word why there is none

    What failed so far: `deploy/preview`.

    To look at first:

    - tests: `tests/a.rs`, as what it tested is not tested any more, unless another does

    It adds 500 lines by hand. Smaller ones are looked at sooner; can it be split?

    What it changes is looked after by `@mona`, `@octo` and `@acme/core`.
    ");
}

#[tokio::test]
async fn one_that_is_closed_is_left_and_a_mended_word_is_no_bug() {
    let files = json!([{ "filename": "README.md", "additions": 1, "deletions": 1 }]);
    let pull = json!({ "title": "fix: a typo", "author": "robin", "body": "It was one letter too many.", "state": "closed" });
    let stage = stage(github(pull, files)).await;
    let found = triaged(&stage, json!({})).await;
    assert_eq!(
        (&found["labels"], &found["stage"]),
        (&json!(["documentation"]), &json!("closed"))
    );
    assert_eq!(
        found["conclusion"],
        "It is closed: there is nothing left to look at."
    );
}
