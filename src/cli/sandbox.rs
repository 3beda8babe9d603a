//! `xmrt sandbox`

mod hand;

use std::net::SocketAddr;

use super::{Ending, start_logging};
use crate::assemble;
use crate::config::Settings;

/// Where it listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:8090";

/// Options of `xmrt sandbox`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<hand::Action>,
    /// Where to listen
    #[arg(long, default_value = LISTEN)]
    listen: SocketAddr,
    /// Where its signed webhooks go: the server's base URL
    #[arg(long, value_name = "URL")]
    deliver_to: Option<String>,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    match options.action {
        Some(action) => hand::run(action, &settings).await,
        None => serve(options.listen, options.deliver_to.as_deref(), &settings).await,
    }
}

async fn serve(listen: SocketAddr, deliver_to: Option<&str>, settings: &Settings) -> Ending {
    start_logging(settings)?;
    let sandbox = assemble::sandbox(settings, crate::clock::Clock::system());
    sandbox.deliver_to(deliver_to);
    let running = sandbox
        .listen(listen)
        .await
        .map_err(|error| format!("{listen}: {error}; choose another with --listen 127.0.0.1:0"))?;
    println!("sandbox listening on http://{}", running.addr());
    println!("  GITHUB_API_URL={}", running.github_url());
    println!("  RENDER_API_URL={}", running.render_url());
    println!("  control: http://{}/_sandbox/state", running.addr());
    assemble::stop_signal().await;
    running.stop().await;
    Ok(())
}
