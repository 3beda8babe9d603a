//! `xmrt check`

use std::path::PathBuf;

use super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;
use crate::{reactor, rules};

/// Options of `xmrt check`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rule files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Warnings fail too
    #[arg(long)]
    deny_warnings: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let paths = if options.paths.is_empty() {
        vec![settings.rules.clone()]
    } else {
        options.paths
    };
    let files = assemble::read_rules(&paths)?;
    let tools = assemble::tool_facts().await?;
    let loaded = rules::load(&files, settings.vars(), Some(&reactor::catalog(&tools)));
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = loaded.diagnostics.len() - errors;
    if options.json {
        print::json(&serde_json::json!({
            "files": files.len(),
            "errors": errors,
            "warnings": warnings,
            "diagnostics": loaded.diagnostics,
        }));
    } else {
        if !loaded.diagnostics.is_empty() {
            println!(
                "{}",
                rules::render_diagnostics(&files, &loaded.diagnostics, print::color(&std::io::stdout()))
            );
        }
        println!(
            "{} rule file(s), {errors} error(s), {warnings} warning(s)",
            files.len()
        );
    }
    if errors > 0 || (options.deny_warnings && warnings > 0) {
        Err(Failure::Found)
    } else {
        Ok(())
    }
}
