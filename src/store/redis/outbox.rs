//! In: what became of runs. Out: the same, until it was told. Never: an event.

use jiff::Timestamp;

use super::Redis;
use super::fields;
use super::reply::odd;
use super::scripts::Args;
use crate::clock::from_millis;
use crate::journal::{Notice, PAGE_MAX, RunId, RunRecord, StoreError, outbox};

/// What a change of a run is to be told as, for the script that makes it.
pub(super) fn put_notice(args: &mut Args, before: &RunRecord, after: &RunRecord) {
    match outbox::notice(before, after) {
        Some(notice) => args
            .put(notice.what)
            .put(fields::marked(notice.reason.as_deref()))
            .put(notice.fence.to_string()),
        None => args.put("").put("").put(""),
    };
}

/// How a notice is called in the outbox.
pub(super) fn member(notice: &Notice) -> String {
    format!("{}:{:016}:{}", notice.run, notice.fence, notice.what)
}

/// A notice of that name, with its reason as it is kept.
pub(super) fn read_notice(at: Timestamp, member: &str, why: &str) -> Option<Notice> {
    let mut member = member.splitn(3, ':');
    Some(Notice {
        at,
        run: RunId(member.next()?.into()),
        fence: member.next()?.parse().ok()?,
        what: member.next()?.into(),
        reason: why.strip_prefix('=').map(str::to_owned),
    })
}

impl Redis {
    pub(super) async fn notices(&self, max: usize) -> Result<Vec<Notice>, StoreError> {
        let mut args = Args::new();
        args.count(max.clamp(1, PAGE_MAX));
        let mut reply = self.run_script(&self.scripts.notices, None, &args).await?;
        let found = reply.texts()?;
        let read = |parts: &[String]| {
            let [at, member, why] = parts else { return None };
            read_notice(from_millis(at.parse().ok()?), member, why)
        };
        found
            .chunks(3)
            .map(|parts| read(parts).ok_or_else(|| odd(format!("the notice {parts:?}")).into()))
            .collect()
    }

    pub(super) async fn told(&self, notices: &[Notice], now: Timestamp) -> Result<(), StoreError> {
        let mut args = Args::new();
        args.count(notices.len());
        for notice in notices {
            args.put(member(notice));
        }
        self.run_script(&self.scripts.told, Some(now), &args).await?;
        Ok(())
    }
}
