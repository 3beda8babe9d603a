//! MCP servers of others, as real processes that misbehave: what becomes of calls, and of the processes.

mod contracts;
mod remote;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use xmrt::hub::{
    CallMeta, Condition, Doubt, ErrorClass, ExternalServer, Hub, MemoryPins, Override, PinStore, Reach,
    Reply, ServerStatus, ToolError,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN: &str = "the token of the notes";

fn script() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/servers/external.py")
        .to_str()
        .unwrap()
        .to_owned()
}

/// A server in a folder of its own, with a habit.
pub(crate) fn notes(folder: &Path, habit: &str) -> ExternalServer {
    let mut command = vec![
        "python3".to_owned(),
        script(),
        "stdio".into(),
        folder.to_str().unwrap().into(),
    ];
    command.extend((!habit.is_empty()).then(|| habit.to_owned()));
    let path = std::env::var("PATH").unwrap_or_default();
    ExternalServer {
        reach: Reach::Command {
            command,
            environment: vec![("PATH".into(), path.into()), ("NOTES_TOKEN".into(), TOKEN.into())],
            secrets: vec![TOKEN.into()],
        },
        tools: None,
        overrides: BTreeMap::new(),
        believe_annotations: false,
        approve_by_hand: false,
        call_timeout: PATIENCE,
        start_timeout: PATIENCE,
        health_interval: Duration::from_millis(100),
        missing: None,
    }
}

/// A hub with one external server, and the folder it writes to.
struct Desk {
    folder: TempDir,
    hub: Hub,
}

impl Desk {
    async fn with(change: impl FnOnce(&Path, &mut ExternalServer)) -> Self {
        Self::on(Arc::new(MemoryPins::default()), change).await
    }

    async fn on(pins: Arc<dyn PinStore>, change: impl FnOnce(&Path, &mut ExternalServer)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = notes(folder.path(), "");
        change(folder.path(), &mut server);
        let hub = Hub::builder()
            .attach("notes", server)
            .pins(pins)
            .start()
            .await
            .unwrap();
        hub.wake().await;
        Self { folder, hub }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Reply, ToolError> {
        self.call_within(tool, arguments, PATIENCE).await
    }

    async fn call_within(&self, tool: &str, arguments: Value, timeout: Duration) -> Result<Reply, ToolError> {
        self.hub.call(tool, arguments, CallMeta::default(), timeout).await
    }

    fn status(&self) -> ServerStatus {
        self.hub.status().remove(0)
    }

    /// Waits until the server's status is as wanted.
    async fn until(&self, what: &str, is: impl Fn(&ServerStatus) -> bool) -> ServerStatus {
        let mut changes = self.hub.changes();
        let begun = Instant::now();
        loop {
            let status = self.status();
            if is(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {what}: {status:#?}");
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
        }
    }

    async fn up(&self) -> ServerStatus {
        self.until("the server", |status| status.condition == Condition::Up)
            .await
    }

    fn notes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn processes(&self) -> Vec<u32> {
        processes(self.folder.path())
    }
}

/// The processes whose command line names a folder.
fn processes(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(folder)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_an_external_server_is_called_and_taken_for_the_worst() {
    let desk = Desk::with(|_, _| {}).await;
    desk.up().await;
    let done = desk.call("notes.write_note", json!({ "text": "hello" })).await;
    assert_eq!(done, Ok(Reply::Done(json!({ "text": "hello", "count": 1 }))));
    assert_eq!(desk.notes(), ["hello"]);
    let read = desk.hub.tool("notes.read_notes").unwrap();
    assert_eq!(
        (read.read_only, read.destructive, read.promises.doubt),
        (false, true, Doubt::None),
        "what it says of itself is not believed"
    );
    // It cannot say that nothing happened.
    let failed = desk.call("notes.fail", json!({})).await.unwrap_err();
    assert_eq!(
        failed,
        ToolError::new(ErrorClass::UnknownEffect, "the pen is broken")
    );
    let unknown = desk.call("notes.write_notes", json!({})).await.unwrap_err();
    assert_eq!(unknown.class, ErrorClass::NotFound);
    assert_eq!(
        unknown.remedy.as_deref(),
        Some("did you mean `notes.write_note`?")
    );
    desk.hub.stop().await;
    let stopped = desk
        .call("notes.write_note", json!({ "text": "more" }))
        .await
        .unwrap_err();
    assert_eq!(stopped.class, ErrorClass::Unavailable);
    assert_eq!((desk.notes().len(), desk.processes()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_knows_better_than_the_worst() {
    let desk = Desk::with(|_, server| {
        server.believe_annotations = true;
        let known = Override {
            destructive: Some(false),
            doubt: Some(Doubt::MayDouble),
            failure_is_clean: true,
            ..Override::default()
        };
        server.overrides.insert("fail".into(), known);
        server.tools = Some(vec!["fail".into(), "read_notes".into()]);
    })
    .await;
    // Before anybody has seen them: the tools that were named are there.
    assert!(desk.hub.tool("notes.fail").is_some());
    desk.up().await;
    assert!(desk.hub.tool("notes.read_notes").unwrap().read_only);
    let fail = desk.hub.tool("notes.fail").unwrap();
    assert_eq!((fail.destructive, fail.promises.doubt), (false, Doubt::MayDouble));
    let failed = desk.call("notes.fail", json!({})).await.unwrap_err();
    assert_eq!(failed.class, ErrorClass::Conflict);
    let hidden = desk
        .call("notes.write_note", json!({ "text": "hi" }))
        .await
        .unwrap_err();
    assert_eq!(hidden.class, ErrorClass::NotFound);
    assert!(
        hidden.message.contains("not among the `tools` of [mcp.notes]"),
        "{hidden}"
    );
    assert_eq!(desk.notes().len(), 0);
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_sees_the_variables_it_is_given_and_no_others() {
    let desk = Desk::with(|_, _| {}).await;
    desk.up().await;
    let meta = CallMeta {
        idempotency_key: Some("0123456789abcdef0123456789abcdef".into()),
        look_for_since: None,
        ..CallMeta::default()
    };
    let seen = desk
        .hub
        .call("notes.surroundings", json!({}), meta, PATIENCE)
        .await;
    let Ok(Reply::Done(seen)) = seen else {
        panic!("{seen:?}")
    };
    let variables: Vec<&str> = seen["variables"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    // Python, and the shell script it may be behind, add some of their own.
    let own = ["LC_CTYPE", "NOTES_TOKEN", "PATH", "PWD", "SHLVL", "_"];
    let theirs = |name: &&str| own.contains(name) || name.trim_start_matches('_').starts_with("PYENV_");
    assert!(variables.iter().all(theirs), "{variables:?}");
    assert!(variables.contains(&"NOTES_TOKEN"));
    let trace = seen["meta"]["traceparent"].as_str().unwrap();
    assert!(
        trace.starts_with("00-0123456789abcdef0123456789abcdef-"),
        "{trace}"
    );
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_speaks_is_given_up_and_leaves_no_process_behind() {
    let desk = Desk::with(|folder, server| {
        *server = notes(folder, "silent");
        server.start_timeout = Duration::from_secs(2);
    })
    .await;
    let status = desk
        .until("the end of patience", |status| {
            status.condition == Condition::Down
        })
        .await;
    let why = status.why.clone().unwrap();
    assert!(why.contains("did not answer within 2s"), "{why}");
    assert!(
        why.contains("not even to *****"),
        "its last words, without the secret: {why}"
    );
    let error = desk
        .call("notes.write_note", json!({ "text": "hi" }))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert!(error.message.contains("did not answer within 2s"), "{error}");
    desk.until("another attempt", |status| status.restarts >= 1).await;
    desk.hub.stop().await;
    // The kernel ends a killed group at its own pace.
    let gone = async {
        while !desk.processes().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), gone).await;
    assert!(waited.is_ok(), "left behind: {:?}", desk.processes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_in_a_call_leaves_it_in_doubt_and_comes_back() {
    let desk = Desk::with(|_, _| {}).await;
    desk.up().await;
    let before = desk.processes();
    let error = desk
        .call("notes.write_and_die", json!({ "text": "last" }))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::UnknownEffect, "{error}");
    assert_eq!(
        error.message,
        "the server of `notes.write_and_die` ended, or the connection to it was lost, while it worked on the call"
    );
    let remedy = Some("look whether it happened before you call again");
    assert_eq!(error.remedy.as_deref(), remedy);
    assert_eq!(desk.notes(), ["last"], "it did write");
    let down = desk
        .until("its end to be noticed", |status| status.restarts >= 1)
        .await;
    assert!(
        down.why
            .as_deref()
            .is_none_or(|why| why.contains("exit status: 7")),
        "{down:?}"
    );
    desk.up().await;
    assert_ne!(desk.processes(), before);
    let done = desk.call("notes.write_note", json!({ "text": "again" })).await;
    assert_eq!(done, Ok(Reply::Done(json!({ "text": "again", "count": 2 }))));
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_floods_its_standard_error_is_heard_without_end_and_without_its_secrets() {
    let desk = Desk::with(|folder, server| *server = notes(folder, "flood")).await;
    desk.up().await;
    let read = desk.call("notes.read_notes", json!({})).await;
    assert_eq!(read, Ok(Reply::Done(json!({ "notes": [] }))));
    let status = desk
        .until("its last line", |status| {
            status
                .stderr
                .last()
                .is_some_and(|line| line.starts_with("line 199"))
        })
        .await;
    assert!(
        status.stderr.len() <= 40,
        "{} lines are kept",
        status.stderr.len()
    );
    assert!(status.stderr.iter().all(|line| line.len() <= 2_048));
    assert_eq!(status.stderr.last().unwrap(), "line 199 with *****");
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_calls_without_answer_the_next_ones_are_refused_at_once() {
    let desk = Desk::with(|_, server| {
        server.call_timeout = Duration::from_millis(150);
        server.health_interval = PATIENCE;
    })
    .await;
    desk.up().await;
    for number in 0..5 {
        let text = format!("{number}");
        let error = desk
            .call("notes.write_and_stall", json!({ "text": text }))
            .await
            .unwrap_err();
        assert_eq!(
            error.class,
            ErrorClass::UnknownEffect,
            "the server's own time-out holds"
        );
        assert!(error.message.contains("150ms"), "{error}");
    }
    let error = desk
        .call("notes.write_and_stall", json!({ "text": "6" }))
        .await
        .unwrap_err();
    assert_eq!(
        error.class,
        ErrorClass::Unavailable,
        "nothing was sent, so nothing is in doubt"
    );
    assert!(error.message.contains("did not answer the last calls"), "{error}");
    assert_eq!(desk.notes().len(), 5);
    desk.hub.stop().await;
    assert_eq!(
        desk.processes(),
        Vec::<u32>::new(),
        "a child that stalls is ended, too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_for_an_earlier_effect_is_never_sent_to_a_server_that_would_take_it_for_the_call() {
    let desk = Desk::with(|_, _| {}).await;
    desk.up().await;
    let look = CallMeta {
        idempotency_key: Some("k".into()),
        look_for_since: Some("2026-11-25T00:00:00Z".parse().unwrap()),
        ..CallMeta::default()
    };
    let asked = desk
        .hub
        .call("notes.write_note", json!({ "text": "hi" }), look, PATIENCE)
        .await;
    assert_eq!(asked.unwrap_err().class, ErrorClass::Conflict);
    assert_eq!(desk.notes().len(), 0);
    desk.hub.stop().await;
}
