//! In: addresses that a client watches. Out: word whenever what is there is another. Never: what it has become.

use std::time::Duration;

use rmcp::model::SubscriptionFilter;
use rmcp::service::SubscriptionContext;
use sha2::{Digest, Sha256};

use super::Toolbox;
use super::library::Library;

/// How often it is looked whether anything has changed.
const LOOK: Duration = Duration::from_secs(1);

/// What is at an address, as far as it matters whether it is the same. `None`: it cannot be read now.
pub type Print = Option<[u8; 32]>;

impl<P: Send + Sync + 'static> Toolbox<P> {
    /// What of a client's wishes can be met.
    pub(super) fn accepted(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let library = self.watched()?;
        let uris = wanted.resource_subscriptions.iter().flatten();
        let mut accepted = SubscriptionFilter::new();
        accepted.resource_subscriptions = Some(uris.filter(|uri| library.has(uri)).cloned().collect());
        Some(accepted)
    }

    pub(super) fn watched(&self) -> Option<&Library<P>> {
        self.library().filter(|library| library.marker.is_some())
    }

    /// Tells a client until it leaves.
    pub(super) async fn watch(&self, context: &SubscriptionContext) {
        let Some(marker) = self.watched().and_then(|library| library.marker.as_ref()) else {
            return;
        };
        let marker = || async { marker(self.0.parts.clone()).await.ok() };
        tell(context, LOOK, marker, |uri| self.print(uri)).await;
    }

    /// What is at an address.
    pub async fn print(&self, uri: String) -> Print {
        let page = (self.library()?.read)(self.0.parts.clone(), uri).await.ok()?;
        print(page.map(|page| page.text))
    }
}

/// The print of a text, or of its absence.
pub fn print(text: Option<String>) -> Print {
    Some(text.map_or([0; 32], |text| Sha256::digest(text).into()))
}

/// Tells of every address that was accepted: first that it is watched, from then on whenever what is there is another. Looks again
/// after each `pace` if `marker` gives another number; none means that nothing is known to have changed.
pub async fn tell<M, MF, R, RF>(context: &SubscriptionContext, pace: Duration, marker: M, read: R)
where
    M: Fn() -> MF,
    MF: Future<Output = Option<u64>>,
    R: Fn(String) -> RF,
    RF: Future<Output = Print>,
{
    let uris = context
        .accepted()
        .resource_subscriptions
        .clone()
        .unwrap_or_default();
    let mut watched: Vec<(String, Print)> = uris.into_iter().map(|uri| (uri, None)).collect();
    let mut seen = None;
    loop {
        // The number is older than what is read: a change in between is looked at once more.
        let now = marker().await;
        if now.is_some() && now != seen {
            seen = now;
            for (uri, last) in &mut watched {
                match read(uri.clone()).await {
                    None => seen = None,
                    print if print == *last => {}
                    print => {
                        *last = print;
                        if context.sink().notify_resource_updated(uri.clone()).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
        tokio::select! {
            () = context.cancelled() => return,
            () = tokio::time::sleep(pace) => {}
        }
    }
}
