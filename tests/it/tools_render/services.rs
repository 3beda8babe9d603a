//! Workspaces, settings, suspension, deletion and instances of services.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, Stage, ids, stage};

fn services() -> Value {
    let auto = json!({"enabled": true, "min": 2, "max": 5, "criteria": {
        "cpu": {"enabled": true, "percentage": 70}, "memory": {"enabled": false, "percentage": 80}}});
    json!({"services": [
        {"id": "srv-a", "name": "api", "repo": "acme/api", "instances": 2},
        {"id": "srv-auto", "name": "auto", "autoscaling": auto, "owner_id": "tea-second"},
        {"id": "srv-py", "name": "py", "runtime": "python", "type": "background_worker"},
        {"id": "srv-img", "name": "img", "runtime": "image", "image": "docker.io/acme/img:1"},
        {"id": "srv-site", "name": "site", "type": "static_site"},
        {"id": "srv-free", "name": "free", "plan": "free"},
        {"id": "srv-off", "name": "off", "suspended": true},
        {"id": "crn-b", "name": "nightly", "schedule": "0 3 * * *"},
    ]})
}

fn with(service: &str, more: Value) -> Value {
    let mut arguments = json!({ "service_id": service });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

async fn event_types(stage: &Stage, service: &str) -> Vec<String> {
    let list = stage.call("list_events", with(service, json!({}))).await.unwrap();
    let events = list["events"].as_array().unwrap().iter().rev();
    events
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn workspaces_are_listed_by_page_and_name() {
    let stage = stage(services()).await;
    let first = stage.call("list_workspaces", json!({"limit": 1})).await.unwrap();
    let second = json!({"limit": 1, "cursor": first["cursor"]});
    let second = stage.call("list_workspaces", second).await.unwrap();
    let seen = [ids(&first["workspaces"]), ids(&second["workspaces"])].concat();
    assert_eq!(seen, ["tea-00000000000000sandbx", "tea-second"]);
    assert_eq!(first["workspaces"][0]["type"], "team");
    let none = stage
        .call("list_workspaces", json!({"name": "Other"}))
        .await
        .unwrap();
    assert_eq!(none["workspaces"], json!([]));
    stage.fault("list_workspaces", json!({"kind": "status", "status": 401}));
    let refused = stage.call("list_workspaces", json!({})).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Forbidden);
}

#[tokio::test]
async fn a_services_record_says_how_it_is_run_and_scaled() {
    let stage = stage(services()).await;
    let auto = stage
        .call("get_service", with("srv-auto", json!({})))
        .await
        .unwrap();
    assert_eq!(
        auto["autoscaling"],
        json!({"enabled": true, "min": 2, "max": 5, "cpu_percent": 70})
    );
    let cron = stage.call("get_service", with("crn-b", json!({}))).await.unwrap();
    assert_eq!(
        (
            &cron["runtime"],
            &cron["plan"],
            &cron["region"],
            &cron["schedule"]
        ),
        (
            &json!("docker"),
            &json!("starter"),
            &json!("oregon"),
            &json!("0 3 * * *")
        )
    );
}

#[tokio::test]
async fn settings_reach_render_where_its_type_keeps_them() {
    for (service, given, sent) in [
        (
            "srv-a",
            json!({"name": "api2", "branch": "next", "root_dir": "app", "plan": "standard", "health_check_path": "/up"}),
            json!({"name": "api2", "branch": "next", "rootDir": "app",
                   "serviceDetails": {"plan": "standard", "healthCheckPath": "/up"}}),
        ),
        (
            "srv-a",
            json!({"docker_command": "./x", "dockerfile_path": "Dockerfile.x", "pre_deploy_command": "./migrate", "max_shutdown_delay_seconds": 60}),
            json!({"serviceDetails": {"preDeployCommand": "./migrate", "maxShutdownDelaySeconds": 60,
                   "envSpecificDetails": {"dockerCommand": "./x", "dockerfilePath": "Dockerfile.x"}}}),
        ),
        (
            "srv-py",
            json!({"build_command": "pip install .", "start_command": "python -m x"}),
            json!({"serviceDetails": {"envSpecificDetails": {"buildCommand": "pip install .", "startCommand": "python -m x"}}}),
        ),
        (
            "srv-site",
            json!({"build_command": "make site", "publish_path": "out", "build_paths": ["docs/**"], "ignored_paths": []}),
            json!({"buildFilter": {"paths": ["docs/**"], "ignoredPaths": []},
                   "serviceDetails": {"buildCommand": "make site", "publishPath": "out"}}),
        ),
        (
            "crn-b",
            json!({"schedule": "*/5 * * * *", "repo": "https://github.com/acme/jobs"}),
            json!({"repo": "https://github.com/acme/jobs", "serviceDetails": {"schedule": "*/5 * * * *"}}),
        ),
        (
            "srv-img",
            json!({"image_url": "docker.io/acme/img:2"}),
            json!({"image": {"ownerId": "tea-00000000000000sandbx", "imagePath": "docker.io/acme/img:2"}}),
        ),
    ] {
        let stage = stage(services()).await;
        let dry = with(service, json!({"dry_run": true}));
        let mut dry_given = given.clone();
        dry_given
            .as_object_mut()
            .unwrap()
            .extend(dry.as_object().unwrap().clone());
        let dry = stage.call("update_service", dry_given).await.unwrap();
        assert_eq!(dry["dry_run"][0]["body"], sent, "{service}");
        assert_eq!(stage.effects(), [""; 0]);
        let done = stage
            .call("update_service", with(service, given.clone()))
            .await
            .unwrap();
        assert_eq!(stage.sandbox.effects()[0]["detail"], sent, "{service}");
        for name in ["name", "branch", "plan", "schedule"] {
            assert!(
                given
                    .get(name)
                    .is_none_or(|wanted| done["service"][name] == *wanted),
                "{done}"
            );
        }
        let leaves: usize =
            given.as_object().unwrap().len() - usize::from(given.get("build_paths").is_some());
        assert_eq!(done["changed"].as_array().unwrap().len(), leaves, "{done}");
    }
}

#[tokio::test]
async fn a_setting_that_the_type_does_not_have_is_refused_by_name_before_anything_is_sent() {
    let stage = stage(services()).await;
    for (service, given, says) in [
        (
            "srv-a",
            json!({"build_command": "make"}),
            "`build_command` is nothing that a web_service (docker) has",
        ),
        ("srv-a", json!({"schedule": "* * * * *"}), "`schedule`"),
        ("srv-a", json!({"image_url": "x"}), "`image_url`"),
        ("srv-py", json!({"health_check_path": "/"}), "`health_check_path`"),
        (
            "srv-site",
            json!({"plan": "pro"}),
            "`plan` is nothing that a static_site has",
        ),
        (
            "crn-b",
            json!({"pre_deploy_command": "x"}),
            "`pre_deploy_command`",
        ),
        ("srv-a", json!({"build_paths": ["x"]}), "go together"),
        ("srv-a", json!({}), "nothing is to be changed"),
    ] {
        let error = stage
            .call("update_service", with(service, given))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn what_render_refuses_of_a_write_has_its_class_and_its_words() {
    let stage = stage(services()).await;
    let auto = json!({"enabled": true, "min": 1, "max": 2, "cpu_percent": 50});
    for (tool, arguments, class, says) in [
        (
            "update_service",
            with("srv-a", json!({"name": "py"})),
            ErrorClass::Conflict,
            "already in use",
        ),
        (
            "update_service",
            with("srv-a", json!({"plan": "huge"})),
            ErrorClass::Invalid,
            "plan must be one of",
        ),
        (
            "update_service",
            with("crn-b", json!({"schedule": "daily"})),
            ErrorClass::Invalid,
            "cron",
        ),
        (
            "update_service",
            with("srv-none", json!({"name": "x"})),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "delete_service",
            with("srv-none", json!({"confirm": "x"})),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "suspend_service",
            with("srv-none", json!({})),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "resume_service",
            with("srv-none", json!({})),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "list_instances",
            with("srv-none", json!({})),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "scale_service",
            with("srv-free", json!({"instances": 2})),
            ErrorClass::Invalid,
            "free",
        ),
        (
            "scale_service",
            with("crn-b", json!({"instances": 2})),
            ErrorClass::Invalid,
            "cannot be scaled",
        ),
        (
            "scale_service",
            with("srv-auto", json!({"instances": 2})),
            ErrorClass::Conflict,
            "between 2 and 5",
        ),
        (
            "set_autoscaling",
            with("srv-site", auto),
            ErrorClass::Invalid,
            "cannot be scaled",
        ),
    ] {
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{tool}: {error}");
        assert!(error.to_string().contains(says), "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_service_is_suspended_and_resumed_and_a_lost_answer_is_read_off_its_state() {
    let stage = stage(services()).await;
    for (tool, suspended) in [("suspend_service", true), ("resume_service", false)] {
        let a = || with("srv-a", json!({}));
        let dry = stage
            .call(tool, with("srv-a", json!({"dry_run": true})))
            .await
            .unwrap();
        assert_eq!(dry["dry_run"][0]["method"], "POST");
        stage.fault(tool, json!({"kind": "status", "status": 500}));
        let doubt = stage.call(tool, a()).await.unwrap_err();
        assert_eq!(doubt.class, ErrorClass::UnknownEffect);
        assert_eq!(stage.look(tool, a(), NOW).await, Reply::Absent);
        stage.fault(tool, json!({"kind": "reply_lost"}));
        stage.call(tool, a()).await.unwrap_err();
        let state = json!({"service_id": "srv-a", "suspended": suspended});
        assert_eq!(stage.look(tool, a(), NOW).await, Reply::Done(state.clone()));
        assert_eq!(stage.call(tool, a()).await.unwrap(), state);
    }
}

#[tokio::test]
async fn a_service_is_deleted_only_by_its_name_and_its_absence_is_the_effect() {
    let stage = stage(services()).await;
    let named = |name: &str| with("srv-a", json!({ "confirm": name }));
    let wrong = stage.call("delete_service", named("py")).await.unwrap_err();
    insta::assert_snapshot!(wrong, @"argument `confirm` is not the name of srv-a (its name is `api`; repeat that only if this is the service to delete for ever)");
    let mut dry = named("api");
    dry["dry_run"] = json!(true);
    assert_eq!(
        stage.call("delete_service", dry).await.unwrap()["dry_run"],
        json!([{"method": "DELETE", "path": "services/srv-a"}])
    );
    stage.fault("delete_service", json!({"kind": "status", "status": 502}));
    stage.call("delete_service", named("api")).await.unwrap_err();
    assert_eq!(
        stage.look("delete_service", named("api"), NOW).await,
        Reply::Absent
    );
    stage.fault("delete_service", json!({"kind": "reply_lost"}));
    let doubt = stage.call("delete_service", named("api")).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let gone = Reply::Done(json!({"service_id": "srv-a", "deleted": true}));
    assert_eq!(stage.look("delete_service", named("api"), NOW).await, gone);
    assert_eq!(
        stage
            .call("delete_service", with("srv-py", json!({"confirm": "py"})))
            .await
            .unwrap()["deleted"],
        true
    );
}

#[tokio::test]
async fn instances_are_counted_scaled_and_left_to_follow_the_load() {
    let stage = stage(services()).await;
    let count = async |service: &str| {
        let list = stage
            .call("list_instances", with(service, json!({})))
            .await
            .unwrap();
        assert_eq!(list["count"], list["instances"].as_array().unwrap().len());
        list["count"].as_u64().unwrap()
    };
    assert_eq!((count("srv-a").await, count("srv-off").await), (2, 0));
    let three = || with("srv-a", json!({"instances": 3}));
    assert_eq!(
        stage.call("scale_service", three()).await.unwrap(),
        json!({"service_id": "srv-a", "instances": 3, "instances_before": 2})
    );
    stage.fault("scale_service", json!({"kind": "reply_lost"}));
    let doubt = stage.call("scale_service", three()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    stage.call("scale_service", three()).await.unwrap();
    assert_eq!(count("srv-a").await, 3);

    let on = with(
        "srv-a",
        json!({"enabled": true, "min": 1, "max": 4, "memory_percent": 75}),
    );
    let set = stage.call("set_autoscaling", on.clone()).await.unwrap();
    let config = json!({"enabled": true, "min": 1, "max": 4, "memory_percent": 75});
    assert_eq!(set["autoscaling"], config);
    let seen = stage.call("get_service", with("srv-a", json!({}))).await.unwrap();
    assert_eq!(seen["autoscaling"], config);
    let refused = stage.call("scale_service", three()).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Conflict);
    let off = with("srv-a", json!({"enabled": false}));
    stage.fault("update_service", json!({"kind": "reply_lost"}));
    let renamed = || with("srv-a", json!({"branch": "stable"}));
    let doubt = stage.call("update_service", renamed()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    stage.call("update_service", renamed()).await.unwrap();
    let seen = stage.call("get_service", with("srv-a", json!({}))).await.unwrap();
    assert_eq!(seen["branch"], "stable");
    stage.fault("set_autoscaling", json!({"kind": "reply_lost"}));
    let doubt = stage.call("set_autoscaling", off.clone()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(
        stage.call("set_autoscaling", off).await.unwrap(),
        json!({"service_id": "srv-a"})
    );
    stage.call("scale_service", three()).await.unwrap();
    assert_eq!(
        event_types(&stage, "srv-a").await,
        [
            "instance_count_changed",
            "autoscaling_config_changed",
            "autoscaling_config_changed"
        ]
    );
}

#[tokio::test]
async fn bounds_that_make_no_sense_are_refused_before_anything_is_sent() {
    let stage = stage(services()).await;
    for (given, says) in [
        (
            json!({"enabled": true, "min": 3, "max": 2, "cpu_percent": 50}),
            "3 > 2",
        ),
        (json!({"enabled": true, "max": 2, "cpu_percent": 50}), "`min`"),
        (json!({"enabled": true, "min": 1, "max": 2}), "cpu_percent"),
        (
            json!({"enabled": true, "min": 1, "max": 2, "cpu_percent": 99}),
            "at most 90",
        ),
        (json!({"enabled": false, "min": 1}), "`enabled`"),
    ] {
        let error = stage
            .call("set_autoscaling", with("srv-a", given))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(stage.sandbox.requests().len(), 0);
    let none = with("srv-a", json!({"instances": 0}));
    assert_eq!(
        stage.call("scale_service", none).await.unwrap_err().class,
        ErrorClass::Invalid
    );
    let dry = with("srv-a", json!({"instances": 4, "dry_run": true}));
    let dry = stage.call("scale_service", dry).await.unwrap();
    assert_eq!(dry["dry_run"][0]["body"], json!({"numInstances": 4}));
    let dry = with(
        "srv-a",
        json!({"enabled": true, "min": 1, "max": 2, "cpu_percent": 50, "dry_run": true}),
    );
    let dry = stage.call("set_autoscaling", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"][0]["body"]["criteria"],
        json!({"cpu": {"enabled": true, "percentage": 50}, "memory": {"enabled": false, "percentage": 80}})
    );
    assert_eq!(stage.effects(), [""; 0]);
}
