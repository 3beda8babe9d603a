//! In: a command. Out: a running process, where it listens, what it has used. Never: one that outlives its owner.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks per second of `/proc/<pid>/stat`: Linux has told user space 100 for as long as it has had the file.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a process may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A process; killed when dropped.
pub(super) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// One that prints where it listens.
    pub(super) fn that_tells(name: &str, mut command: Command) -> Result<(Self, SocketAddr), String> {
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = Self::spawn(name, command)?;
        let output = process.child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines
            .find_map(|line| {
                line.ok()?
                    .split_once("listening on http://")?
                    .1
                    .trim()
                    .parse()
                    .ok()
            })
            .ok_or_else(|| format!("{name} did not say where it listens"))?;
        // What it prints later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((process, address))
    }

    /// One that is told where to listen: it is ready once it takes a connection.
    pub(super) fn told(
        name: &str,
        command: impl FnOnce(u16) -> Command,
    ) -> Result<(Self, SocketAddr), String> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let mut command = command(port);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Self::spawn(name, command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = process.child.try_wait() {
                return Err(format!("{name} ended at once: {status}"));
            }
            if began.elapsed() > READY_WITHIN {
                return Err(format!("{name} does not listen"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok((process, address))
    }

    fn spawn(name: &str, mut command: Command) -> Result<Self, String> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self {
            child,
            name: name.to_owned(),
        })
    }

    /// CPU time it has used, user and system, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64, String> {
        let stat = self.told_by_kernel("stat")?;
        // The second field is the program's name in parentheses and may hold spaces.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |place: usize| fields.get(place).and_then(|ticks| ticks.parse::<f64>().ok());
        let used = ticks(11)
            .zip(ticks(12))
            .ok_or("an unknown form of /proc/<pid>/stat")?;
        Ok((used.0 + used.1) / TICKS_PER_SECOND)
    }

    /// Memory it has, and has had at most, in MiB.
    pub(super) fn memory_mib(&self) -> Result<(f64, f64), String> {
        let status = self.told_by_kernel("status")?;
        let kib = |name: &str| -> Option<f64> {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let both = kib("VmRSS:").zip(kib("VmHWM:"));
        let (now, most) = both.ok_or_else(|| format!("{} has ended", self.name))?;
        Ok((now / 1024.0, most / 1024.0))
    }

    fn told_by_kernel(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).map_err(|error| format!("{} ({path}): {error}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Redis in `folder`, which makes what it is told durable as `sync` says.
pub(super) fn redis(folder: &Path, sync: &str) -> Result<(Process, SocketAddr), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Process::told("redis-server", |port| {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", sync])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(folder);
        command
    })
}
