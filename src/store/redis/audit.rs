//! In: what somebody did. Out: that, on record, in order. Never: an entry that is changed.

use jiff::Timestamp;
use redis::Value;

use super::Redis;
use super::find::PAGE;
use super::link::{Fault, Link};
use super::reply::{self, odd};
use super::scripts::Args;
use crate::journal::{AUDIT_PRUNE_MAX, AuditEntry, AuditPlace, AuditQuery, AuditRecord, StoreError};

/// Entries for a script that reads them with `audits()`.
pub(super) fn put_audits<'a>(args: &mut Args, entries: impl IntoIterator<Item = &'a AuditEntry>) {
    let entries: Vec<_> = entries.into_iter().map(kept).collect();
    args.count(entries.len());
    for entry in entries {
        args.put(entry);
    }
}

/// An entry as it is kept.
pub(super) fn kept(entry: &AuditEntry) -> Vec<u8> {
    serde_json::to_vec(&entry.clone().bounded()).unwrap_or_default()
}

/// Part of the trail, `command` and its bounds saying in which direction, as it is kept.
pub(super) async fn page(
    link: &Link,
    key: &str,
    command: &str,
    bounds: [&str; 2],
) -> Result<Vec<AuditRecord>, Fault> {
    let mut command = redis::cmd(command);
    command.arg(key).arg(&bounds[..]).arg("COUNT").arg(PAGE);
    reply::list(link.call(&command).await?)?
        .into_iter()
        .map(read)
        .collect()
}

fn read(told: Value) -> Result<AuditRecord, Fault> {
    let mut parts = reply::list(told)?.into_iter();
    let id = reply::text(parts.next().unwrap_or_default())?;
    let fields = reply::fields(parts.next().unwrap_or_default())?;
    let AuditPlace { at, seq } = AuditPlace::parse(&id).ok_or_else(|| odd(&id))?;
    let entry = fields.get("entry").ok_or_else(|| odd(&id))?;
    Ok(AuditRecord {
        seq,
        at,
        entry: serde_json::from_slice(entry).map_err(odd)?,
    })
}

impl Redis {
    pub(super) async fn audit(&self, entries: &[AuditEntry], now: Timestamp) -> Result<(), StoreError> {
        let mut args = Args::new();
        put_audits(&mut args, entries);
        args.put("").put("");
        self.run_script(&self.scripts.audit, Some(now), &args).await?;
        Ok(())
    }

    pub(super) async fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let key = self.key("audit");
        let oldest = query.since.map_or(0, |since| since.as_millisecond().max(0));
        let oldest = format!("{oldest}-0");
        let mut newest = query.before.map_or("+".to_owned(), |before| format!("({before}"));
        let mut found = Vec::new();
        loop {
            let page = page(&self.link, &key, "XREVRANGE", [&newest, &oldest]).await?;
            let full = page.len() == PAGE;
            if let Some(last) = page.last() {
                newest = format!("({}", last.place());
            }
            found.extend(page.into_iter().filter(|record| query.fits(&record.entry)));
            if !full || found.len() >= query.limit() {
                found.truncate(query.limit());
                return Ok(found);
            }
        }
    }

    pub(super) async fn prune_audit(
        &self,
        kept_ms: i64,
        max: usize,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut args = Args::new();
        put_audits(&mut args, []);
        args.int(kept_ms).count(max.clamp(1, AUDIT_PRUNE_MAX));
        let mut reply = self.run_script(&self.scripts.audit, Some(now), &args).await?;
        Ok(reply.number()?.unsigned_abs())
    }
}
