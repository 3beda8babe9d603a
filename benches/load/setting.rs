//! In: how the program is to be set up. Out: its command, in a folder of its own. Never: a setting of the caller's shell.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::deliveries::{FIRES, SECRET};

/// How the program is set up.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// How many rules the deliveries are held against; the first one fires.
    pub(super) rules: usize,
    /// What that one does.
    pub(super) action: Action,
    /// Its concurrency group, if it has one.
    pub(super) group: Option<&'static str>,
    /// The settings file.
    pub(super) file: String,
    /// Variables besides the usual ones.
    pub(super) variables: Vec<(String, String)>,
    /// Another build of the program, to be measured beside this one.
    pub(super) other: Option<PathBuf>,
}

/// What the rule that fires does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Notes a line in the log, which is not written: one step that asks nobody.
    Log,
    /// Labels the issue at GitHub.
    Label,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            rules: 100,
            action: Action::Log,
            group: None,
            file: String::new(),
            variables: Vec::new(),
            other: None,
        }
    }
}

/// The program on a folder of its own.
pub(super) fn program(
    folder: &Path,
    setting: &Setting,
    other: bool,
    redis: Option<SocketAddr>,
) -> Result<Command, String> {
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules).map_err(|error| error.to_string())?;
    for number in 0..setting.rules {
        std::fs::write(rules.join(format!("rule-{number}.toml")), rule(number, setting))
            .map_err(|error| error.to_string())?;
    }
    let file = folder.join("xmrt.toml");
    std::fs::write(&file, &setting.file).map_err(|error| error.to_string())?;
    let program = match (other, &setting.other) {
        (true, Some(path)) => path.as_path(),
        (true, None) => return Err("no other build is named".into()),
        (false, _) => Path::new(env!("CARGO_BIN_EXE_xmrt")),
    };
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("XMRT_DATA_DIR", folder.join("data"))
        .env("XMRT_RULES", &rules)
        .env("XMRT_CONFIG", &file)
        .env("XMRT_LOG", "error")
        .env("GITHUB_WEBHOOK_SECRET", SECRET)
        .envs(setting.variables.iter().map(|(name, value)| (name, value)));
    if let Some(address) = redis {
        command.env("REDIS_URL", format!("redis://{address}"));
    }
    Ok(command)
}

/// Rules of several shapes, over all the events of the mix; only the first one holds for any of them.
fn rule(number: usize, setting: &Setting) -> String {
    if number == 0 {
        return firing(setting);
    }
    let (on, conditions) = match number % 8 {
        0 => (
            "github.issues.opened",
            format!("issue.labels.name = \"label-{number}\""),
        ),
        1 => (
            "github.issues",
            format!("repository.full_name = \"acme/svc-{number}-site\""),
        ),
        2 => (
            "github.issue_comment.created",
            format!("issue.title = {{ contains = \"word-{number} \" }}"),
        ),
        3 => (
            "github.pull_request",
            format!("repository.name = {{ glob = \"web-{number}-*\" }}"),
        ),
        4 => (
            "github.workflow_job.completed",
            format!("sender.login = [\"user-{number}\", \"robot-{number}\"]"),
        ),
        5 => (
            "github.push",
            format!("repository.full_name = {{ suffix = \"/{number}-docs\", ignore_case = true }}"),
        ),
        6 => (
            "github.issues.labeled",
            format!("issue.title = {{ prefix = \"[{number}]\" }}\nsender.type = \"User\""),
        ),
        _ => (
            "github.watch.started",
            format!("repository.name = {{ prefix = \"lib-{number}-\" }}"),
        ),
    };
    format!(
        "description = \"Load {number}\"\non = \"{on}\"\n[when]\n{conditions}\n[[action]]\ntool = \"xmrt.notify\"\n\
         arguments = {{ to = \"log\", text = \"seen\" }}\n"
    )
}

fn firing(setting: &Setting) -> String {
    let action = match setting.action {
        Action::Log => {
            "tool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"{{ event.issue.number }}: {{ event.issue.title }}\" }\n"
        }
        Action::Label => {
            "tool = \"github.add_labels\"\narguments = { repo = \"{{ event.repository.full_name }}\", number = \"{{ event.issue.number }}\", labels = [\"seen\"] }\n"
        }
    };
    let group = setting.group.map_or_else(String::new, |group| {
        format!("[concurrency]\ngroup = \"{group}\"\n")
    });
    format!(
        "description = \"The one that fires\"\non = \"github.issues.opened\"\nif = \"event.issue.state == 'open'\"\n[when]\n\
         issue.labels.name = \"{FIRES}\"\n{group}[[action]]\n{action}"
    )
}
