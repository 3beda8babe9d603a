//! What is done with runs and events through tools: as through the API, on record, and not beyond an agent's role.

use serde_json::json;
use xmrt::clock;
use xmrt::hub::{Doubt, ErrorClass, Reply};
use xmrt::journal::{RunId, RunState};

use super::NOW;
use super::room::{TELL, dry, id, room};

#[tokio::test]
async fn a_dead_run_is_run_again_once() {
    let room = room().await;
    room.start("tell").await;
    let dead = room.ended(RunState::Dead).await;
    let would = room.operator("retry_run", dry(id(&dead))).await.unwrap();
    assert_eq!(would["dry_run"][0]["path"], format!("/api/v1/runs/{dead}/retry"));
    assert_eq!(room.look("retry_run", id(&dead), NOW).await, Reply::Absent);
    let again = room.operator("retry_run", id(&dead)).await.unwrap();
    assert_eq!(
        (&again["state"], &again["generation"]),
        (&json!("queued"), &json!(1))
    );
    // Whoever did not hear the answer finds the run; and saying it again makes no third one.
    let Reply::Done(found) = room.look("retry_run", id(&dead), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["id"], again["id"]);
    let twice = room.operator("retry_run", id(&dead)).await.unwrap_err();
    assert_eq!(twice.class, ErrorClass::Conflict);
}

#[tokio::test]
async fn a_run_that_waits_is_cancelled_and_one_in_the_middle_of_a_call_is_not() {
    let room = room().await;
    let (_, run) = room.start("tell").await;
    assert_eq!(room.look("cancel_run", id(&run), NOW).await, Reply::Absent);
    room.operator("cancel_run", dry(id(&run))).await.unwrap();
    assert_eq!(room.state(&run).await, RunState::Queued, "a dry run ends nothing");
    let ended = room.operator("cancel_run", id(&run)).await.unwrap();
    assert_eq!(ended["state"], "cancelled");
    assert!(ended["reason"].as_str().unwrap().contains("ann"), "{ended}");
    let found = room.look("cancel_run", id(&run), NOW).await;
    assert!(
        matches!(&found, Reply::Done(run) if run["state"] == "cancelled"),
        "{found:?}"
    );
    let again = room.operator("cancel_run", id(&run)).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::Conflict);

    room.start("label").await;
    let busy = room.claimed().await;
    let error = room.operator("cancel_run", id(&busy.id)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
    assert_eq!(room.state(&busy.id).await, RunState::Running);
}

#[tokio::test]
async fn a_doubt_is_resolved_as_a_person_says() {
    for (resolution, more, state) in [
        ("done", json!({"result": {"labels": ["new"]}}), "queued"),
        ("repeat", json!({}), "queued"),
        ("give_up", json!({}), "dead"),
    ] {
        let room = room().await;
        room.start("label").await;
        let run = room.ended(RunState::Unknown).await;
        let mut word = json!({"id": run.0, "resolution": resolution});
        assert_eq!(room.look("resolve_run", word.clone(), NOW).await, Reply::Absent);
        if resolution != "done" {
            let stray = json!({"id": run.0, "resolution": resolution, "result": 1});
            let stray = room.operator("resolve_run", stray).await.unwrap_err();
            assert_eq!(stray.class, ErrorClass::Invalid);
        }
        let fields = more.as_object().unwrap().clone();
        word.as_object_mut().unwrap().extend(fields);
        let would = room.operator("resolve_run", dry(word.clone())).await.unwrap();
        assert_eq!(would["dry_run"][0]["body"]["resolution"], resolution);
        assert_eq!(room.state(&run).await, RunState::Unknown);
        let settled = room.operator("resolve_run", word.clone()).await.unwrap();
        assert_eq!(settled["state"], state, "{resolution}");
        let found = room.look("resolve_run", word.clone(), NOW).await;
        assert!(
            matches!(&found, Reply::Done(run) if run["state"] == state),
            "{found:?}"
        );
        let again = room.operator("resolve_run", word).await.unwrap_err();
        assert_eq!(again.class, ErrorClass::Conflict, "{resolution}");
    }
}

#[tokio::test]
async fn an_event_is_replayed_with_the_rules_in_force_and_what_came_of_it_is_found() {
    let room = room().await;
    let (event, _) = room.start("tell").await;
    let asked = json!({ "id": event });
    room.ended(RunState::Succeeded).await;
    assert_eq!(room.look("replay_event", asked.clone(), NOW).await, Reply::Absent);
    let would = room.operator("replay_event", dry(asked.clone())).await.unwrap();
    assert_eq!(
        would["dry_run"][0]["path"],
        format!("/api/v1/events/{event}/replay")
    );
    let replayed = room.operator("replay_event", asked.clone()).await.unwrap();
    assert_eq!(
        (
            &replayed["decisions"][0]["rule"],
            &replayed["decisions"][0]["generation"]
        ),
        (&json!("tell"), &json!(1)),
        "{replayed}"
    );
    let Reply::Done(found) = room.look("replay_event", asked.clone(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["decisions"][0]["run"], replayed["decisions"][0]["run"]);
    let later = clock::after(NOW, 60_000);
    assert_eq!(room.look("replay_event", asked, later).await, Reply::Absent);
    let doubt = |name: &str| room.hub.tool(name).unwrap().promises.doubt;
    assert_eq!(doubt("xmrt.replay_event"), Doubt::Evidence);
    assert_eq!(doubt("xmrt.pause"), Doubt::Idempotent);
}

#[tokio::test]
async fn an_agent_moves_only_runs_whose_calls_its_role_allows() {
    let room = room().await;
    let (event, _) = room.start("label").await;
    let dead = room.ended(RunState::Dead).await;
    let error = room.eliza("retry_run", id(&dead)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    insta::assert_snapshot!(error, @"the rule `label` calls github.add_labels as the reactor, and the agent `eliza` may not: `github.add_labels` reaches beyond `repos` of role `triager` (acme/*): no argument names a repository, so it may be any (a person can do it: `xmrt runs`, `xmrt events` or the dashboard)");
    for (tool, arguments) in [
        ("replay_event", json!({ "id": event })),
        ("cancel_run", id(&dead)),
        ("resolve_run", json!({"id": dead.0, "resolution": "give_up"})),
    ] {
        let error = room.eliza(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden, "{tool}: {error}");
        assert!(
            error.to_string().contains("`label` calls github.add_labels"),
            "{error}"
        );
    }
    assert_eq!(room.state(&dead).await, RunState::Dead);

    // Her own rule, and one that does nothing she may not do.
    for rule in ["own", "tell"] {
        room.start(rule).await;
        let run = room.ended(RunState::Dead).await;
        let again = room.eliza("retry_run", id(&run)).await.unwrap();
        let again = RunId(again["id"].as_str().unwrap().to_owned());
        let ended = room.eliza("cancel_run", id(&again)).await.unwrap();
        assert!(ended["reason"].as_str().unwrap().contains("eliza"), "{ended}");
    }
}

#[tokio::test]
async fn an_agent_ends_no_pause_that_a_person_made() {
    let room = room().await;
    let tell = json!({"what": "tell"});
    let would = room.operator("pause", dry(tell.clone())).await.unwrap();
    assert_eq!(would["dry_run"][0]["body"], tell);
    let paused = room.eliza("pause", tell.clone()).await.unwrap();
    assert_eq!(
        (&paused["what"], &paused["paused"]),
        (&json!("rule:tell"), &json!(true))
    );
    assert_eq!(paused["pauses"][0]["who"], "eliza");
    let resumed = room.eliza("resume", tell.clone()).await.unwrap();
    assert_eq!(
        (&resumed["paused"], &resumed["pauses"]),
        (&json!(false), &json!([]))
    );
    // What already goes on may be let go on again.
    room.eliza("resume", tell.clone()).await.unwrap();

    room.operator("pause", tell.clone()).await.unwrap();
    for name in ["tell", "rule:tell"] {
        let error = room.eliza("resume", json!({ "what": name })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden);
        assert!(error.to_string().contains("paused by ann"), "{error}");
    }
    let resumed = room.operator("resume", tell).await.unwrap();
    assert_eq!(resumed["paused"], false);
}

#[tokio::test]
async fn where_no_reactor_runs_what_needs_one_says_so() {
    let desk = super::desk(&[]).await;
    for (tool, arguments) in [
        ("list_rules", json!({})),
        ("get_rule", json!({"rule": "tell"})),
        ("check_rule", json!({"rule": "tell", "text": TELL})),
        ("retry_run", json!({"id": "0"})),
        ("cancel_run", json!({"id": "0"})),
        ("resolve_run", json!({"id": "0", "resolution": "give_up"})),
        ("replay_event", json!({"id": "0"})),
        ("pause", json!({"what": "all"})),
        ("resume", json!({"what": "all"})),
    ] {
        let error = desk.call(&format!("xmrt.{tool}"), arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable, "{tool}");
        assert!(error.to_string().contains("xmrt serve"), "{error}");
    }
}
