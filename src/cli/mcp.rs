//! `xmrt mcp`: standard output belongs to the protocol; whatever is to be said to people goes to standard error.

use super::{Ending, start_logging};
use crate::assemble::{self, StdioOptions};
use crate::config::Settings;

/// Options of `xmrt mcp`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Which server; `all` is one gateway in front of the three, with tools named `server_tool`
    #[arg(value_enum)]
    server: Server,
    /// Offer only the tools of these sets, separated by commas [default: all]
    #[arg(long, value_name = "SETS")]
    toolsets: Option<String>,
    /// Offer only tools that change nothing
    #[arg(long)]
    read_only: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Server {
    /// Issues, pull requests, files and workflow runs on GitHub
    Github,
    /// Services, deploys and logs on Render
    Render,
    /// The reactor itself: events, runs, triage, notifications
    Xmrt,
    /// All three behind one gateway
    All,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    start_logging(&settings)?;
    let server = match options.server {
        Server::Github => Some("github"),
        Server::Render => Some("render"),
        Server::Xmrt => Some("xmrt"),
        Server::All => None,
    };
    let asked = StdioOptions {
        server: server.map(str::to_owned),
        toolsets: options.toolsets,
        read_only: options.read_only,
    };
    assemble::serve_stdio(&settings, &asked).await?;
    Ok(())
}
