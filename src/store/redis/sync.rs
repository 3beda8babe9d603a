//! In: the wish that what was acknowledged is on the server's disk. Out: that it is. Never: a wait on a connection that
//! others use.

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::{Duration, timeout};

use super::link::{Fault, Link};
use super::reply;
use super::server::Server;
use crate::journal::StoreError;

/// How long the server may take to write to its disk what it has acknowledged. Under `everysec` it is a second.
const SYNC_MAX: Duration = Duration::from_millis(2_500);
/// How much longer than that the answer may take.
const MARGIN: Duration = Duration::from_secs(1);

/// A connection of its own, for waiting blocks it.
#[derive(Debug)]
pub(super) struct DiskSync {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// What is acknowledged is on the disk, or the server has no way to tell.
    Nothing,
    /// Not connected.
    Apart,
    Connected(MultiplexedConnection),
}

impl DiskSync {
    pub(super) fn new(server: &Server) -> Self {
        let tells = server.append_only && server.append_sync.as_deref() != Some("always");
        Self {
            state: Mutex::new(if tells { State::Apart } else { State::Nothing }),
        }
    }

    /// `key` is one that is there and counts something.
    pub(super) async fn outlast_power(&self, link: &Link, key: &str) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        let connection = match std::mem::replace(&mut *state, State::Apart) {
            State::Nothing => {
                *state = State::Nothing;
                return Ok(());
            }
            State::Connected(connection) => connection,
            State::Apart => link.apart().await?,
        };
        match synced(connection.clone(), key).await {
            Ok(true) => {
                *state = State::Connected(connection);
                Ok(())
            }
            Ok(false) => {
                *state = State::Connected(connection);
                let ms = SYNC_MAX.as_millis();
                Err(StoreError::Unavailable(format!(
                    "Redis has not written to its disk within {ms} ms what it acknowledged"
                )))
            }
            Err(Some(error)) if is_unknown(&error) => {
                tracing::info!(
                    "this Redis cannot tell when a write is on its disk (WAITAOF, Redis 7.2 or Valkey): not waiting"
                );
                *state = State::Nothing;
                Ok(())
            }
            Err(Some(error)) => Err(Fault::Refused(error).into()),
            Err(None) => Err(StoreError::Unavailable(
                "Redis does not say whether it has written to its disk".into(),
            )),
        }
    }
}

/// The server has no such command, or this user may not use it.
fn is_unknown(error: &RedisError) -> bool {
    let text = error.to_string().to_lowercase();
    text.contains("unknown command") || error.code() == Some("NOPERM")
}

/// Whether all that was written before is on the disk.
async fn synced(mut connection: MultiplexedConnection, key: &str) -> Result<bool, Option<RedisError>> {
    let mut commands = redis::pipe();
    // The wait is for the writes of this connection: this one changes nothing, and comes behind all that were acknowledged.
    commands.cmd("HINCRBY").arg(key).arg("changes").arg(0);
    commands
        .cmd("WAITAOF")
        .arg(1)
        .arg(0)
        .arg(SYNC_MAX.as_millis() as u64);
    let answers = timeout(
        SYNC_MAX + MARGIN,
        connection.send_packed_commands(&commands, 0, 2),
    )
    .await;
    let answers = answers.map_err(|_| None)?.map_err(|error| {
        let lost = matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::Client);
        (!lost).then_some(error)
    })?;
    let answers: Result<Vec<Value>, RedisError> = answers.into_iter().map(Value::extract_error).collect();
    let Some(Value::Array(counts)) = answers.map_err(Some)?.into_iter().nth(1) else {
        return Err(None);
    };
    let local = counts.into_iter().next().unwrap_or_default();
    Ok(reply::number(local).is_ok_and(|local| local >= 1))
}
