//! `xmrt reference`

mod api;
mod commands;
mod settings;

use clap::Command;

use super::{Ending, print};
use crate::http;
use crate::telemetry;

/// Options of `xmrt reference`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    page: Page,
}

#[derive(Debug, clap::Subcommand)]
enum Page {
    /// Every command with its options, as docs/reference/cli.md
    Cli,
    /// Every variable and every key of xmrt.toml, as docs/reference/settings.md
    Settings,
    /// Every route of the API, as docs/reference/api.md
    Api,
    /// Every metric there is, as docs/metrics.md
    Metrics,
    /// The API in OpenAPI 3.1, as docs/openapi.json
    Openapi,
}

pub(super) fn run(options: &Options, command: Command) -> Ending {
    let text = match options.page {
        Page::Cli => commands::markdown(command),
        Page::Settings => settings::markdown()?,
        Page::Api => api::markdown(),
        Page::Metrics => telemetry::markdown(telemetry::numbers::ALL),
        Page::Openapi => print::pretty(&http::api_description()),
    };
    print::line(text.trim_end());
    Ok(())
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
