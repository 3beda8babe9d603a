//! In: names and bytes. Out: the same bytes, until they run out. Never: a value after its end.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::Embedded;
use super::writer::{Fault, Tx};
use crate::clock::{after, from_millis};
use crate::journal::machine::whole;
use crate::journal::{Kv, KvBatch, KvChange, KvEntry, KvKey, KvPage, KvQuery, StoreError};

/// A value, and the millisecond in which its time is over.
type Kept = (Vec<u8>, Option<i64>);

fn find(conn: &Connection, key: &KvKey, now: Timestamp) -> rusqlite::Result<Option<Kept>> {
    conn.prepare_cached(
        "SELECT value, until FROM kv WHERE space = ?1 AND name = ?2 AND (until IS NULL OR until > ?3)",
    )?
    .query_row((key.space(), key.name(), now.as_millisecond()), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .optional()
}

/// When a question asked at `now` is answered.
fn at(conn: &Connection, now: Timestamp) -> rusqlite::Result<Timestamp> {
    let last: i64 = conn
        .prepare_cached("SELECT last FROM clock")?
        .query_row([], |row| row.get(0))?;
    Ok(whole(now).max(from_millis(last)))
}

impl Tx<'_> {
    fn keep(
        &mut self,
        key: &KvKey,
        value: &[u8],
        until: Option<i64>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.changes(now)?;
        self.set(key, value, until)
    }

    fn set(&self, key: &KvKey, value: &[u8], until: Option<i64>) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO kv VALUES (?1, ?2, ?3, ?4)")?
            .execute((key.space(), key.name(), until, value))?;
        Ok(())
    }

    fn unset(&self, key: &KvKey) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("DELETE FROM kv WHERE space = ?1 AND name = ?2")?
            .execute((key.space(), key.name()))?;
        Ok(())
    }

    fn put_if(
        &mut self,
        key: &KvKey,
        value: &[u8],
        ttl_ms: Option<i64>,
        now: Timestamp,
        fits: impl FnOnce(Option<&[u8]>) -> bool,
    ) -> Result<Option<Vec<u8>>, Fault> {
        key.holds(value)?;
        let now = self.at(now);
        let present = find(self.conn, key, now)?.map(|(value, _)| value);
        if fits(present.as_deref()) {
            self.keep(key, value, end(ttl_ms, now), now)?;
        }
        Ok(present)
    }

    fn incr(&mut self, key: &KvKey, by: i64, ttl_ms: Option<i64>, now: Timestamp) -> Result<i64, Fault> {
        let now = self.at(now);
        let (count, until) = match find(self.conn, key, now)? {
            Some((value, until)) => (key.counted(&value, by)?, until),
            None => (by, end(ttl_ms, now)),
        };
        self.keep(key, count.to_string().as_bytes(), until, now)?;
        Ok(count)
    }

    fn forget(&mut self, key: &KvKey, now: Timestamp) -> Result<bool, Fault> {
        let now = self.at(now);
        let there = find(self.conn, key, now)?.is_some();
        if there {
            self.changes(now)?;
            self.unset(key)?;
        }
        Ok(there)
    }

    fn batch(&mut self, batch: &KvBatch, now: Timestamp) -> Result<bool, Fault> {
        let now = self.at(now);
        for (key, value) in &batch.expects {
            let present = find(self.conn, key, now)?.map(|(value, _)| value);
            if present.as_deref() != value.as_deref() {
                return Ok(false);
            }
        }
        self.changes(now)?;
        for (key, change) in &batch.changes {
            match change {
                KvChange::Put(value, ttl_ms) => {
                    self.set(key, value, end(*ttl_ms, now))?;
                }
                KvChange::Delete => self.unset(key)?,
            }
        }
        for entry in &batch.audit {
            self.add(entry.clone(), now)?;
        }
        Ok(true)
    }
}

fn end(ttl_ms: Option<i64>, now: Timestamp) -> Option<i64> {
    ttl_ms.map(|ttl_ms| after(now, ttl_ms).as_millisecond())
}

/// The first text behind all those that begin with `prefix`; `None` where there is none.
fn behind(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range skips the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn list(conn: &Connection, query: &KvQuery, now: Timestamp) -> rusqlite::Result<KvPage> {
    let now = at(conn, now)?;
    let mut sql = String::from(
        "SELECT name, value, until FROM kv WHERE space = ? AND name >= ? AND (until IS NULL OR until > ?)",
    );
    let mut values: Vec<Sql> = vec![
        query.space.clone().into(),
        query.prefix.clone().into(),
        now.as_millisecond().into(),
    ];
    if let Some(behind) = behind(&query.prefix) {
        sql.push_str(" AND name < ?");
        values.push(behind.into());
    }
    if let Some(after) = &query.after {
        sql.push_str(" AND name > ?");
        values.push(after.clone().into());
    }
    sql.push_str(" ORDER BY name");
    let mut failed = None;
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(KvEntry {
            name: row.get(0)?,
            value: Bytes::from(row.get::<_, Vec<u8>>(1)?),
            until: row.get::<_, Option<i64>>(2)?.map(from_millis),
        })
    })?;
    // Rows are read one by one, and no more of them than the page takes.
    let found = rows.map_while(|row| row.map_err(|error| failed = Some(error)).ok());
    let page = query.page(found);
    failed.map_or(Ok(page), Err)
}

#[async_trait]
impl Kv for Embedded {
    async fn kv_get(&self, key: &KvKey, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let key = key.clone();
        let found = self
            .readers
            .read(move |conn| find(conn, &key, at(conn, now)?))
            .await?;
        Ok(found.map(|(value, _)| Bytes::from(value)))
    }

    async fn kv_put(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.writer
            .write(move |tx| tx.put_if(&key, &value, ttl_ms, now, |_| true))
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
        let key = key.clone();
        let present = self
            .writer
            .write(move |tx| tx.put_if(&key, &value, ttl_ms, now, |present| present.is_none()))
            .await?;
        Ok(present.map(Bytes::from))
    }

    async fn kv_cas(
        &self,
        key: &KvKey,
        expected: Bytes,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.writer
            .write(move |tx| {
                let mut done = false;
                tx.put_if(&key, &value, ttl_ms, now, |present| {
                    done = present == Some(&*expected);
                    done
                })?;
                Ok(done)
            })
            .await
    }

    async fn kv_incr(
        &self,
        key: &KvKey,
        by: i64,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let key = key.clone();
        self.writer.write(move |tx| tx.incr(&key, by, ttl_ms, now)).await
    }

    async fn kv_delete(&self, key: &KvKey, now: Timestamp) -> Result<bool, StoreError> {
        let key = key.clone();
        self.writer.write(move |tx| tx.forget(&key, now)).await
    }

    async fn kv_batch(&self, batch: KvBatch, now: Timestamp) -> Result<bool, StoreError> {
        batch.check()?;
        self.writer.write(move |tx| tx.batch(&batch, now)).await
    }

    async fn kv_list(&self, query: &KvQuery, now: Timestamp) -> Result<KvPage, StoreError> {
        query.check()?;
        let query = query.clone();
        self.readers.read(move |conn| list(conn, &query, now)).await
    }
}
