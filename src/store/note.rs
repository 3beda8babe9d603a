//! In: a journal's identity. Out: the one noted before, if it was another. Never: a half-written note, which would look
//! like a lost journal's.
#![expect(
    clippy::disallowed_methods,
    reason = "the note of the epoch lies outside of the store, so that it survives the store's loss"
)]

use std::io;
use std::path::Path;

use crate::journal::Epoch;

/// Notes in `dir` under `name` that `present` is the journal's identity. Gives the one that was noted before, where that
/// is another: the old journal was lost or replaced.
pub(super) fn settle(dir: &Path, name: &str, present: &Epoch) -> Option<Epoch> {
    let noted = noted(dir, name);
    let known = noted.as_ref() == Some(present);
    if !known && let Err(error) = note(dir, name, present) {
        tracing::warn!(%error, "cannot note the journal's epoch: a lost journal would go unnoticed");
    }
    noted.filter(|_| !known)
}

fn noted(dir: &Path, name: &str) -> Option<Epoch> {
    serde_json::from_slice(&std::fs::read(dir.join(name)).ok()?).ok()
}

fn note(dir: &Path, name: &str, epoch: &Epoch) -> io::Result<()> {
    let draft = dir.join(format!("{name}.new"));
    let file = std::fs::File::create(&draft)?;
    serde_json::to_writer(&file, epoch)?;
    file.sync_all()?;
    std::fs::rename(draft, dir.join(name))
}
