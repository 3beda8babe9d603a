//! In: commands. Out: the server's answers, or within a bounded time why there is none. Never: a command sent twice.
//!
//! What the client library leaves open is settled here: several connections instead of one, one time-out over all of a
//! call, connections that have gone silent found out and replaced, and, while the server is away, refusal at once
//! instead of a queue of callers. One task, the keeper, connects; callers never do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisError, Value};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::address::Address;
use crate::journal::StoreError;

/// How many connections commands are spread over. Under `appendfsync always` one connection carries a third of what
/// several do.
const LANES: usize = 8;
/// How long a call may take, all in all.
pub(super) const CALL_MAX: Duration = Duration::from_secs(4);
/// How long connecting, with TLS and sign-in, may take.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long a `PING` may stay unanswered before its connection is replaced.
const SILENCE_MAX: Duration = Duration::from_millis(1_500);
/// How often every connection is asked whether it is alive.
const BEAT: Duration = Duration::from_secs(1);
/// How long to wait before the next attempt to reach a server that is away.
const AGAIN: Duration = Duration::from_millis(200);

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was not sent: the server is known to be away.
    Away(String),
    /// It was sent and no answer came: it may have been done.
    Lost(String),
    /// The server refused it: it was not done.
    Refused(RedisError),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(match fault {
            Fault::Away(why) | Fault::Lost(why) => why,
            Fault::Refused(error) => format!("Redis refused: {}", advised(&error)),
        })
    }
}

/// The word a refusal begins with. Before version 7 Redis wraps what refused a command of a script into a sentence of the
/// script: `Error running script (call to f_…): @user_script:6: @user_script: 6: -OOM command not allowed…`.
pub(super) fn code(error: &RedisError) -> Option<&str> {
    let of_script = || {
        let said = error.detail()?;
        let (_, refused) = said.split_once("@user_script").and(said.rsplit_once(": -"))?;
        refused.split(' ').next()
    };
    of_script().or_else(|| error.code())
}

/// What the server said, and what to do about it where that is known.
pub(super) fn advised(error: &RedisError) -> String {
    const SIGN_IN: &str = "; see the user and the password in REDIS_URL";
    let remedy = match code(error) {
        Some("OOM") => "; its memory is full: raise maxmemory",
        Some("MISCONF") => "; it cannot write to its disk: see that the disk is not full",
        Some("READONLY") => "; it is a replica: REDIS_URL must lead to the primary",
        Some("MOVED" | "ASK" | "CLUSTERDOWN") => {
            "; it is a node of a Cluster: REDIS_URL begins with redis+cluster:// there"
        }
        Some("NOAUTH") => SIGN_IN,
        None if error.kind() == ErrorKind::AuthenticationFailed => SIGN_IN,
        Some("NOPERM") => "; its user may not do that: docs/state.md lists what it needs",
        _ => "",
    };
    // Redis 7 adds which line of which script it was, by its hash; nobody can do anything with that.
    let said = error.to_string();
    let said = said.split(" script: ").next().unwrap_or_default();
    format!("{}{remedy}", said.trim_end_matches('.'))
}

/// The connections to one server.
#[derive(Clone, Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    _keeper: Arc<Keeper>,
}

/// Keeps connected until dropped.
#[derive(Debug)]
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    address: Arc<Address>,
    /// The server that is connected to.
    client: ArcSwap<Client>,
    /// Our keys are on another node of the Cluster.
    moved: AtomicBool,
    /// The server's address as it may be shown.
    name: String,
    state: ArcSwap<State>,
    /// Something looks wrong: the keeper is to look at once.
    suspect: Notify,
    turn: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

enum State {
    Up(Vec<Lane>),
    Away(String),
}

#[derive(Clone)]
struct Lane {
    connection: MultiplexedConnection,
    /// It broke, or stayed silent: not to be used any more.
    broken: Arc<AtomicBool>,
}

impl Lane {
    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

fn is_encrypted(client: &Client) -> bool {
    matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. })
}

/// One new connection, signed in.
pub(super) async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    // Calls have a time-out of their own, over all they do.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_MAX))
        .set_response_timeout(None);
    // The library's time-out covers the socket only, not a server that accepts and then says nothing.
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    match timeout(CONNECT_MAX, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if !error.is_timeout() => {
            Err(format!("{}{}", advised(&error), mistaken(client, &error)))
        }
        // The two time-outs are as long as each other: either may be first.
        _ => Err(format!(
            "no connection within {} ms: it does not answer, or {}",
            CONNECT_MAX.as_millis(),
            remedy(client)
        )),
    }
}

/// What the address should be, if it is that which is wrong.
fn remedy(client: &Client) -> &'static str {
    match is_encrypted(client) {
        true => "does not speak TLS there (rediss:// is for a port with TLS, redis:// for one without)",
        false => "speaks only TLS there (then REDIS_URL begins with rediss://)",
    }
}

/// What else it may be when the other side hangs up on a new connection, or says what makes no sense there.
fn mistaken(client: &Client, error: &RedisError) -> String {
    let hung_up = error.is_connection_dropped() && !error.is_connection_refusal();
    let nonsense = match is_encrypted(client) {
        // A certificate that is not trusted is no nonsense.
        true => error.to_string().contains("corrupt message"),
        false => error.kind() == ErrorKind::Parse,
    };
    match hung_up || nonsense {
        true => format!("; or it {}", remedy(client)),
        false => String::new(),
    }
}

impl Link {
    /// Connects, and keeps connected until dropped. `name` is the server's address as it may be shown.
    pub(super) async fn open(address: Arc<Address>, name: String) -> Result<Self, String> {
        let client = address.locate().await?;
        let lanes = connect_all(&client).await?;
        let shared = Arc::new(Shared {
            address,
            client: ArcSwap::from_pointee(client),
            moved: AtomicBool::new(false),
            name,
            state: ArcSwap::from_pointee(State::Up(lanes)),
            suspect: Notify::new(),
            turn: AtomicUsize::new(0),
        });
        let keeper = Keeper(tokio::spawn(Arc::clone(&shared).keep()));
        Ok(Self {
            shared,
            _keeper: Arc::new(keeper),
        })
    }

    /// One command.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        let lane = self.shared.lane()?;
        let answer = timeout(CALL_MAX, say(lane.connection.clone(), command)).await;
        self.shared.judge(&lane, answer)
    }

    /// Several commands in one round trip; their answers in order. For reading: they are not one operation.
    pub(super) async fn call_all(&self, commands: &Pipeline, count: usize) -> Result<Vec<Value>, Fault> {
        let lane = self.shared.lane()?;
        let mut connection = lane.connection.clone();
        let answers = async {
            let answers = connection.send_packed_commands(commands, 0, count).await?;
            answers.into_iter().map(Value::extract_error).collect()
        };
        self.shared.judge(&lane, timeout(CALL_MAX, answers).await)
    }

    /// A connection of its own, to the server that is worked with.
    pub(super) async fn apart(&self) -> Result<MultiplexedConnection, Fault> {
        self.reachable()?;
        connect(&self.shared.client.load_full())
            .await
            .map_err(Fault::Away)
    }

    /// Why there is no answer after all the time a call may take.
    pub(super) fn silent(&self) -> Fault {
        self.shared.silent()
    }

    /// Whether a call would be sent; if not, why.
    pub(super) fn reachable(&self) -> Result<(), Fault> {
        self.shared.lane().map(drop)
    }
}

impl Shared {
    /// The next connection in turn that is not known to be broken.
    fn lane(&self) -> Result<Lane, Fault> {
        let state = self.state.load();
        match &**state {
            State::Away(why) => Err(Fault::Away(why.clone())),
            State::Up(lanes) => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                (0..lanes.len())
                    .map(|step| &lanes[(turn + step) % lanes.len()])
                    .find(|lane| !lane.is_broken())
                    .cloned()
                    .ok_or_else(|| Fault::Away(format!("Redis at {} is away", self.name)))
            }
        }
    }

    fn judge<T>(
        &self,
        lane: &Lane,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
    ) -> Result<T, Fault> {
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                self.suspects(lane);
                return Err(self.silent());
            }
        };
        if matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::Client) {
            self.suspects(lane);
            return Err(Fault::Lost(format!(
                "the connection to Redis at {} broke: {error}",
                self.name
            )));
        }
        if matches!(
            code(&error),
            Some("READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH")
        ) {
            // After a failover the same address leads elsewhere, but only for a new connection.
            self.suspects(lane);
        }
        if self.address.is_cluster()
            && matches!(code(&error), Some("MOVED" | "ASK" | "CLUSTERDOWN" | "READONLY"))
        {
            self.moved.store(true, Ordering::Relaxed);
            self.suspect.notify_one();
        }
        Err(Fault::Refused(error))
    }

    fn silent(&self) -> Fault {
        let ms = CALL_MAX.as_millis();
        Fault::Lost(format!("Redis at {} gave no answer within {ms} ms", self.name))
    }

    fn suspects(&self, lane: &Lane) {
        lane.broken.store(true, Ordering::Relaxed);
        self.suspect.notify_one();
    }

    /// The keeper: looks at every connection once in a while and whenever one looks wrong.
    async fn keep(self: Arc<Self>) {
        loop {
            let state = self.state.load_full();
            match &*state {
                State::Up(lanes) => {
                    let _ = timeout(BEAT, self.suspect.notified()).await;
                    if self.moved.swap(false, Ordering::Relaxed) {
                        let why = format!("Redis at {} has moved our keys to another node", self.name);
                        tracing::warn!("{why}");
                        self.state.store(Arc::new(State::Away(why)));
                        continue;
                    }
                    match self.mended(lanes).await {
                        Ok(None) => {}
                        Ok(Some(lanes)) => self.state.store(Arc::new(State::Up(lanes))),
                        Err(why) => {
                            tracing::error!("Redis at {} is away: {why}", self.name);
                            let why = format!("Redis at {} is away: {why}", self.name);
                            self.state.store(Arc::new(State::Away(why)));
                        }
                    }
                }
                State::Away(_) => match self.connect().await {
                    Ok(lanes) => {
                        tracing::info!("Redis at {} is back", self.name);
                        self.state.store(Arc::new(State::Up(lanes)));
                    }
                    Err(_) => tokio::time::sleep(AGAIN).await,
                },
            }
        }
    }

    /// Looks where our keys are, and connects there.
    async fn connect(&self) -> Result<Vec<Lane>, String> {
        let client = self.address.locate().await?;
        let lanes = connect_all(&client).await?;
        self.client.store(Arc::new(client));
        Ok(lanes)
    }

    /// The connections with those that are broken or silent replaced; `None` when all are well.
    async fn mended(&self, lanes: &[Lane]) -> Result<Option<Vec<Lane>>, String> {
        let mut pings = JoinSet::new();
        for (place, lane) in lanes.iter().cloned().enumerate() {
            pings.spawn(async move { (place, !lane.is_broken() && answers(lane.connection).await.is_ok()) });
        }
        let well = pings.join_all().await;
        if well.iter().all(|(_, well)| *well) {
            return Ok(None);
        }
        let mut mended = lanes.to_vec();
        let places = || well.iter().filter(|(_, well)| !well).map(|(place, _)| *place);
        // All at once: until their replacements are there, nobody is to wait on one of them.
        places().for_each(|place| lanes[place].broken.store(true, Ordering::Relaxed));
        for place in places() {
            match new_lane(&self.client.load_full()).await {
                Ok(lane) => mended[place] = lane,
                Err(why) if well.iter().all(|(_, well)| !well) => return Err(why),
                // Others still work; this one is tried again at the next beat.
                Err(why) => {
                    tracing::warn!(
                        "one connection to Redis at {} cannot be replaced: {why}",
                        self.name
                    );
                    break;
                }
            }
        }
        Ok(Some(mended))
    }
}

async fn connect_all(client: &Client) -> Result<Vec<Lane>, String> {
    // One first: a server that is away is not asked so often.
    let mut lanes = vec![new_lane(client).await?];
    let mut others = JoinSet::new();
    for _ in 1..LANES {
        let client = client.clone();
        others.spawn(async move { new_lane(&client).await });
    }
    for lane in others.join_all().await {
        lanes.push(lane?);
    }
    Ok(lanes)
}

async fn new_lane(client: &Client) -> Result<Lane, String> {
    let connection = connect(client).await?;
    answers(connection.clone()).await?;
    Ok(Lane {
        connection,
        broken: Arc::default(),
    })
}

/// One command on one connection. The library hands a refusal of the server out as if it were an answer.
pub(super) async fn say(mut connection: MultiplexedConnection, command: &Cmd) -> Result<Value, RedisError> {
    connection.send_packed_command(command).await?.extract_error()
}

async fn answers(connection: MultiplexedConnection) -> Result<(), String> {
    match timeout(SILENCE_MAX, say(connection, &redis::cmd("PING"))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(advised(&error)),
        Err(_) => Err(format!("silent for {} ms", SILENCE_MAX.as_millis())),
    }
}
