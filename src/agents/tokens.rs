//! In: an agent, a wish for a token. Out: the token, once; later, whose a token is. Never: a token kept in clear: what is
//! kept is its hash, and nobody who reads the journal can make a token of it.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::journal::{KvKey, KvQuery, Store, StoreError, kv_all};

/// Where tokens are kept, by the hash of each.
const SPACE: &str = "agent-tokens";
/// How every token begins, so that people and scanners know what it is.
const PREFIX: &str = "xmrt_agent_";
/// How many hexadecimal digits of its hash a token is named by.
const ID_DIGITS: usize = 12;
/// The last use is noted at most so often, in milliseconds: a call is not to cost a write.
const NOTED_EVERY_MS: i64 = 60_000;
/// How long a token may live.
pub const TOKEN_DAYS_MAX: i64 = 366;
/// How many entries are read at once.
const PAGE: usize = 200;

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// What it is called: the first digits of its hash.
    pub id: String,
    /// Whose it is.
    pub agent: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
}

/// Makes a token for an agent that lives for `lifetime`. It is told this once and never again.
pub async fn issue(
    store: &dyn Store,
    agent: &str,
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<(SecretString, TokenRecord), StoreError> {
    let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    let random: String = random.iter().map(|part| part.simple().to_string()).collect();
    let token = SecretString::from(format!("{PREFIX}{random}"));
    let name = hash(token.expose_secret());
    let lifetime_ms = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let record = TokenRecord {
        id: name.chars().take(ID_DIGITS).collect(),
        agent: agent.to_owned(),
        created_at: now,
        expires_at: clock::after(now, lifetime_ms),
        last_used_at: None,
    };
    store
        .kv_put(
            &KvKey::new(SPACE, &name)?,
            packed(&record),
            Some(lifetime_ms),
            now,
        )
        .await?;
    Ok((token, record))
}

/// Whose token it is, if it is one and has not ended. Notes that it was used.
pub async fn find(store: &dyn Store, token: &str, now: Timestamp) -> Result<Option<TokenRecord>, StoreError> {
    if !token.starts_with(PREFIX) {
        return Ok(None);
    }
    let key = KvKey::new(SPACE, &hash(token))?;
    let Some(kept) = store.kv_get(&key, now).await? else {
        return Ok(None);
    };
    let Some(mut record) = read(&kept).filter(|record| record.expires_at > now) else {
        return Ok(None);
    };
    let noted = record
        .last_used_at
        .is_some_and(|at| now.as_millisecond().saturating_sub(at.as_millisecond()) < NOTED_EVERY_MS);
    if !noted {
        record.last_used_at = Some(now);
        let left_ms = record.expires_at.as_millisecond() - now.as_millisecond();
        // Another replica may have noted it, or a person taken the token back meanwhile: then theirs stands.
        store
            .kv_cas(&key, kept, packed(&record), Some(left_ms.max(1)), now)
            .await?;
    }
    Ok(Some(record))
}

/// The tokens of an agent, the oldest first; of all agents if none is named.
pub async fn list(
    store: &dyn Store,
    agent: Option<&str>,
    now: Timestamp,
) -> Result<Vec<TokenRecord>, StoreError> {
    let kept = kv_all(store, SPACE, "", now).await?;
    let mut records: Vec<TokenRecord> = kept.iter().filter_map(|entry| read(&entry.value)).collect();
    records.retain(|record| agent.is_none_or(|agent| record.agent == agent));
    records.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(records)
}

/// Takes a token of an agent back, by its id. Gives whether there was one.
pub async fn revoke(store: &dyn Store, agent: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(false);
    }
    let query = KvQuery {
        space: SPACE.into(),
        prefix: id.to_owned(),
        after: None,
        limit: PAGE,
    };
    let mut revoked = false;
    for entry in store.kv_list(&query, now).await?.entries {
        if read(&entry.value).is_some_and(|record| record.agent == agent) {
            revoked |= store.kv_delete(&KvKey::new(SPACE, &entry.name)?, now).await?;
        }
    }
    Ok(revoked)
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn packed(record: &TokenRecord) -> Bytes {
    serde_json::to_vec(record).unwrap_or_default().into()
}

fn read(value: &Bytes) -> Option<TokenRecord> {
    serde_json::from_slice(value).ok()
}
