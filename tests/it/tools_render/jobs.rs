//! One-off jobs and runs of cron jobs.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, ids, stage};

fn services() -> Value {
    json!({"services": [
        {"id": "srv-a", "name": "api"}, {"id": "srv-site", "name": "site", "type": "static_site"},
        {"id": "crn-b", "name": "nightly", "schedule": "0 3 * * *"},
    ]})
}

fn migrate() -> Value {
    json!({"service_id": "srv-a", "start_command": "./migrate"})
}

fn nightly() -> Value {
    json!({"service_id": "crn-b"})
}

#[tokio::test]
async fn a_job_is_run_and_listed() {
    let stage = stage(services()).await;
    let mut dry = migrate();
    dry["dry_run"] = json!(true);
    dry["plan_id"] = json!("plan-srv-011");
    let dry = stage.call("run_job", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "services/srv-a/jobs",
                "body": {"startCommand": "./migrate", "planId": "plan-srv-011"}}])
    );
    let job = stage.call("run_job", migrate()).await.unwrap();
    assert_eq!(
        (&job["start_command"], &job["status"], &job["service_id"]),
        (&json!("./migrate"), &json!("pending"), &json!("srv-a"))
    );
    stage.pass(60);
    let second = stage.call("run_job", migrate()).await.unwrap();
    for (filter, found) in [
        (json!({}), vec![&second["id"], &job["id"]]),
        (json!({"created_within": "30m"}), vec![&second["id"]]),
        (
            json!({"status": ["pending", "running"]}),
            vec![&second["id"], &job["id"]],
        ),
        (json!({"status": ["failed"]}), vec![]),
        (json!({"limit": 1}), vec![&second["id"]]),
    ] {
        let mut arguments = filter;
        arguments["service_id"] = json!("srv-a");
        let list = stage.call("list_jobs", arguments).await.unwrap();
        assert_eq!(ids(&list["jobs"]), found);
    }
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_found_and_one_that_may_be_somebody_elses_is_ambiguous() {
    let there = stage(services()).await;
    there.fault("run_job", json!({"kind": "status", "status": 503}));
    let doubt = there.call("run_job", migrate()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(there.look("run_job", migrate(), NOW).await, Reply::Absent);
    there.fault("run_job", json!({"kind": "reply_lost"}));
    there.call("run_job", migrate()).await.unwrap_err();
    let other = json!({"service_id": "srv-a", "start_command": "./other"});
    there.call("run_job", other).await.unwrap();
    let found = there.look("run_job", migrate(), NOW).await;
    assert!(
        matches!(&found, Reply::Done(job) if job["start_command"] == "./migrate"),
        "{found:?}"
    );
    let later = there
        .look("run_job", migrate(), xmrt::clock::after(NOW, 1_000))
        .await;
    assert!(matches!(later, Reply::Ambiguous(_)), "{later:?}");
    there.call("run_job", migrate()).await.unwrap();
    let two = there.look("run_job", migrate(), NOW).await;
    assert!(matches!(two, Reply::Ambiguous(_)), "{two:?}");
}

#[tokio::test]
async fn a_cron_job_is_run_and_a_lost_answer_is_absent_or_for_a_person() {
    let stage = stage(services()).await;
    let mut dry = nightly();
    dry["dry_run"] = json!(true);
    let dry = stage.call("run_cron_job", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "cron-jobs/crn-b/runs"}])
    );
    stage.fault("run_cron_job", json!({"kind": "status", "status": 500}));
    let doubt = stage.call("run_cron_job", nightly()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    assert_eq!(stage.look("run_cron_job", nightly(), NOW).await, Reply::Absent);
    let run = stage.call("run_cron_job", nightly()).await.unwrap();
    assert_eq!(run["status"], "pending");
    let Reply::Ambiguous(why) = stage.look("run_cron_job", nightly(), NOW).await else {
        unreachable!("a run began");
    };
    assert!(why.contains(run["id"].as_str().unwrap()), "{why}");
    let taken = [run["id"].as_str().unwrap()];
    let beside = stage.look_beside("run_cron_job", nightly(), &taken).await;
    assert_eq!(beside, Reply::Absent, "the run that began is another call's");
    let facts = stage.hub.tool("render.run_cron_job").unwrap();
    assert_eq!(facts.effect_id(&run).as_deref(), Some(taken[0]));
    let events = json!({"service_id": "crn-b", "type": "cron_job_run_started"});
    let events = stage.call("list_events", events).await.unwrap();
    assert_eq!(events["events"][0]["details"]["cronJobRunId"], run["id"]);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_its_class() {
    let stage = stage(services()).await;
    for (tool, arguments, class, says) in [
        (
            "run_job",
            json!({"service_id": "srv-none", "start_command": "x"}),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "run_job",
            json!({"service_id": "srv-site", "start_command": "x"}),
            ErrorClass::Invalid,
            "static_site",
        ),
        (
            "run_job",
            json!({"service_id": "srv-a", "start_command": " "}),
            ErrorClass::Invalid,
            "startCommand",
        ),
        (
            "run_cron_job",
            json!({"service_id": "srv-a"}),
            ErrorClass::Invalid,
            "render.run_job",
        ),
        (
            "run_cron_job",
            json!({"service_id": "crn-none"}),
            ErrorClass::NotFound,
            "crn-none",
        ),
        (
            "list_jobs",
            json!({"service_id": "srv-none"}),
            ErrorClass::NotFound,
            "srv-none",
        ),
        (
            "list_jobs",
            json!({"service_id": "srv-a", "status": ["done"]}),
            ErrorClass::Invalid,
            "statuses: pending",
        ),
    ] {
        let error = stage.call(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{tool}: {error}");
        assert!(error.to_string().contains(says), "{tool}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}
