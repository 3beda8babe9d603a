//! `xmrt serve`

use std::pin::pin;

use super::{Ending, start_logging};
use crate::assemble;
use crate::config::Settings;
use crate::telemetry;

/// Options of `xmrt serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where to listen [env: XMRT_LISTEN, PORT] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Talk to the built-in stand-ins instead of the real GitHub and Render
    #[arg(long)]
    sandbox: bool,
    /// Serve what the conformance suite of MCP tests with at /mcp/fixtures, too
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    #[arg(long, hide = true)]
    conformance_fixtures: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    #[cfg(any(debug_assertions, feature = "conformance-fixtures"))]
    let settings = Settings {
        conformance_fixtures: options.conformance_fixtures,
        ..settings
    };
    start_logging(&settings)?;
    let spans = match &settings.otlp {
        Some(otlp) => Some(telemetry::export(&otlp.endpoint, otlp.share)?),
        None => None,
    };
    // Before anybody is told where it listens: whoever is told may end it at once.
    let mut stop = pin!(assemble::stop_signal());
    let running = tokio::select! {
        running = Box::pin(assemble::start(&settings, options.sandbox)) => running?,
        () = &mut stop => return Ok(()),
    };
    println!("listening on http://{}", running.address);
    if running.instance.admin_token_is_new {
        println!(
            "a token for the API was made; it is kept in {}",
            settings.admin_token_file().display()
        );
    }
    if let Some(address) = running.instance.sandbox_address() {
        println!("GitHub and Render are the sandbox at http://{address}/_sandbox/state");
    } else {
        for (secrets, name) in [
            (&settings.github_webhook_secrets, "GITHUB_WEBHOOK_SECRET"),
            (&settings.render_webhook_secrets, "RENDER_WEBHOOK_SECRET"),
        ] {
            if secrets.is_empty() {
                println!("{name} is not set: its deliveries are answered 503 until it is");
            }
        }
    }
    stop.await;
    println!("shutting down");
    running.stop().await;
    if let Some(spans) = spans {
        // It waits for the exporter's own thread.
        tokio::task::spawn_blocking(|| spans.stop()).await?;
    }
    Ok(())
}
