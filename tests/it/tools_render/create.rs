//! Making a service: each type, what is missing, and a lost answer.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, stage};

const REPO: &str = "https://github.com/acme/new";

fn web() -> Value {
    json!({"type": "web_service", "name": "new", "repo": REPO, "runtime": "docker", "plan": "free"})
}

#[tokio::test]
async fn each_type_of_service_is_made_with_what_it_needs() {
    let image = "docker.io/acme/new:1";
    for (given, details) in [
        (web(), json!({"runtime": "docker", "plan": "free"})),
        (
            json!({"type": "private_service", "name": "new", "image_url": image, "instances": 2, "region": "frankfurt"}),
            json!({"runtime": "image", "numInstances": 2, "region": "frankfurt"}),
        ),
        (
            json!({"type": "background_worker", "name": "new", "repo": REPO, "runtime": "python", "build_command": "b", "start_command": "s"}),
            json!({"runtime": "python", "envSpecificDetails": {"buildCommand": "b", "startCommand": "s"}}),
        ),
        (
            json!({"type": "cron_job", "name": "new", "repo": REPO, "runtime": "docker", "schedule": "0 3 * * *"}),
            json!({"runtime": "docker", "schedule": "0 3 * * *"}),
        ),
        (
            json!({"type": "static_site", "name": "new", "repo": REPO, "build_command": "b", "publish_path": "out"}),
            json!({"buildCommand": "b", "publishPath": "out"}),
        ),
    ] {
        let stage = stage(json!({})).await;
        let made = stage.call("create_service", given.clone()).await.unwrap();
        assert_eq!(stage.sandbox.effects()[0]["detail"]["serviceDetails"], details);
        assert_eq!(
            (&made["service"]["type"], &made["service"]["owner_id"]),
            (&given["type"], &json!("tea-00000000000000sandbx"))
        );
        let deploy = json!({"service_id": made["service"]["id"], "deploy_id": made["deploy_id"]});
        assert_eq!(stage.call("get_deploy", deploy).await.unwrap()["trigger"], "api");
    }
}

#[tokio::test]
async fn variables_are_sent_and_a_dry_run_does_not_show_them() {
    let stage = stage(json!({})).await;
    let mut given = web();
    given["vars"] = json!({"DATABASE_URL": "postgres://hidden-value"});
    given["generate"] = json!(["SESSION_KEY"]);
    given["dry_run"] = json!(true);
    let dry = stage.call("create_service", given.clone()).await.unwrap();
    assert_eq!(
        dry["dry_run"][0]["body"]["envVars"],
        json!([{"key": "DATABASE_URL", "value": "(not shown)"}, {"key": "SESSION_KEY", "generateValue": true}])
    );
    given["dry_run"] = json!(false);
    let made = stage.call("create_service", given).await.unwrap();
    assert!(!made.to_string().contains("hidden-value"), "{made}");
    assert_eq!(
        stage.sandbox.effects()[0]["detail"]["envVars"][0]["value"],
        "postgres://hidden-value"
    );
}

#[tokio::test]
async fn what_is_missing_is_named_before_anything_is_made() {
    let stage = stage(json!({"services": [{"id": "srv-b", "name": "b", "owner_id": "tea-second"}]})).await;
    let web = |changes: Value| {
        let mut given = web();
        given
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        given.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        given
    };
    for (given, says) in [
        (web(json!({"type": "website"})), "types: web_service"),
        (web(json!({"repo": null})), "`repo` or `image_url`"),
        (web(json!({"image_url": "x"})), "and not both"),
        (web(json!({"runtime": null})), "`runtime` is missing"),
        (web(json!({"runtime": "go"})), "`build_command` is missing"),
        (
            web(json!({"runtime": "go", "build_command": "b"})),
            "`start_command` is missing",
        ),
        (web(json!({"type": "cron_job"})), "`schedule` is missing"),
        (
            web(json!({"type": "static_site"})),
            "`runtime` is not for static sites",
        ),
        (
            web(json!({"type": "static_site", "runtime": null})),
            "`publish_path` is missing",
        ),
        (web(json!({"vars": {"2": "x"}})), "no name of a variable"),
        (
            web(json!({"vars": {"A": "x"}, "generate": ["A"]})),
            "which `vars` gives a value",
        ),
        (web(json!({})), "`owner_id` is missing"),
    ] {
        let error = stage.call("create_service", given).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_is_taken_a_plan_and_an_owner_that_are_not_are_refused_in_renders_words() {
    let stage = stage(json!({"services": [{"id": "srv-b", "name": "taken"}]})).await;
    for (name, value, class) in [
        ("name", json!("taken"), ErrorClass::Conflict),
        ("plan", json!("huge"), ErrorClass::Invalid),
        ("owner_id", json!("tea-nobodys"), ErrorClass::Invalid),
    ] {
        let mut given = web();
        given[name] = value;
        let error = stage.call("create_service", given).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
    }
}

#[tokio::test]
async fn a_service_whose_answer_was_lost_is_found_by_its_name_and_one_never_made_is_absent() {
    let there = stage(json!({})).await;
    there.fault("create_service", json!({"kind": "status", "status": 503}));
    let doubt = there.call("create_service", web()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(there.look("create_service", web(), NOW).await, Reply::Absent);
    for fault in ["reply_lost", "empty_202"] {
        let here = stage(json!({})).await;
        here.fault("create_service", json!({ "kind": fault }));
        let doubt = here.call("create_service", web()).await.unwrap_err();
        assert_eq!(doubt.class, ErrorClass::UnknownEffect);
        let Reply::Done(found) = here.look("create_service", web(), NOW).await else {
            unreachable!("not found after {fault}");
        };
        assert_eq!(found["service"]["name"], "new");
        assert!(found["deploy_id"].as_str().unwrap().starts_with("dep-"));
    }
}

#[tokio::test]
async fn a_service_of_that_name_that_is_older_is_not_ours_and_one_of_another_type_is_ambiguous() {
    let older = stage(json!({"services": [{"id": "srv-b", "name": "new", "repo": "acme/new"}]})).await;
    assert_eq!(older.look("create_service", web(), NOW).await, Reply::Absent);
    let other =
        json!({"services": [{"id": "srv-b", "name": "new", "type": "private_service", "created": "now"}]});
    let reply = stage(other).await.look("create_service", web(), NOW).await;
    assert!(matches!(reply, Reply::Ambiguous(_)), "{reply:?}");
}
