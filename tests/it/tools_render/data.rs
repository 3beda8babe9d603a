//! Postgres and Key Value: listed, shown and made, with the plan said aloud, and no way in given.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, ids, stage};

fn databases() -> Value {
    json!({
        "workspaces": [{"id": "tea-far"}],
        "databases": [
            {"id": "dpg-a", "name": "orders", "plan": "pro_4gb", "region": "frankfurt"},
            {"id": "dpg-b", "name": "trial", "plan": "free", "owner_id": "tea-far",
             "details": {"expiresAt": "2027-02-01T00:00:00Z"}},
            {"id": "red-a", "name": "queue", "details": {"options": {"maxmemoryPolicy": "noeviction"}}},
        ],
    })
}

const OWNER: &str = "tea-00000000000000sandbx";

#[tokio::test]
async fn databases_are_listed_by_kind_and_shown() {
    let stage = stage(databases()).await;
    let all = stage.call("list_postgres", json!({})).await.unwrap();
    assert_eq!(ids(&all["databases"]), ["dpg-a", "dpg-b"]);
    let first = stage.call("list_postgres", json!({"limit": 1})).await.unwrap();
    let second = json!({"limit": 1, "cursor": first["cursor"]});
    let second = stage.call("list_postgres", second).await.unwrap();
    assert_eq!(ids(&second["databases"]), ["dpg-b"]);
    let named = json!({"name": "trial", "owner_id": "tea-far"});
    let named = stage.call("list_postgres", named).await.unwrap();
    assert_eq!(ids(&named["databases"]), ["dpg-b"]);
    let stores = stage.call("list_key_value", json!({})).await.unwrap();
    assert_eq!(ids(&stores["databases"]), ["red-a"]);

    let one = stage
        .call("get_postgres", json!({"postgres_id": "dpg-a"}))
        .await
        .unwrap();
    assert_eq!(
        (
            &one["plan"],
            &one["status"],
            &one["region"],
            &one["database_name"],
            &one["owner_id"]
        ),
        (
            &json!("pro_4gb"),
            &json!("available"),
            &json!("frankfurt"),
            &json!("orders"),
            &json!(OWNER)
        )
    );
    let trial = stage
        .call("get_postgres", json!({"postgres_id": "dpg-b"}))
        .await
        .unwrap();
    assert_eq!(trial["expires_at"], "2027-02-01T00:00:00Z");
    let store = stage
        .call("get_key_value", json!({"key_value_id": "red-a"}))
        .await
        .unwrap();
    assert_eq!(
        (&store["maxmemory_policy"], &store["database_name"]),
        (&json!("noeviction"), &Value::Null)
    );
    let missing = stage
        .call("get_key_value", json!({"key_value_id": "dpg-a"}))
        .await;
    assert_eq!(missing.unwrap_err().class, ErrorClass::NotFound);
    let missing = stage
        .call("get_postgres", json!({"postgres_id": "../owners"}))
        .await;
    assert_eq!(missing.unwrap_err().class, ErrorClass::Invalid);
    // How to connect is asked of Render by nobody.
    let asked = format!("{:?}", stage.sandbox.requests());
    assert!(!asked.contains("connection-info"), "{asked}");
}

#[tokio::test]
async fn a_postgres_is_made_with_the_plan_it_was_told_closed_to_the_outside() {
    let stage = stage(databases()).await;
    let arguments = json!({
        "name": "events", "plan": "basic_1gb", "owner_id": OWNER, "region": "frankfurt", "disk_gb": 20, "version": "18",
    });
    let mut dry = arguments.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("create_postgres", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "postgres", "body": {
            "name": "events", "ownerId": OWNER, "plan": "basic_1gb", "version": "18", "region": "frankfurt",
            "diskSizeGB": 20, "ipAllowList": []}}])
    );
    assert_eq!(stage.effects(), [""; 0]);
    let made = stage.call("create_postgres", arguments).await.unwrap();
    assert_eq!(
        (&made["status"], &made["disk_gb"], &made["version"]),
        (&json!("creating"), &json!(20), &json!("18"))
    );
    stage.pass(1);
    let id = made["id"].as_str().unwrap();
    let made = stage
        .call("get_postgres", json!({ "postgres_id": id }))
        .await
        .unwrap();
    assert_eq!(made["status"], "available");
}

#[tokio::test]
async fn a_key_value_store_is_made_and_told_of() {
    let stage = stage(databases()).await;
    let arguments = json!({
        "name": "cache", "plan": "starter", "owner_id": OWNER, "maxmemory_policy": "allkeys_lfu",
        "ip_allow_list": [{"cidr": "203.0.113.0/24", "description": "office"}],
    });
    let mut dry = arguments.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(
        stage.call("create_key_value", dry).await.unwrap()["dry_run"],
        json!([{"method": "POST", "path": "key-value", "body": {
            "name": "cache", "ownerId": OWNER, "plan": "starter", "maxmemoryPolicy": "allkeys_lfu",
            "ipAllowList": [{"cidrBlock": "203.0.113.0/24", "description": "office"}]}}])
    );
    assert_eq!(stage.effects(), [""; 0]);
    let made = stage.call("create_key_value", arguments).await.unwrap();
    assert_eq!(
        (&made["maxmemory_policy"], &made["ip_allow_list"]),
        (
            &json!("allkeys_lfu"),
            &json!([{"cidr": "203.0.113.0/24", "description": "office"}])
        )
    );
    stage.pass(1);
    let told = stage.sandbox.deliveries();
    let about: Vec<&Value> = told
        .iter()
        .map(|one| &one["payload"])
        .filter(|payload| payload["data"]["serviceId"] == made["id"])
        .collect();
    assert_eq!(
        (about.len(), &about[0]["type"], &about[0]["data"]["serviceName"]),
        (1, &json!("key_value_available"), &json!("cache"))
    );
    let facts = stage.hub.tool("render.create_key_value").unwrap();
    assert_eq!(facts.promises.effects, ["render.key_value_available:{result.id}"]);
}

#[tokio::test]
async fn a_database_whose_answer_was_lost_is_found_and_made_once() {
    let stage = stage(databases()).await;
    for (tool, plan) in [
        ("create_postgres", "basic_256mb"),
        ("create_key_value", "starter"),
    ] {
        let arguments = json!({"name": "fresh", "plan": plan, "owner_id": OWNER});
        stage.fault(tool, json!({"kind": "status", "status": 503}));
        let doubt = stage.call(tool, arguments.clone()).await.unwrap_err();
        assert_eq!(doubt.class, ErrorClass::UnknownEffect, "{tool}");
        assert_eq!(
            stage.look(tool, arguments.clone(), NOW).await,
            Reply::Absent,
            "{tool}"
        );
        stage.fault(tool, json!({"kind": "reply_lost"}));
        stage.call(tool, arguments.clone()).await.unwrap_err();
        let found = stage.look(tool, arguments.clone(), NOW).await;
        assert!(
            matches!(&found, Reply::Done(one) if one["name"] == "fresh" && one["plan"] == plan),
            "{tool}: {found:?}"
        );
        assert_eq!(stage.effects().iter().filter(|done| *done == tool).count(), 1);
        stage.call(tool, arguments.clone()).await.unwrap();
        let reply = stage.look(tool, arguments, NOW).await;
        assert!(matches!(reply, Reply::Ambiguous(_)), "{tool}: {reply:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_its_class() {
    let stage = stage(databases()).await;
    let plain = |plan: &str| json!({"name": "x", "plan": plan, "owner_id": OWNER});
    let with = |plan: &str, more: Value| {
        let mut arguments = plain(plan);
        let fields = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(fields);
        arguments
    };
    for (tool, arguments, class, says) in [
        (
            "create_postgres",
            plain("gigantic"),
            ErrorClass::Invalid,
            "plan must be one of",
        ),
        (
            "create_postgres",
            json!({"name": "x", "owner_id": OWNER}),
            ErrorClass::Invalid,
            "plan",
        ),
        (
            "create_postgres",
            with("free", json!({"owner_id": "tea-far"})),
            ErrorClass::Invalid,
            "only one free instance",
        ),
        (
            "create_postgres",
            with("basic_1gb", json!({"high_availability": true})),
            ErrorClass::Forbidden,
            "no high availability",
        ),
        (
            "create_postgres",
            with("basic_1gb", json!({"version": "9"})),
            ErrorClass::Invalid,
            "version must be one of",
        ),
        (
            "create_key_value",
            with("starter", json!({"maxmemory_policy": "allkeys-lru"})),
            ErrorClass::Invalid,
            "maxmemoryPolicy must be one of",
        ),
        (
            "create_key_value",
            with("starter", json!({"ip_allow_list": [{"cidr": "203.0.113.0/33"}]})),
            ErrorClass::Invalid,
            "no range of addresses",
        ),
        (
            "create_key_value",
            with("starter", json!({"owner_id": "tea-none"})),
            ErrorClass::NotFound,
            "tea-none",
        ),
    ] {
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

/// Two runs made the same wish: each effect belongs to one of them.
#[tokio::test]
async fn equal_databases_and_groups_are_told_apart_by_whose_they_are() {
    let stage = stage(databases()).await;
    let postgres = json!({ "name": "events", "plan": "basic_1gb", "owner_id": OWNER });
    let key_value = json!({ "name": "cache", "plan": "starter", "owner_id": OWNER });
    let group = json!({ "name": "shared", "owner_id": OWNER });
    for (tool, arguments, id) in [
        ("create_postgres", postgres, "/id"),
        ("create_key_value", key_value, "/id"),
        ("create_env_group", group, "/env_group/id"),
    ] {
        let made = [
            stage.call(tool, arguments.clone()).await.unwrap(),
            stage.call(tool, arguments.clone()).await.unwrap(),
        ];
        let ids = [0, 1].map(|n| made[n].pointer(id).unwrap().as_str().unwrap());
        let facts = stage.hub.tool(&format!("render.{tool}")).unwrap();
        assert_eq!(facts.effect_id(&made[0]).as_deref(), Some(ids[0]), "{tool}");
        assert!(facts.evidence_of(&arguments).is_some(), "{tool}");
        let found = stage.look_beside(tool, arguments.clone(), &ids[..1]).await;
        let Reply::Done(found) = found else {
            panic!("{tool}: {found:?}")
        };
        assert_eq!(found.pointer(id).unwrap(), ids[1], "{tool}");
        assert_eq!(
            stage.look_beside(tool, arguments.clone(), &ids).await,
            Reply::Absent,
            "{tool}"
        );
        let both = stage.look_beside(tool, arguments, &[]).await;
        assert!(matches!(both, Reply::Ambiguous(_)), "{tool}: {both:?}");
    }
}
