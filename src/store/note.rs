//! In: a journal's identity. Out: the one noted before, if it was another. Never: a half-written note, which would look
//! like a lost journal's.
#![expect(
    clippy::disallowed_methods,
    reason = "the note of the epoch lies outside of the store, so that it survives the store's loss"
)]

use std::io;
use std::path::Path;

use crate::journal::Epoch;

/// The name of the note about the journal in the data directory itself.
pub(super) const OF_EMBEDDED: &str = "epoch";
/// The name of the note about the journal in Redis.
pub(super) const OF_REDIS: &str = "epoch-redis";

/// The journals that a data directory was used with.
pub struct Noted {
    /// The one in it.
    pub embedded: Option<Epoch>,
    /// The one in Redis.
    pub redis: Option<Epoch>,
}

/// Reads what is noted in `dir`. A note that cannot be read counts as none.
pub fn noted(dir: &Path) -> Noted {
    Noted {
        embedded: read(dir, OF_EMBEDDED),
        redis: read(dir, OF_REDIS),
    }
}

/// Notes in `dir` under `name` that `present` is the journal's identity. Gives the one that was noted before, where that
/// is another: the old journal was lost or replaced.
pub(super) fn settle(dir: &Path, name: &str, present: &Epoch) -> Option<Epoch> {
    let noted = read(dir, name);
    let known = noted.as_ref() == Some(present);
    if !known && let Err(error) = note(dir, name, present) {
        tracing::warn!(%error, "cannot note the journal's epoch: a lost journal would go unnoticed");
    }
    noted.filter(|_| !known)
}

fn read(dir: &Path, name: &str) -> Option<Epoch> {
    serde_json::from_slice(&std::fs::read(dir.join(name)).ok()?).ok()
}

/// Forgets what is noted in `dir` under `name`. Whoever cannot forget it is told again.
pub(super) fn forget(dir: &Path, name: &str) {
    match std::fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "cannot forget the journal that was used before");
        }
        _ => {}
    }
}

fn note(dir: &Path, name: &str, epoch: &Epoch) -> io::Result<()> {
    let draft = dir.join(format!("{name}.new"));
    let file = std::fs::File::create(&draft)?;
    serde_json::to_writer(&file, epoch)?;
    file.sync_all()?;
    std::fs::rename(draft, dir.join(name))
}
