//! In: argv. Out: an exit code: 0 fine, 1 found something, 2 could not run. Never: how anything is done.

/// Prints a line. In place of the standard one, which panics when nobody reads on, as in `xmrt events | head -1`, and which
/// lets through what others wrote to steer the terminal.
macro_rules! println {
    () => { $crate::cli::print::line("") };
    ($($argument:tt)*) => { $crate::cli::print::line(&format!($($argument)*)) };
}

/// The same on standard error.
macro_rules! eprintln {
    ($($argument:tt)*) => { $crate::cli::print::error_line(&format!($($argument)*)) };
}

mod agents;
mod api;
mod approvals;
mod tasks;
mod audit;
mod backtest;
mod call;
mod check;
mod connect;
mod coverage;
mod demo;
mod doctor;
mod events;
mod explain;
mod export;
mod follow;
mod journal;
mod backup;
mod budgets;
mod import;
mod init;
mod man;
mod mcp;
mod print;
mod reference;
mod rules;
mod runs;
mod panics;
mod pause;
mod sandbox;
mod schema;
mod send;
mod serve;
mod settings;
mod test;
mod tools;
mod trigger;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{self, Flags, Settings};

/// The automation layer between GitHub, Render and your agents.
#[derive(Debug, Parser)]
#[command(name = "xmrt", version, about, long_about = None, propagate_version = true, max_term_width = 100)]
struct Arguments {
    /// Where the embedded store lives [env: XMRT_DATA_DIR] [default: ./.xmrt]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The rules folder [env: XMRT_RULES] [default: ./rules]
    #[arg(long, global = true, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The settings file [env: XMRT_CONFIG] [default: ./xmrt.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the whole story on a sandbox: no account, no configuration, no network
    Demo(demo::Options),
    /// Accept webhooks and act on them
    Serve(serve::Options),
    /// Begin a project: rules, xmrt.toml, .env.example, a CI workflow; never over a file that is there
    Init(init::Options),
    /// Report everything that is wrong with the rules
    Check(check::Options),
    /// Run the tests in the rule files against the sandbox
    Test(test::Options),
    /// Compare what changed rules would have done with the history on record
    Backtest(backtest::Options),
    /// Start a new rule from a template
    Rules(rules::Options),
    /// Say why a rule did or did not fire for an event, condition by condition
    Explain(explain::Options),
    /// Send a signed delivery to a running server
    Send(send::Options),
    /// Start a rule that listens to `manual`
    Trigger(trigger::Options),
    /// List events, show one, replay one
    Events(events::Options),
    /// List runs, show one; retry, cancel or resolve one
    Runs(runs::Options),
    /// Let a rule, an agent, a group or everything stand still; list what does
    Pause(pause::Options),
    /// Let it go on
    Resume(pause::ResumeOptions),
    /// List the agents, show one; say whether it may make a call, and why
    Agents(agents::Options),
    /// List the tasks that agents share; show, post or cancel one
    Tasks(tasks::Options),
    /// List what waits for an approval; approve or reject it
    Approvals(approvals::Options),
    /// Say who did what, who let them, and what came of it
    Audit(audit::Options),
    /// Say for which times the journal is known to be whole; close its gaps
    Coverage(coverage::Options),
    /// Say what is left of the providers' limits
    Budgets(budgets::Options),
    /// Say how large the journal is, and what takes how much of it
    Journal(journal::Options),
    /// Look at every part as it is configured here, and say what is wrong and what to do
    Doctor(doctor::Options),
    /// Copy the journal into a file, while it is served
    Backup(backup::Options),
    /// Write everything in the journal down, as JSON Lines
    Export(export::Options),
    /// Fill an empty journal with what another one exported
    Import(import::Options),
    /// Offer the tools to an agent: an MCP server on standard input and output
    Mcp(mcp::Options),
    /// List the MCP tools rules can call; show one; approve one of an external server
    Tools(tools::Options),
    /// Make or mend the webhook that the rules need, after a look at the difference
    Connect(connect::Options),
    /// Call a tool, through the running server or by itself
    Call(call::Options),
    /// Print the JSON Schema of rule files, or of xmrt.toml
    Schema(schema::Options),
    /// Print a page of the reference, generated from the program
    #[command(hide = true)]
    Reference(reference::Options),
    /// Print the settings in force and where each came from
    Config(settings::Options),
    /// Run the stand-ins for GitHub and Render as a process of their own; let things happen on running ones
    Sandbox(sandbox::Options),
    /// Print the manual page, or write those of all commands
    Man(man::Options),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Why a command could not run, or what it found. Printed once, at the top.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something was found, and has been printed: exit 1.
    Found,
    /// It could not run: exit 2, with this text.
    CouldNot(String),
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::CouldNot(error.to_string())
    }
}

/// How a command ends.
type Ending = Result<(), Failure>;

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Found) => ExitCode::from(1),
        Err(Failure::CouldNot(why)) => {
            eprintln!("xmrt: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Ending {
    let flags = Flags {
        listen: match &arguments.command {
            Command::Serve(options) => options.listen.clone(),
            _ => None,
        },
        data_dir: arguments.data_dir,
        rules: arguments.rules,
        config: arguments.config,
    };
    let environment = config::environment();
    let settings = || config::load(&flags, &environment);
    match arguments.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "xmrt", &mut script);
            println!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(())
        }
        Command::Man(options) => man::run(&options, Arguments::command()),
        Command::Schema(options) => schema::run(&options),
        Command::Reference(options) => reference::run(&options, Arguments::command()),
        Command::Config(options) => settings::run(&options, &settings()?),
        Command::Demo(options) => start(demo::run(options, flags.rules.clone(), environment.clone())),
        Command::Doctor(options) => start(doctor::run(
            options,
            settings().map_err(|error| error.to_string()),
        )),
        Command::Serve(options) => start(serve::run(options, settings()?)),
        Command::Init(options) => init::run(&options),
        Command::Connect(options) => start(connect::run(options, settings()?)),
        Command::Call(options) => start(call::run(options, settings()?)),
        Command::Check(options) => start(check::run(options, settings()?)),
        Command::Test(options) => start(test::run(options, settings()?)),
        Command::Backtest(options) => start(backtest::run(options, settings()?)),
        Command::Rules(options) => start(rules::run(options, settings()?)),
        Command::Explain(options) => start(explain::run(options, settings()?)),
        Command::Send(options) => start(send::run(options, settings()?)),
        Command::Trigger(options) => start(trigger::run(options, settings()?)),
        Command::Events(options) => start(events::run(options, settings()?)),
        Command::Runs(options) => start(runs::run(options, settings()?)),
        Command::Pause(options) => start(pause::pause(options, settings()?)),
        Command::Resume(options) => start(pause::resume(options, settings()?)),
        Command::Agents(options) => start(agents::run(options, settings()?)),
        Command::Tasks(options) => start(tasks::run(options, settings()?)),
        Command::Approvals(options) => start(approvals::run(options, settings()?)),
        Command::Audit(options) => start(audit::run(options, settings()?)),
        Command::Coverage(options) => start(coverage::run(options, settings()?)),
        Command::Budgets(options) => start(budgets::run(options, settings()?)),
        Command::Journal(options) => start(journal::run(options, settings()?)),
        Command::Backup(options) => start(backup::run(options, settings()?)),
        Command::Export(options) => start(export::run(options, settings()?)),
        Command::Import(options) => start(import::run(options, settings()?)),
        Command::Mcp(options) => start(mcp::run(options, settings()?)),
        Command::Tools(options) => start(tools::run(options, settings()?)),
        Command::Sandbox(options) => start(sandbox::run(options, settings()?)),
    }
}

/// Runs a command that waits for things.
fn start(command: impl Future<Output = Ending>) -> Ending {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ending = runtime.block_on(command);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ending
}

/// Sends log lines to standard error, as the settings say.
fn start_logging(settings: &Settings) -> Ending {
    // A bare level is about us; what libraries have to say matters only when something is wrong.
    // What agents do is on record whatever the level.
    let bare = settings.log.chars().all(|letter| letter.is_ascii_alphabetic());
    let directives = if bare && settings.log != "off" {
        format!("warn,audit=info,xmrt={}", settings.log)
    } else {
        settings.log.clone()
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&directives).map_err(|error| {
        format!(
            "XMRT_LOG is `{}`, which is not a filter: {error}; try `info`",
            settings.log
        )
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(print::color(&std::io::stderr()))
        .with_writer(std::io::stderr);
    if settings.log_json {
        builder.json().init()
    } else {
        builder.compact().with_target(false).init()
    }
    panics::into_log();
    Ok(())
}
