//! In: what is to stand still, and what is to go on. Out: that, on record, and runs that are due. Never: which run is meant.

use jiff::Timestamp;

use super::Redis;
use super::audit::put_audits;
use super::find::PAGE;
use super::link::Fault;
use super::reply::{self, odd};
use super::scripts::Args;
use crate::clock::from_millis;
use crate::journal::{AuditEntry, Pause, StoreError};

impl Redis {
    pub(super) async fn pause(&self, what: &str, who: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut args = Args::new();
        // Nobody is no name: that would end the pause.
        args.put(what).put(if who.is_empty() { "?" } else { who });
        put_audits(&mut args, [&AuditEntry::paused(who, true, what)]);
        self.run_script(&self.scripts.pause, Some(now), &args).await?;
        Ok(())
    }

    pub(super) async fn resume(&self, what: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut args = Args::new();
        args.put(what).put("");
        put_audits(&mut args, [&AuditEntry::paused(who, false, what)]);
        let reply = self.run_script(&self.scripts.pause, Some(now), &args).await?;
        if reply.word != "resumed" {
            return Ok(false);
        }
        let mut from = String::new();
        loop {
            let mut args = Args::new();
            args.put(from).count(PAGE);
            let mut reply = self.run_script(&self.scripts.wake, Some(now), &args).await?;
            from = reply.text()?;
            if from.is_empty() {
                break;
            }
        }
        self.bell.rang();
        Ok(true)
    }

    pub(super) async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.key("pauses"));
        Ok(read(self.link.call(&command).await?)?)
    }
}

/// What is kept, by what it is.
pub(super) fn read(answer: redis::Value) -> Result<Vec<Pause>, Fault> {
    let mut pauses = Vec::new();
    for (what, kept) in reply::fields(answer)? {
        let text = String::from_utf8(kept).map_err(odd)?;
        let (since, who) = text.split_once(':').ok_or_else(|| odd(&text))?;
        pauses.push(Pause {
            what,
            who: who.into(),
            since: from_millis(since.parse().map_err(odd)?),
        });
    }
    Ok(pauses)
}

/// How one is kept, by what it is; the script does it so, too.
pub(super) fn kept(pause: &Pause) -> String {
    format!("{}:{}", pause.since.as_millisecond(), pause.who)
}
