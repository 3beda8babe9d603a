//! What a client is told without asking again: that a resource or the list of tools is another, and what is said about its calls.

#![expect(deprecated, reason = "clients of older revisions know nothing else")]

mod elsewhere;
mod program;
mod said;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, LoggingLevel, LoggingMessageNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, RequestMetaObject, ResourceUpdatedNotificationParam, ServerNotification,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, RoleClient, RunningService, ServiceError, Subscription,
};
use rmcp::{ClientHandler, ClientServiceExt, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use xmrt::hub::{Caller, Condition, ExternalServer, Face, Gateway, Hub, ToolError, Toolsets};
use xmrt::tools::toolbox::{Library, Page, Toolbox};

use super::desk::SOON;
use crate::external::notes;

pub(super) use program::Told;

/// Pages that can be rewritten.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<BTreeMap<String, String>>>, Arc<AtomicU64>);

impl Pages {
    fn write(&self, uri: &str, text: &str) {
        self.0.lock().unwrap().insert(uri.to_owned(), text.to_owned());
        self.touch();
    }

    /// Something is another, and none of the pages.
    fn touch(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

async fn page(pages: Arc<Pages>, uri: String) -> Result<Option<Page>, ToolError> {
    let text = pages.0.lock().unwrap().get(&uri).cloned();
    let mime_type = "text/plain";
    Ok(text.map(|text| Page { text, mime_type }))
}

fn shelf(pages: &Pages) -> Toolbox<Pages> {
    let library = Library::new(page, async |_, _| Ok(Vec::new()))
        .watched(async |pages: Arc<Pages>| Ok(pages.1.load(Ordering::SeqCst)))
        .resource("desk://menu", "Menu", "Today's.", "text/plain")
        .template("desk://letters/{id}", "Letter", "One.", "text/plain");
    Toolbox::named("desk", "Letters.", pages.clone()).with_library(library)
}

/// A client that keeps what it hears.
#[derive(Clone)]
struct Ear(mpsc::UnboundedSender<String>);

impl ClientHandler for Ear {
    async fn on_resource_updated(
        &self,
        updated: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let _ = self.0.send(updated.uri);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        let _ = self.0.send("tools".into());
    }

    async fn on_logging_message(
        &self,
        said: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let logger = said.logger.unwrap_or_default();
        let level = json!(said.level);
        let text = match said.data["tool"].as_str() {
            Some(tool) => format!("{tool} {}", said.data["outcome"].as_str().unwrap()),
            None => said.data.as_str().unwrap().to_owned(),
        };
        let _ = self
            .0
            .send(format!("{} {logger}: {text}", level.as_str().unwrap()));
    }
}

struct Client {
    running: RunningService<RoleClient, Ear>,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Client {
    async fn of(gateway: &Gateway, hello: ClientLifecycleMode) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let served = gateway.seated();
        tokio::spawn(async move { Box::pin(served.serve(far)).await.unwrap().waiting().await });
        let (ear, heard) = mpsc::unbounded_channel();
        let running = Ear(ear).serve_with_lifecycle(near, hello).await.unwrap();
        Self { running, heard }
    }

    async fn modern(gateway: &Gateway) -> Self {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        Self::of(gateway, ClientLifecycleMode::Discover { preferred_versions }).await
    }

    /// One of the revisions before, with a session.
    async fn legacy(gateway: &Gateway) -> Self {
        Self::of(gateway, ClientLifecycleMode::Initialize).await
    }

    async fn hears(&mut self) -> String {
        let heard = tokio::time::timeout(SOON, self.heard.recv()).await;
        heard.expect("something to be heard").unwrap()
    }

    async fn call(&self, tool: &str, arguments: Value, meta: RequestMetaObject) -> Result<(), ServiceError> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = arguments.as_object().cloned();
        request.meta = Some(meta);
        self.running.call_tool(request).await.map(drop)
    }

    /// Once it has an answer, everything that was said before has been heard.
    async fn hears_nothing_more(&mut self) {
        self.running.list_all_tools().await.unwrap();
        assert_eq!(self.heard.try_recv().ok(), None);
    }
}

async fn next(stream: &mut Subscription) -> String {
    let next = tokio::time::timeout(SOON, stream.next()).await;
    match next.expect("something to be heard").unwrap() {
        Some(ServerNotification::ResourceUpdatedNotification(updated)) => updated.params.uri,
        Some(ServerNotification::ToolListChangedNotification(_)) => "tools".into(),
        other => panic!("{other:?}"),
    }
}

fn of(uris: &[&str]) -> SubscriptionFilter {
    SubscriptionFilter::builder()
        .resource_subscriptions(uris.iter().copied())
        .build()
}

async fn behind(pages: &Pages) -> (Hub, Gateway) {
    let hub = Hub::builder().serve("desk", shelf(pages)).start().await.unwrap();
    let gateway = Gateway::new(&hub, Face::All, Toolsets::default()).unwrap();
    (hub, gateway)
}

/// A page that were told of wrongly would be told of before the one that is waited for: both are looked at in order.
#[tokio::test]
async fn a_page_is_told_of_when_it_is_watched_and_whenever_it_is_another_and_at_no_other_time() {
    let pages = Pages::default();
    pages.write("desk://menu", "soup");
    let (hub, gateway) = behind(&pages).await;
    let client = Client::modern(&gateway).await;
    let mut stream = client
        .running
        .listen(of(&["desk://menu", "desk://letters/7"]))
        .await
        .unwrap();
    let mut first = [next(&mut stream).await, next(&mut stream).await];
    first.sort();
    assert_eq!(first, ["desk://letters/7", "desk://menu"], "watching has begun");
    pages.touch();
    pages.write("desk://letters/7", "there now");
    assert_eq!(next(&mut stream).await, "desk://letters/7");
    pages.write("desk://menu", "salad");
    assert_eq!(next(&mut stream).await, "desk://menu");
    // A second client shares the watch, and both are told.
    let other = Client::modern(&gateway).await;
    let mut theirs = other
        .running
        .listen(of(&["desk://menu", "desk://letters/8"]))
        .await
        .unwrap();
    let mut first = [next(&mut theirs).await, next(&mut theirs).await];
    first.sort();
    assert_eq!(first, ["desk://letters/8", "desk://menu"]);
    pages.write("desk://menu", "fish");
    assert_eq!(next(&mut stream).await, "desk://menu");
    assert_eq!(next(&mut theirs).await, "desk://menu");
    // The end of the server is no accident.
    gateway.hush();
    let end = tokio::time::timeout(SOON, stream.next()).await.unwrap().unwrap();
    assert!(end.is_none(), "{end:?}");
    let end = format!("{:?}", stream.end());
    assert!(end.starts_with("Some(Graceful("), "{end}");
    hub.stop().await;
}

#[tokio::test]
async fn a_client_of_an_older_revision_subscribes_and_leaves() {
    let pages = Pages::default();
    pages.write("desk://menu", "soup");
    let (hub, gateway) = behind(&pages).await;
    let mut client = Client::legacy(&gateway).await;
    let subscribe = |uri: &str| SubscribeRequestParams::new(uri);
    client.running.subscribe(subscribe("desk://menu")).await.unwrap();
    assert_eq!(client.hears().await, "desk://menu");
    pages.write("desk://menu", "salad");
    assert_eq!(client.hears().await, "desk://menu");
    client
        .running
        .unsubscribe(UnsubscribeRequestParams::new("desk://menu"))
        .await
        .unwrap();
    client
        .running
        .subscribe(subscribe("desk://letters/1"))
        .await
        .unwrap();
    assert_eq!(client.hears().await, "desk://letters/1");
    pages.write("desk://menu", "fish");
    pages.write("desk://letters/1", "there now");
    assert_eq!(client.hears().await, "desk://letters/1");

    let refused = async |uri: &str| match client.running.subscribe(subscribe(uri)).await {
        Err(ServiceError::McpError(error)) => error.message.into_owned(),
        other => panic!("{other:?}"),
    };
    let why = refused("desk://attic").await;
    assert_eq!(
        why,
        "there is nothing to watch at desk://attic; resources/list and resources/templates/list say what there is"
    );
    let not_watched = client
        .running
        .unsubscribe(UnsubscribeRequestParams::new("desk://menu"))
        .await;
    let not_watched = not_watched.unwrap_err().to_string();
    assert!(
        not_watched.contains("desk://menu is not watched"),
        "{not_watched}"
    );
    for number in 0..64 {
        let uri = format!("desk://letters/{number}");
        client.running.subscribe(subscribe(&uri)).await.unwrap();
    }
    let why = refused("desk://letters/64").await;
    assert_eq!(
        why,
        "64 resources are watched already; unsubscribe from one first"
    );
    client
        .running
        .subscribe(subscribe("desk://letters/3"))
        .await
        .unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn who_is_paused_watches_nothing_and_so_does_nobody_at_an_address_where_nothing_is() {
    let pages = Pages::default();
    let (hub, gateway) = behind(&pages).await;
    let client = Client::modern(&gateway).await;
    let mut nowhere = client.running.listen(of(&["desk://attic"])).await.unwrap();
    let why = nowhere.next().await.unwrap_err().to_string();
    assert!(why.contains("there is nothing to watch at desk://attic"), "{why}");

    let selection = gateway.toolsets().everything();
    let paused = gateway.with_local(Caller {
        who: xmrt::agents::Who::Agent("eliza".into()),
        selection,
        paused: Some("it is paused".into()),
        credential: None,
    });
    let client = Client::modern(&paused).await;
    let mut refused = client.running.listen(of(&["desk://menu"])).await.unwrap();
    let why = refused.next().await.unwrap_err().to_string();
    assert!(why.contains("it is paused"), "{why}");
    let client = Client::legacy(&paused).await;
    let refused = client
        .running
        .subscribe(SubscribeRequestParams::new("desk://menu"))
        .await;
    assert!(refused.unwrap_err().to_string().contains("it is paused"));
    hub.stop().await;
}

/// A hub with a server of somebody else, which is up.
async fn with_notes(folder: &std::path::Path) -> (Hub, Gateway) {
    with(notes(folder, "")).await
}

async fn with(mut server: ExternalServer) -> (Hub, Gateway) {
    // Then a note is written without being confirmed.
    server.believe_annotations = true;
    let hub = Hub::builder().attach("notes", server).start().await.unwrap();
    hub.wake().await;
    let mut changes = hub.changes();
    while hub.status()[0].condition != Condition::Up {
        tokio::time::timeout(SOON, changes.changed())
            .await
            .unwrap()
            .unwrap();
    }
    let gateway = Gateway::new(&hub, Face::One("notes".into()), Toolsets::default()).unwrap();
    (hub, gateway)
}
