//! In: what a server says about itself. Out: whether a journal can be kept there, and how safely. Never: a change of its
//! settings.

use std::collections::BTreeMap;

use redis::Value;

use super::link::{Fault, Link};
use super::reply;

/// The oldest server whose commands suffice.
const VERSION_MIN: (u32, u32) = (6, 2);
/// From how much of its memory in use on a server with a limit is said to be nearly full, in percent.
const FULL_PERCENT: u64 = 80;

/// What matters about a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `Redis 7.0.15`, `Valkey 8.1.0`.
    pub product: String,
    /// The version of Redis whose commands it has: major, minor.
    pub commands: (u32, u32),
    /// Whether it is a replica of another.
    pub replica: bool,
    /// Whether it writes every change to an append-only file.
    pub append_only: bool,
    /// When that file is made safe: `always`, `everysec`, `no`. `None` where it does not tell.
    pub append_sync: Option<String>,
    /// What it does when its memory is full.
    pub eviction: String,
    /// Memory in use, in bytes.
    pub used_bytes: u64,
    /// Memory it may use, in bytes; 0 is no limit.
    pub max_bytes: u64,
}

/// Asks a server about itself. What a managed server does not tell is taken from what it does.
pub(super) async fn ask(link: &Link) -> Result<Server, Fault> {
    let info = reply::text(link.call(&redis::cmd("INFO")).await?)?;
    let sync = link
        .call(redis::cmd("CONFIG").arg("GET").arg("appendfsync"))
        .await;
    Ok(read(&info, sync.ok()))
}

fn read(info: &str, sync: Option<Value>) -> Server {
    let facts: BTreeMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect();
    let fact = |name: &str| facts.get(name).copied().unwrap_or_default();
    let version = fact("redis_version");
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let product = match facts.get("valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {version}"),
    };
    let sync = sync
        .and_then(|answer| reply::fields(answer).ok())
        .and_then(|fields| String::from_utf8(fields.get("appendfsync")?.clone()).ok());
    Server {
        product,
        commands: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
        replica: matches!(fact("role"), "slave" | "replica"),
        append_only: fact("aof_enabled") == "1",
        append_sync: sync,
        eviction: fact("maxmemory_policy").to_owned(),
        used_bytes: fact("used_memory").parse().unwrap_or(0),
        max_bytes: fact("maxmemory").parse().unwrap_or(0),
    }
}

impl Server {
    /// Why no journal can be kept there, each with what to do. `allow_volatile` accepts a server that forgets.
    pub fn problems(&self, allow_volatile: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if self.commands < VERSION_MIN {
            let (major, minor) = VERSION_MIN;
            problems.push(format!(
                "{} is too old: it takes Redis {major}.{minor} or newer, or Valkey",
                self.product
            ));
        }
        if self.replica {
            problems.push("it is a replica and takes no writes: REDIS_URL must lead to the primary".into());
        }
        if !allow_volatile {
            problems.extend(
                self.forgets()
                    .into_iter()
                    .map(|how| format!("{how}; or accept that with XMRT_ALLOW_VOLATILE_REDIS=1")),
            );
        }
        problems
    }

    /// What can make it forget what it has acknowledged, each with its consequence and what to do.
    pub fn forgets(&self) -> Vec<String> {
        let mut ways = Vec::new();
        if self.eviction != "noeviction" {
            ways.push(format!(
                "its maxmemory-policy is `{}`: when its memory is full it drops keys, and with them accepted deliveries and \
                 the memory of what was done, so that events are lost and actions repeated; set `maxmemory-policy noeviction`",
                self.eviction
            ));
        }
        if !self.append_only {
            ways.push(
                "it writes no append-only file: when it restarts, accepted deliveries and the memory of what was done are \
                 gone, so that events are lost and actions repeated; set `appendonly yes`"
                    .into(),
            );
        }
        ways
    }

    /// How safe an acknowledged write is there.
    pub fn safety(&self) -> &'static str {
        match self.append_sync.as_deref() {
            _ if !self.append_only => "nothing outlives a restart of the server",
            Some("always") => "what is acknowledged is on disk",
            Some("no") => {
                "what is acknowledged outlives a crash of the server; a power failure loses what the system had \
                           not written yet, about 30 s"
            }
            Some(_) => {
                "what is acknowledged outlives a crash of the server; a power failure loses up to about 2 s"
            }
            None => "an append-only file is written; the server does not tell how often it is synced",
        }
    }

    /// Whether its memory is nearly full: then it refuses writes soon. Says so in words.
    pub fn nearly_full(&self) -> Option<String> {
        let percent = (self.used_bytes * 100).checked_div(self.max_bytes)?;
        (percent >= FULL_PERCENT).then(|| {
            format!("{percent} % of its memory (maxmemory) are in use: when it is full, deliveries are answered 503")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "# Server\r\nredis_version:7.2.4\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:100\r\nused_memory:79\r\n\
                         maxmemory_policy:noeviction\r\n";

    fn sync(word: &str) -> Option<Value> {
        let text = |text: &str| Value::BulkString(text.into());
        Some(Value::Array(vec![text("appendfsync"), text(word)]))
    }

    #[test]
    fn a_server_that_keeps_what_it_acknowledges_has_no_problems() {
        let server = read(SOUND, sync("always"));
        assert_eq!(server.problems(false), [""; 0]);
        assert_eq!(server.safety(), "what is acknowledged is on disk");
        assert_eq!(server.nearly_full(), None);
        assert_eq!(
            read(&SOUND.replace(":79", ":80"), None)
                .nearly_full()
                .map(|text| text.contains("80 %")),
            Some(true)
        );
    }

    #[test]
    fn each_way_to_lose_a_journal_is_refused_with_its_consequence_and_a_remedy() {
        for (from, to, said, allowed) in [
            ("7.2.4", "6.0.16", "too old", false),
            ("master", "slave", "must lead to the primary", false),
            (
                "noeviction",
                "allkeys-lru",
                "set `maxmemory-policy noeviction`",
                true,
            ),
            ("aof_enabled:1", "aof_enabled:0", "set `appendonly yes`", true),
        ] {
            let server = read(&SOUND.replace(from, to), None);
            let problems = server.problems(false);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(said), "{problems:?}");
            assert_eq!(server.problems(true).is_empty(), allowed, "{to}");
        }
    }

    #[test]
    fn valkey_is_known_by_its_own_version() {
        let server = read(&format!("{SOUND}valkey_version:8.1.0\r\n"), sync("everysec"));
        assert_eq!(
            (server.product.as_str(), server.commands),
            ("Valkey 8.1.0", (7, 2))
        );
    }
}
