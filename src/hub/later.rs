//! In: a hub that is still being built. Out: the same, once it is. Never: a reason for it to live on.

use std::sync::{Arc, OnceLock, Weak};

use super::{Hub, Inner};

/// A hub that is still being built, for servers that are to be part of it. Does not keep it alive.
#[derive(Clone, Debug, Default)]
pub struct LaterHub(Arc<OnceLock<Weak<Inner>>>);

impl LaterHub {
    pub(super) fn is(&self, hub: &Hub) {
        // Nobody else sets it.
        let _ = self.0.set(Arc::downgrade(&hub.0));
    }

    /// The hub, while there is one.
    pub fn hub(&self) -> Option<Hub> {
        self.0.get()?.upgrade().map(Hub)
    }
}
