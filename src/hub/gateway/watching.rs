//! In: what clients want to be told of: resources, the list of tools. Out: word whenever one is another. Never: what it has become; whoever is
//! told reads it, and gets what it may see.
//!
//! A resource is watched once at its server, however many clients want to know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, RoleServer, SubscriptionContext, SubscriptionSink};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::reading::passed;
use super::seat::WATCHED_BY_ONE_MAX;
use super::{Caller, Gateway};
use crate::hub::updates::Updates;

/// How many different resources are watched through one endpoint.
const WATCHED_MAX: usize = 256;
/// The pause before a server that went away is asked again; it doubles with each attempt that fails.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What is known of a watched resource.
#[derive(Clone, Debug)]
enum News {
    /// Its server was not asked yet.
    None,
    /// It was another so many times.
    Seen(u64),
    /// There is nobody to say.
    Refused(ErrorData),
}

/// The resources that are watched.
#[derive(Debug, Default)]
pub(super) struct Watching(Mutex<HashMap<String, watch::Sender<News>>>);

impl Watching {
    /// Hears of a resource; begins to watch it if nobody does.
    fn join(&self, gateway: &Gateway, uri: &str) -> Result<watch::Receiver<News>, ErrorData> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, news| !news.is_closed());
        if let Some(news) = watched.get(uri) {
            return Ok(news.subscribe());
        }
        if watched.len() >= WATCHED_MAX {
            let message = format!("{WATCHED_MAX} resources are watched here already; try again later");
            return Err(ErrorData::internal_error(message, None));
        }
        let (news, heard) = watch::channel(News::None);
        watched.insert(uri.to_owned(), news.clone());
        tokio::spawn(gateway.seated().watch(uri.to_owned(), news));
        Ok(heard)
    }
}

impl Gateway {
    /// Hears of a resource once its server has been asked for word of it.
    async fn watched(&self, uri: &str) -> Result<watch::Receiver<News>, ErrorData> {
        let mut news = self.0.watching.join(self, uri)?;
        let known = news.wait_for(|news| !matches!(news, News::None)).await;
        let known = known.map(|known| known.clone());
        match known {
            Ok(News::Refused(error)) => Err(error),
            Ok(_) => Ok(news),
            Err(_) => Err(ErrorData::internal_error("the server is shutting down", None)),
        }
    }

    /// Watches a resource at its server until nobody wants to know any more.
    async fn watch(self, uri: String, news: watch::Sender<News>) {
        let mut pause = PAUSE;
        loop {
            let found = tokio::select! {
                () = news.closed() => return,
                () = self.0.hush.cancelled() => return,
                found = self.updates(&uri) => found,
            };
            match found {
                Ok(mut updates) => {
                    pause = PAUSE;
                    // The first time this says that it is watched; later, that nobody knows what was missed.
                    news.send_modify(News::one_more);
                    loop {
                        let another = tokio::select! {
                            () = news.closed() => return,
                            () = self.0.hush.cancelled() => return,
                            another = updates.next() => another,
                        };
                        if !another {
                            break;
                        }
                        news.send_modify(News::one_more);
                    }
                }
                Err(error) if matches!(*news.borrow(), News::None) => {
                    news.send_replace(News::Refused(error));
                    return;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = news.closed() => return,
                () = self.0.hush.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    /// Word of a resource from whichever server has it.
    async fn updates(&self, uri: &str) -> Result<Updates, ErrorData> {
        let mut last = ErrorData::resource_not_found(
            format!(
                "there is nothing to watch at {uri}; resources/list and resources/templates/list say what there is"
            ),
            None,
        );
        for wire in self.wires() {
            match wire.updates(uri).await {
                Ok(Some(updates)) => return Ok(updates),
                Ok(None) => {}
                Err(error) => last = passed(error),
            }
        }
        Err(last)
    }

    /// Tells a client of an older revision of a resource from now on.
    pub(super) async fn tell_of(
        &self,
        uri: &str,
        peer: Peer<RoleServer>,
    ) -> Result<AbortOnDropHandle<()>, ErrorData> {
        let mut news = self.watched(uri).await?;
        let uri = uri.to_owned();
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            while news.changed().await.is_ok() {
                let told = ResourceUpdatedNotificationParam::new(uri.clone());
                if peer.notify_resource_updated(told).await.is_err() {
                    return;
                }
            }
        })))
    }

    /// Tells a client of an older revision of its list of tools from now on.
    pub(super) fn tell_of_list(&self, caller: Caller, peer: Peer<RoleServer>) -> AbortOnDropHandle<()> {
        let gateway = self.seated();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut list = List::of(&gateway, caller);
            while list.changed(&gateway).await {
                if peer.notify_tool_list_changed().await.is_err() {
                    return;
                }
            }
        }))
    }

    /// What of a client's wishes can be met, as far as that is known without asking the servers.
    pub(super) fn accepted(wanted: &SubscriptionFilter) -> SubscriptionFilter {
        let mut accepted = SubscriptionFilter::new();
        accepted.tools_list_changed = wanted.tools_list_changed;
        accepted.resource_subscriptions = wanted.resource_subscriptions.clone().map(|mut uris| {
            uris.truncate(WATCHED_BY_ONE_MAX);
            uris
        });
        accepted
    }

    /// Those who tell a client of the newest revision of what was accepted.
    pub(super) async fn tellers(
        &self,
        context: &SubscriptionContext,
        caller: Caller,
    ) -> Result<JoinSet<()>, ErrorData> {
        let (accepted, sink) = (context.accepted(), context.sink());
        let uris = accepted.resource_subscriptions.as_deref().unwrap_or_default();
        if !uris.is_empty() {
            self.check_reading(&caller)?;
        }
        let mut tellers = JoinSet::new();
        for uri in uris {
            let news = self.watched(uri).await?;
            tellers.spawn(tell_resource(uri.clone(), news, sink.clone()));
        }
        if accepted.tools_list_changed == Some(true) {
            tellers.spawn(tell_list(self.seated(), caller, sink.clone()));
        }
        Ok(tellers)
    }

    /// Waits until the client leaves, this ends, or there is nothing more to tell.
    pub(super) async fn told(&self, context: &SubscriptionContext, mut tellers: JoinSet<()>) {
        let done = async { while tellers.join_next().await.is_some() {} };
        tokio::select! {
            () = context.cancelled() => {}
            () = self.0.hush.cancelled() => {}
            () = done => {}
        }
    }
}

async fn tell_resource(uri: String, mut news: watch::Receiver<News>, sink: SubscriptionSink) {
    while news.changed().await.is_ok() {
        if sink.notify_resource_updated(uri.clone()).await.is_err() {
            return;
        }
    }
}

async fn tell_list(gateway: Gateway, caller: Caller, sink: SubscriptionSink) {
    let mut list = List::of(&gateway, caller);
    while list.changed(&gateway).await {
        if sink.notify_tool_list_changed().await.is_err() {
            return;
        }
    }
}

impl News {
    fn one_more(&mut self) {
        *self = match self {
            Self::Seen(times) => Self::Seen(*times + 1),
            Self::None | Self::Refused(_) => Self::Seen(0),
        };
    }
}

/// The list of tools as one caller saw it last.
struct List {
    caller: Caller,
    changes: watch::Receiver<u64>,
    seen: [u8; 32],
}

impl List {
    fn of(gateway: &Gateway, caller: Caller) -> Self {
        // What changes while it is looked at is heard of afterwards.
        let changes = gateway.0.hub.changes();
        let seen = shown(gateway, &caller);
        Self {
            caller,
            changes,
            seen,
        }
    }

    /// Waits until it is another; `false` when that will never be.
    async fn changed(&mut self, gateway: &Gateway) -> bool {
        while self.changes.changed().await.is_ok() {
            let now = shown(gateway, &self.caller);
            if std::mem::replace(&mut self.seen, now) != now {
                return true;
            }
        }
        false
    }
}

fn shown(gateway: &Gateway, caller: &Caller) -> [u8; 32] {
    let tools = gateway.offered(caller);
    let whole = serde_json::to_vec(&tools).unwrap_or_default();
    Sha256::digest(whole).into()
}
