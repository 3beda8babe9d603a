//! `xmrt config`

use super::{Ending, print};
use crate::config::Settings;

/// Options of `xmrt config`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, settings: &Settings) -> Ending {
    if options.json {
        print::json(&serde_json::to_value(&settings.origins)?);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = settings
        .origins
        .iter()
        .map(|row| vec![row.name.clone(), row.origin.clone(), row.value.clone()])
        .collect();
    print::table(&["SETTING", "FROM", "VALUE"], &rows);
    Ok(())
}
