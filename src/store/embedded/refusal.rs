//! In: why a journal was not opened. Out: the words for it, with the remedy. Never: a second try.

use std::path::PathBuf;

use crate::store::lock::Holder;

/// Why the embedded store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another living process writes there.
    #[error(
        "the data directory {} is in use by {}: stop that, or choose another with XMRT_DATA_DIR",
        .dir.display(), described(.holder.as_ref())
    )]
    Held {
        /// The directory.
        dir: PathBuf,
        /// Who, if its lock file can be read.
        holder: Option<Holder>,
    },
    /// The database was written by a newer program.
    #[error(
        "{} has layout {found} and this program knows up to {known}: a newer xmrt wrote it; use that, or restore a \
         backup made before the upgrade", .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its layout.
        found: usize,
        /// The newest layout known here.
        known: usize,
    },
    /// The file is not a database, or is damaged.
    #[error(
        "{} is damaged or not a journal ({what}): restore a backup; or move it away together with its -wal and -shm \
         files, and xmrt starts a new journal and says what may have been lost", .path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The database could not be opened for another reason.
    #[error("cannot open {} ({what}): see that its directory is writable and its disk not full", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// A file or directory could not be made or written.
    #[error("cannot use {} ({what}): see that it exists, is writable, and its disk not full", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
}

fn described(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder {
            pid,
            address: Some(address),
            ..
        }) => format!("process {pid}, which serves {address}"),
        Some(Holder { pid, .. }) => format!("process {pid}"),
        None => "another process".into(),
    }
}
