//! Groups of environment variables: shared by services, changed and deleted, their values never shown.

use serde_json::{Value, json};
use xmrt::hub::{Doubt, ErrorClass, Reply};

use super::stage::{NOW, ids, stage};

/// In every value, so that a value that is shown anywhere is found.
const HUSH: &str = "hush-hush";

fn groups() -> Value {
    json!({
        "services": [{"id": "srv-a", "name": "api"}, {"id": "srv-b", "name": "web"},
                     {"id": "srv-far", "name": "far", "owner_id": "tea-far"}],
        "env_groups": [
            {"id": "evg-shared", "name": "shared", "services": ["srv-a"],
             "vars": {"A": format!("{HUSH}-a"), "B": format!("{HUSH}-b"), "EMPTY": ""}},
            {"id": "evg-other", "name": "other", "owner_id": "tea-far"},
        ],
    })
}

fn shared(more: Value) -> Value {
    let mut arguments = json!({"env_group_id": "evg-shared"});
    let fields = more.as_object().unwrap().clone();
    arguments.as_object_mut().unwrap().extend(fields);
    arguments
}

#[tokio::test]
async fn groups_are_listed_and_shown_without_a_value() {
    let stage = stage(groups()).await;
    let list = stage.call("list_env_groups", json!({})).await.unwrap();
    assert_eq!(ids(&list["env_groups"]), ["evg-shared", "evg-other"]);
    let named = json!({"name": "other", "owner_id": "tea-far", "limit": 1});
    let named = stage.call("list_env_groups", named).await.unwrap();
    assert_eq!(
        (ids(&named["env_groups"]), &named["more"]),
        (vec!["evg-other"], &json!(true))
    );
    let one = stage.call("get_env_group", shared(json!({}))).await.unwrap();
    assert_eq!(
        (
            &one["names"],
            &one["empty"],
            &one["env_group"]["services"],
            &one["env_group"]["owner_id"]
        ),
        (
            &json!(["A", "B", "EMPTY"]),
            &json!(["EMPTY"]),
            &json!([{"id": "srv-a", "name": "api"}]),
            &json!("tea-00000000000000sandbx")
        )
    );
    assert!(!format!("{list}{one}").contains(HUSH));
    let missing = json!({"env_group_id": "evg-none"});
    let missing = stage.call("get_env_group", missing).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_group_is_made_and_one_whose_answer_was_lost_is_found() {
    let stage = stage(groups()).await;
    let arguments =
        json!({"name": "new", "owner_id": "tea-far", "vars": {"K": HUSH}, "generate": ["SECRET"]});
    let mut dry = arguments.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("create_env_group", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"][0],
        json!({"method": "POST", "path": "env-groups", "body": {"name": "new", "ownerId": "tea-far", "envVars": [
            {"key": "K", "value": "(not shown)"}, {"key": "SECRET", "generateValue": true}]}})
    );
    stage.fault("create_env_group", json!({"kind": "status", "status": 503}));
    stage
        .call("create_env_group", arguments.clone())
        .await
        .unwrap_err();
    assert_eq!(
        stage.look("create_env_group", arguments.clone(), NOW).await,
        Reply::Absent
    );
    stage.fault("create_env_group", json!({"kind": "reply_lost"}));
    let doubt = stage
        .call("create_env_group", arguments.clone())
        .await
        .unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let Reply::Done(found) = stage.look("create_env_group", arguments.clone(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["names"], json!(["K", "SECRET"]));
    assert_eq!(stage.effects(), ["create_env_group"]);
    // A second one of the same name leaves open which is ours.
    let made = stage.call("create_env_group", arguments.clone()).await.unwrap();
    assert_eq!(made["names"], json!(["K", "SECRET"]));
    let reply = stage.look("create_env_group", arguments, NOW).await;
    assert!(matches!(reply, Reply::Ambiguous(_)), "{reply:?}");
    assert!(!format!("{dry}{found}{made}").contains(HUSH));
}

#[tokio::test]
async fn a_groups_variables_are_set_and_deleted_one_by_one_and_the_others_stay() {
    let stage = stage(groups()).await;
    let change = shared(json!({
        "vars": {"A": format!("{HUSH}-a"), "B": format!("{HUSH}-new")}, "generate": ["KEY"], "delete": ["EMPTY", "GONE"],
    }));
    let mut dry = change.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("set_env_group_vars", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([
            {"method": "PUT", "path": "env-groups/evg-shared/env-vars/KEY", "body": {"generateValue": true}},
            {"method": "PUT", "path": "env-groups/evg-shared/env-vars/B", "body": {"value": "(not shown)"}},
            {"method": "DELETE", "path": "env-groups/evg-shared/env-vars/EMPTY"},
        ])
    );
    stage.fault("set_env_group_vars", json!({"kind": "reply_lost"}));
    let doubt = stage
        .call("set_env_group_vars", change.clone())
        .await
        .unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    // Repeated, it sends only what is missing.
    let done = stage.call("set_env_group_vars", change).await.unwrap();
    assert_eq!(
        (
            &done["added"],
            &done["updated"],
            &done["unchanged"],
            &done["deleted"],
            &done["services"]
        ),
        (
            &json!([]),
            &json!(["B"]),
            &json!(["A", "KEY"]),
            &json!(["EMPTY"]),
            &json!(["srv-a"])
        )
    );
    assert_eq!(stage.effects().len(), 3);
    let one = stage.call("get_env_group", shared(json!({}))).await.unwrap();
    assert_eq!(one["names"], json!(["A", "B", "KEY"]));
    assert!(!format!("{dry}{done}").contains(HUSH));
    let facts = stage.hub.tool("render.set_env_group_vars").unwrap();
    assert_eq!(
        (facts.promises.doubt, facts.destructive),
        (Doubt::Idempotent, true)
    );
}

#[tokio::test]
async fn a_service_gets_a_group_and_loses_it_and_a_lost_answer_is_found_either_way() {
    let stage = stage(groups()).await;
    let b = shared(json!({"service_id": "srv-b"}));
    let mut dry = b.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("link_env_group", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "env-groups/evg-shared/services/srv-b"}])
    );
    for (tool, linked) in [("link_env_group", true), ("unlink_env_group", false)] {
        assert_eq!(stage.look(tool, b.clone(), NOW).await, Reply::Absent, "{tool}");
        stage.fault(tool, json!({"kind": "reply_lost"}));
        let doubt = stage.call(tool, b.clone()).await.unwrap_err();
        assert_eq!(doubt.class, ErrorClass::UnknownEffect);
        let found = stage.look(tool, b.clone(), NOW).await;
        assert!(
            matches!(&found, Reply::Done(link) if link["linked"] == linked),
            "{found:?}"
        );
    }
    assert_eq!(stage.effects(), ["link_env_group", "unlink_env_group"]);
    let linked = stage.call("link_env_group", b).await.unwrap();
    assert!(
        linked["note"].as_str().unwrap().contains("render.trigger_deploy"),
        "{linked}"
    );
    let far = shared(json!({"service_id": "srv-far"}));
    let far = stage.call("link_env_group", far).await.unwrap_err();
    assert_eq!(far.class, ErrorClass::Invalid);
    assert!(far.to_string().contains("another workspace"), "{far}");
}

#[tokio::test]
async fn a_group_is_deleted_by_whoever_names_it() {
    let stage = stage(groups()).await;
    let wrong = stage
        .call("delete_env_group", shared(json!({"confirm": "other"})))
        .await
        .unwrap_err();
    insta::assert_snapshot!(wrong, @"argument `confirm` is not the name of evg-shared (its name is `shared`, and 1 service has it; repeat that only if this is the group to delete for ever)");
    let right = shared(json!({"confirm": "shared"}));
    let dry = shared(json!({"confirm": "shared", "dry_run": true}));
    assert_eq!(
        stage.call("delete_env_group", dry).await.unwrap()["dry_run"],
        json!([{"method": "DELETE", "path": "env-groups/evg-shared"}])
    );
    assert_eq!(
        stage.look("delete_env_group", right.clone(), NOW).await,
        Reply::Absent
    );
    stage.fault("delete_env_group", json!({"kind": "reply_lost"}));
    stage.call("delete_env_group", right.clone()).await.unwrap_err();
    let found = stage.look("delete_env_group", right.clone(), NOW).await;
    assert!(
        matches!(&found, Reply::Done(gone) if gone["deleted"] == true),
        "{found:?}"
    );
    // Whoever was taking it from a service meanwhile has got there, too.
    let a = shared(json!({"service_id": "srv-a"}));
    let found = stage.look("unlink_env_group", a, NOW).await;
    assert!(
        matches!(&found, Reply::Done(link) if link["linked"] == false),
        "{found:?}"
    );
    let again = stage.call("delete_env_group", right).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::NotFound);
    assert_eq!(stage.effects(), ["delete_env_group"]);
}

#[tokio::test]
async fn what_cannot_be_set_in_a_group_is_refused_without_quoting_a_value() {
    let stage = stage(groups()).await;
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("N{n}"), json!(HUSH))).collect();
    for (arguments, says) in [
        (json!({}), "nothing is to be done"),
        (
            json!({"vars": {"A": HUSH}, "delete": ["A"]}),
            "which is to be set",
        ),
        (json!({"vars": {"../A": HUSH}}), "no name of a variable"),
        (json!({"vars": {"A": [HUSH]}}), "must be a string"),
        (json!({ "vars": many }), "at most 20"),
    ] {
        let error = stage
            .call("set_env_group_vars", shared(arguments))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(
            error.to_string().contains(says) && !error.to_string().contains(HUSH),
            "{error}"
        );
    }
    assert_eq!(stage.effects(), [""; 0]);
}
