//! What somebody tries by hand: something happens on the sandbox, and the command waits for what came of it.

use serde_json::json;

use crate::harness::{World, issue_opened};

const NOTIFY: &str = "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
                      arguments = { to = \"log\", text = \"x\" }\n";
const ASKS: &str = "description = \"d\"\non = \"github.issues.closed\"\n\n[[action]]\ntool = \"github.reopen_issue\"\n\
                    arguments = { repo = \"acme/api\", number = \"{{ event.issue.number }}\" }\n\
                    approval = { by = [\"alice\"] }\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_on_the_sandbox_is_told_with_what_the_rules_made_of_it() {
    let world = World::start(&[("tell", NOTIFY), ("asks", ASKS)], "").await;
    world.close_the_loop().await;
    let at = world.sandbox.url.clone();
    let act = |words: &[&str]| world.xmrt(&[&["sandbox", "act"], words, &["--at", &at]].concat());

    let (told, errors, code) = act(&["open_issue", "repo=acme/api", "title=Crash on startup"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(told.contains("202 · github.issues.opened"), "{told}");
    let row = |rule: &str, told: &str| {
        let row = told.lines().find(|line| line.starts_with(rule));
        row.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(row("tell", &told).expect("its run")[1], "succeeded", "{told}");

    // The ids alone are for other commands.
    let (ids, ..) = world.xmrt(&["runs", "--quiet"]);
    assert_eq!(ids.lines().count(), 1, "{ids}");
    assert_eq!(row("tell", &told).unwrap()[2], ids.trim());
    let (shown, ..) = world.xmrt(&["runs", "show", ids.trim(), "--wait"]);
    assert!(shown.contains("succeeded") && !shown.contains("next:"), "{shown}");

    // One that waits for a person is waited for no longer, and the next thing to do is said.
    let (told, ..) = act(&["close_issue", "repo=acme/api", "number=1"]);
    assert!(told.contains("waiting: approval"), "{told}");
    let (run, ..) = world.xmrt(&["approvals", "--quiet"]);
    let (shown, ..) = world.xmrt(&["runs", "show", run.trim(), "--wait"]);
    assert!(
        shown.contains(&format!("xmrt approvals approve {}", run.trim())),
        "{shown}"
    );

    let (_, errors, code) = act(&["open_isue", "repo=acme/api"]);
    assert_eq!(code, 2);
    assert!(errors.contains("open_issue, close_issue"), "{errors}");
    let (_, errors, code) = act(&["open_issue", "acme/api"]);
    assert_eq!(code, 2);
    assert!(errors.contains("`acme/api` has no `=`"), "{errors}");
    let (_, errors, code) = world.xmrt(&["sandbox", "effects", "--at", "http://127.0.0.1:1"]);
    assert_eq!(code, 2);
    assert!(errors.contains("xmrt serve --sandbox"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_says_what_to_do_and_goes_on_from_where_it_was() {
    let rule = "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"github.create_comment\"\n\
                arguments = { repo = \"acme/api\", number = \"{{ event.issue.number }}\", body = \"hello\" }\n\n[[action]]\n\
                tool = \"github.add_labels\"\narguments = { repo = \"acme/api\", number = \"{{ event.issue.number }}\", labels = [\"bug\"] }\n";
    let world = World::start(&[("label", rule)], "").await;
    world.close_the_loop().await;
    let at = world.sandbox.url.clone();
    let fault = r#"{"match": {"operation": "add_labels"}, "times": 1, "kind": "status", "status": 403}"#;
    let (_, errors, code) = world.xmrt(&["sandbox", "fault", fault, "--at", &at]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let (told, ..) = world.xmrt(&[
        "sandbox",
        "act",
        "open_issue",
        "repo=acme/api",
        "title=x",
        "--at",
        &at,
    ]);
    assert!(told.contains("dead"), "{told}");
    let (run, ..) = world.xmrt(&["runs", "--state", "dead", "--quiet"]);
    let (shown, ..) = world.xmrt(&["runs", "show", run.trim()]);
    assert!(
        shown.contains(&format!("xmrt runs retry {}", run.trim())),
        "{shown}"
    );
    let (shown, errors, code) = world.xmrt(&["runs", "retry", run.trim(), "--wait"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(shown.contains("succeeded"), "{shown}");
    assert_eq!(world.count("create_comment").await, 1);
    assert_eq!(world.count("add_labels").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_sent_by_hand_is_waited_for_when_that_is_asked() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    let payload = world.folder.path().join("issue.json");
    std::fs::write(&payload, issue_opened(1).to_string()).unwrap();
    let path = payload.to_str().unwrap();
    let (told, errors, code) = world.xmrt(&["send", "github", "issues", "--payload", path, "--wait"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(told.contains("succeeded"), "{told}");
    let (told, ..) = world.xmrt(&["send", "github", "push"]);
    assert!(told.contains("no rule fired; `xmrt explain --event "), "{told}");
    let (told, errors, code) = world.xmrt(&["rules", "reload"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    // That it has no test is a warning, and no reason to refuse it.
    assert!(told.starts_with("1 rule is in force\n2 finding(s)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_written_by_hand_need_not_repeat_the_action_that_its_type_names() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    let file = world.folder.path().join("event.json");
    let explain = |payload: &str| {
        std::fs::write(&file, payload).unwrap();
        let path = file.to_str().unwrap();
        world.xmrt(&[
            "explain",
            "tell",
            "--event",
            path,
            "--type",
            "github.issues.opened",
        ])
    };
    for fine in [
        r#"{"issue": {"number": 7}}"#,
        r#"{"action": "opened", "issue": {"number": 7}}"#,
    ] {
        let (told, errors, code) = explain(fine);
        assert_eq!((code, errors.as_str()), (0, ""), "{told}");
        assert!(told.contains("holds github.issues.opened"), "{told}");
    }
    let (_, errors, code) = explain(r#"{"action": "closed", "issue": {"number": 7}}"#);
    assert_eq!(code, 2);
    assert!(
        errors.contains("what it holds is `github.issues.closed`"),
        "{errors}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_ask_about_the_runs_is_told_before_anything_happens() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    world.close_the_loop().await;
    let nameless = [("XMRT_ADMIN_TOKEN", "")];
    let send = ["send", "github", "issues", "--wait"];
    let (_, errors, code) = world.xmrt_with(&[&send[..], &["--to", &world.server.url]].concat(), &nameless);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("nothing was sent: http")
            && errors.contains("needs XMRT_ADMIN_TOKEN, that server's bearer token"),
        "{errors}"
    );
    let (_, errors, code) = world.xmrt_with(&send, &nameless);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("nothing was sent: a server runs at ") && errors.contains("set XMRT_ADMIN_TOKEN"),
        "{errors}"
    );
    let act = [
        "sandbox",
        "act",
        "open_issue",
        "repo=acme/api",
        "title=x",
        "--at",
        &world.sandbox.url,
    ];
    let (_, errors, code) = world.xmrt_with(&act, &nameless);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("nothing happened there: "), "{errors}");
    let (_, page) = world.api("events").await;
    assert_eq!(page["events"], json!([]));
    assert_eq!(world.sandbox_get("deliveries").await["deliveries"], json!([]));

    // Whoever does not wait needs no token.
    let (told, errors, code) = world.xmrt_with(&[&act[..], &["--no-wait"]].concat(), &nameless);
    assert_eq!((code, errors.as_str()), (0, ""), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_and_is_no_sandbox_is_called_so() {
    let world = World::start(&[("tell", NOTIFY)], "").await;
    for words in [
        &["effects"][..],
        &["seed", "{}"],
        &["act", "ping", "repo=acme/api", "--no-wait"],
    ] {
        let (_, errors, code) = world.xmrt(&[&["sandbox"], words, &["--at", &world.server.url]].concat());
        assert_eq!(code, 2, "{errors}");
        assert!(
            errors.contains("but not as a sandbox does") && errors.contains("--at"),
            "{errors}"
        );
    }
}
