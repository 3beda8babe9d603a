//! In: which repositories a caller may reach. Out: that, known wherever GitHub leads a reading elsewhere. Never: a call that is stopped
//! where nothing leads elsewhere; what is asked for by name was decided before.

use std::sync::Arc;

use http::Method;
use serde::Deserialize;

use super::app::Reach;
use super::{Client, wire};
use crate::integrations::{Access, ApiError, Failure};

/// Whether a repository, `owner/name`, may be reached.
pub type Bounds = Arc<dyn Fn(&str) -> bool + Send + Sync>;

tokio::task_local! {
    static BOUNDS: Bounds;
}

/// Does `work`; where GitHub leads it to another repository than was named, `bounds` are asked about that one.
pub async fn within_bounds<T>(bounds: Option<Bounds>, work: impl Future<Output = T>) -> T {
    match bounds {
        Some(bounds) => BOUNDS.scope(bounds, work).await,
        None => work.await,
    }
}

/// Whether the work that is under way may reach a repository. Work without bounds may reach any.
pub fn is_within_bounds(repo: &super::Repo) -> bool {
    present().is_none_or(|bounds| bounds(repo.as_str()))
}

/// The bounds of the work that is under way.
pub(super) fn present() -> Option<Bounds> {
    BOUNDS.try_with(Arc::clone).ok()
}

/// `/repositories/<id>` of a path below it: how GitHub names a repository that was renamed or transferred, or the one that an
/// issue was moved to.
fn repository_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/repositories/")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &path[.."/repositories/".len() + digits])
}

impl Client {
    /// That where GitHub leads the caller lies within the caller's bounds. It says no name: that may be nobody's business.
    pub(super) async fn check_bounds(
        &self,
        bounds: &Bounds,
        reach: &Reach,
        media: wire::Media,
        path: &str,
    ) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Named {
            full_name: String,
        }
        let outside = || {
            ApiError::new(
                Failure::Forbidden,
                "what was asked for was moved, to a repository outside those the caller may reach",
            )
            .with_remedy(
                "a person looks where it is now, and adds that to `repos` of the role if it is meant",
            )
        };
        let Some(repository) = repository_of(path) else {
            return Err(outside());
        };
        let form = (Access::Read, media);
        let answer = self.exchange(reach, form, Method::GET, repository, None).await?;
        let named: Option<Named> = serde_json::from_slice(&answer.body).ok();
        match named {
            Some(named) if bounds(&named.full_name) => Ok(()),
            _ => Err(outside()),
        }
    }
}
