//! Normalization: type, subject, actor, time and causes of what the providers send.

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use xmrt::normalize::{self, Event};
use xmrt::receive::{Delivery, Internal, Maker, Source, check_object};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";

fn received() -> Timestamp {
    "2026-03-04T05:06:07.890Z".parse().unwrap()
}

fn delivery(source: Source, kind: &str, body: &[u8]) -> Delivery {
    let body = Bytes::copy_from_slice(body);
    let given = Internal {
        by: Maker::Given,
        source,
        id: "d-1".into(),
        kind: kind.into(),
        body,
        actor: None,
        after: None,
        detail: None,
    };
    Delivery::internal(given, received())
}

fn github(kind: &str, payload: &Value) -> Event {
    normalize::event(delivery(Source::github(), kind, payload.to_string().as_bytes())).unwrap()
}

fn render(kind: &str, payload: &Value) -> Event {
    normalize::event(delivery(Source::render(), kind, payload.to_string().as_bytes())).unwrap()
}

/// A payload in `acme/api`, sent by ada, with more fields.
fn in_repository(more: Value) -> Value {
    let mut payload = json!({
        "repository": { "full_name": "acme/api" },
        "organization": { "login": "acme" },
        "sender": { "login": "ada" },
    });
    payload
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    payload
}

#[test]
fn every_kind_of_event_gets_its_type_and_the_subject_a_person_would_name() {
    let cases = [
        (
            "issues",
            json!({ "action": "opened", "issue": { "number": 42 } }),
            "github.issues.opened",
            "acme/api#42",
        ),
        (
            "issue_comment",
            json!({ "action": "created", "issue": { "number": 7, "pull_request": {} }, "comment": { "id": 1 } }),
            "github.issue_comment.created",
            "acme/api#7",
        ),
        (
            "pull_request",
            json!({ "action": "synchronize", "number": 9, "pull_request": { "number": 9 } }),
            "github.pull_request.synchronize",
            "acme/api#9",
        ),
        (
            "pull_request_review",
            json!({ "action": "submitted", "review": { "id": 5 }, "pull_request": { "number": 9 } }),
            "github.pull_request_review.submitted",
            "acme/api#9",
        ),
        (
            "discussion_comment",
            json!({ "action": "created", "comment": {}, "discussion": { "number": 3 } }),
            "github.discussion_comment.created",
            "acme/api#3",
        ),
        (
            "sub_issues",
            json!({ "action": "sub_issue_added", "parent_issue": { "number": 1 }, "sub_issue": { "number": 2 } }),
            "github.sub_issues.sub_issue_added",
            "acme/api#1",
        ),
        (
            "sub_issues",
            json!({ "action": "parent_issue_added", "parent_issue": { "number": 1 }, "sub_issue": { "number": 2 } }),
            "github.sub_issues.parent_issue_added",
            "acme/api#2",
        ),
        (
            "push",
            json!({ "ref": "refs/heads/main" }),
            "github.push",
            "acme/api",
        ),
        (
            "workflow_run",
            json!({ "action": "completed", "workflow_run": { "id": 1, "pull_requests": [{ "number": 4 }] } }),
            "github.workflow_run.completed",
            "acme/api",
        ),
        (
            "milestone",
            json!({ "action": "closed", "milestone": { "number": 2 } }),
            "github.milestone.closed",
            "acme/api",
        ),
        (
            "ping",
            json!({ "zen": "Speak like a human." }),
            "github.ping",
            "acme/api",
        ),
        (
            "quantum_merge",
            json!({ "action": "entangled" }),
            "github.quantum_merge.entangled",
            "acme/api",
        ),
    ];
    for (kind, more, wanted, subject) in cases {
        let event = github(kind, &in_repository(more));
        assert_eq!(
            (event.kind.0.as_str(), event.subject.0.as_str()),
            (wanted, subject)
        );
        assert_eq!(event.actor.unwrap().0, "ada");
        assert_eq!(event.causes[0], format!("{wanted}:{subject}@ada"));
    }
}

#[test]
fn without_a_repository_the_subject_is_the_organization_the_account_or_github() {
    let subject = |payload| github("whatever", &payload).subject.0;
    assert_eq!(
        subject(json!({ "organization": { "login": "acme" }, "issue": { "number": 1 } })),
        "acme"
    );
    assert_eq!(
        subject(json!({ "installation": { "account": { "login": "ada" } } })),
        "ada"
    );
    assert_eq!(subject(json!({ "action": "published" })), "github");
    assert_eq!(
        subject(json!({ "repository": null, "organization": 7, "installation": [] })),
        "github"
    );
}

#[test]
fn a_missing_sender_leaves_the_actor_out_and_the_cause_key_open() {
    let mut payload = in_repository(json!({ "action": "published", "release": {} }));
    payload.as_object_mut().unwrap().remove("sender");
    let event = github("release", &payload);
    assert_eq!(event.actor, None);
    assert_eq!(event.causes, ["github.release.published:acme/api@"]);
}

#[test]
fn an_action_of_any_text_becomes_one_word_of_the_type_and_stays_whole_as_action() {
    let event = github(
        "repository_dispatch",
        &in_repository(json!({ "action": "deploy prod! ü*" })),
    );
    assert_eq!(event.kind.0, "github.repository_dispatch.deploy_prod____");
    assert_eq!(event.action.unwrap(), "deploy prod! ü*");
    let long = github("x", &json!({ "action": "a".repeat(10_000) }));
    assert_eq!(long.kind.0.len(), "github.x.".len() + 100);
    for nothing in [
        json!({ "action": "" }),
        json!({ "action": null }),
        json!({ "action": 7 }),
        json!({}),
    ] {
        let event = github("create", &nothing);
        assert_eq!((event.kind.0.as_str(), event.action), ("github.create", None));
    }
}

#[test]
fn a_render_event_is_about_its_service_and_happened_when_it_says() {
    let event = render(
        "deploy_ended",
        &json!({
            "type": "deploy_ended",
            "timestamp": "2025-02-25T16:22:19.979294509Z",
            "data": { "id": "evt-1", "serviceId": "srv-a", "serviceName": "api", "status": "failed" },
        }),
    );
    assert_eq!(event.kind.0, "render.deploy_ended");
    assert_eq!(event.subject.0, "srv-a");
    assert_eq!(event.actor, None);
    assert_eq!(event.time, "2025-02-25T16:22:19.979Z".parse().unwrap());
    assert_eq!(event.causes, ["render.deploy_ended:srv-a@"]);
    let bare = render(
        "brand_new",
        &json!({ "type": "brand_new", "data": { "id": "evt-2" } }),
    );
    assert_eq!((bare.subject.0.as_str(), bare.time), ("render", received()));
}

#[test]
fn the_time_is_taken_where_the_payload_tells_this_events_time_and_nowhere_else() {
    let then = "2026-03-01T00:00:00Z";
    let cases = [
        (
            "issues",
            json!({ "action": "opened", "issue": { "created_at": then } }),
            true,
        ),
        (
            "issues",
            json!({ "action": "labeled", "issue": { "updated_at": then } }),
            true,
        ),
        (
            "issues",
            json!({ "action": "closed", "issue": { "closed_at": then } }),
            true,
        ),
        (
            "issues",
            json!({ "action": "deleted", "issue": { "updated_at": then } }),
            false,
        ),
        (
            "issue_comment",
            json!({ "action": "created", "comment": { "created_at": then } }),
            true,
        ),
        (
            "issue_comment",
            json!({ "action": "deleted", "comment": { "created_at": then, "updated_at": then } }),
            false,
        ),
        (
            "push",
            json!({ "repository": { "pushed_at": 1_772_323_200 } }),
            true,
        ),
        ("push", json!({ "head_commit": { "timestamp": then } }), false),
        (
            "release",
            json!({ "action": "published", "release": { "published_at": then } }),
            true,
        ),
        (
            "release",
            json!({ "action": "created", "release": { "created_at": then } }),
            false,
        ),
        (
            "workflow_run",
            json!({ "action": "completed", "workflow_run": { "updated_at": then } }),
            true,
        ),
        ("status", json!({ "updated_at": then }), true),
        ("star", json!({ "action": "deleted", "starred_at": null }), false),
        (
            "issues",
            json!({ "action": "opened", "issue": { "created_at": "yesterday" } }),
            false,
        ),
        ("push", json!({ "repository": { "pushed_at": i64::MAX } }), false),
    ];
    for (kind, payload, told) in cases {
        let wanted = if told { then.parse().unwrap() } else { received() };
        assert_eq!(github(kind, &payload).time, wanted, "{kind} {payload}");
    }
}

#[test]
fn a_marker_counts_only_in_a_body_the_actor_wrote_in_this_event() {
    let body = format!("Thanks!\n\n<!-- xmrt:{KEY} -->");
    let written = [
        ("issues", "opened", "issue"),
        ("issue_comment", "created", "comment"),
        ("pull_request", "opened", "pull_request"),
        ("pull_request_review", "submitted", "review"),
        ("discussion", "created", "discussion"),
        ("discussion_comment", "created", "comment"),
    ];
    for (kind, action, object) in written {
        let event = github(
            kind,
            &in_repository(json!({ "action": action, object: { "body": body } })),
        );
        assert_eq!(
            event.causes.last().unwrap(),
            &format!("marker:{KEY}@ada"),
            "{kind}"
        );
        let later = github(
            kind,
            &in_repository(json!({ "action": "labeled", object: { "body": body } })),
        );
        assert_eq!(
            later.causes.len(),
            1,
            "{kind}.labeled shows what was written earlier"
        );
    }
    let quoted = json!({ "action": "created", "comment": { "body": "no" }, "issue": { "body": body } });
    assert_eq!(github("issue_comment", &in_repository(quoted)).causes.len(), 1);
}

#[test]
fn the_labels_an_issue_was_born_with_belong_to_the_step_that_opened_it() {
    let body = format!("Rolled back.\n\n<!-- xmrt:{KEY} -->");
    let labeled = |author: &str, action: &str| {
        let issue = json!({ "number": 7, "body": body, "user": { "login": author } });
        github(
            "issues",
            &in_repository(json!({ "action": action, "issue": issue })),
        )
        .causes
    };
    for action in ["labeled", "assigned"] {
        assert_eq!(
            labeled("ada", action).last().unwrap(),
            &format!("marker:{KEY}@ada")
        );
        assert_eq!(labeled("bob", action).len(), 1, "somebody else opened it");
    }
    assert_eq!(labeled("ada", "edited").len(), 1, "an edit comes later");
}

#[test]
fn causes_are_in_lower_case_because_names_are_told_apart_without_it() {
    let payload = json!({
        "action": "labeled", "issue": { "number": 7 },
        "repository": { "full_name": "Acme/API" }, "sender": { "login": "Ada" },
    });
    assert_eq!(
        github("issues", &payload).causes,
        ["github.issues.labeled:acme/api#7@ada"]
    );
}

#[test]
fn only_well_formed_markers_count_each_once_and_only_a_few() {
    let markers = |body: &str| {
        let payload = json!({ "action": "created", "comment": { "body": body } });
        github("issue_comment", &payload).causes.split_off(1)
    };
    let twice = format!("<!-- xmrt:{KEY} --> <!-- xmrt:{OTHER} --> <!-- xmrt:{KEY} -->");
    assert_eq!(markers(&twice).len(), 2);
    for bad in [
        format!("<!-- xmrt:{} -->", &KEY[1..]),
        format!("<!-- xmrt:{KEY}0 -->"),
        format!("<!-- xmrt:{} -->", KEY.to_uppercase()),
        format!("<!--xmrt:{KEY}-->"),
        format!("xmrt:{KEY}"),
        "<!-- xmrt:".into(),
        format!("<!-- xmrt:{}é -->", &KEY[1..]),
    ] {
        assert_eq!(markers(&bad), [""; 0], "{bad}");
    }
    let many: String = (0..1000).map(|n| format!("<!-- xmrt:{n:032x} -->")).collect();
    let kept = markers(&many);
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[0], format!("marker:{:032x}@", 999), "ours stands last");
}

#[test]
fn what_became_of_a_run_is_about_what_the_run_was_about() {
    let body =
        br#"{"event":{"subject":"acme/api#7"},"time":"2026-03-01T00:00:00Z","actor":"ada","subject":"x"}"#;
    let event = normalize::event(delivery(Source::own(), "run_dead", body)).unwrap();
    assert_eq!(
        (event.kind.0.as_str(), event.subject.0.as_str()),
        ("xmrt.run_dead", "acme/api#7")
    );
    assert_eq!(event.time, "2026-03-01T00:00:00Z".parse().unwrap());
    assert_eq!(event.actor, None, "a payload does not say who acts");
}

#[test]
fn a_wish_is_about_its_rule_whatever_its_payload_claims() {
    let body = br#"{"subject":"x","action":"opened","actor":"ada","tick":"2020-01-01T00:00:00Z"}"#;
    let said = Internal {
        by: Maker::Manual,
        source: Source::manual(),
        id: "deploy-1".into(),
        kind: "deploy".into(),
        body: Bytes::from_static(body),
        actor: Some("api".into()),
        after: None,
        detail: Some("key=K1".into()),
    };
    let event = normalize::event(Delivery::internal(said, received())).unwrap();
    assert_eq!(
        (event.kind.0.as_str(), event.subject.0.as_str()),
        ("manual.deploy", "deploy")
    );
    assert_eq!(event.actor.unwrap().0, "api");
    assert_eq!(event.time, received());
    assert_eq!(
        event.causes,
        ["manual.deploy:deploy@", "manual.deploy:deploy~key=k1@"]
    );
}

#[test]
fn an_event_says_what_tells_it_apart_from_others_about_the_same_thing() {
    let cases = [
        (
            "issues",
            json!({ "action": "labeled", "issue": { "number": 7 }, "label": { "name": "Bug" } }),
            "github.issues.labeled:acme/api#7~label=bug@ada",
        ),
        (
            "pull_request",
            json!({ "action": "assigned", "pull_request": { "number": 8 }, "assignee": { "login": "Kim" } }),
            "github.pull_request.assigned:acme/api#8~assignee=kim@ada",
        ),
        (
            "workflow_run",
            json!({ "action": "completed", "workflow_run": { "id": 12 } }),
            "github.workflow_run.completed:acme/api~run=12@ada",
        ),
        (
            "issue_comment",
            json!({ "action": "edited", "issue": { "number": 7 }, "comment": { "id": 5 } }),
            "github.issue_comment.edited:acme/api~comment=5@ada",
        ),
        (
            "push",
            json!({ "after": "abc" }),
            "github.push:acme/api~sha=abc@ada",
        ),
    ];
    for (kind, more, wanted) in cases {
        let causes = github(kind, &in_repository(more)).causes;
        assert_eq!(causes.len(), 2, "{causes:?}");
        assert_eq!(causes[1], wanted);
    }
    let plain = in_repository(json!({ "action": "closed", "issue": { "number": 7 } }));
    assert_eq!(
        github("issues", &plain).causes,
        ["github.issues.closed:acme/api#7@ada"]
    );
}

#[test]
fn the_envelope_keeps_bytes_id_times_digest_and_origin_of_the_delivery() {
    let body = br#"{ "b": 1, "a": [2] }"#;
    let delivery = delivery(Source::github(), "push", body);
    let event = normalize::event(delivery.clone()).unwrap();
    assert_eq!(event.body.as_ref(), body);
    assert_eq!(event.id.0, "d-1");
    assert_eq!(event.received_at, received());
    assert_eq!(&event.origin, delivery.origin());
    assert_eq!(event.payload, json!({ "a": [2], "b": 1 }));
    assert!(!event.replayed);
}

#[test]
fn a_body_as_deep_as_allowed_is_read_and_one_level_more_is_not() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let read = |body: String| normalize::event(delivery(Source::github(), "push", body.as_bytes()));
    assert!(read(nested(128)).is_ok());
    assert!(read(nested(129)).unwrap_err().to_string().contains("128"));
    for bad in ["[]", "null", "7", "", "{"] {
        assert!(read(bad.into()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn what_becomes_an_event_can_be_read_back_and_what_does_not_is_refused_by_name(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            r#"[{]("[ab\\"]{0,3}":(\[|[{])?[0-9eE.\-]{1,5}[}\]]?,?){0,3}[}]"#.prop_map(String::into_bytes),
        ]
    ) {
        let checked = check_object(&bytes);
        match normalize::event(delivery(Source::github(), "push", &bytes)) {
            Ok(_) => prop_assert_eq!(checked, Ok(())),
            Err(rejection) => prop_assert!(checked.is_ok() || checked == Err(rejection)),
        }
    }

    #[test]
    fn any_object_under_any_event_name_becomes_an_event(
        kind in "[!-~]{1,200}",
        action in prop::option::of(any::<String>()),
        strange in prop::sample::select(vec![json!(null), json!([]), json!("x"), json!({ "number": -1 }), json!(1.5)]),
        field in prop::sample::select(vec!["issue", "repository", "sender", "organization", "data", "comment"]),
    ) {
        let payload = json!({ "action": action, field: strange });
        let event = github(&kind, &payload);
        prop_assert!(event.kind.0.starts_with("github."));
        prop_assert!(event.kind.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)));
        prop_assert_eq!(event.payload, payload);
    }
}
