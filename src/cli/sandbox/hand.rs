//! In: what somebody wants to happen on a running sandbox. Out: it happened, and what the server made of it. Never: a
//! sandbox of its own.

use serde_json::{Map, Value};

use super::super::api::{Api, Target, no_answer};
use super::super::{Ending, Failure, events, follow, print};
use super::LISTEN;
use crate::assemble;
use crate::config::Settings;
use crate::sandbox::SOMEBODY;

/// What can be done with a sandbox that runs.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Let something happen there, as a person or a provider would do it, and wait for what your rules make of it
    Act {
        /// What: `open_issue`, `comment`, `push`, `server_failed`, …; an unknown one lists them all
        what: String,
        /// With what: `repo=acme/api title="Crash on startup" by=robin`; numbers and JSON are taken as such
        #[arg(value_name = "NAME=VALUE")]
        with: Vec<String>,
        /// Do not wait for the runs
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Put things there that have always been there; webhooks tell nothing of it
    Seed {
        /// A JSON object as in a rule test's `state`, or `@FILE` that holds one
        state: String,
        #[command(flatten)]
        place: Place,
    },
    /// Show the writes that took effect there
    Effects {
        #[command(flatten)]
        place: Place,
    },
    /// Let calls go wrong there, or list what does
    Fault {
        /// As in '{"match": {"operation": "add_labels"}, "times": 1, "kind": "status", "status": 422}'
        fault: Option<String>,
        /// Let everything go right again
        #[arg(long, conflicts_with = "fault")]
        clear: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// Which sandbox.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The sandbox [default: that of `xmrt serve --sandbox` on the data directory, else http://127.0.0.1:8090]
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(action: Action, settings: &Settings) -> Ending {
    match action {
        Action::Act {
            what,
            with,
            no_wait,
            place,
        } => {
            act(
                &Remote::at(&place, settings),
                given(what, &with)?,
                no_wait,
                &place,
                settings,
            )
            .await
        }
        Action::Seed { state, place } => {
            let state = match state.strip_prefix('@') {
                Some(path) => assemble::read_payload(path.as_ref())?,
                None => state.into_bytes(),
            };
            let state = parsed("the state", &state)?;
            let answer = Remote::at(&place, settings).post("seed", &state).await?;
            match place.json {
                true => print::json(&answer),
                false => println!("it is there"),
            }
            Ok(())
        }
        Action::Effects { place } => {
            let answer = Remote::at(&place, settings).get("effects").await?;
            effects(&answer, place.json);
            Ok(())
        }
        Action::Fault { fault, clear, place } => {
            let remote = Remote::at(&place, settings);
            let answer = match (&fault, clear) {
                (Some(fault), _) => {
                    remote
                        .post("faults", &parsed("the fault", fault.as_bytes())?)
                        .await?
                }
                (None, true) => remote.call(reqwest::Method::DELETE, "faults", None).await?,
                (None, false) => remote.get("faults").await?,
            };
            match (place.json, fault, clear) {
                (false, Some(_), _) => println!("from now on; `xmrt sandbox fault --clear` ends it"),
                (false, None, true) => println!("everything goes right again"),
                _ => print::json(&answer),
            }
            Ok(())
        }
    }
}

/// The act, as the sandbox takes it.
fn given(what: String, with: &[String]) -> Result<Value, Failure> {
    let mut fields = Map::new();
    for pair in with {
        let (name, text) = pair.split_once('=').ok_or_else(|| {
            Failure::CouldNot(format!(
                "`{pair}` has no `=`; write NAME=VALUE, as in repo=acme/api title=\"Crash on startup\""
            ))
        })?;
        // Words that look like numbers are names, too: a commit, a title. What is a number is said to be one by its name.
        let value = match name {
            "number" | "id" | "run_id" | "draft" => serde_json::from_str(text).ok(),
            _ if text.starts_with(['[', '{']) => serde_json::from_str(text).ok(),
            _ => None,
        };
        fields.insert(name.to_owned(), value.unwrap_or_else(|| text.into()));
    }
    fields.insert("do".into(), what.into());
    Ok(fields.into())
}

async fn act(remote: &Remote, act: Value, no_wait: bool, place: &Place, settings: &Settings) -> Ending {
    // A sandbox of its own process delivers to a server that may be anywhere. One whose token is missing is known before
    // anything happens.
    let api = match no_wait {
        true => None,
        false => Api::server_before("nothing happened there", &Target { url: None }, settings)?,
    };
    let mut answer = remote.post("act", &act).await?;
    let mut deliveries = answer["deliveries"].as_array().cloned().unwrap_or_default();
    // What our own writes set off meanwhile is another story.
    let by = ["by", "actor"]
        .iter()
        .find_map(|name| act[*name].as_str())
        .unwrap_or(SOMEBODY);
    deliveries.retain(|delivery| {
        delivery["payload"]["sender"]["login"]
            .as_str()
            .is_none_or(|login| login == by)
    });
    for delivery in &mut deliveries {
        if let (Some(api), Some(id)) = (&api, delivery["id"].as_str().map(str::to_owned))
            && delivery["status"] == 202
        {
            delivery["runs"] = follow::runs_of(api, &id).await?.into();
        }
    }
    if place.json {
        answer["deliveries"] = deliveries.into();
        print::json(&answer);
        return Ok(());
    }
    println!("{}", print::text(&answer, "/result"));
    if deliveries.is_empty() {
        println!("nobody is told of it yet: a deploy takes its time; `xmrt events` shows what comes");
    }
    for delivery in &deliveries {
        tell(delivery);
    }
    Ok(())
}

/// One delivery, and what became of it.
fn tell(delivery: &Value) {
    let at = |pointer: &str| print::text(delivery, pointer);
    let kind = match at("/action") {
        action if action.is_empty() => at("/event"),
        action => format!("{}.{action}", at("/event")),
    };
    let came = match at("/status") {
        status if status.is_empty() => "not delivered".to_owned(),
        status => status,
    };
    println!("{came} · {}.{kind} · delivery {}", at("/source"), at("/id"));
    match delivery["runs"].as_array() {
        Some(runs) if !runs.is_empty() => follow::tell(runs),
        _ if delivery["status"] == 202 => events::decisions(&delivery["response"]),
        _ => {
            let why = [at("/response/detail"), at("/error")];
            why.iter()
                .filter(|why| !why.is_empty())
                .for_each(|why| println!("{why}"));
        }
    }
}

fn effects(answer: &Value, as_json: bool) {
    if as_json {
        return print::json(answer);
    }
    let rows: Vec<Vec<String>> = answer["effects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|effect| {
            let at = |name: &str| print::text(effect, &format!("/{name}"));
            vec![
                at("n"),
                at("provider"),
                at("operation"),
                at("target"),
                at("detail"),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => println!("nothing was written"),
        false => print::table(&["N", "PROVIDER", "OPERATION", "TARGET", "DETAIL"], &rows),
    }
}

fn parsed(what: &str, text: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| Failure::CouldNot(format!("{what} is not JSON: {error}")))
}

/// A sandbox somewhere.
struct Remote {
    client: reqwest::Client,
    base: String,
}

impl Remote {
    fn at(place: &Place, settings: &Settings) -> Self {
        let base = place.at.clone().or_else(|| assemble::running_sandbox(settings));
        let base = base.unwrap_or_else(|| format!("http://{LISTEN}"));
        Self {
            client: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(reqwest::Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .client
            .request(method, format!("{}/_sandbox/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| match error.is_builder() {
            true => no_answer(&self.base, &error),
            false => format!(
                "there is no sandbox at {}: {error}; start `xmrt serve --sandbox`, or say where it is with --at",
                self.base
            ),
        })?;
        let status = answer.status();
        // What is no JSON is not the answer of a sandbox.
        let value: Option<Value> = answer.json().await.ok();
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(value) if value["message"].is_string() => {
                Err(Failure::CouldNot(print::text(&value, "/message")))
            }
            _ => Err(Failure::CouldNot(format!(
                "{} answers {}, but not as a sandbox does; start `xmrt serve --sandbox`, or say where it is with --at",
                self.base,
                status.as_u16()
            ))),
        }
    }
}
