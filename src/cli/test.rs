//! `xmrt test`

use std::path::PathBuf;

use super::{Ending, Failure, print};
use crate::assemble::{self, Trial};
use crate::config::Settings;
use crate::rules;

/// Options of `xmrt test`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rule files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Show the calls of every test
    #[arg(long, short)]
    verbose: bool,
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
    let loaded = rules::load(&files, settings.vars(), None);
    let Some(book) = loaded.book else {
        if options.json {
            print::json(&serde_json::json!({ "diagnostics": loaded.diagnostics }));
            return Err(Failure::Found);
        }
        println!(
            "{}",
            rules::render_diagnostics(&files, &loaded.diagnostics, print::color(&std::io::stdout()))
        );
        return Err(Failure::Found);
    };
    let mut trials = Vec::new();
    for file in &files {
        let found = assemble::run_tests(file, settings.vars()).await?;
        if !options.json {
            found.iter().for_each(|trial| report(trial, options.verbose));
        }
        trials.extend(found);
    }
    let failed = trials.iter().filter(|trial| !trial.failures.is_empty()).count();
    let untested: Vec<&str> = book
        .rules()
        .iter()
        .filter(|rule| rule.tests.is_empty())
        .map(|rule| rule.id.as_str())
        .collect();
    if options.json {
        print::json(&serde_json::json!({ "tests": trials, "failed": failed, "untested_rules": untested }));
    } else {
        for rule in &untested {
            println!("note: the rule `{rule}` has no [[test]]");
        }
        println!(
            "{} rule(s): {} passed, {failed} failed",
            files.len(),
            trials.len() - failed
        );
    }
    if failed > 0 { Err(Failure::Found) } else { Ok(()) }
}

fn report(trial: &Trial, verbose: bool) {
    let mark = if trial.failures.is_empty() {
        "ok    "
    } else {
        "FAILED"
    };
    println!("{mark} {} · {} → {}", trial.rule, trial.test, trial.decision);
    if verbose || !trial.failures.is_empty() {
        for call in &trial.calls {
            let note = if call["skipped"] == true { " (skipped)" } else { "" };
            println!(
                "         {}{note} {}",
                print::text(call, "/tool"),
                print::text(call, "/arguments")
            );
        }
    }
    for failure in &trial.failures {
        println!("       - {failure}");
    }
}
