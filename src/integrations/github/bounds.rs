//! In: which repositories a caller may reach. Out: that, known wherever GitHub leads a reading elsewhere. Never: a call that is stopped
//! where nothing leads elsewhere; what is asked for by name was decided before.

use std::sync::Arc;

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

/// The bounds of the work that is under way.
pub(super) fn present() -> Option<Bounds> {
    BOUNDS.try_with(Arc::clone).ok()
}

/// `/repositories/<id>` of a path below it: how GitHub names a repository that was renamed or transferred, or the one that an
/// issue was moved to.
pub(super) fn repository_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/repositories/")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &path[.."/repositories/".len() + digits])
}
