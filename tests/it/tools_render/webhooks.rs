//! Webhooks: made, changed and deleted, within what the plan and the role allow, their secret never shown.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use xmrt::hub::{Doubt, ErrorClass, Reply};
use xmrt::integrations::render::Client;

use super::stage::{NOW, Stage, ids, stage};

const URL: &str = "https://reactor.example.com/webhooks/render";
const HUSH: &str = "whsec_aHVzaC1odXNoLWh1c2gtaHVzaA==";

fn workspaces() -> Value {
    json!({
        "workspaces": [{"id": "tea-pro", "plan": "professional"}, {"id": "tea-free", "plan": "hobby"},
                       {"id": "tea-guest", "admin": false}],
        "webhooks": [
            {"id": "whk-a", "name": "old", "url": "https://a.example.com/", "owner_id": "tea-pro", "secret": HUSH,
             "events": ["deploy_ended"]},
            {"id": "whk-g", "url": "https://g.example.com/", "owner_id": "tea-guest", "enabled": false},
        ],
    })
}

/// `more` laid over a call that makes a webhook in the workspace nobody has told anything of.
fn make(more: Value) -> Value {
    let mut arguments = json!({"owner_id": "tea-00000000000000sandbx", "url": URL, "name": "reactor"});
    let fields = more.as_object().unwrap().clone();
    arguments.as_object_mut().unwrap().extend(fields);
    arguments
}

async fn of(stage: &Stage, owner: &str) -> Value {
    let arguments = json!({ "owner_id": owner });
    stage.call("list_webhooks", arguments).await.unwrap()["webhooks"].clone()
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted_and_its_secret_is_not_shown() {
    let stage = stage(workspaces()).await;
    let made = make(json!({"events": ["server_failed", "deploy_ended"]}));
    let mut dry = made.clone();
    dry["dry_run"] = json!(true);
    let dry = stage.call("create_webhook", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "webhooks", "body": {
            "ownerId": "tea-00000000000000sandbx", "url": URL, "name": "reactor", "enabled": true,
            "eventFilter": ["deploy_ended", "server_failed"]}}])
    );
    assert_eq!(stage.effects(), [""; 0]);
    let made = stage.call("create_webhook", made).await.unwrap();
    let webhook = &made["webhook"];
    assert_eq!(
        (&webhook["url"], &webhook["enabled"], &webhook["event_filter"]),
        (
            &json!(URL),
            &json!(true),
            &json!(["deploy_ended", "server_failed"])
        )
    );
    assert!(
        made["note"].as_str().unwrap().contains("RENDER_WEBHOOK_SECRET"),
        "{made}"
    );
    let listed = of(&stage, "tea-00000000000000sandbx").await;
    assert_eq!(listed, json!([webhook]));

    let id = &made["webhook_id"];
    let change = json!({"webhook_id": id, "events": [], "enabled": false, "name": "other"});
    let changed = stage.call("update_webhook", change).await.unwrap();
    assert_eq!(
        changed["webhook"],
        json!({"id": id, "name": "other", "url": URL, "enabled": false, "event_filter": []})
    );
    let gone = stage
        .call("delete_webhook", json!({ "webhook_id": id }))
        .await
        .unwrap();
    assert_eq!(gone, json!({"webhook_id": id, "deleted": true}));
    assert_eq!(of(&stage, "tea-00000000000000sandbx").await, json!([]));
    let shown = format!("{made}{changed}{}", of(&stage, "tea-pro").await);
    assert!(
        !shown.contains("whsec_") && !shown.contains("secret\""),
        "{shown}"
    );
}

#[tokio::test]
async fn whoever_connects_the_two_reads_the_secret_by_itself() {
    let stage = stage(workspaces()).await;
    let client = Client::new(&stage.render_url(), "the-key".to_owned()).unwrap();
    let secret = client.webhook_secret("whk-a").await.unwrap();
    assert_eq!(secret.expose_secret(), HUSH);
    assert!(client.webhook_secret("whk-none").await.is_err());
}

#[tokio::test]
async fn what_a_plan_or_a_role_does_not_have_is_refused_with_the_remedy() {
    let stage = stage(workspaces()).await;
    for (owner, says) in [
        ("tea-free", "the hobby plan includes 0 webhook destinations"),
        ("tea-pro", "the professional plan includes 1 webhook destinations"),
        ("tea-guest", "only admins"),
    ] {
        let arguments = make(json!({ "owner_id": owner }));
        let error = stage.call("create_webhook", arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let upgrade = make(json!({"owner_id": "tea-free"}));
    let upgrade = stage.call("create_webhook", upgrade).await.unwrap_err();
    assert!(
        upgrade.to_string().contains("Professional workspaces"),
        "{upgrade}"
    );
    for (tool, arguments) in [
        ("update_webhook", json!({"webhook_id": "whk-g", "enabled": true})),
        ("delete_webhook", json!({"webhook_id": "whk-g"})),
    ] {
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden, "{tool}");
        assert!(error.to_string().contains("API key of one"), "{error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn an_address_that_has_a_webhook_gets_no_second_one() {
    let stage = stage(workspaces()).await;
    let again = json!({"owner_id": "tea-pro", "url": "https://a.example.com/", "name": "new"});
    let error = stage.call("create_webhook", again).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    insta::assert_snapshot!(error, @"the webhook whk-a (`old`) sends to that address already (change that one with render.update_webhook: a second one would send every event twice, signed with another secret)");
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_webhook_whose_answer_was_lost_is_found_and_not_made_twice() {
    let stage = stage(workspaces()).await;
    let arguments = make(json!({"events": ["deploy_ended"]}));
    stage.fault("create_webhook", json!({"kind": "status", "status": 503}));
    let doubt = stage.call("create_webhook", arguments.clone()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(
        stage.look("create_webhook", arguments.clone(), NOW).await,
        Reply::Absent
    );
    stage.fault("create_webhook", json!({"kind": "reply_lost"}));
    stage.call("create_webhook", arguments.clone()).await.unwrap_err();
    let Reply::Done(found) = stage.look("create_webhook", arguments.clone(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["webhook"]["url"], URL);
    assert_eq!(stage.effects(), ["create_webhook"]);
    // Sent again all the same, it would have been refused.
    let again = stage.call("create_webhook", arguments).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::Conflict);

    let other = make(json!({"events": ["server_failed"]}));
    let reply = stage.look("create_webhook", other, NOW).await;
    assert!(matches!(reply, Reply::Ambiguous(_)), "{reply:?}");
}

#[tokio::test]
async fn changing_may_be_repeated_and_a_deletion_in_doubt_is_found() {
    let stage = stage(workspaces()).await;
    let doubt = |name: &str| stage.hub.tool(name).unwrap().promises.doubt;
    assert_eq!(doubt("render.update_webhook"), Doubt::Idempotent);
    let change = json!({"webhook_id": "whk-a", "enabled": false});
    stage.fault("update_webhook", json!({"kind": "reply_lost"}));
    let lost = stage.call("update_webhook", change.clone()).await.unwrap_err();
    assert_eq!(lost.class, ErrorClass::UnknownEffect);
    stage.call("update_webhook", change).await.unwrap();
    let one = of(&stage, "tea-pro").await;
    assert_eq!((ids(&one), &one[0]["enabled"]), (vec!["whk-a"], &json!(false)));

    let a = json!({"webhook_id": "whk-a"});
    assert_eq!(stage.look("delete_webhook", a.clone(), NOW).await, Reply::Absent);
    stage.fault("delete_webhook", json!({"kind": "reply_lost"}));
    stage.call("delete_webhook", a.clone()).await.unwrap_err();
    let found = stage.look("delete_webhook", a.clone(), NOW).await;
    assert!(
        matches!(&found, Reply::Done(gone) if gone["deleted"] == true),
        "{found:?}"
    );
    let missing = stage.call("delete_webhook", a).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound);
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused() {
    let stage = stage(workspaces()).await;
    for (tool, arguments, class, says) in [
        (
            "create_webhook",
            make(json!({"url": "reactor.example.com"})),
            ErrorClass::Invalid,
            "no http(s) address",
        ),
        (
            "create_webhook",
            make(json!({"url": "https://me:pw@example.com/"})),
            ErrorClass::Invalid,
            "without a user name",
        ),
        (
            "create_webhook",
            make(json!({"events": ["render.deploy_ended"]})),
            ErrorClass::Invalid,
            "without `render.`",
        ),
        (
            "create_webhook",
            make(json!({"events": ["deploy_exploded"]})),
            ErrorClass::Invalid,
            "unknown event type deploy_exploded",
        ),
        (
            "create_webhook",
            make(json!({"owner_id": "tea-none"})),
            ErrorClass::NotFound,
            "tea-none",
        ),
        (
            "create_webhook",
            json!({"url": URL, "name": "reactor"}),
            ErrorClass::Invalid,
            "render.list_workspaces",
        ),
        (
            "update_webhook",
            json!({"webhook_id": "whk-a"}),
            ErrorClass::Invalid,
            "say what shall change",
        ),
        (
            "update_webhook",
            json!({"webhook_id": "whk-none", "enabled": true}),
            ErrorClass::NotFound,
            "whk-none",
        ),
        (
            "delete_webhook",
            json!({"webhook_id": "../services"}),
            ErrorClass::Invalid,
            "not an id",
        ),
    ] {
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(
            error.to_string().contains(says) && !error.to_string().contains("pw@"),
            "{error}"
        );
    }
    assert_eq!(stage.effects(), [""; 0]);
}
