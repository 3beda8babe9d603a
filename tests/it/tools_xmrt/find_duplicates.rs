//! Issues that say the same, before one is written and after.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::stage;

const BODY: &str = "Since 1.4.0 the proxy panics when proxy.toml exists but has no content.\n\n```\nthread 'main' panicked \
                    at src/config.rs:88:14\n```";

fn repository() -> Value {
    json!({ "issues": [
        { "repo": "acme/proxy", "number": 1, "title": "Crash on startup when config file is empty", "body": BODY, "state": "closed" },
        { "repo": "acme/proxy", "number": 2, "title": "Add HTTP/3", "body": "Please add support for QUIC." },
        { "repo": "acme/proxy", "number": 3, "title": "Crash on startup with an empty config file", "body": BODY, "pull_request": true },
        { "repo": "acme/proxy", "number": 4, "title": "[Bug] Empty proxy.toml crashes proxy at startup",
          "body": "An empty proxy.toml makes the proxy panic:\n```\nthread 'main' panicked at src/config.rs:88:14\n```" },
    ] })
}

#[tokio::test]
async fn one_that_is_there_repeats_older_ones_and_one_that_is_not_written_yet_all_of_them() {
    let stage = stage(repository()).await;
    let found = stage
        .call("find_duplicates", json!({ "repo": "acme/proxy", "number": 4 }))
        .await
        .unwrap();
    // Neither the pull request nor the issue itself is looked at.
    assert_eq!(
        (&found["looked_at"], &found["truncated"]),
        (&json!(2), &json!(false))
    );
    let twins = found["duplicates"].as_array().unwrap();
    assert_eq!(twins.len(), 1, "{found}");
    assert_eq!(
        (&twins[0]["number"], &twins[0]["state"]),
        (&json!(1), &json!("closed"))
    );
    assert_eq!(twins[0]["url"], "https://github.com/acme/proxy/issues/1");
    assert!(
        twins[0]["score"].as_f64().unwrap()
            >= f64::from(xmrt::tools::xmrt::triage::duplicates::SIMILARITY_MIN),
        "{found}"
    );

    let wish = json!({ "repo": "acme/proxy", "title": "Proxy panics on an empty proxy.toml", "body": BODY });
    let found = stage.call("find_duplicates", wish.clone()).await.unwrap();
    let numbers: Vec<&Value> = found["duplicates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|twin| &twin["number"])
        .collect();
    assert_eq!(numbers.len(), 2, "{found}");
    assert!(
        numbers.contains(&&json!(1)) && numbers.contains(&&json!(4)),
        "{found}"
    );
    let mut one = wish;
    one["limit"] = json!(1);
    let found = stage.call("find_duplicates", one).await.unwrap();
    assert_eq!(found["duplicates"].as_array().unwrap().len(), 1);

    let other = json!({ "repo": "acme/proxy", "title": "Document the retry settings" });
    let found = stage.call("find_duplicates", other).await.unwrap();
    assert_eq!(found["duplicates"], json!([]));
}

#[tokio::test]
async fn what_is_asked_wrongly_or_refused_is_an_error_that_says_so() {
    let stage = stage(repository()).await;
    for (more, told) in [
        (json!({}), "give `number`, or `title` and `body`"),
        (
            json!({ "number": 4, "title": "Crash" }),
            "`title` cannot be combined with `number`",
        ),
        (
            json!({ "number": 4, "body": "Crash" }),
            "`body` cannot be combined with `number`",
        ),
        (json!({ "title": " " }), "`title` is empty"),
        (
            json!({ "title": "x".repeat(257) }),
            "`title` has more than 256 characters",
        ),
    ] {
        let mut arguments = json!({ "repo": "acme/proxy" });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = stage.call("find_duplicates", arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let ask = async |number: u64| {
        let arguments = json!({ "repo": "acme/proxy", "number": number });
        stage.call("find_duplicates", arguments).await.unwrap_err().class
    };
    assert_eq!(ask(3).await, ErrorClass::Conflict);
    assert_eq!(ask(99).await, ErrorClass::NotFound);
    let fault = json!({ "match": { "operation": "list_issues" }, "kind": "status", "status": 503 });
    stage.sandbox.add_faults(&fault).unwrap();
    assert_eq!(ask(4).await, ErrorClass::Unavailable);
}
