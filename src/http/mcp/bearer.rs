//! In: a token that was good when a stream began. Out: whether it still is. Never: the token, to anybody.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, header};

use super::super::routes::App;
use super::guard;
use crate::agents::Who;
use crate::hub;

/// What a stream's right to be told rests on.
pub(super) struct Bearer {
    app: Arc<App>,
    /// The one header that says who it is.
    bearer: HeaderMap,
    who: Who,
}

impl Bearer {
    pub(super) fn new(app: &Arc<App>, headers: &HeaderMap, who: &Who) -> Self {
        let bearer = headers.get(header::AUTHORIZATION);
        let bearer = bearer.map(|value| (header::AUTHORIZATION, value.clone()));
        Self {
            app: Arc::clone(app),
            bearer: bearer.into_iter().collect(),
            who: who.clone(),
        }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl hub::Credential for Bearer {
    /// While the journal does not answer, what was good counts as good: nothing is told but that something is another.
    async fn holds(&self) -> bool {
        let same = match guard::caller(&self.app, &self.bearer).await {
            Ok(Ok(who)) => who == self.who,
            Ok(Err(_)) => false,
            Err(_) => true,
        };
        same && !matches!(guard::paused(&self.app, &self.who).await, Ok(Some(_)))
    }
}
