//! `xmrt schema`

use super::{Ending, print};
use crate::config::FileSettings;
use crate::rules;

/// Options of `xmrt schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Which file the schema is of
    #[arg(value_enum, default_value_t = Of::Rule)]
    of: Of,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Of {
    /// A rule file, `rules/<id>.toml`
    Rule,
    /// The settings file, `xmrt.toml`
    Config,
}

pub(super) fn run(options: &Options) -> Ending {
    match options.of {
        Of::Rule => print::json(&rules::schema()),
        Of::Config => print::json(&serde_json::to_value(schemars::schema_for!(FileSettings))?),
    }
    Ok(())
}
