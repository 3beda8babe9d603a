//! The text of a `render.yaml`, as Render judges it.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::stage;

const GOOD: &str = "\
services:
  - type: web
    name: reactor
    runtime: rust
  - type: keyvalue
    name: reactor-kv
databases:
  - name: orders
envVarGroups:
  - name: shared
    envVars:
      - key: RUST_LOG
        value: info
";

async fn judged(text: &str) -> Value {
    let stage = stage(json!({})).await;
    let verdict = stage
        .call("validate_blueprint", json!({ "text": text }))
        .await
        .unwrap();
    assert_eq!(
        stage.effects(),
        ["validate_blueprint"],
        "it is a POST, and nothing more"
    );
    assert!(stage.hub.tool("render.validate_blueprint").unwrap().read_only);
    verdict
}

#[tokio::test]
async fn a_good_one_says_what_it_would_come_to() {
    assert_eq!(
        judged(GOOD).await,
        json!({"valid": true, "errors": [], "plan": {
            "services": ["reactor"], "key_value": ["reactor-kv"], "databases": ["orders"], "env_groups": ["shared"],
            "actions": 4}})
    );
}

#[tokio::test]
async fn a_bad_one_says_where_it_is_wrong() {
    let verdict = judged("service:\n  - type: web\n").await;
    assert_eq!(
        (
            &verdict["valid"],
            &verdict["errors"][0]["path"],
            &verdict["errors"][0]["line"],
            &verdict["plan"]
        ),
        (&json!(false), &json!("service"), &json!(1), &Value::Null)
    );
    let verdict = judged("services:\n\t- type: web\n").await;
    assert_eq!(verdict["errors"][0]["line"], 2);
}

#[tokio::test]
async fn what_render_refuses_has_its_class_and_a_lost_answer_is_no_doubt() {
    let stage = stage(json!({})).await;
    let nowhere = json!({"text": GOOD, "owner_id": "tea-none"});
    let error = stage.call("validate_blueprint", nowhere).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    let elsewhere = json!({"text": GOOD, "owner_id": "tea\r\nx: y"});
    let error = stage.call("validate_blueprint", elsewhere).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    stage.fault("validate_blueprint", json!({"kind": "reply_lost"}));
    let error = stage
        .call("validate_blueprint", json!({ "text": GOOD }))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
}
