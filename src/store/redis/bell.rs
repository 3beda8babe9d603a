//! In: the stream that every replica rings. Out: a knock for whoever waits. Never: the truth; it may ring for nothing, or
//! be missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::Address;
use super::link;

/// How long the server may keep one question waiting.
const LISTEN: Duration = Duration::from_secs(5);
/// How much longer than that the answer may take.
const MARGIN: Duration = Duration::from_secs(2);
/// How long to wait before listening again after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// The doorbell. Listening has a connection of its own, for it blocks.
#[derive(Debug)]
pub(super) struct Bell {
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    knock: Notify,
    /// Whether the stream is listened to: then it tells of our own ringing, too.
    hears: AtomicBool,
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Bell {
    pub(super) fn new(address: Arc<Address>, stream: String) -> Self {
        let shared = Arc::new(Shared::default());
        let listener = tokio::spawn(listen(address, stream, Arc::clone(&shared)));
        Self { shared, listener }
    }

    /// We rang. Whoever waits here hears it from the stream; if nobody listens there, from us.
    pub(super) fn rang(&self) {
        if !self.shared.hears.load(Ordering::Relaxed) {
            self.shared.knock();
        }
    }

    pub(super) async fn wait(&self) {
        self.shared.knock.notified().await;
    }
}

impl Shared {
    /// One waiter hears it, now or when it comes: a process has one worker, and a second knock would only make it look
    /// twice.
    fn knock(&self) {
        self.knock.notify_one();
    }
}

async fn listen(address: Arc<Address>, stream: String, shared: Arc<Shared>) {
    let connect = async || link::connect(&address.locate().await?).await;
    loop {
        if let Ok(connection) = connect().await {
            let mut last = "$".to_owned();
            shared.hears.store(true, Ordering::Relaxed);
            // What was rung while nobody listened may have been missed.
            shared.knock();
            while let Some(heard) = hear(&connection, &stream, &last).await {
                match heard {
                    Some(id) => {
                        last = id;
                        shared.knock();
                    }
                    // Not a sound: the stream may have been deleted, and its ids begun anew.
                    None => last = "$".into(),
                }
            }
            shared.hears.store(false, Ordering::Relaxed);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The id of the newest sound after `last`, or none for a while; `None` when the connection is of no more use.
async fn hear(connection: &MultiplexedConnection, stream: &str, last: &str) -> Option<Option<String>> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(100);
    command.arg("BLOCK").arg(LISTEN.as_millis() as u64);
    command.arg("STREAMS").arg(stream).arg(last);
    let answer = timeout(LISTEN + MARGIN, link::say(connection.clone(), &command)).await;
    let Ok(Ok(answer)) = answer else { return None };
    Some(newest(answer))
}

/// `[[stream, [[id, fields], …]]]` → the last id.
fn newest(answer: Value) -> Option<String> {
    let mut last = answer;
    for step in [0, 1, usize::MAX, 0] {
        let Value::Array(mut list) = last else { return None };
        let place = step.min(list.len().checked_sub(1)?);
        last = list.swap_remove(place);
    }
    match last {
        Value::BulkString(id) => String::from_utf8(id).ok(),
        _ => None,
    }
}
