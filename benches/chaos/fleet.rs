//! In: how many servers share which journal. Out: they run, and are killed, stopped, ended and started again.
//! Never: what they answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinSet;

use super::process::Process;
use super::{crew, work};

pub(super) const ADMIN_TOKEN: &str = "the token of the suite";
pub(super) const GITHUB_TOKEN: &str = "the github token of the suite";
pub(super) const GITHUB_SECRET: &str = "the webhook secret of the suite";
/// SIGTERM drains within 20 s, the documents say.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// How often a server is started before its start counts as failed.
const STARTS_MAX: usize = 4;

/// Effects show at once in the sandbox unless a fault says otherwise, so the settle time can be short; leases outlast a
/// call and are short enough to be waited for.
const CONFIG: &str = "[limits]\nsettle_ms = 100\nlease_ms = 5000\nconcurrency = 16\n";

/// Where the servers that are up listen.
pub(super) type Addresses = Arc<Mutex<Vec<String>>>;

/// Servers on one journal.
pub(super) struct Fleet {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    servers: Vec<Option<Process>>,
    addresses: Addresses,
    /// What goes before the program on its command line.
    wrapper: Vec<String>,
}

impl Fleet {
    /// `replicas` servers in folders below `folder`, none of them started yet.
    pub(super) fn new(
        program: &Path,
        folder: &Path,
        replicas: usize,
        sandbox: &str,
        notify_url: &str,
        redis_url: Option<&str>,
    ) -> Self {
        let mut environment = environment(folder);
        environment.push(("GITHUB_API_URL".into(), format!("{sandbox}/github")));
        environment.push(("RENDER_API_URL".into(), format!("{sandbox}/render/v1")));
        environment.push(("XMRT_NOTIFY_URLS".into(), format!("suite={notify_url}")));
        if let Some(url) = redis_url {
            environment.push(("REDIS_URL".into(), url.into()));
        }
        Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            environment,
            servers: (0..replicas).map(|_| None).collect(),
            addresses: Addresses::default(),
            wrapper: Vec::new(),
        }
    }

    /// What the program is started through, and with which variables in addition.
    pub(super) fn wrap(&mut self, wrapper: &[&str], variables: &[(&str, &str)]) {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        let more = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        self.environment.extend(more);
    }

    pub(super) fn addresses(&self) -> Addresses {
        Arc::clone(&self.addresses)
    }

    pub(super) fn size(&self) -> usize {
        self.servers.len()
    }

    pub(super) fn server(&self, place: usize) -> Option<&Process> {
        self.servers.get(place)?.as_ref()
    }

    /// An address to ask questions at.
    pub(super) fn address(&self) -> Result<String, String> {
        let first = self.servers.iter().flatten().next();
        first
            .map(|server| server.address.clone())
            .ok_or_else(|| "no server is up".to_owned())
    }

    /// The folder of a server's own.
    pub(super) fn data(&self, place: usize) -> PathBuf {
        self.folder.join(format!("data-{place}"))
    }

    pub(super) fn log(&self, place: usize) -> PathBuf {
        self.folder.join(format!("server-{place}.log"))
    }

    /// The command line in a server's surroundings.
    pub(super) fn command(&self, place: usize, arguments: &[&str]) -> Command {
        let mut words = self
            .wrapper
            .iter()
            .map(AsRef::as_ref)
            .chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(self.program.as_os_str()));
        command
            .args(words)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("XMRT_DATA_DIR", self.data(place));
        command
    }

    /// Starts one server; one that runs is left alone.
    ///
    /// # Errors
    /// It does not come up.
    pub(super) async fn start(&mut self, place: usize) -> Result<(), String> {
        if self.servers[place].is_some() {
            return Ok(());
        }
        let server = begun(self.serve(place), &self.log(place)).await?;
        self.servers[place] = Some(server);
        self.publish();
        Ok(())
    }

    /// The command that starts a server, as often as it may be tried.
    fn serve(&self, place: usize) -> Vec<Command> {
        let command = |_| self.command(place, &["serve", "--listen", "127.0.0.1:0"]);
        (0..STARTS_MAX).map(command).collect()
    }

    /// Starts all that are down, at the same time.
    pub(super) async fn start_all(&mut self) -> Result<(), String> {
        let mut starting = JoinSet::new();
        for place in (0..self.servers.len()).filter(|place| self.servers[*place].is_none()) {
            let (commands, log) = (self.serve(place), self.log(place));
            starting.spawn(async move { (place, begun(commands, &log).await) });
        }
        while let Some(started) = starting.join_next().await {
            let (place, server) = started.map_err(|error| error.to_string())?;
            self.servers[place] = Some(server?);
            self.publish();
        }
        Ok(())
    }

    /// The places of those that are up.
    pub(super) fn up(&self) -> Vec<usize> {
        (0..self.servers.len())
            .filter(|place| self.servers[*place].is_some())
            .collect()
    }

    /// `kill -9`; says whether there was one.
    pub(super) async fn kill(&mut self, place: usize) -> bool {
        let Some(mut server) = self.servers[place].take() else {
            return false;
        };
        // The senders learn of it as providers do: nobody answers.
        server.kill().await;
        self.publish();
        true
    }

    /// Sends no more deliveries to one, which goes on working.
    pub(super) fn retire(&self, place: usize) {
        let address = self.server(place).map(|server| server.address.clone());
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.retain(|known| Some(known) != address.as_ref());
    }

    /// Ends one in good order.
    pub(super) async fn drain(&mut self, place: usize) -> Result<(), String> {
        let Some(mut server) = self.servers[place].take() else {
            return Ok(());
        };
        let ended = server.terminate(DRAIN_WITHIN + Duration::from_secs(2)).await;
        self.publish();
        let status = ended.map_err(|why| format!("server {place} {why}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("server {place} was told to end and ended with {status}")),
        }
    }

    /// Those that ended by themselves: none ever should.
    pub(super) fn fallen(&mut self) -> Vec<String> {
        let mut fallen = Vec::new();
        for (place, server) in self.servers.iter_mut().enumerate() {
            if let Some(status) = server.as_mut().and_then(Process::ended) {
                fallen.push(format!("server {place} ended by itself: {status}"));
                *server = None;
            }
        }
        if !fallen.is_empty() {
            self.publish();
        }
        fallen
    }

    fn publish(&self) {
        let up = self.servers.iter().flatten().map(|server| server.address.clone());
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = up.collect();
    }
}

/// Starts a server as a supervisor would: one that ends because its Redis does not answer is started again.
async fn begun(commands: Vec<Command>, log: &Path) -> Result<Process, String> {
    let mut why = String::new();
    for command in commands {
        match Process::start(command, "listening on ", log).await {
            Ok(server) => return Ok(server),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// Writes the rules and the settings that all are started with.
pub(super) fn prepare(folder: &Path) -> Result<(), String> {
    let rules = folder.join("rules");
    let written = std::fs::create_dir_all(&rules)
        .and_then(|()| std::fs::write(folder.join("xmrt.toml"), CONFIG.to_owned() + &crew::config()))
        .and_then(|()| {
            let mut texts = work::rules().into_iter();
            texts.try_for_each(|(id, text)| std::fs::write(rules.join(format!("{id}.toml")), text))
        });
    written.map_err(|error| format!("{}: {error}", folder.display()))
}

/// What the servers and the sandbox are told, and nothing of the caller's surroundings.
pub(super) fn environment(folder: &Path) -> Vec<(String, String)> {
    let text = |name: &str| folder.join(name).display().to_string();
    [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("XMRT_RULES", text("rules")),
        ("XMRT_CONFIG", text("xmrt.toml")),
        ("XMRT_LOG", "warn".into()),
        ("XMRT_ADMIN_TOKEN", ADMIN_TOKEN.into()),
        ("GITHUB_TOKEN", GITHUB_TOKEN.into()),
        ("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET.into()),
        ("RENDER_API_KEY", "the render key of the suite".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
