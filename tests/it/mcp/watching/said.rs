//! What is said about calls: to who chose a severity, and to nobody about another's.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_about_a_call_is_heard_by_who_chose_a_level_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, gateway) = with_notes(folder.path()).await;
    let mut legacy = Client::legacy(&gateway).await;
    let mut modern = Client::modern(&gateway).await;
    let note = || json!({ "text": "one" });
    let plain = RequestMetaObject::default;
    legacy.call("write_note", note(), plain()).await.unwrap();
    legacy.hears_nothing_more().await;

    legacy
        .running
        .set_level(SetLevelRequestParams::new(LoggingLevel::Info))
        .await
        .unwrap();
    legacy.call("write_note", note(), plain()).await.unwrap();
    let mut said = [legacy.hears().await, legacy.hears().await];
    said.sort();
    assert_eq!(
        said,
        [
            "info gateway: notes.write_note done",
            "notice notes/pen: wrote one"
        ]
    );
    let _ = legacy.call("write_nothing", note(), plain()).await;
    assert_eq!(legacy.hears().await, "warning gateway: write_nothing refused");

    // Nobody else hears of that; and what one request wants to hear holds for that one alone.
    modern.hears_nothing_more().await;
    let mut meta = RequestMetaObject::default();
    meta.set_log_level(LoggingLevel::Debug);
    modern.call("write_note", note(), meta).await.unwrap();
    let mut said = [modern.hears().await, modern.hears().await, modern.hears().await];
    said.sort();
    assert_eq!(
        said,
        [
            "debug notes/pen: dipping the pen",
            "info gateway: notes.write_note done",
            "notice notes/pen: wrote one"
        ]
    );
    modern.call("write_note", note(), plain()).await.unwrap();
    modern.hears_nothing_more().await;
    legacy.hears_nothing_more().await;
    hub.stop().await;
}

/// A message does not say whose call it is about, nor whether that is still waited for.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_is_told_to_nobody_once_it_was_used_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, gateway) = with_notes(folder.path()).await;
    let selection = gateway.toolsets().everything();
    let caller = |name: &str| Caller {
        who: xmrt::agents::Who::Operator(name.into()),
        selection: selection.clone(),
        paused: None,
        credential: None,
    };
    let (a, b) = (
        gateway.clone().with_local(caller("a")),
        gateway.with_local(caller("b")),
    );
    let debug = || {
        let mut meta = RequestMetaObject::default();
        meta.set_log_level(LoggingLevel::Debug);
        meta
    };
    let mut first = Client::modern(&a).await;
    first
        .call("write_note", json!({ "text": "of a" }), debug())
        .await
        .unwrap();
    let mut heard = [first.hears().await, first.hears().await, first.hears().await];
    heard.sort();
    assert_eq!(heard[2], "notice notes/pen: wrote of a");
    // What it says now may be about a call of the first one's that nobody waits for any more.
    let mut second = Client::modern(&b).await;
    second
        .call("write_note", json!({ "text": "of b" }), debug())
        .await
        .unwrap();
    assert_eq!(second.hears().await, "info gateway: notes.write_note done");
    second.hears_nothing_more().await;
    first
        .call("write_note", json!({ "text": "again" }), debug())
        .await
        .unwrap();
    assert_eq!(first.hears().await, "info gateway: notes.write_note done");
    first.hears_nothing_more().await;
    hub.stop().await;
}

/// With two calls under way, it may be about the other one.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_while_it_works_on_two_calls_is_told_to_neither() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, gateway) = with_notes(folder.path()).await;
    let other = Client::modern(&gateway).await;
    let stalled = json!({ "text": "stalled", "confirm": "write_and_stall" });
    let stalls = tokio::spawn(async move {
        let _ = other
            .call("write_and_stall", stalled, RequestMetaObject::default())
            .await;
    });
    let file = folder.path().join("notes");
    let begun = async {
        while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("stalled")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, begun)
        .await
        .expect("the other call begins");
    let mut client = Client::modern(&gateway).await;
    let mut meta = RequestMetaObject::default();
    meta.set_log_level(LoggingLevel::Debug);
    client
        .call("write_note", json!({ "text": "one" }), meta)
        .await
        .unwrap();
    assert_eq!(client.hears().await, "info gateway: notes.write_note done");
    client.hears_nothing_more().await;
    stalls.abort();
    hub.stop().await;
}
