//! Pull requests with what is missing: one about each thing, from files that fit their schemas.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use xmrt::hub::{CallMeta, Doubt, ErrorClass};

use super::{KEY, Stage, files, stage};

/// What SchemaStore says of files; `scripts/generate-schemas` makes it.
static SCHEMAS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../contract/files.json")).unwrap());

const BLUEPRINT: &str = "services:\n  - type: web\n    name: shop\n    runtime: node\n  - type: worker\n    name: jobs\n    runtime: node\n";

/// A repository that lacks all there is to propose, beside the actions that workflows use.
pub(super) fn bare() -> Value {
    let mut contents = files(
        "acme/shop",
        &[
            (
                "package.json",
                r#"{"license": "MIT", "scripts": {"test": "jest"}}"#,
            ),
            ("package-lock.json", "{}"),
            ("api/go.mod", "module shop"),
            (
                "src/server.js",
                "app.get('/healthz', (request, response) => response.send('ok'))",
            ),
            ("render.yaml", BLUEPRINT),
            (
                ".github/workflows/nightly.yml",
                "on: {schedule: [{cron: '0 3 * * *'}]}\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    \
                 steps:\n      - uses: actions/checkout@v4\n      - uses: other/hidden@v4\n",
            ),
        ],
    );
    contents.extend(files("actions/checkout", &[("action.yml", "name: Checkout")]));
    let release = |repo: &str, tag: &str| json!({"repo": repo, "tag": tag});
    json!({
        "repos": [{"full_name": "acme/shop"}, {"full_name": "actions/checkout"}, {"full_name": "actions/setup-node"},
                  {"full_name": "other/hidden", "private": true}],
        "contents": contents,
        "labels": [{"repo": "acme/shop", "name": "bug"}],
        "collaborators": [{"repo": "acme/shop", "login": "acme", "role": "admin"}],
        "releases": [release("actions/checkout", "v4"), release("actions/setup-node", "v4"),
                     release("other/hidden", "v4")],
    })
}

async fn propose(stage: &Stage, more: Value) -> Value {
    let mut arguments = json!({"repo": "acme/shop"});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    stage.call("propose_improvement", arguments).await.unwrap()
}

/// What is wrong with a YAML file by a schema.
fn wrong(schema: &str, text: &str) -> Vec<String> {
    let validator: Validator = jsonschema::validator_for(&SCHEMAS[schema]).unwrap();
    let value: Value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    validator
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect()
}

pub(super) async fn close(stage: &Stage, number: &Value, merge: bool) {
    let url = format!("{}/repos/acme/shop/pulls/{number}", stage.running.github_url());
    let client = super::web();
    let request = if merge {
        client.put(format!("{url}/merge")).json(&json!({}))
    } else {
        // GitHub closes pull requests as it closes issues.
        client
            .patch(url.replace("/pulls/", "/issues/"))
            .json(&json!({"state": "closed"}))
    };
    let answer = request.bearer_auth("token").send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn every_kind_is_one_pull_request_whose_files_fit_their_schemas() {
    let stage = stage(bare()).await;
    let head = stage.github("/repos/actions/checkout/git/ref/tags/v4").await["object"]["sha"].clone();
    let head = head.as_str().unwrap();
    for (kind, expected) in [
        ("ci", vec![".github/workflows/ci.yml"]),
        ("render_health_check", vec!["render.yaml"]),
        ("dependency_updates", vec![".github/dependabot.yml"]),
        ("pinned_actions", vec![".github/workflows/nightly.yml"]),
        ("security_policy", vec!["SECURITY.md"]),
        ("codeowners", vec![".github/CODEOWNERS"]),
        ("license", vec!["LICENSE"]),
        ("pull_request_template", vec![".github/pull_request_template.md"]),
        (
            "issue_templates",
            vec![
                ".github/ISSUE_TEMPLATE/bug.yml",
                ".github/ISSUE_TEMPLATE/config.yml",
                ".github/ISSUE_TEMPLATE/wish.yml",
            ],
        ),
    ] {
        let made = propose(&stage, json!({"kind": kind})).await;
        assert_eq!(
            (&made["outcome"], &made["kind"]),
            (&json!("opened"), &json!(kind)),
            "{made}"
        );
        assert_eq!(made["files"], json!(expected));
        let branch = made["branch"].as_str().unwrap();
        let pull = stage
            .github(&format!("/repos/acme/shop/pulls/{}", made["number"]))
            .await;
        assert_eq!(
            (&pull["state"], &pull["base"]["ref"], &pull["head"]["ref"]),
            (&json!("open"), &json!("main"), &json!(branch))
        );
        let body = pull["body"].as_str().unwrap();
        assert!(body.contains("close it: it will not be proposed again"), "{body}");
        for path in expected {
            let text = stage.file("acme/shop", branch, path).await;
            let schema = match path {
                ".github/dependabot.yml" => Some("dependabot"),
                path if path.starts_with(".github/workflows/") => Some("github-workflows"),
                ".github/ISSUE_TEMPLATE/config.yml" => Some("github-issue-config"),
                path if path.starts_with(".github/ISSUE_TEMPLATE/") => Some("github-issue-forms"),
                _ => None,
            };
            if let Some(schema) = schema {
                assert_eq!(wrong(schema, &text), [""; 0], "{path}\n{text}");
            }
            if kind == "pinned_actions" {
                assert!(text.contains("other/hidden@v4\n"), "{text}");
                assert!(
                    body.contains("`other/hidden@v4` stays as it is: its repository is not public"),
                    "{body}"
                );
            }
            match kind {
                "ci" | "pinned_actions" => {
                    assert!(text.contains(&format!("actions/checkout@{head} # v4")), "{text}")
                }
                "render_health_check" => {
                    assert_eq!(
                        text,
                        BLUEPRINT.replace("web\n", "web\n    healthCheckPath: /healthz\n")
                    );
                }
                "license" => assert!(
                    text.contains("Permission is hereby granted") && !text.contains("[fullname]"),
                    "{text}"
                ),
                "codeowners" => assert!(text.ends_with("*  @acme\n"), "{text}"),
                _ => {}
            }
        }
    }
    let written = stage.written();
    assert_eq!(written.len(), 9 * 3, "{written:?}");
    assert_eq!(stage.times("create_pull_request"), 9);
}

#[tokio::test]
async fn the_schemas_refuse_what_is_wrong() {
    assert_ne!(
        wrong(
            "dependabot",
            "version: 2\nupdates:\n  - package-ecosystem: nothing\n    directory: /\n"
        ),
        [""; 0]
    );
    assert_ne!(
        wrong("github-workflows", "on: push\njobs:\n  a: {steps: 7}\n"),
        [""; 0]
    );
    assert_ne!(wrong("github-issue-forms", "name: x\nbody: []\n"), [""; 0]);
    assert_ne!(
        wrong("github-issue-config", "blank_issues_enabled: perhaps\n"),
        [""; 0]
    );
}

#[tokio::test]
async fn a_dry_run_shows_the_files_as_text_and_writes_nothing() {
    let stage = stage(bare()).await;
    let shown = propose(&stage, json!({"kind": "dependency_updates", "dry_run": true})).await;
    let requests = shown["dry_run"].as_array().unwrap();
    assert_eq!(requests.len(), 3, "{shown}");
    let file = requests[1]["body"]["variables"]["input"]["fileChanges"]["additions"][0].clone();
    assert_eq!(file["path"], ".github/dependabot.yml");
    insta::assert_snapshot!(file["text"].as_str().unwrap(), @r"
    # Proposes new versions once a week. What changes little comes together, what may break something alone.
    version: 2
    updates:
      - package-ecosystem: github-actions
        directory: /
        schedule:
          interval: weekly
        groups:
          minor-and-patch:
            update-types:
              - minor
              - patch
      - package-ecosystem: gomod
        directory: /api
        schedule:
          interval: weekly
        groups:
          minor-and-patch:
            update-types:
              - minor
              - patch
      - package-ecosystem: npm
        directory: /
        schedule:
          interval: weekly
        groups:
          minor-and-patch:
            update-types:
              - minor
              - patch
    ");
    assert_eq!(stage.written(), [""; 0]);
}

#[tokio::test]
async fn the_same_is_never_proposed_twice_whatever_became_of_it() {
    let stage = stage(bare()).await;
    let first = propose(&stage, json!({"kind": "security_policy"})).await;
    let again = propose(&stage, json!({"kind": "security_policy"})).await;
    assert_eq!(
        (&again["outcome"], &again["number"]),
        (&json!("open"), &first["number"])
    );
    close(&stage, &first["number"], false).await;
    let again = propose(&stage, json!({"kind": "security_policy"})).await;
    assert_eq!(again["outcome"], "rejected");
    assert!(
        again["why"]
            .as_str()
            .unwrap()
            .contains("reopening it says otherwise"),
        "{again}"
    );

    // Another journal knows nothing, and asks GitHub.
    let fresh = super::hub(
        [&stage.witness.url, &stage.render_witness.url],
        &stage.clock,
        std::sync::Arc::new(xmrt::journal::MemoryStore::new(crate::tools_xmrt::NOW)),
    )
    .await;
    let arguments = json!({"repo": "acme/shop", "kind": "security_policy"});
    let called = fresh.call(
        "xmrt.propose_improvement",
        arguments,
        CallMeta::default(),
        crate::tools_xmrt::SOON,
    );
    let xmrt::hub::Reply::Done(again) = called.await.unwrap() else {
        unreachable!()
    };
    assert_eq!(again["outcome"], "rejected");

    let second = propose(&stage, json!({"kind": "license"})).await;
    close(&stage, &second["number"], true).await;
    let again = propose(&stage, json!({"kind": "license"})).await;
    assert_ne!(again["outcome"], "opened", "{again}");
    assert_eq!(stage.times("create_pull_request"), 2);
}

#[tokio::test]
async fn unasked_it_proposes_what_helps_most_one_at_a_time_until_enough_is_open() {
    let stage = stage(bare()).await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(propose(&stage, json!({})).await["kind"].clone());
    }
    assert_eq!(kinds, ["ci", "render_health_check", "dependency_updates"]);
    let enough = propose(&stage, json!({})).await;
    assert_eq!(
        (&enough["outcome"], &enough["number"]),
        (&json!("nothing"), &Value::Null)
    );
    let more = propose(&stage, json!({"open_max": 9})).await;
    assert_eq!(more["kind"], "pinned_actions");
    let over = more["passed_over"].as_array().unwrap();
    assert!(
        over.is_empty()
            || over
                .iter()
                .all(|one| one["why"].as_str().unwrap().contains("is open")),
        "{more}"
    );
}

#[tokio::test]
async fn what_was_rejected_goes_last_elsewhere_and_what_was_merged_first() {
    let mut github = bare();
    let mut other = files(
        "acme/blog",
        &[
            ("Cargo.toml", "[package]\nlicense = \"MIT\"\n"),
            ("src/main.rs", ""),
        ],
    );
    github["contents"].as_array_mut().unwrap().append(&mut other);
    let stage = stage(github).await;
    let ci = propose(&stage, json!({"kind": "ci"})).await;
    let license = propose(&stage, json!({"kind": "license"})).await;
    close(&stage, &ci["number"], false).await;
    close(&stage, &license["number"], true).await;
    let status = stage.call("improvement_status", json!({})).await.unwrap();
    assert_eq!(
        (&status["open"], &status["merged"], &status["rejected"]),
        (&json!(0), &json!(1), &json!(1)),
        "{status:#}"
    );
    let learned = status["learned"].as_array().unwrap();
    assert_eq!(
        (&learned[0]["kind"], &learned[0]["therefore"]),
        (&json!("license"), &json!("it is proposed before others"))
    );
    assert_eq!(
        (&learned[8]["kind"], &learned[8]["therefore"]),
        (&json!("ci"), &json!("it is proposed after others"))
    );

    let next = stage
        .call("propose_improvement", json!({"repo": "acme/blog"}))
        .await
        .unwrap();
    assert_eq!(next["kind"], "license", "{next}");
    assert_eq!(next["why"], "1 of its kind were merged, 0 rejected");
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_made_again_without_a_second_pull_request() {
    for operation in ["create_branch", "commit_files", "create_pull_request"] {
        let stage = stage(bare()).await;
        let fault = json!({"match": {"operation": operation}, "kind": "reply_lost", "times": 1});
        stage.sandbox.add_faults(&fault).unwrap();
        let error = stage
            .step("propose_improvement", json!({"repo": "acme/shop"}))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::UnknownEffect, "{operation}: {error}");
        let made = stage
            .step("propose_improvement", json!({"repo": "acme/shop"}))
            .await
            .unwrap();
        assert_eq!(
            (&made["outcome"], &made["kind"]),
            (&json!("opened"), &json!("ci")),
            "{operation}: {made}"
        );
        let pull = stage
            .github(&format!("/repos/acme/shop/pulls/{}", made["number"]))
            .await;
        assert!(
            pull["body"]
                .as_str()
                .unwrap()
                .ends_with(&format!("<!-- xmrt:{KEY} -->"))
        );
        let written = stage.written();
        for name in ["create_branch", "commit_files", "create_pull_request"] {
            assert_eq!(stage.times(name), 1, "{operation}: {written:?}");
        }
    }
}

#[tokio::test]
async fn a_try_that_ended_before_its_commit_goes_on_though_the_default_branch_went_on_as_well() {
    let stage = stage(bare()).await;
    let fault = json!({"match": {"operation": "commit_files"}, "kind": "status", "status": 502, "times": 1});
    stage.sandbox.add_faults(&fault).unwrap();
    let arguments = json!({"repo": "acme/shop", "kind": "security_policy"});
    let error = stage
        .step("propose_improvement", arguments.clone())
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::UnknownEffect, "{error}");
    let push = json!({"do": "push", "repo": "acme/shop", "message": "Go on", "modified": ["src/server.js"]});
    stage.sandbox.act(&push).await.unwrap();
    let made = stage.step("propose_improvement", arguments).await.unwrap();
    assert_eq!(made["outcome"], "opened", "{made}");
    let branch = made["branch"].as_str().unwrap();
    let text = stage.file("acme/shop", branch, "SECURITY.md").await;
    assert!(text.contains("## Reporting a weakness"), "{text}");
    for name in ["create_branch", "commit_files", "create_pull_request"] {
        assert_eq!(stage.times(name), 1, "{:?}", stage.written());
    }
}

#[tokio::test]
async fn a_branch_of_that_name_with_somebody_elses_work_is_left_alone() {
    let mut github = bare();
    github["branches"] =
        json!([{"repo": "acme/shop", "name": "xmrt/license", "message": "mine", "files": ["LICENSE"]}]);
    let stage = stage(github).await;
    let arguments = json!({"repo": "acme/shop", "kind": "license"});
    let error = stage.call("propose_improvement", arguments).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    insta::assert_snapshot!(error, @"there is a branch `xmrt/license` in acme/shop already, and it holds something else (look at it; delete it if nobody needs it, then propose again)");
    assert_eq!(stage.written(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_made_or_is_not_needed_says_so() {
    let mut github = bare();
    let mut contents = files(
        "acme/notes",
        &[("README.md", "# Notes"), ("SECURITY.md", "Tell us.")],
    );
    github["contents"].as_array_mut().unwrap().append(&mut contents);
    github["repos"]
        .as_array_mut()
        .unwrap()
        .push(json!({"full_name": "acme/old", "archived": true}));
    let stage = stage(github).await;
    let call = |arguments: Value| stage.call("propose_improvement", arguments);
    let there = call(json!({"repo": "acme/notes", "kind": "security_policy"}))
        .await
        .unwrap();
    assert_eq!(
        (&there["outcome"], &there["why"]),
        (&json!("not_needed"), &json!("there is a security policy"))
    );
    let open = call(json!({"repo": "acme/notes", "kind": "license"}))
        .await
        .unwrap_err();
    assert!(open.message.contains("the choice is the owner's"), "{open}");
    let chosen = call(json!({"repo": "acme/notes", "kind": "license", "license": "mit"}))
        .await
        .unwrap();
    assert_eq!(chosen["outcome"], "opened");
    for (arguments, class, words) in [
        (json!({"repo": "acme/old"}), ErrorClass::Conflict, "archived"),
        (
            json!({"repo": "acme/shop", "kind": "license", "license": "Beerware-9"}),
            ErrorClass::Invalid,
            "`Beerware-9`",
        ),
        (
            json!({"repo": "acme/shop", "health_path": "/a: b"}),
            ErrorClass::Invalid,
            "health_path",
        ),
        (
            json!({"repo": "acme/shop", "kind": "beauty"}),
            ErrorClass::Invalid,
            "kind",
        ),
        (json!({"repo": "acme/none"}), ErrorClass::NotFound, "404"),
    ] {
        let error = call(arguments.clone()).await.unwrap_err();
        assert_eq!(error.class, class, "{arguments}: {error}");
        assert!(error.to_string().contains(words), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn the_tools_say_what_they_do_and_how_doubt_is_resolved() {
    let stage = stage(bare()).await;
    let facts = stage.hub.tool("xmrt.propose_improvement").unwrap();
    assert_eq!(
        (facts.promises.doubt, facts.read_only),
        (Doubt::Idempotent, false)
    );
    for name in ["xmrt.scan_repository", "xmrt.improvement_status"] {
        assert!(stage.hub.tool(name).unwrap().read_only, "{name}");
    }
}
