//! In: the pages that a reader follows at a terminal: the tutorial and the how-to guides. Out: that each does what it says.
//! Never: a page that nobody runs; what needs an account of somebody's stands in a `console` block.
//!
//! Of a page, in its order:
//!
//! - a block of `sh` is run; the blocks of a page share a folder and a shell's variables;
//! - a block of `sh terminal=<name>` runs on, as in a terminal of its own, until the page ends or another one takes its place;
//! - a block of `text` after either says what must be printed: each line in this order, `…` stands for anything. Of a
//!   terminal, the page goes on once it was;
//! - a block of `toml` that begins with `# <path>` is written into that file.
//!
//! Ports that a page names are other ones here, so that pages can run side by side.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::fences::{Fence, fences_of};
use super::root;

/// How long a terminal may take to print what it is to print.
const PATIENCE: Duration = Duration::from_secs(60);

macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test]
        fn $test() {
            follow($page);
        })*
    };
}

pages! {
    the_tutorial_works: "docs/tutorial.md",
    actions_are_approved: "docs/how-to/approve-actions.md",
    a_server_of_somebody_else_is_attached: "docs/how-to/attach-an-mcp-server.md",
    the_journal_is_backed_up_and_restored: "docs/how-to/back-up-and-restore.md",
    a_repository_is_connected: "docs/how-to/connect-github.md",
    render_is_connected: "docs/how-to/connect-render.md",
    agents_get_identities: "docs/how-to/give-an-agent-an-identity.md",
    a_team_is_let_in: "docs/how-to/let-your-team-in.md",
    it_is_monitored: "docs/how-to/monitor-and-alert.md",
    the_journal_moves_to_redis: "docs/how-to/move-to-redis.md",
    people_are_notified: "docs/how-to/notify-slack-or-discord.md",
    runs_are_recovered: "docs/how-to/recover-runs.md",
    a_bad_deploy_is_rolled_back: "docs/how-to/roll-back-a-bad-deploy.md",
    secrets_are_rotated: "docs/how-to/rotate-secrets.md",
    replicas_share_a_redis: "docs/how-to/run-replicas-on-redis.md",
    a_rule_is_tested_before_it_acts: "docs/how-to/test-a-rule.md",
    it_is_upgraded: "docs/how-to/upgrade.md",
    it_is_found_out_why_a_rule_did_not_fire: "docs/how-to/why-did-it-not-fire.md",
}

#[test]
fn every_page_that_a_reader_follows_is_run() {
    let mut there = vec!["docs/tutorial.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs/how-to")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        there.push(format!("docs/how-to/{name}"));
    }
    there.retain(|page| page != "docs/how-to/README.md");
    there.sort();
    let mut run: Vec<&str> = PAGES.to_vec();
    run.sort_unstable();
    assert_eq!(there, run);
    for page in PAGES {
        let steps = fences_of(page);
        assert!(steps.iter().any(|step| step.is("sh")), "{page} runs nothing");
    }
}

/// Does what a page says.
fn follow(page: &str) {
    let steps = fences_of(page);
    let mut reader = Reader::new(&steps);
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        if step.is("toml") {
            reader.write(step);
        }
        if !step.is("sh") {
            continue;
        }
        let expected = steps
            .next_if(|next| next.is("text"))
            .map(|next| next.text.as_str());
        match step.language.strip_prefix("sh terminal=") {
            Some(name) => reader.open(name, step, expected.unwrap_or_default()),
            None => reader.run(step, expected.unwrap_or_default()),
        }
    }
}

/// Somebody who follows a page.
struct Reader {
    /// Where they work.
    folder: TempDir,
    /// What their shell remembers.
    memory: TempDir,
    terminals: BTreeMap<String, Terminal>,
    /// A port of the page → the one it is here.
    ports: Vec<(String, String)>,
}

impl Reader {
    fn new(steps: &[Fence]) -> Self {
        let memory = tempfile::tempdir().unwrap();
        // The program is called by its name, as a reader does.
        let bin = memory.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_xmrt"), bin.join("xmrt")).unwrap();
        let reader = Self {
            folder: tempfile::tempdir().unwrap(),
            terminals: BTreeMap::new(),
            ports: ports(steps),
            memory,
        };
        let home = reader.folder.path().to_str().unwrap();
        reader.remember("cwd", home);
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let listen = reader.here("127.0.0.1:8080");
        reader.remember(
            "env",
            &format!("export PATH='{path}' HOME='{home}' XMRT_LISTEN='{listen}' NO_COLOR=1\n"),
        );
        reader
    }

    fn remember(&self, name: &str, text: &str) {
        std::fs::write(self.memory.path().join(name), text).unwrap();
    }

    fn shell(&self, script: &str, after: &str) -> Command {
        let memory = self.memory.path().display();
        let script = self.here(script);
        let mut command = Command::new("sh");
        command
            .arg("-ec")
            .arg(format!(
                "exec 2>&1\n. {memory}/env\ncd \"$(cat {memory}/cwd)\"\nset -a\n{script}\n{after}"
            ))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// The page's text, with the ports of this run.
    fn here(&self, text: &str) -> String {
        swapped(text, self.ports.iter().map(|(there, here)| (there, here)))
    }

    /// What was printed, with the ports of the page.
    fn there(&self, text: &str) -> String {
        swapped(text, self.ports.iter().map(|(there, here)| (here, there)))
    }

    fn write(&self, step: &Fence) {
        let Some(path) = step.text.lines().next().and_then(|line| line.strip_prefix("# ")) else {
            return;
        };
        if Path::new(path).extension().is_none_or(|end| end != "toml") || path.contains(' ') {
            return;
        }
        let cwd = std::fs::read_to_string(self.memory.path().join("cwd")).unwrap();
        let path = PathBuf::from(cwd.trim_end()).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.here(&step.text)).unwrap();
    }

    fn run(&mut self, step: &Fence, expected: &str) {
        let memory = self.memory.path().display().to_string();
        let after = format!("export -p > {memory}/env\npwd > {memory}/cwd");
        let done = self.shell(&step.text, &after).output().unwrap();
        let printed = self.there(&String::from_utf8_lossy(&done.stdout));
        let missing = missing(expected, &printed);
        assert!(
            done.status.success() && missing.is_none(),
            "{}: {}\n$ {}\n{printed}\n{missing:#?}\n{}",
            step.place,
            done.status,
            step.text,
            self.words_of_terminals(),
        );
    }

    fn open(&mut self, name: &str, step: &Fence, expected: &str) {
        // The one that is there is ended first: they are one terminal.
        self.terminals.remove(name);
        let mut terminal = Terminal::start(self.shell(&step.text, ""));
        let begun = Instant::now();
        while let Some(line) = missing(expected, &self.there(&terminal.printed())) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if let Err(why) = terminal.hear(left) {
                panic!(
                    "{}: {why:?} before {line:?}\n$ {}\n{}",
                    step.place,
                    step.text,
                    self.there(&terminal.printed())
                );
            }
        }
        self.terminals.insert(name.to_owned(), terminal);
    }

    fn words_of_terminals(&mut self) -> String {
        let mut words = String::new();
        for (name, terminal) in &mut self.terminals {
            while terminal.hear(Duration::ZERO).is_ok() {}
            words.push_str(&format!("-- terminal {name}:\n{}\n", terminal.printed()));
        }
        self.there(&words)
    }
}

/// Something that runs on, and what it has printed.
struct Terminal {
    child: Child,
    lines: Receiver<String>,
    printed: Vec<String>,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
        let mut child = command.process_group(0).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // What it prints later must not block it, whether anybody listens or not.
            for line in output.lines().map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        Self {
            child,
            lines,
            printed: Vec::new(),
        }
    }

    fn hear(&mut self, within: Duration) -> Result<(), RecvTimeoutError> {
        self.lines
            .recv_timeout(within)
            .map(|line| self.printed.push(line))
    }

    fn printed(&self) -> String {
        self.printed.join("\n")
    }
}

impl Drop for Terminal {
    /// As Ctrl-C or closing the terminal does: everything in it is told to end.
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        // The shell goes at once; what it had started is gone when nobody can print any more.
        while self.hear(PATIENCE).is_ok() {}
    }
}

/// A text with some numbers in the place of others; what was put in is not looked at again.
fn swapped<'p>(text: &str, pairs: impl Iterator<Item = (&'p String, &'p String)>) -> String {
    let pairs: BTreeMap<&str, &str> = pairs.map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let numbers = regex::Regex::new(r"\b[0-9]{4,5}\b").unwrap();
    numbers
        .replace_all(text, |found: &regex::Captures<'_>| {
            pairs.get(&found[0]).copied().unwrap_or(&found[0]).to_owned()
        })
        .into_owned()
}

/// The first expected line that is not among those that were printed, in their order.
fn missing(expected: &str, printed: &str) -> Option<String> {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut printed = printed.lines().map(squeezed);
    expected
        .lines()
        .filter(|line| !matches!(line.trim(), "" | "…"))
        .find(|line| !printed.any(|said| holds(&said, &squeezed(line))))
        .map(str::to_owned)
}

/// Whether a line holds all the pieces between the `…` of another one, in their order.
fn holds(said: &str, expected: &str) -> bool {
    let mut rest = said;
    expected
        .split('…')
        .map(str::trim)
        .all(|piece| match rest.find(piece) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
}

/// A free port for each that a page names, and for the one that a server listens on unless told otherwise.
fn ports(steps: &[Fence]) -> Vec<(String, String)> {
    let named = regex::Regex::new(r"(?:127\.0\.0\.1:|localhost:|--port )([0-9]{4,5})\b").unwrap();
    let mut there: Vec<String> = vec!["8080".into()];
    for step in steps {
        there.extend(named.captures_iter(&step.text).map(|found| found[1].to_owned()));
    }
    there.sort();
    there.dedup();
    // All are held until all are known, so that none is given twice.
    let held: Vec<TcpListener> = there
        .iter()
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    there
        .into_iter()
        .zip(
            held.iter()
                .map(|port| port.local_addr().unwrap().port().to_string()),
        )
        .collect()
}

#[test]
fn what_is_expected_is_found_in_its_order_and_missed_when_it_is_not_there() {
    let printed = "RULE   STATE\ntriage  succeeded  3f9c\nlast";
    assert_eq!(missing("triage … succeeded …\n…\nlast", printed), None);
    assert_eq!(missing("last\ntriage", printed), Some("triage".into()));
    assert_eq!(missing("triage dead", printed), Some("triage dead".into()));
}
