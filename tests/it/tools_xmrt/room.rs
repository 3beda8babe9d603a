//! The `xmrt` server behind a hub with a reactor at work, three rules and an agent, on a journal in memory.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::agents::{Agent, Directory, RoleText, Who};
use xmrt::clock::{self, Clock};
use xmrt::hub::{CallMeta, Hub, Reply, ToolError};
use xmrt::journal::{MemoryStore, RunId, RunRecord, RunState, StepKey, StepWrite, Store, Then};
use xmrt::reactor::{self, Parts, Reactor, Wish};
use xmrt::rules::{self, SourceFile};
use xmrt::tools::github;
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

use super::{NOW, SOON};

/// Labels as the reactor: eliza may label, but only in acme's repositories, and the rule could name any.
const LABEL: &str = r#"
description = "Labels"
on = "manual"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repo }}", number = 1, labels = ["new"] }
"#;

const OWN: &str = r#"
description = "Labels as eliza"
on = "manual"
agent = "eliza"

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = 1, labels = ["new"] }
"#;

pub(super) const TELL: &str = r#"
description = "Tells"
on = "manual"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

pub(super) struct Room {
    pub(super) hub: Hub,
    store: Arc<dyn Store>,
    reactor: Arc<Reactor>,
}

fn directory() -> Directory {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let role = RoleText {
        allow: owned(&["xmrt.*", "github.add_labels"]),
        approval: Vec::new(),
        repos: owned(&["acme/*"]),
        services: Vec::new(),
    };
    let agents = ["eliza", "otto"].map(|id| Agent {
        id: id.into(),
        role: "triager".into(),
        github_login: None,
    });
    Directory::new([("triager".to_owned(), role)], agents.into()).unwrap()
}

pub(super) async fn room() -> Room {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock::after(NOW, -86_400_000)));
    let (clock, starter) = (Clock::virtual_at(NOW), Starter::default());
    let server = Server::new(XmrtParts {
        store: Arc::clone(&store),
        github: None,
        render: None,
        agents: Default::default(),
        notify: Default::default(),
        starter: starter.clone(),
        clock: clock.clone(),
        hub: Default::default(),
    });
    let hub = Hub::builder()
        .serve("xmrt", server)
        .serve("github", github::Server::new(None))
        .with_directory(Arc::new(directory()))
        .start()
        .await
        .unwrap();
    let files = [("label", LABEL), ("own", OWN), ("tell", TELL)].map(|(id, text)| SourceFile {
        path: format!("{id}.toml"),
        text: text.to_owned(),
        unreadable: None,
    });
    let loaded = rules::load(&files, &json!({}), None);
    let book = loaded.book.unwrap();
    store.keep_book(reactor::book_record(&book), NOW).await.unwrap();
    let reactor = Reactor::new(Parts {
        store: Arc::clone(&store),
        hub: hub.clone(),
        clock,
        book,
        source: Box::new(|| Err("no files here".into())),
        settle_ms: None,
    });
    starter.lead_to(&reactor);
    Room { hub, store, reactor }
}

impl Room {
    pub(super) async fn ask(&self, who: Who, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let meta = CallMeta {
            who,
            ..CallMeta::default()
        };
        let name = format!("xmrt.{tool}");
        match self.hub.call(&name, arguments, meta, SOON).await? {
            Reply::Done(result) => Ok(result),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) async fn operator(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.ask(Who::Operator("ann".into()), tool, arguments).await
    }

    pub(super) async fn eliza(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.ask(Who::Agent("eliza".into()), tool, arguments).await
    }

    /// Looks for what an earlier call, meant at `since`, did.
    pub(super) async fn look(&self, tool: &str, arguments: Value, since: Timestamp) -> Reply {
        let meta = CallMeta {
            look_for_since: Some(since),
            who: Who::Operator("ann".into()),
            ..CallMeta::default()
        };
        let name = format!("xmrt.{tool}");
        self.hub.call(&name, arguments, meta, SOON).await.unwrap()
    }

    /// Starts a rule; gives its event and its run.
    pub(super) async fn start(&self, rule: &str) -> (String, RunId) {
        let wish = Wish {
            rule: rule.into(),
            payload: bytes::Bytes::from_static(b"{\"repo\": \"umbrella/core\"}"),
            who: "ann".into(),
            key: format!("key-{rule}"),
        };
        let admission = self.reactor.trigger(&wish).await.unwrap();
        let run = admission.verdicts[0].run.clone().unwrap();
        (admission.key.id, run)
    }

    /// Takes the one run that is due.
    pub(super) async fn claimed(&self) -> RunRecord {
        let mut claims = self.store.claim("w", 1, 60_000, NOW).await.unwrap();
        claims.pop().unwrap().run
    }

    /// Ends the one run that is due; unknown with an intent that nobody knows the effect of.
    pub(super) async fn ended(&self, state: RunState) -> RunId {
        let run = self.claimed().await;
        let intent = StepWrite::Intent {
            step: "add_labels".into(),
            index: 0,
            key: StepKey("k".into()),
            call: json!({"tool": "github.add_labels"}),
            writes: true,
            causes: vec![],
        };
        let writes = match state {
            RunState::Unknown => vec![intent],
            _ => vec![],
        };
        let end = Then::End {
            state,
            reason: Some("the test says so".into()),
        };
        let store = &self.store;
        store.advance(&run.id, run.fence, writes, end, NOW).await.unwrap();
        run.id
    }

    pub(super) async fn state(&self, run: &RunId) -> RunState {
        self.store.run(run).await.unwrap().unwrap().run.state
    }
}

pub(super) fn id(run: &RunId) -> Value {
    json!({ "id": run.0 })
}

pub(super) fn dry(mut arguments: Value) -> Value {
    arguments["dry_run"] = json!(true);
    arguments
}
