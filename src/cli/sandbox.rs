//! `xmrt sandbox`

use std::net::SocketAddr;

use super::{Ending, start_logging};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where its signed webhooks go: the server's base URL
    #[arg(long, value_name = "URL")]
    deliver_to: Option<String>,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    start_logging(&settings)?;
    let sandbox = assemble::sandbox(&settings, crate::clock::Clock::system());
    sandbox.deliver_to(options.deliver_to.as_deref());
    let running = sandbox
        .listen(options.listen)
        .await
        .map_err(|error| format!("{}: {error}", options.listen))?;
    println!("sandbox listening on http://{}", running.addr());
    println!("  GITHUB_API_URL={}", running.github_url());
    println!("  RENDER_API_URL={}", running.render_url());
    println!("  control: http://{}/_sandbox/state", running.addr());
    assemble::stop_signal().await;
    running.stop().await;
    Ok(())
}
