//! Environment variables: merged, replaced, deleted, and never shown.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, Stage, stage};

/// In every value, so that a value that is shown anywhere is found.
const HUSH: &str = "hush-hush";

fn service() -> Value {
    let value = |n: &str| format!("{HUSH}-{n}");
    json!({"services": [{"id": "srv-a", "name": "api", "env_vars": {"A": value("a"), "B": value("b"), "EMPTY": ""}}]})
}

fn set(more: Value) -> Value {
    let mut arguments = json!({"service_id": "srv-a"});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

async fn names(stage: &Stage) -> String {
    let list = stage.call("list_env_vars", set(json!({}))).await.unwrap();
    list["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn names_are_listed_over_all_pages_and_values_are_not() {
    let mut state = service();
    for n in 0..130 {
        state["services"][0]["env_vars"][format!("V{n:03}")] = json!(HUSH);
    }
    let stage = stage(state).await;
    let list = stage.call("list_env_vars", set(json!({}))).await.unwrap();
    assert_eq!((&list["count"], &list["empty"]), (&json!(133), &json!(["EMPTY"])));
    assert!(!list.to_string().contains(HUSH));
    let missing = stage
        .call("list_env_vars", json!({"service_id": "srv-none"}))
        .await;
    assert_eq!(missing.unwrap_err().class, ErrorClass::NotFound);
}

#[tokio::test]
async fn variables_are_merged_by_default_one_request_for_each_that_changes() {
    let stage = stage(service()).await;
    let a = format!("{HUSH}-a");
    let arguments =
        set(json!({"vars": {"A": a, "B": format!("{HUSH}-new"), "C": HUSH}, "generate": ["KEY", "EMPTY"]}));
    let mut dry = arguments.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("set_env_vars", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([
            {"method": "PUT", "path": "services/srv-a/env-vars/C", "body": {"value": "(not shown)"}},
            {"method": "PUT", "path": "services/srv-a/env-vars/KEY", "body": {"generateValue": true}},
            {"method": "PUT", "path": "services/srv-a/env-vars/B", "body": {"value": "(not shown)"}},
        ])
    );
    let done = stage.call("set_env_vars", arguments.clone()).await.unwrap();
    assert_eq!(
        (
            &done["added"],
            &done["updated"],
            &done["unchanged"],
            &done["deleted"]
        ),
        (
            &json!(["C", "KEY"]),
            &json!(["B"]),
            &json!(["A", "EMPTY"]),
            &json!([])
        )
    );
    assert!(done["note"].as_str().unwrap().contains("render.trigger_deploy"));
    assert!(!format!("{dry}{done}").contains(HUSH));
    assert_eq!(names(&stage).await, "A B C EMPTY KEY");
    let again = stage.call("set_env_vars", arguments).await.unwrap();
    assert_eq!(
        (
            again["unchanged"].as_array().unwrap().len(),
            stage.effects().len()
        ),
        (5, 3)
    );
}

#[tokio::test]
async fn replacing_deletes_the_others_in_one_request_and_keeps_what_was_generated() {
    let stage = stage(service()).await;
    let arguments = set(json!({"vars": {"C": HUSH}, "generate": ["A", "KEY"], "replace": true}));
    let done = stage.call("set_env_vars", arguments.clone()).await.unwrap();
    assert_eq!(
        (&done["added"], &done["unchanged"], &done["deleted"]),
        (&json!(["C", "KEY"]), &json!(["A"]), &json!(["B", "EMPTY"]))
    );
    assert_eq!(names(&stage).await, "A C KEY");
    assert_eq!(stage.effects(), ["set_env_vars"]);
    stage.call("set_env_vars", arguments).await.unwrap();
    assert_eq!(stage.effects(), ["set_env_vars"], "nothing is left to change");
}

#[tokio::test]
async fn variables_in_doubt_are_set_again_without_harm_and_only_what_is_missing_is_sent() {
    let stage = stage(service()).await;
    let arguments = set(json!({"vars": {"C": HUSH, "D": HUSH}}));
    stage.fault("set_env_vars", json!({"kind": "reply_lost"}));
    let doubt = stage.call("set_env_vars", arguments.clone()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let done = stage.call("set_env_vars", arguments).await.unwrap();
    assert_eq!(
        (&done["added"], &done["unchanged"]),
        (&json!(["D"]), &json!(["C"]))
    );
    assert_eq!(stage.effects(), ["set_env_vars", "set_env_vars"]);
}

#[tokio::test]
async fn a_merge_that_is_refused_halfway_says_how_far_it_came() {
    let stage = stage(service()).await;
    let refusal = json!({
        "match": {"path": "services/srv-a/env-vars/D"}, "kind": "status", "status": 429, "reset_in": 30, "times": 1,
    });
    stage.sandbox.add_faults(&refusal).unwrap();
    let arguments = set(json!({"vars": {"C": HUSH, "D": HUSH}}));
    let error = stage.call("set_env_vars", arguments).await.unwrap_err();
    assert!(
        matches!(error.class, ErrorClass::RateLimited { retry_at: Some(_) }),
        "{error}"
    );
    assert!(error.to_string().contains("1 of 2 variables were set"), "{error}");
    assert!(!error.to_string().contains(HUSH));
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_never_quotes_a_value() {
    let stage = stage(service()).await;
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("N{n}"), json!(HUSH))).collect();
    for (arguments, class, says) in [
        (
            set(json!({"vars": {"A B": HUSH}})),
            ErrorClass::Invalid,
            "no name of a variable",
        ),
        (
            set(json!({"vars": {"../x": HUSH}})),
            ErrorClass::Invalid,
            "no name of a variable",
        ),
        (
            set(json!({"vars": {"A": HUSH}, "generate": ["A"]})),
            ErrorClass::Invalid,
            "gives a value",
        ),
        (
            set(json!({"vars": {"A": {"hush": HUSH}}})),
            ErrorClass::Invalid,
            "the value of A must be a string",
        ),
        (set(json!({})), ErrorClass::Invalid, "nothing is to be set"),
        (set(json!({ "vars": many })), ErrorClass::Invalid, "at most 20"),
        (
            json!({"service_id": "srv-none", "vars": {"A": HUSH}}),
            ErrorClass::NotFound,
            "srv-none",
        ),
    ] {
        let error = stage.call("set_env_vars", arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(
            error.to_string().contains(says) && !error.to_string().contains(HUSH),
            "{error}"
        );
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_variable_is_deleted_and_its_absence_is_the_effect() {
    let stage = stage(service()).await;
    let b = || set(json!({"name": "B"}));
    let dry = stage
        .call("delete_env_var", set(json!({"name": "B", "dry_run": true})))
        .await
        .unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "DELETE", "path": "services/srv-a/env-vars/B"}])
    );
    stage.fault("delete_env_var", json!({"kind": "status", "status": 503}));
    let doubt = stage.call("delete_env_var", b()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(stage.look("delete_env_var", b(), NOW).await, Reply::Absent);
    stage.fault("delete_env_var", json!({"kind": "reply_lost"}));
    stage.call("delete_env_var", b()).await.unwrap_err();
    let Reply::Done(found) = stage.look("delete_env_var", b(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["deleted"], json!(["B"]));
    let gone = stage.call("delete_env_var", b()).await.unwrap_err();
    assert_eq!(gone.class, ErrorClass::NotFound);
    assert!(gone.to_string().contains("linked group"), "{gone}");
    let done = stage
        .call("delete_env_var", set(json!({"name": "A"})))
        .await
        .unwrap();
    assert_eq!(
        (&done["deleted"], names(&stage).await.as_str()),
        (&json!(["A"]), "EMPTY")
    );
}
