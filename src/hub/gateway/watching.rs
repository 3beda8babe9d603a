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

use super::reading::{late, passed};
use super::seat::WATCHED_BY_ONE_MAX;
use super::{Caller, Gateway};
use crate::agents::Who;
use crate::hub::updates::Updates;

/// How many different resources are watched through one endpoint.
const WATCHED_MAX: usize = 256;
/// The pause before a server that went away is asked again; it doubles with each attempt that fails.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Those who tell one client.
pub(super) type Tellers = JoinSet<Result<(), ErrorData>>;

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

/// The resources that are watched: who began it, and where word of it comes out.
#[derive(Debug, Default)]
pub(super) struct Watching(Mutex<HashMap<String, (Who, watch::Sender<News>)>>);

impl Watching {
    /// Hears of a resource; begins to watch it if nobody does.
    /// Gives whether nobody did.
    fn join(
        &self,
        gateway: &Gateway,
        uri: &str,
        who: &Who,
    ) -> Result<(watch::Receiver<News>, bool), ErrorData> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, (_, news)| !news.is_closed());
        if let Some((_, news)) = watched.get(uri) {
            return Ok((news.subscribe(), false));
        }
        let own = watched.values().filter(|(by, _)| by == who).count();
        if own >= WATCHED_BY_ONE_MAX {
            let message =
                format!("{WATCHED_BY_ONE_MAX} resources are watched by `{who}` already; leave one first");
            return Err(ErrorData::invalid_params(message, None));
        }
        if watched.len() >= WATCHED_MAX {
            let message = format!("{WATCHED_MAX} resources are watched here already; try again later");
            return Err(ErrorData::internal_error(message, None));
        }
        let (news, heard) = watch::channel(News::None);
        watched.insert(uri.to_owned(), (who.clone(), news.clone()));
        tokio::spawn(gateway.seated().watch(uri.to_owned(), news));
        Ok((heard, true))
    }
}

impl Gateway {
    /// Hears of a resource once its server has been asked for word of it.
    async fn watched(&self, uri: &str, who: &Who) -> Result<watch::Receiver<News>, ErrorData> {
        let (mut news, first) = self.0.watching.join(self, uri, who)?;
        let known = news.wait_for(|news| !matches!(news, News::None)).await;
        let known = known.map(|known| known.clone());
        match known {
            Ok(News::Refused(error)) => Err(error),
            Ok(known) => {
                // The first word says that it is watched. Our own servers say so by themselves, to the first who asks; that word
                // may have come by now.
                let has_come = matches!(known, News::Seen(1..));
                if !first || has_come || self.is_external() {
                    news.mark_changed();
                }
                Ok(news)
            }
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
            match tokio::time::timeout(self.patience(), wire.updates(uri)).await {
                Ok(Ok(Some(updates))) => return Ok(updates),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => last = passed(error),
                Err(_elapsed) => last = late(self.patience()),
            }
        }
        Err(last)
    }

    /// Tells a client of an older revision of a resource from now on.
    pub(super) async fn tell_of(
        &self,
        uri: &str,
        caller: Caller,
        peer: Peer<RoleServer>,
    ) -> Result<AbortOnDropHandle<()>, ErrorData> {
        let mut news = self.watched(uri, &caller.who).await?;
        let (gateway, uri) = (self.seated(), uri.to_owned());
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            while news.changed().await.is_ok() {
                if gateway.check_hearing(&caller).await.is_err() {
                    return;
                }
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
                if list.caller.check_credential().await.is_err() {
                    return;
                }
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
    ) -> Result<Tellers, ErrorData> {
        let (accepted, sink) = (context.accepted(), context.sink());
        let uris = accepted.resource_subscriptions.as_deref().unwrap_or_default();
        if !uris.is_empty() {
            self.check_reading(&caller)?;
        }
        let mut tellers = JoinSet::new();
        for uri in uris {
            let news = self.watched(uri, &caller.who).await?;
            let gateway = self.seated();
            tellers.spawn(gateway.tell_resource(uri.clone(), news, caller.clone(), sink.clone()));
        }
        if accepted.tools_list_changed == Some(true) {
            tellers.spawn(self.seated().tell_list(caller, sink.clone()));
        }
        Ok(tellers)
    }

    /// Waits until the client leaves, this ends, or there is nothing more to tell. An error says that the client may hear no more.
    pub(super) async fn told(
        &self,
        context: &SubscriptionContext,
        mut tellers: Tellers,
    ) -> Result<(), ErrorData> {
        let done = async {
            while let Some(ended) = tellers.join_next().await {
                ended.unwrap_or(Ok(()))?;
            }
            Ok(())
        };
        tokio::select! {
            () = context.cancelled() => Ok(()),
            () = self.0.hush.cancelled() => Ok(()),
            ended = done => ended,
        }
    }

    async fn tell_resource(
        self,
        uri: String,
        mut news: watch::Receiver<News>,
        caller: Caller,
        sink: SubscriptionSink,
    ) -> Result<(), ErrorData> {
        while news.changed().await.is_ok() {
            self.check_hearing(&caller).await?;
            if sink.notify_resource_updated(uri.clone()).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn tell_list(self, caller: Caller, sink: SubscriptionSink) -> Result<(), ErrorData> {
        let mut list = List::of(&self, caller);
        while list.changed(&self).await {
            list.caller.check_credential().await?;
            if sink.notify_tool_list_changed().await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Whether who was let in when a stream began may still be told of a resource.
    async fn check_hearing(&self, caller: &Caller) -> Result<(), ErrorData> {
        self.check_reading(caller)?;
        caller.check_credential().await
    }
}

impl Caller {
    async fn check_credential(&self) -> Result<(), ErrorData> {
        match &self.credential {
            Some(credential) if !credential.holds().await => {
                let message = format!(
                    "`{}` may not listen any more: its token has ended, or it was paused",
                    self.who
                );
                Err(ErrorData::invalid_params(message, None))
            }
            _ => Ok(()),
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
