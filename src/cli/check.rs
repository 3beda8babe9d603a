//! `xmrt check`

use std::path::PathBuf;

use super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;
use crate::rules::{Coverage, RuleBook};
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
            "matching": loaded.book.as_ref().map(matching),
        }));
    } else {
        if !loaded.diagnostics.is_empty() {
            println!(
                "{}",
                rules::render_diagnostics(&files, &loaded.diagnostics, print::color())
            );
        }
        println!(
            "{} rule file(s), {errors} error(s), {warnings} warning(s)",
            files.len()
        );
        if let Some(book) = &loaded.book {
            print_matching(book);
        }
    }
    if errors > 0 || (options.deny_warnings && warnings > 0) {
        Err(Failure::Found)
    } else {
        Ok(())
    }
}

/// How the rules are found for an event, for programs.
fn matching(book: &RuleBook) -> serde_json::Value {
    let Coverage {
        indexed,
        scanned,
        off,
    } = book.coverage();
    serde_json::json!({
        "indexed": indexed,
        "scanned": scanned,
        "off": off,
        "files": book.coverage_by_file(),
    })
}

/// The same for people: only what is scanned is worth a line of its own.
fn print_matching(book: &RuleBook) {
    let Coverage {
        indexed,
        scanned,
        off,
    } = book.coverage();
    println!("matching: {indexed} indexed, {scanned} scanned, {off} off");
    for (path, coverage) in book.coverage_by_file() {
        if coverage.scanned > 0 {
            println!("  {path}: scanned for every event it listens to; no single value tells that it holds");
        }
    }
}
