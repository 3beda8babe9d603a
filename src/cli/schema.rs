//! `xmrt schema`

use serde_json::Value;

use super::{Ending, Failure, print};
use crate::config::FileSettings;
use crate::{rules, sandbox};

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

/// The schema of rule files, that of a test's `state` in it.
pub(super) fn of_rules() -> Result<Value, Failure> {
    Ok(rules::schema(sandbox::state_schema().map_err(Failure::CouldNot)?))
}

pub(super) fn run(options: &Options) -> Ending {
    match options.of {
        Of::Rule => print::json(&of_rules()?),
        Of::Config => print::json(&serde_json::to_value(schemars::schema_for!(FileSettings))?),
    }
    Ok(())
}
