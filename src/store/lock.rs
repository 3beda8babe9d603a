//! In: a data directory. Out: the right to write in it, held until dropped. Never: a lock that outlives its process.
//!
//! The operating system holds the lock, so a dead process's lock never blocks; the file's text only says who holds it,
//! and where it can be reached.
#![expect(
    clippy::disallowed_methods,
    reason = "a store is files; this one says who writes them"
)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::OpenError;

const FILE: &str = "lock";

/// Another process that only looks whether somebody is here holds the lock for microseconds; so it is asked for again
/// a few times before it counts as held.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// Who holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// The boot of the machine it runs on, where that is known.
    pub boot: Option<String>,
    /// Where its server listens, once it does: a base URL.
    pub address: Option<String>,
    /// Where its sandbox listens, if it has one: a base URL.
    #[serde(default)]
    pub sandbox: Option<String>,
}

/// A data directory that is this process's own until dropped, wherever its journal is kept.
#[derive(Debug)]
pub struct DataDir(Mutex<Lock>);

impl DataDir {
    /// Makes the directory if it is not there, and takes it for this process.
    pub fn take(dir: &Path) -> Result<Self, OpenError> {
        let io = |error: io::Error| OpenError::Io {
            path: dir.into(),
            what: error.to_string(),
        };
        // The directory holds what private repositories send, and tokens: a new one is its owner's alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(io)?;
        Lock::take(dir).map(|lock| Self(Mutex::new(lock)))
    }

    /// Writes into the lock file where this process serves, and where its sandbox does if it has one, so that commands find them.
    pub fn announce(&self, address: &str, sandbox: Option<&str>) -> io::Result<()> {
        let mut lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lock.holder.address = Some(address.into());
        lock.holder.sandbox = sandbox.map(str::to_owned);
        lock.write()
    }

    /// Who holds a data directory now: `None` when nobody does, whatever a dead process left in its lock file.
    pub fn holder(dir: &Path) -> Option<Holder> {
        holder(dir)
    }
}

/// The lock, until dropped.
#[derive(Debug)]
struct Lock {
    file: File,
    path: PathBuf,
    holder: Holder,
}

impl Lock {
    fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        let io = |error: io::Error| OpenError::Io {
            path: path.clone(),
            what: error.to_string(),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        if !seize(&file).map_err(io)? {
            return Err(OpenError::Held {
                dir: dir.into(),
                holder: read(&path),
            });
        }
        let holder = Holder {
            pid: std::process::id(),
            boot: boot_id(),
            address: None,
            sandbox: None,
        };
        let mut lock = Self { file, path, holder };
        lock.write().map_err(|error| OpenError::Io {
            path: lock.path.clone(),
            what: error.to_string(),
        })?;
        Ok(lock)
    }

    fn write(&mut self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.holder)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)?;
        self.file.set_len(text.len() as u64)
    }
}

fn holder(dir: &Path) -> Option<Holder> {
    let path = dir.join(FILE);
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read(&path),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn seize(file: &File) -> io::Result<bool> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
