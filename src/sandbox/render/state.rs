//! In: seeds and writes. Out: services, deploys, events and logs, as plain data.
//! Never: JSON of the API; `shape` gives that.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::data::Database;
use super::domains::Domain;
use super::env_groups::EnvGroup;
use super::jobs::Job;
use super::metrics::Measured;
use super::webhooks::Webhook;
use crate::clock;
use crate::sandbox::rates::Rate;

/// How many log lines are kept over all services.
const LOGS_MAX: usize = 20_000;
/// How many events are kept over all services.
const EVENTS_MAX: usize = 10_000;

/// How long a deploy stays in each phase, in milliseconds of the sandbox's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// `created` until the build (or, without a build, the update) starts.
    pub queue_ms: i64,
    /// `build_in_progress`.
    pub build_ms: i64,
    /// `update_in_progress`, until it is live.
    pub update_ms: i64,
}

impl Default for Pace {
    /// Short enough to watch: live four seconds after the trigger.
    fn default() -> Self {
        Self {
            queue_ms: 500,
            build_ms: 2_000,
            update_ms: 1_500,
        }
    }
}

/// The Render side's memory.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct State {
    pub(in crate::sandbox) pace: Pace,
    pub(in crate::sandbox) services: BTreeMap<String, Service>,
    /// In the order in which they were made (a seed's order is by creation time, then reversed list order).
    pub(in crate::sandbox) deploys: Vec<Deploy>,
    pub(in crate::sandbox) events: VecDeque<Event>,
    pub(in crate::sandbox) logs: VecDeque<Log>,
    pub(in crate::sandbox) metrics: Vec<Measured>,
    /// Those that services share, in the order in which they were made.
    pub(in crate::sandbox) env_groups: Vec<EnvGroup>,
    pub(in crate::sandbox) domains: Vec<Domain>,
    pub(in crate::sandbox) databases: Vec<Database>,
    /// In the order in which they were asked for.
    pub(in crate::sandbox) jobs: Vec<Job>,
    /// Those that are not the default: by id.
    pub(in crate::sandbox) workspaces: BTreeMap<String, Workspace>,
    /// Made through the API, besides the one that stands for the target; in the order in which they were made.
    pub(in crate::sandbox) webhooks: Vec<Webhook>,
    /// Reads and writes in the present minute.
    /// Of reads, and of writes.
    pub(in crate::sandbox) rates: (Rate, Rate),
    lines: u64,
}

impl State {
    pub(in crate::sandbox) fn new() -> Self {
        Self {
            pace: Pace::default(),
            services: BTreeMap::new(),
            deploys: Vec::new(),
            events: VecDeque::new(),
            logs: VecDeque::new(),
            metrics: Vec::new(),
            env_groups: Vec::new(),
            domains: Vec::new(),
            databases: Vec::new(),
            jobs: Vec::new(),
            workspaces: BTreeMap::new(),
            webhooks: Vec::new(),
            rates: (Rate::new(400, 60), Rate::new(30, 60)),
            lines: 0,
        }
    }

    /// The service of that id, made when it is new.
    pub(in crate::sandbox) fn ensure_service(
        &mut self,
        id: &str,
        name: Option<&str>,
        now: Timestamp,
    ) -> &mut Service {
        let service = self
            .services
            .entry(id.to_owned())
            .or_insert_with(|| Service::new(id, name.unwrap_or(id), now));
        if let Some(name) = name {
            name.clone_into(&mut service.name);
        }
        service
    }

    /// Whose a service or a database is, and its name; what is unknown belongs to the default workspace.
    pub(in crate::sandbox) fn named<'a>(&'a self, id: &'a str) -> (&'a str, &'a str) {
        if let Some(service) = self.services.get(id) {
            return (&service.owner, &service.name);
        }
        match self.databases.iter().find(|one| one.id == id) {
            Some(database) => (&database.owner, &database.name),
            None => (OWNER, id),
        }
    }

    pub(in crate::sandbox) fn deploy(&self, id: &str) -> Option<&Deploy> {
        self.deploys.iter().find(|deploy| deploy.id == id)
    }

    pub(in crate::sandbox) fn deploy_mut(&mut self, id: &str) -> Option<&mut Deploy> {
        self.deploys.iter_mut().find(|deploy| deploy.id == id)
    }

    /// A service's deploys, newest first.
    pub(in crate::sandbox) fn deploys_of(&self, service: &str) -> Vec<&Deploy> {
        let mut found: Vec<&Deploy> = self
            .deploys
            .iter()
            .filter(|deploy| deploy.service == service)
            .collect();
        found.sort_by_key(|deploy| deploy.created_at);
        found.reverse();
        found
    }

    /// The deploy that is being built or rolled out, if any; queued ones wait behind it.
    pub(in crate::sandbox) fn running(&self, service: &str) -> Option<&Deploy> {
        self.deploys
            .iter()
            .find(|deploy| deploy.service == service && deploy.is_running())
    }

    pub(in crate::sandbox) fn live(&self, service: &str) -> Option<&Deploy> {
        self.deploys
            .iter()
            .rev()
            .find(|deploy| deploy.service == service && deploy.status == "live")
    }

    /// Keeps a line; each gets a time of its own (to the microsecond), by which logs are paged.
    pub(in crate::sandbox) fn log(&mut self, mut line: Log) {
        self.lines += 1;
        let nudge = i64::try_from(self.lines % 1_000).unwrap_or(0);
        line.at = line
            .at
            .checked_add(jiff::SignedDuration::from_micros(nudge))
            .unwrap_or(line.at);
        line.id = format!("log-{:020}", self.lines);
        crate::sandbox::state::push_bounded(&mut self.logs, line, LOGS_MAX);
    }

    pub(in crate::sandbox) fn note(&mut self, event: Event) {
        crate::sandbox::state::push_bounded(&mut self.events, event, EVENTS_MAX);
    }
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Service {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    /// `web_service`, `cron_job`, …
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) owner: String,
    /// `https://github.com/acme/api`; `None` for an image.
    pub(in crate::sandbox) repo: Option<String>,
    pub(in crate::sandbox) image: Option<String>,
    pub(in crate::sandbox) branch: String,
    /// `commit`, `checksPass` or `off`.
    pub(in crate::sandbox) auto_deploy_trigger: String,
    pub(in crate::sandbox) suspended: bool,
    pub(in crate::sandbox) region: String,
    pub(in crate::sandbox) plan: String,
    pub(in crate::sandbox) runtime: String,
    pub(in crate::sandbox) instances: u64,
    pub(in crate::sandbox) health_check_path: String,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) updated_at: Timestamp,
    pub(in crate::sandbox) root_dir: String,
    /// The configuration as the API takes and gives it; `None` when it was never set or taken away.
    pub(in crate::sandbox) autoscaling: Option<Value>,
    /// Its own environment variables.
    pub(in crate::sandbox) env_vars: BTreeMap<String, String>,
    /// What else of `serviceDetails` was set, by name; lies over what the shape makes up.
    pub(in crate::sandbox) details: Map<String, Value>,
    /// The key of its deploy hook.
    pub(in crate::sandbox) deploy_hook: Option<String>,
    /// What the next deploy that is built will do instead of going well.
    pub(in crate::sandbox) script: Option<Script>,
}

impl Service {
    pub(super) fn new(id: &str, name: &str, now: Timestamp) -> Self {
        let kind = if id.starts_with("crn-") {
            "cron_job"
        } else {
            "web_service"
        };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            owner: OWNER.to_owned(),
            repo: None,
            image: None,
            branch: "main".to_owned(),
            auto_deploy_trigger: "commit".to_owned(),
            suspended: false,
            region: "oregon".to_owned(),
            plan: "starter".to_owned(),
            runtime: "docker".to_owned(),
            instances: 1,
            health_check_path: "/healthz".to_owned(),
            created_at: clock::after(now, -90 * 24 * 3_600_000),
            updated_at: now,
            root_dir: String::new(),
            autoscaling: None,
            env_vars: BTreeMap::new(),
            details: Map::new(),
            deploy_hook: None,
            script: None,
        }
    }
}

/// What a workspace pays for, and what the key's account may do there.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Workspace {
    /// `hobby`, `professional`, `organization` or `enterprise`.
    pub(in crate::sandbox) plan: String,
    pub(in crate::sandbox) admin: bool,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            plan: "organization".to_owned(),
            admin: true,
        }
    }
}

/// The workspace that owns whatever does not say otherwise.
pub(in crate::sandbox) const OWNER: &str = "tea-00000000000000sandbx";

/// How a deploy will go wrong.
#[derive(Clone, Debug)]
pub(in crate::sandbox) enum Script {
    /// The build fails after these lines.
    BuildFails(Vec<String>),
    /// The build succeeds, the new instance never gets healthy: `update_failed`.
    UpdateFails(Vec<String>),
    /// It goes live and fails so many milliseconds later.
    FailsLive { after_ms: i64, lines: Vec<String> },
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Commit {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) message: String,
    pub(in crate::sandbox) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Deploy {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) service: String,
    pub(in crate::sandbox) build: String,
    pub(in crate::sandbox) commit: Option<Commit>,
    pub(in crate::sandbox) image: Option<String>,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) trigger: String,
    pub(in crate::sandbox) builds: bool,
    pub(in crate::sandbox) clear_cache: bool,
    pub(in crate::sandbox) rollback_of: Option<String>,
    pub(in crate::sandbox) created_at: Timestamp,
    pub(in crate::sandbox) started_at: Option<Timestamp>,
    pub(in crate::sandbox) updated_at: Timestamp,
    pub(in crate::sandbox) finished_at: Option<Timestamp>,
    /// When it will be looked at next; `None` when nothing more happens to it.
    pub(in crate::sandbox) next_at: Option<Timestamp>,
    pub(in crate::sandbox) script: Option<Script>,
    /// Whether it was live at any time: only then can one roll back to it.
    pub(in crate::sandbox) was_live: bool,
}

impl Deploy {
    pub(in crate::sandbox) fn is_running(&self) -> bool {
        let running = [
            "created",
            "build_in_progress",
            "pre_deploy_in_progress",
            "update_in_progress",
        ];
        running.contains(&self.status.as_str())
    }
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Event {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) at: Timestamp,
    pub(in crate::sandbox) service: String,
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) details: Value,
}

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Log {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) at: Timestamp,
    pub(in crate::sandbox) service: String,
    /// `app`, `request` or `build`.
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) level: String,
    pub(in crate::sandbox) message: String,
}
