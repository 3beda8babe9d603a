//! In: names and bytes. Out: the same bytes, until they run out. Never: a value after its end. What happens, happens in
//! `lua/kv.lua`.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::Redis;
use super::audit::put_audits;
use super::reply::{self, Reply};
use super::scripts::Args;
use crate::clock::from_millis;
use crate::journal::{KV_PAGE_BYTES_MAX, Kv, KvBatch, KvChange, KvEntry, KvKey, KvPage, KvQuery, StoreError};

fn about(op: &str, key: &KvKey) -> Args {
    let mut args = Args::new();
    args.put(op).put(key.space()).put(key.name());
    args
}

impl Redis {
    async fn kv(&self, args: &Args, now: Timestamp) -> Result<Reply, StoreError> {
        self.run_script(&self.scripts.kv, Some(now), args).await
    }

    async fn kv_keep(
        &self,
        op: &str,
        key: &KvKey,
        value: &Bytes,
        (ttl_ms, expected): (Option<i64>, Bytes),
        now: Timestamp,
    ) -> Result<Reply, StoreError> {
        key.holds(value)?;
        let mut args = about(op, key);
        args.put(value.as_ref()).maybe(ttl_ms).put(expected.as_ref());
        self.kv(&args, now).await
    }

    /// One stretch of a list, and behind which name to go on where only the bound on names stopped it.
    async fn kv_stretch(
        &self,
        query: &KvQuery,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<(Vec<KvEntry>, String), StoreError> {
        // No name holds the byte 255, so it is behind all names that begin so.
        let behind = [b"(", query.prefix.as_bytes(), b"\xff"].concat();
        let low = match after {
            Some(after) if after >= query.prefix.as_str() => format!("({after}"),
            _ => format!("[{}", query.prefix),
        };
        let mut args = Args::new();
        args.put("list").put(query.space.as_str()).put(low).put(behind);
        args.count(query.limit() + 1).count(KV_PAGE_BYTES_MAX);
        let mut reply = self.kv(&args, now).await?;
        let more = reply.text()?;
        let mut parts = reply.list()?.into_iter();
        let mut entries = Vec::new();
        while let (Some(name), Some(value), Some(until)) = (parts.next(), parts.next(), parts.next()) {
            let until = reply::text(until)?;
            let until = until.parse().ok().map(from_millis);
            let (name, value) = (reply::text(name)?, reply::bytes(value)?);
            entries.push(KvEntry { name, value, until });
        }
        Ok((entries, more))
    }
}

#[async_trait]
impl Kv for Redis {
    async fn kv_get(&self, key: &KvKey, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let mut reply = self.kv(&about("get", key), now).await?;
        Ok((reply.word == "some").then_some(reply.bytes()?))
    }

    async fn kv_put(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.kv_keep("put", key, &value, (ttl_ms, Bytes::new()), now)
            .await?;
        Ok(())
    }

    async fn kv_put_if_absent(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError> {
        let mut reply = self
            .kv_keep("absent", key, &value, (ttl_ms, Bytes::new()), now)
            .await?;
        Ok((reply.word == "some").then_some(reply.bytes()?))
    }

    async fn kv_cas(
        &self,
        key: &KvKey,
        expected: Bytes,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let reply = self.kv_keep("cas", key, &value, (ttl_ms, expected), now).await?;
        Ok(reply.word == "kept")
    }

    async fn kv_incr(
        &self,
        key: &KvKey,
        by: i64,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut args = about("incr", key);
        args.int(by).maybe(ttl_ms);
        let mut reply = self.kv(&args, now).await?;
        match reply.word.as_str() {
            "text" => Err(key.no_counter()),
            "full" => Err(key.counter_full()),
            _ => Ok(reply.number()?),
        }
    }

    async fn kv_delete(&self, key: &KvKey, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.kv(&about("delete", key), now).await?.word == "some")
    }

    async fn kv_batch(&self, batch: KvBatch, now: Timestamp) -> Result<bool, StoreError> {
        batch.check()?;
        let mut args = Args::new();
        args.put("batch").put("").count(batch.expects.len());
        for (key, value) in batch.expects {
            args.put(key.space()).put(key.name()).flag(value.is_some());
            args.put(value.unwrap_or_default());
        }
        args.count(batch.changes.len());
        for (key, change) in batch.changes {
            args.put(key.space()).put(key.name());
            match change {
                KvChange::Put(value, ttl_ms) => args.put("put").put(value).maybe(ttl_ms),
                KvChange::Delete => args.put("delete").put("").put(""),
            };
        }
        put_audits(&mut args, &batch.audit);
        Ok(self.kv(&args, now).await?.word == "kept")
    }

    async fn kv_list(&self, query: &KvQuery, now: Timestamp) -> Result<KvPage, StoreError> {
        query.check()?;
        let mut found = Vec::new();
        let mut after = query.after.clone();
        loop {
            let (entries, more) = self.kv_stretch(query, after.as_deref(), now).await?;
            found.extend(entries);
            let bytes: usize = found.iter().map(|entry: &KvEntry| entry.value.len()).sum();
            if more.is_empty() || found.len() > query.limit() || bytes > KV_PAGE_BYTES_MAX {
                return Ok(query.page(found));
            }
            after = Some(more);
        }
    }
}
