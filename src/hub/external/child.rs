//! In: a command line. Out: a child process with its pipes, and its certain end. Never: a shell.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::{ChildStdin, ChildStdout, Command};

use super::stderr::Tail;

/// How long a child may take to end after its input was closed, and again after it was asked to.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A process of its own process group: whatever it starts ends with it.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
}

/// Starts a command that sees these variables and no others. Its standard error goes to `tail`.
pub(super) fn spawn(
    command: &[String],
    environment: &[(String, SecretString)],
    tail: &Arc<Tail>,
) -> Result<(Child, ChildStdout, ChildStdin), String> {
    let (program, arguments) = command.split_first().ok_or("there is no command to start")?;
    let variables = environment
        .iter()
        .map(|(name, value)| (name, value.expose_secret()));
    let mut process = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let group = process
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    let pipes = (process.stdout.take(), process.stdin.take(), process.stderr.take());
    let child = Child { process, group };
    let (Some(output), Some(input), Some(errors)) = pipes else {
        return Err(format!("`{program}` has no pipes"));
    };
    tokio::spawn(Arc::clone(tail).read(errors));
    Ok((child, output, input))
}

impl Child {
    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> String {
        said(self.process.wait().await)
    }

    /// Ends it, whose input is closed already: by itself, else asked, else by force; then whatever it left behind.
    pub(super) async fn end(mut self) {
        if tokio::time::timeout(END_TIMEOUT, self.process.wait())
            .await
            .is_err()
        {
            self.signal(Signal::TERM);
            let _ = tokio::time::timeout(END_TIMEOUT, self.process.wait()).await;
        }
        self.signal(Signal::KILL);
        let _ = self.process.wait().await;
        self.group = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It fails where nobody is left, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn said(ended: std::io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => format!("it ended ({status})"),
        Err(error) => format!("it ended ({error})"),
    }
}
