//! In: a script's arguments. Out: its answer, from a journal that is surely ours. Never: a script that is sent whole
//! twice where its hash would do.

use jiff::Timestamp;
use redis::{Cmd, Value};

use super::Redis;
use super::founding;
use super::link::{Fault, Link};
use super::reply::{self, Reply};
use crate::journal::StoreError;

/// How often an operation is begun anew because the journal was replaced under it.
const FOUNDINGS_MAX: usize = 3;

const PRELUDE: &str = include_str!("lua/prelude.lua");
const GROUPS: &str = include_str!("lua/groups.lua");
const DECIDE: &str = include_str!("lua/decide.lua");

/// A script, and the hash the server knows it by.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    sha: String,
}

/// All scripts. Each is one operation of the journal: whole, or refused before it has written anything.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) found: Script,
    pub(super) admit: Script,
    pub(super) replay: Script,
    pub(super) claim: Script,
    pub(super) change: Script,
    pub(super) retry: Script,
    pub(super) book: Script,
    pub(super) event: Script,
    pub(super) verdicts: Script,
    pub(super) mend: Script,
    pub(super) relist: Script,
    pub(super) export: Script,
    pub(super) pause: Script,
    pub(super) wake: Script,
    pub(super) notices: Script,
    pub(super) told: Script,
    pub(super) kv: Script,
    pub(super) prune: Script,
    pub(super) books: Script,
    pub(super) audit: Script,
}

impl Scripts {
    /// Hands all scripts to the server.
    pub(super) async fn load(link: &Link) -> Result<Self, Fault> {
        let with_prelude = |text: &str| format!("{PRELUDE}\n{text}");
        let in_groups = |text: &str| format!("{PRELUDE}\n{GROUPS}\n{text}");
        let deciding = |text: &str| in_groups(&format!("{DECIDE}\n{text}"));
        let load = async |text: String| Script::load(link, text).await;
        Ok(Self {
            found: load(include_str!("lua/found.lua").into()).await?,
            admit: load(deciding(include_str!("lua/admit.lua"))).await?,
            replay: load(deciding(include_str!("lua/replay.lua"))).await?,
            claim: load(in_groups(include_str!("lua/claim.lua"))).await?,
            change: load(in_groups(include_str!("lua/change.lua"))).await?,
            retry: load(in_groups(include_str!("lua/retry.lua"))).await?,
            book: load(with_prelude(include_str!("lua/book.lua"))).await?,
            event: load(with_prelude(include_str!("lua/event.lua"))).await?,
            verdicts: load(with_prelude(include_str!("lua/verdicts.lua"))).await?,
            pause: load(with_prelude(include_str!("lua/pause.lua"))).await?,
            wake: load(with_prelude(include_str!("lua/wake.lua"))).await?,
            mend: load(in_groups(include_str!("lua/mend.lua"))).await?,
            relist: load(in_groups(include_str!("lua/relist.lua"))).await?,
            export: load(with_prelude(include_str!("lua/export.lua"))).await?,
            notices: load(with_prelude(include_str!("lua/notices.lua"))).await?,
            told: load(with_prelude(include_str!("lua/told.lua"))).await?,
            kv: load(with_prelude(include_str!("lua/kv.lua"))).await?,
            prune: load(with_prelude(include_str!("lua/prune.lua"))).await?,
            books: load(with_prelude(include_str!("lua/books.lua"))).await?,
            audit: load(with_prelude(include_str!("lua/audit.lua"))).await?,
        })
    }
}

impl Script {
    async fn load(link: &Link, text: String) -> Result<Self, Fault> {
        let answer = link.call(redis::cmd("SCRIPT").arg("LOAD").arg(&text)).await?;
        let sha = match answer {
            Value::BulkString(sha) => String::from_utf8_lossy(&sha).into_owned(),
            Value::SimpleString(sha) => sha,
            other => return Err(Fault::Lost(format!("SCRIPT LOAD answered {other:?}"))),
        };
        Ok(Self { text, sha })
    }

    /// Runs it. A server that has forgotten it (a restart, `SCRIPT FLUSH`) is told it again with the call.
    pub(super) async fn call(&self, link: &Link, prefix: &str, args: &[&Args]) -> Result<Value, Fault> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(1).arg(prefix);
            args.iter().for_each(|args| args.onto(&mut command));
            command
        };
        match link.call(&command("EVALSHA", &self.sha)).await {
            Err(Fault::Refused(error)) if error.code() == Some("NOSCRIPT") => {
                link.call(&command("EVAL", &self.text)).await
            }
            answer => answer,
        }
    }
}

/// A script's arguments, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Args(Vec<Vec<u8>>);

impl Args {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn put(&mut self, value: impl Into<Vec<u8>>) -> &mut Self {
        self.0.push(value.into());
        self
    }

    pub(super) fn int(&mut self, value: i64) -> &mut Self {
        self.put(value.to_string())
    }

    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.put(count.to_string())
    }

    pub(super) fn flag(&mut self, value: bool) -> &mut Self {
        self.put(if value { "1" } else { "" })
    }

    /// A number, or nothing.
    pub(super) fn maybe(&mut self, value: Option<i64>) -> &mut Self {
        self.put(value.map(|value| value.to_string()).unwrap_or_default())
    }

    /// What comes behind.
    pub(super) fn append(&mut self, mut more: Self) -> &mut Self {
        self.0.append(&mut more.0);
        self
    }

    /// How many bytes they are.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether the journal and the time that they begin with are the same.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        self.0.iter().take(2).eq(other.0.iter().take(2))
    }

    fn onto(&self, command: &mut Cmd) {
        for arg in &self.0 {
            command.arg(arg.as_slice());
        }
    }
}

impl Redis {
    /// What every script begins with: the journal that is meant, and the time.
    pub(super) fn head(&self, identity: &str, now: Option<Timestamp>) -> Args {
        let mut head = Args::new();
        head.put(identity);
        match now {
            Some(now) => {
                self.time.put_onto(&mut head, now);
                head.int(now.as_millisecond());
            }
            None => {
                head.int(0).int(0);
            }
        }
        head
    }

    /// Runs a script on the journal. If the journal that was opened is gone, another is founded, loudly, and the
    /// script runs on that. A script that only reads has no `now`.
    pub(super) async fn run_script(
        &self,
        script: &Script,
        now: Option<Timestamp>,
        args: &Args,
    ) -> Result<Reply, StoreError> {
        Ok(self.try_script(script, now, args).await?)
    }

    /// The same, for whoever has to know whether it may have been done.
    pub(super) async fn try_script(
        &self,
        script: &Script,
        now: Option<Timestamp>,
        args: &Args,
    ) -> Result<Reply, Fault> {
        for _ in 0..FOUNDINGS_MAX {
            let identity = self.identity();
            let head = self.head(&identity, now);
            match script.call(&self.link, &self.prefix, &[&head, args]).await {
                Err(Fault::Refused(error)) if error.code() == Some("XMRTJOURNAL") => {
                    founding::found_again(self, &identity, now.unwrap_or(self.epoch.load().created_at))
                        .await?;
                }
                Ok(answer) => {
                    let reply = reply::read(answer)?;
                    if let Some(now) = now {
                        self.skew.observe(now, &reply);
                    }
                    return Ok(reply);
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::Away(
            "the journal in Redis is being replaced again and again".into(),
        ))
    }
}
