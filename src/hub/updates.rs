//! In: the address of a resource. Out: word from its server whenever it is another. Never: the resource.

#![expect(deprecated, reason = "servers of older revisions know nothing else")]

use rmcp::model::{ServerNotification, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams};
use rmcp::service::{Peer, RoleClient, ServiceError, Subscription};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::link::Wire;

/// A server's word on one resource. Dropped, it is given up.
pub(super) enum Updates {
    /// As the newest revision has it: a stream of its own.
    Stream(Subscription),
    /// As older ones have it.
    Subscribed(Subscribed),
}

/// A subscription of an older revision.
pub(super) struct Subscribed {
    peer: Peer<RoleClient>,
    uri: String,
    updates: broadcast::Receiver<String>,
    ended: CancellationToken,
}

impl Wire {
    /// Asks the server for word of a resource. `None` where it gives none of this one.
    pub(super) async fn updates(&self, uri: &str) -> Result<Option<Updates>, ServiceError> {
        let info = self.peer.peer_info();
        let can = info
            .as_ref()
            .and_then(|info| info.capabilities.resources.as_ref());
        if can.and_then(|can| can.subscribe) != Some(true) {
            return Ok(None);
        }
        if self.is_modern() {
            let wanted = SubscriptionFilter::builder().resource_subscription(uri).build();
            let stream = self.peer.listen(wanted.clone()).await?;
            let there = *stream.acknowledged() == wanted;
            return Ok(there.then_some(Updates::Stream(stream)));
        }
        // Heard from before it is asked for: nothing can come in between.
        let (updates, ended) = self.switchboard.updates();
        self.peer.subscribe(SubscribeRequestParams::new(uri)).await?;
        Ok(Some(Updates::Subscribed(Subscribed {
            peer: self.peer.clone(),
            uri: uri.to_owned(),
            updates,
            ended,
        })))
    }
}

impl Updates {
    /// Waits until the resource is another; `false` once nothing more will come.
    pub(super) async fn next(&mut self) -> bool {
        match self {
            Self::Stream(stream) => loop {
                match stream.next().await {
                    Ok(Some(ServerNotification::ResourceUpdatedNotification(_))) => return true,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return false,
                }
            },
            Self::Subscribed(subscribed) => subscribed.next().await,
        }
    }
}

impl Subscribed {
    async fn next(&mut self) -> bool {
        loop {
            let heard = tokio::select! {
                heard = self.updates.recv() => heard,
                () = self.ended.cancelled() => return false,
            };
            match heard {
                Ok(uri) if uri == self.uri => return true,
                Ok(_) => {}
                // This one may be among those that were missed.
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            }
        }
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        let (peer, uri) = (self.peer.clone(), std::mem::take(&mut self.uri));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { peer.unsubscribe(UnsubscribeRequestParams::new(uri)).await });
        }
    }
}
