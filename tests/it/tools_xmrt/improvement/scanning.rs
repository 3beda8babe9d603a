//! What a scan reads and says.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::{files, finding, stage};

fn neglected() -> Value {
    let mut contents = files(
        "acme/shop",
        &[
            ("README.md", "# Shop"),
            ("package.json", "{}"),
            ("Dockerfile", "FROM node"),
            (".github/CODEOWNERS", "* @acme/web\nsrc/ nobody\n"),
            (
                ".github/workflows/ci.yml",
                "on: push\njobs:\n  test:\n    steps:\n      - uses: actions/checkout@v4\n      - run: npm test\n",
            ),
            ("render.yaml", "services:\n  - type: web\n    name: shop\n"),
            (".env", "what opens the door"),
        ],
    );
    let large = "x".repeat(6 << 20);
    contents.push(json!({"repo": "acme/shop", "path": "film.mp4", "content": large}));
    let branch = |name: &str| json!({"repo": "acme/shop", "name": name, "message": "wip", "at": "-200d"});
    json!({
        "repos": [{"full_name": "acme/shop", "protected": false}],
        "contents": contents,
        "branches": [branch("a"), branch("b"), branch("c"), branch("d")],
        "runs": [{"repo": "acme/shop", "name": "ci", "path": ".github/workflows/ci.yml", "branch": "main", "conclusion": "failure"}],
        "alerts": [{"repo": "acme/shop", "kind": "dependabot", "name": "left-pad"}],
    })
}

#[tokio::test]
async fn a_neglected_repository_is_told_what_it_lacks_with_lines_and_addresses_and_nothing_is_written() {
    let stage = stage(neglected()).await;
    let scan = stage
        .call("scan_repository", json!({"repo": "acme/shop"}))
        .await
        .unwrap();
    let failed: Vec<&str> = scan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["outcome"] == "failed")
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        failed,
        [
            "license",
            "readme",
            "readme_parts",
            "description",
            "topics",
            "contributing",
            "code_of_conduct",
            "issue_templates",
            "pull_request_template",
            "ci_green",
            "dependency_updates",
            "pinned_actions",
            "workflow_permissions",
            "render_health_check",
            "codeowners_valid",
            "security_policy",
            "branch_protection",
            "stale_branches",
            "dependency_alerts",
            "gitignore",
            "lockfile",
            "secret_files",
            "large_files",
        ]
    );
    let commit = scan["commit"].as_str().unwrap();
    let pin = &finding(&scan, "pinned_actions")["evidence"][0];
    assert_eq!(
        pin,
        &json!({
            "path": ".github/workflows/ci.yml", "line": 5, "seen": "actions/checkout@v4",
            "url": format!("https://github.com/acme/shop/blob/{commit}/.github/workflows/ci.yml#L5"),
        })
    );
    assert_eq!(finding(&scan, "codeowners_valid")["evidence"][0]["line"], 2);
    assert_eq!(finding(&scan, "render_health_check")["evidence"][0]["line"], 2);
    assert_eq!(finding(&scan, "secret_files")["evidence"][0]["path"], ".env");
    assert!(
        !scan.to_string().contains("opens the door"),
        "no secret is opened"
    );
    let unknown = finding(&scan, "code_alerts");
    assert_eq!(unknown["outcome"], "unknown");
    let report = scan["report"].as_str().unwrap();
    assert!(
        report.contains("`.github/workflows/ci.yml:5` `actions/checkout@v4`"),
        "{report}"
    );
    assert_eq!(stage.written(), [""; 0]);
}

#[tokio::test]
async fn a_scan_takes_a_dozen_requests_however_many_files_there_are() {
    let workflow = "on: push\npermissions: {}\njobs: {a: {steps: [{run: make test}]}}\n";
    let names: Vec<String> = (0..60)
        .map(|n| format!(".github/workflows/w{n:02}.yml"))
        .collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), workflow)).collect();
    let stage = stage(json!({"contents": files("acme/many", &all)})).await;
    let scan = stage
        .call("scan_repository", json!({"repo": "acme/many", "detail": "full"}))
        .await
        .unwrap();
    let requests = stage.sandbox.requests();
    assert!(requests.len() <= 14, "{requests:#?}");
    let read = finding(&scan, "workflow_permissions");
    assert_eq!(read["outcome"], "passed", "{read}");
}

#[tokio::test]
async fn what_github_refuses_is_unknown_with_its_reason_and_the_rest_is_told() {
    let stage = stage(neglected()).await;
    let faults = ["get_tree", "list_branches", "list_workflow_runs"];
    for operation in faults {
        let fault = json!({"match": {"operation": operation}, "kind": "status", "status": 403});
        stage.sandbox.add_faults(&fault).unwrap();
    }
    let scan = stage
        .call("scan_repository", json!({"repo": "acme/shop"}))
        .await
        .unwrap();
    for check in ["license", "ci", "secret_files", "branch_protection", "ci_green"] {
        let finding = finding(&scan, check);
        assert_eq!(finding["outcome"], "unknown", "{finding}");
        assert!(
            finding["what"].as_str().unwrap().contains("403")
                || finding["what"].as_str().unwrap().contains("GitHub"),
            "{finding}"
        );
    }
    assert_eq!(finding(&scan, "description")["outcome"], "failed");
    assert_eq!(finding(&scan, "stale_branches")["outcome"], "failed");
}

#[tokio::test]
async fn a_limit_that_is_up_ends_the_scan_instead_of_making_it_unknown() {
    let stage = stage(neglected()).await;
    let fault =
        json!({"match": {"operation": "get_tree"}, "kind": "status", "status": 429, "retry_after": 60});
    stage.sandbox.add_faults(&fault).unwrap();
    let error = stage
        .call("scan_repository", json!({"repo": "acme/shop"}))
        .await
        .unwrap_err();
    assert!(matches!(error.class, ErrorClass::RateLimited { .. }), "{error}");
}

#[tokio::test]
async fn an_empty_repository_has_nothing_that_fails_but_what_is_written_beside_it() {
    let stage = stage(json!({"repos": [{"full_name": "acme/new"}]})).await;
    let scan = stage
        .call("scan_repository", json!({"repo": "acme/new"}))
        .await
        .unwrap();
    let failed: Vec<&Value> = scan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["outcome"] == "failed")
        .map(|finding| &finding["check"])
        .collect();
    assert_eq!(failed, ["description", "topics"]);
    assert!(
        finding(&scan, "license")["what"]
            .as_str()
            .unwrap()
            .contains("empty")
    );
}

#[tokio::test]
async fn checks_are_chosen_by_name_and_a_wrong_name_has_a_hint() {
    let stage = stage(neglected()).await;
    let some = json!({"repo": "acme/shop", "checks": ["secret_files", "codeowners"], "detail": "full"});
    let scan = stage.call("scan_repository", some).await.unwrap();
    assert_eq!(
        scan["counts"],
        json!({"failed": 1, "unknown": 0, "passed": 1, "not_applicable": 0})
    );
    assert_eq!(scan["findings"].as_array().unwrap().len(), 2);
    let wrong = json!({"repo": "acme/shop", "checks": ["licence"]});
    let error = stage.call("scan_repository", wrong).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    insta::assert_snapshot!(error, @"argument `checks` names no check: `licence`; did you mean license?");
    let gone = stage
        .call("scan_repository", json!({"repo": "acme/gone"}))
        .await
        .unwrap_err();
    assert_eq!(gone.class, ErrorClass::NotFound);
}
