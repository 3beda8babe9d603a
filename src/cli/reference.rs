//! `xmrt reference`

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
    /// Every metric there is, as docs/metrics.md
    Metrics,
    /// The API in OpenAPI 3.1, as docs/openapi.json
    Openapi,
}

pub(super) fn run(options: &Options) -> Ending {
    let text = match options.page {
        Page::Metrics => telemetry::markdown(telemetry::numbers::ALL),
        Page::Openapi => print::pretty(&http::api_description()),
    };
    print::line(text.trim_end());
    Ok(())
}
