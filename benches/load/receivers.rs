//! In: which receiver. Out: it runs on a folder of its own; which of the accepted deliveries it has stored. Never: a
//! receiver that is not a process of its own.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::deliveries::{self, SECRET};
use super::floors;
use super::process::{self, Process};
use super::setting::{self, Setting};

/// What Redis makes durable before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    Everysec,
    Always,
}

impl Sync {
    fn word(self) -> &'static str {
        match self {
            Self::Everysec => "everysec",
            Self::Always => "always",
        }
    }
}

/// A receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Verifies, stores nothing.
    Bare,
    /// Verifies, appends to SQLite.
    Append,
    /// Verifies, appends to a stream of Redis.
    Stream(Sync),
    /// adnanh/webhook: verifies, runs nothing, stores nothing.
    Webhook,
    /// The program with its embedded journal.
    Embedded,
    /// The program with its journal in Redis.
    Redis(Sync),
    /// Another build of the program (`--against`), embedded.
    OtherEmbedded,
    /// The same in Redis.
    OtherRedis(Sync),
}

/// All of them, those first that do less.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Bare,
    Kind::Append,
    Kind::Stream(Sync::Everysec),
    Kind::Stream(Sync::Always),
    Kind::Webhook,
    Kind::Embedded,
    Kind::Redis(Sync::Everysec),
    Kind::Redis(Sync::Always),
];

/// The same program in another build, as `--against` names it.
const OTHERS: [Kind; 3] = [
    Kind::OtherEmbedded,
    Kind::OtherRedis(Sync::Everysec),
    Kind::OtherRedis(Sync::Always),
];

impl Kind {
    /// The same with the other build.
    pub(super) fn other(self) -> Option<Self> {
        match self {
            Self::Embedded => Some(Self::OtherEmbedded),
            Self::Redis(sync) => Some(Self::OtherRedis(sync)),
            _ => None,
        }
    }

    fn is_other(self) -> bool {
        matches!(self, Self::OtherEmbedded | Self::OtherRedis(_))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Append => "append-sqlite",
            Self::Stream(Sync::Everysec) => "append-everysec",
            Self::Stream(Sync::Always) => "append-always",
            Self::Webhook => "webhook",
            Self::Embedded => "xmrt-sqlite",
            Self::Redis(Sync::Everysec) => "xmrt-everysec",
            Self::Redis(Sync::Always) => "xmrt-always",
            Self::OtherEmbedded => "other-sqlite",
            Self::OtherRedis(Sync::Everysec) => "other-everysec",
            Self::OtherRedis(Sync::Always) => "other-always",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self, String> {
        let known = KINDS.iter().chain(&OTHERS).find(|kind| kind.name() == name);
        known.copied().ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
            format!("there is no receiver {name:?}; there are {}", names.join(", "))
        })
    }

    /// Whether it is the program itself.
    pub(super) fn is_product(self) -> bool {
        matches!(self, Self::Embedded | Self::Redis(_))
    }

    /// The floor with the same durability.
    pub(super) fn floor(self) -> Option<Self> {
        match self {
            Self::Embedded | Self::OtherEmbedded => Some(Self::Append),
            Self::Redis(sync) | Self::OtherRedis(sync) => Some(Self::Stream(sync)),
            _ => None,
        }
    }

    fn sync(self) -> Option<Sync> {
        match self {
            Self::Stream(sync) | Self::Redis(sync) | Self::OtherRedis(sync) => Some(sync),
            _ => None,
        }
    }

    pub(super) fn needs_redis(self) -> bool {
        self.sync().is_some()
    }

    /// Where deliveries go.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Webhook => "/hooks/load",
            _ => "/webhooks/github",
        }
    }
}

/// Whether the program `name` is there.
pub(super) fn is_there(name: &str) -> bool {
    let known = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&known).any(|folder| folder.join(name).is_file())
}

/// A running receiver; ends when dropped.
pub(super) struct Receiver {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    /// Before the server it works with: whoever is dropped first ends first.
    pub(super) process: Process,
    pub(super) redis: Option<(Process, SocketAddr)>,
    folder: tempfile::TempDir,
}

/// What is in a store after a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// Accepted deliveries that are not there.
    pub(super) lost: usize,
    /// Deliveries that are there.
    pub(super) stored: usize,
    /// Runs that were not at their end when it was stopped.
    pub(super) open_runs: usize,
    /// What the store takes on the disk: the database, or the append-only file.
    pub(super) bytes: u64,
    /// What it takes in the memory of Redis.
    pub(super) memory_bytes: u64,
}

impl Receiver {
    pub(super) fn start(kind: Kind, setting: &Setting) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let redis = match kind.sync() {
            Some(sync) => Some(process::redis(&folder.path().join("redis"), sync.word())?),
            None => None,
        };
        let at_redis = redis.as_ref().map(|(_, address)| *address);
        let (process, address) = match kind {
            Kind::Webhook => webhook(folder.path())?,
            Kind::Embedded | Kind::Redis(_) | Kind::OtherEmbedded | Kind::OtherRedis(_) => {
                let command = setting::program(folder.path(), setting, kind.is_other(), at_redis)?;
                Process::that_tells(kind.name(), command)?
            }
            Kind::Bare => floor(kind, &["bare".into()])?,
            Kind::Append => floor(kind, &["append".into(), folder.path().display().to_string()])?,
            Kind::Stream(_) => {
                let address = at_redis.ok_or("no Redis")?.to_string();
                floor(kind, &["stream".into(), address])?
            }
        };
        Ok(Self {
            kind,
            address,
            process,
            redis,
            folder,
        })
    }

    /// One more process on the same store.
    pub(super) fn another(&self, setting: &Setting) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let at_redis = self.redis.as_ref().map(|(_, address)| *address);
        let command = setting::program(folder.path(), setting, false, at_redis)?;
        let (process, address) = Process::that_tells(self.kind.name(), command)?;
        Ok(Self {
            kind: self.kind,
            address,
            process,
            redis: None,
            folder,
        })
    }

    /// CPU seconds of the receiver, and of the server it works with.
    pub(super) fn cpu_seconds(&self) -> Result<(f64, f64), String> {
        let beside = match &self.redis {
            Some((redis, _)) => redis.cpu_seconds()?,
            None => 0.0,
        };
        Ok((self.process.cpu_seconds()?, beside))
    }

    /// Kills it, and looks what of the accepted is in its store.
    pub(super) fn count(self, accepted: &[u64]) -> Result<Option<Counted>, String> {
        let Self {
            kind,
            process,
            redis,
            folder,
            ..
        } = self;
        drop(process);
        match (kind, &redis) {
            (Kind::Append, _) => {
                let path = folder.path().join(floors::DATABASE);
                in_sqlite(&path, "SELECT id FROM deliveries", "SELECT 0", accepted).map(Some)
            }
            (Kind::Embedded | Kind::OtherEmbedded, _) => in_sqlite(
                &folder.path().join("data/journal.db"),
                "SELECT id FROM names WHERE source = 'github' AND alias = 0",
                "SELECT count(*) FROM runs WHERE due IS NOT NULL",
                accepted,
            )
            .map(Some),
            (Kind::Stream(_), Some((_, address))) => {
                let mut connection = connected(*address)?;
                let stored: usize = asked(&mut connection, &["XLEN", floors::STREAM])?;
                Ok(Some(Counted {
                    lost: accepted.len().saturating_sub(stored),
                    stored,
                    open_runs: 0,
                    bytes: told(&mut connection, "aof_current_size")?,
                    memory_bytes: told(&mut connection, "used_memory")?,
                }))
            }
            (Kind::Redis(_) | Kind::OtherRedis(_), Some((_, address))) => {
                in_redis(*address, accepted).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn floor(kind: Kind, words: &[String]) -> Result<(Process, SocketAddr), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("--receive").args(words);
    Process::that_tells(kind.name(), command)
}

/// Debian's `webhook` with a rule that verifies, and then never holds.
fn webhook(folder: &Path) -> Result<(Process, SocketAddr), String> {
    let hooks = serde_json::json!([{
        "id": "load",
        "execute-command": "/bin/true",
        "trigger-rule": { "and": [
            { "match": { "type": "payload-hmac-sha256", "secret": SECRET,
                         "parameter": { "source": "header", "name": "X-Hub-Signature-256" } } },
            { "match": { "type": "value", "value": "never", "parameter": { "source": "payload", "name": "action" } } },
        ] },
    }]);
    let path = folder.join("hooks.json");
    std::fs::write(&path, hooks.to_string()).map_err(|error| error.to_string())?;
    Process::told("webhook", |port| {
        let mut command = Command::new("webhook");
        command
            .arg("-hooks")
            .arg(&path)
            .args(["-ip", "127.0.0.1", "-port", &port.to_string()]);
        command
    })
}

fn in_sqlite(path: &Path, ids: &str, open_runs: &str, accepted: &[u64]) -> Result<Counted, String> {
    let told = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let database = rusqlite::Connection::open(path).map_err(told)?;
    let mut statement = database.prepare(ids).map_err(told)?;
    let stored: HashSet<u64> = statement
        .query_map([], |row| row.get::<_, String>(0))
        .map_err(told)?
        .filter_map(|id| deliveries::number(&id.ok()?))
        .collect();
    let open_runs = database
        .query_row(open_runs, [], |row| row.get::<_, i64>(0))
        .map_err(told)?;
    Ok(Counted {
        lost: accepted.iter().filter(|number| !stored.contains(number)).count(),
        stored: stored.len(),
        open_runs: usize::try_from(open_runs).unwrap_or_default(),
        bytes: database
            .query_row(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )
            .map_err(told)?
            .unsigned_abs(),
        memory_bytes: 0,
    })
}

fn in_redis(address: SocketAddr, accepted: &[u64]) -> Result<Counted, String> {
    let mut connection = connected(address)?;
    let mut found = 0;
    for numbers in accepted.chunks(1000) {
        let mut questions = redis::pipe();
        for number in numbers {
            questions
                .cmd("EXISTS")
                .arg(format!("{{xmrt}}:n:6:github:{}", deliveries::id(*number)));
        }
        let answers: Vec<usize> = questions
            .query(&mut connection)
            .map_err(|error| error.to_string())?;
        found += answers.iter().sum::<usize>();
    }
    Ok(Counted {
        lost: accepted.len() - found,
        stored: asked(&mut connection, &["ZCARD", "{xmrt}:events"])?,
        open_runs: asked(&mut connection, &["ZCARD", "{xmrt}:due"])?,
        bytes: told(&mut connection, "aof_current_size")?,
        memory_bytes: told(&mut connection, "used_memory")?,
    })
}

/// A number of what the server says of itself.
fn told(connection: &mut redis::Connection, name: &str) -> Result<u64, String> {
    let info: String = asked(connection, &["INFO", "everything"])?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("Redis does not tell {name}"))
}

/// A connection to the Redis at `address`.
pub(super) fn connected(address: SocketAddr) -> Result<redis::Connection, String> {
    redis::Client::open(format!("redis://{address}"))
        .and_then(|client| client.get_connection())
        .map_err(|error| error.to_string())
}

/// The answer to one command.
pub(super) fn asked<T: redis::FromRedisValue>(
    connection: &mut redis::Connection,
    words: &[&str],
) -> Result<T, String> {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query(connection).map_err(|error| error.to_string())
}
