//! In: servers that come and go. Out: agents that post, claim and complete tasks over MCP all the while, and what each was told.
//! Never: an agent that believes more than it was told; a call that is given up before somebody answered it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::account::Account;
use super::dice::Dice;
use super::fleet::{ADMIN_TOKEN, Addresses};

/// How many agents work; one more posts.
const AGENTS: u64 = 4;
/// How many tasks are posted for each event that is sent, in a thousand, and at least and at most.
const TASKS_PERMILLE: u64 = 100;
const TASKS_MIN: u64 = 12;
const TASKS_MAX: u64 = 600;
/// One claim of so many in a thousand is not followed up: its agent was killed.
const DIES_PERMILLE: u64 = 200;
/// How long a task is held without a word, in seconds.
const LEASE_S: u64 = 2;
const CALL_WITHIN: Duration = Duration::from_secs(6);
/// How long the tasks that are left may take once nothing breaks any more.
const DONE_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(40);

/// What `xmrt.toml` says of them.
pub(super) fn config() -> String {
    let mut text = "\n[role.crew]\nallow = [\"xmrt.*\"]\n".to_owned();
    for n in 0..=AGENTS {
        text.push_str(&format!("\n[[agent]]\nid = \"crew-{n}\"\nrole = \"crew\"\n"));
    }
    text
}

/// What all of them were told.
#[derive(Debug, Default)]
struct Told {
    /// Titles whose post was acknowledged, and the ids that were given for each.
    posted: BTreeMap<String, BTreeSet<String>>,
    /// (task, fence) → who was given it, and by which claim.
    given: BTreeMap<(String, u64), BTreeSet<String>>,
    /// Task → the fences under which somebody was told that it is done.
    done: BTreeMap<String, BTreeSet<u64>>,
    died: u64,
    lost: u64,
}

/// Agents at work.
pub(super) struct Crew {
    told: Arc<Mutex<Told>>,
    /// Somebody was given a task.
    claimed: Arc<Notify>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<Result<(), String>>,
    desk: Desk,
    wanted: u64,
}

#[derive(Clone)]
struct Desk {
    client: Client,
    addresses: Addresses,
}

impl Desk {
    fn place(&self, n: u64) -> Option<String> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.len() as u64;
        (count > 0).then(|| addresses[usize::try_from(n % count).unwrap_or(0)].clone())
    }

    /// Calls until somebody answers; an answer that says "later" is none. The key makes it one call.
    async fn call(&self, token: &str, tool: &str, arguments: &Value, over: &AtomicBool) -> Option<Value> {
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            n += 1;
            if let Some(address) = self.place(n)
                && let Some(answer) = self.call_at(&address, token, tool, arguments).await
            {
                return Some(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn call_at(&self, address: &str, token: &str, tool: &str, arguments: &Value) -> Option<Value> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments, "_meta": meta },
        });
        let request = self
            .client
            .post(format!("{address}/mcp/xmrt?toolsets=all"))
            .timeout(CALL_WITHIN)
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool);
        let answer: Value = request.json(&body).send().await.ok()?.json().await.ok()?;
        let content = answer["result"]["structuredContent"].clone();
        let class = content["error"]["class"].as_str().unwrap_or_default();
        let later = matches!(class, "unavailable" | "unknown_effect" | "rate_limited");
        (content.is_object() && !later).then_some(content)
    }
}

impl Crew {
    /// Lets agents begin; a server must be up. They stop when told to.
    pub(super) async fn start(
        seed: u64,
        events: u64,
        client: Client,
        addresses: Addresses,
    ) -> Result<Self, String> {
        let desk = Desk { client, addresses };
        let (told, over) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let claimed = Arc::<Notify>::default();
        let wanted = (events * TASKS_PERMILLE / 1_000).clamp(TASKS_MIN, TASKS_MAX);
        let mut tasks = JoinSet::new();
        for n in 0..=AGENTS {
            let token = token(&desk, n).await?;
            let member = Member {
                n,
                token,
                desk: desk.clone(),
                told: Arc::clone(&told),
                claimed: Arc::clone(&claimed),
                over: Arc::clone(&over),
                dice: Dice::of(seed, "crew", n),
            };
            tasks.spawn(async move {
                match n {
                    AGENTS => member.post(wanted).await,
                    _ => member.work().await,
                }
            });
        }
        Ok(Self {
            told,
            claimed,
            over,
            tasks,
            desk,
            wanted,
        })
    }

    /// Waits until everything is done, and holds what is on record against what the agents were told.
    pub(super) async fn finish(mut self) -> Result<Account, String> {
        let token = token(&self.desk, AGENTS).await?;
        let begun = std::time::Instant::now();
        let mut account = Account::default();
        loop {
            let posted = self.told().posted.len() as u64;
            let arguments = json!({ "limit": 1 });
            let left = self.desk.call(&token, "list_tasks", &arguments, &self.over).await;
            let none = left.is_some_and(|left| left["tasks"].as_array().is_some_and(Vec::is_empty));
            if none && posted == self.wanted {
                break;
            }
            if begun.elapsed() > DONE_WITHIN {
                account
                    .wrong
                    .push(format!("tasks: not all of {} were done in time", self.wanted));
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let on_record = self.on_record(&token).await?;
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.map_err(|error| error.to_string())?;
            account.wrong.extend(ended.err());
        }
        self.told().account(&on_record, &mut account);
        Ok(account)
    }

    /// Somebody else is given what an agent was given: two holders of one fence. Nobody who keeps the books is told.
    pub(super) async fn give_twice(&self) -> Result<(), String> {
        let (task, fence) = loop {
            let given = self.told().given.keys().next().cloned();
            if let Some(given) = given {
                break given;
            }
            tokio::time::timeout(DONE_WITHIN, self.claimed.notified())
                .await
                .map_err(|_| "no task was claimed that could be given twice")?;
        };
        let twice = json!({ "claimed": true, "fence": fence, "task": { "id": task } });
        let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "structuredContent": twice } });
        let app = axum::Router::new().fallback(move || async move { axum::Json(answer) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let generous = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let address = format!("http://{address}");
        let claimed = self.desk.call_at(&address, "", "claim_task", &json!({})).await;
        generous.abort();
        self.told()
            .given(&claimed.ok_or("nobody answered")?, "somebody else");
        Ok(())
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every task that is done, by id: its title, and the fence that its result names.
    async fn on_record(&self, token: &str) -> Result<BTreeMap<String, (String, String, u64)>, String> {
        let (mut found, mut cursor) = (BTreeMap::new(), Value::Null);
        loop {
            let mut arguments = json!({ "state": "done", "limit": 500 });
            if cursor.is_string() {
                arguments["cursor"] = cursor;
            }
            let page = self.desk.call(token, "list_tasks", &arguments, &self.over).await;
            let page = page.ok_or("the tasks cannot be listed")?;
            for task in page["tasks"].as_array().into_iter().flatten() {
                let id = text(task, "id");
                let whole = self
                    .desk
                    .call(token, "get_task", &json!({ "task": id }), &self.over)
                    .await;
                let whole = whole.ok_or("a task cannot be read")?;
                let fence = whole["result"]["fence"].as_u64().unwrap_or_default();
                found.insert(id, (text(task, "title"), text(&whole, "state"), fence));
            }
            cursor = page["cursor"].clone();
            if !cursor.is_string() {
                return Ok(found);
            }
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

async fn token(desk: &Desk, n: u64) -> Result<String, String> {
    let address = desk.place(0).ok_or("no server is up")?;
    let made = desk
        .client
        .post(format!("{address}/api/v1/agents/crew-{n}/tokens"))
        .bearer_auth(ADMIN_TOKEN)
        .json(&json!({ "days": 7 }))
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let made: Value = made.json().await.map_err(|error| error.to_string())?;
    made["token"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| made.to_string())
}

/// One agent.
struct Member {
    n: u64,
    token: String,
    desk: Desk,
    told: Arc<Mutex<Told>>,
    claimed: Arc<Notify>,
    over: Arc<AtomicBool>,
    dice: Dice,
}

impl Member {
    async fn say(&self, tool: &str, arguments: Value) -> Option<Value> {
        self.desk.call(&self.token, tool, &arguments, &self.over).await
    }

    async fn post(self, wanted: u64) -> Result<(), String> {
        for n in 0..wanted {
            let title = format!("task {n}");
            let arguments = json!({ "title": title, "attempts": 20, "idempotency_key": format!("post-{n}") });
            let Some(posted) = self.say("post_task", arguments).await else {
                break;
            };
            if posted["error"].is_object() {
                return Err(format!("{title} was not taken: {posted}"));
            }
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.posted.entry(title).or_default().insert(text(&posted, "id"));
        }
        Ok(())
    }

    async fn work(mut self) -> Result<(), String> {
        let registered = self.say("register_agent", json!({ "silent_after_s": 30 })).await;
        if registered.is_some_and(|registered| registered["error"].is_object()) {
            return Err(format!("crew-{} was not registered", self.n));
        }
        for n in 0_u64.. {
            let key = format!("claim-{n}");
            let claimed = self
                .say(
                    "claim_task",
                    json!({ "lease_s": LEASE_S, "idempotency_key": key }),
                )
                .await;
            let Some(claimed) = claimed else { break };
            if claimed["error"].is_object() {
                return Err(format!("crew-{} may not claim: {claimed}", self.n));
            }
            if claimed["claimed"] != true {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            self.told
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .given(&claimed, &format!("crew-{} {key}", self.n));
            self.claimed.notify_one();
            if self.dice.permille(DIES_PERMILLE) {
                self.told.lock().unwrap_or_else(PoisonError::into_inner).died += 1;
                continue;
            }
            let (task, fence) = (claimed["task"]["id"].clone(), claimed["fence"].clone());
            let done = json!({ "task": task, "fence": fence, "result": { "fence": fence } });
            let Some(done) = self.say("complete_task", done).await else {
                break;
            };
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            match done["error"]["class"].as_str() {
                None => {
                    let fences = told
                        .done
                        .entry(task.as_str().unwrap_or_default().to_owned())
                        .or_default();
                    fences.insert(fence.as_u64().unwrap_or_default());
                }
                // It went to somebody else meanwhile.
                Some("conflict") => told.lost += 1,
                Some(_) => return Err(format!("crew-{} may not complete: {done}", self.n)),
            }
        }
        Ok(())
    }
}

impl Told {
    fn given(&mut self, claimed: &Value, whom: &str) {
        let fence = claimed["fence"].as_u64().unwrap_or_default();
        let holders = self
            .given
            .entry((text(&claimed["task"], "id"), fence))
            .or_default();
        holders.insert(whom.to_owned());
    }

    fn account(&self, on_record: &BTreeMap<String, (String, String, u64)>, account: &mut Account) {
        for ((task, fence), holders) in self.given.iter().filter(|(_, holders)| holders.len() > 1) {
            let holders: Vec<&str> = holders.iter().map(String::as_str).collect();
            account.doubled.push(format!(
                "task {task}: fence {fence} has two holders: {}",
                holders.join(", ")
            ));
        }
        for (title, ids) in &self.posted {
            let done: Vec<_> = on_record
                .iter()
                .filter(|(_, (known, ..))| known == title)
                .collect();
            match done.len() {
                0 => account.lost.push(format!("{title}: acknowledged, and not done")),
                1 if ids.len() == 1 && ids.contains(done[0].0) => {}
                _ => account
                    .doubled
                    .push(format!("{title} is {} tasks", done.len().max(ids.len()))),
            }
        }
        for (task, fences) in &self.done {
            let kept = on_record.get(task).map(|(_, _, fence)| *fence);
            if fences.len() > 1 {
                account
                    .doubled
                    .push(format!("task {task} was completed under {} fences", fences.len()));
            } else if kept != fences.first().copied() {
                account.lost.push(format!(
                    "task {task}: completed under fence {fences:?}, and on record is {kept:?}"
                ));
            }
        }
        let strange = on_record.len().saturating_sub(self.posted.len());
        if strange > 0 {
            account
                .wrong
                .push(format!("{strange} tasks on record were never acknowledged"));
        }
        account.figures.tasks = BTreeMap::from([
            ("tasks posted", self.posted.len() as u64),
            ("claims of them", self.given.len() as u64),
            ("agents that were killed with a task", self.died),
            ("tasks that went to somebody else meanwhile", self.lost),
            ("tasks completed, each under one fence", self.done.len() as u64),
        ]);
    }
}
