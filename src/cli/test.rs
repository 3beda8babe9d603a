//! `xmrt test`

use std::path::PathBuf;

use super::{Ending, Failure, print};
use crate::assemble::{self, Trial};
use crate::config::Settings;
use crate::rules::{self, RuleBook};

mod coverage;
mod junit;

/// Options of `xmrt test`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rule files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Show the calls of every test
    #[arg(long, short)]
    verbose: bool,
    /// How to print what came of them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Show what no test exercises: rules that never act, conditions that never hold or never fail
    #[arg(long)]
    coverage: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// JUnit's XML, which CI services show
    Junit,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let format = if options.json {
        Format::Json
    } else {
        options.format
    };
    let paths = if options.paths.is_empty() {
        vec![settings.rules.clone()]
    } else {
        options.paths
    };
    let files = assemble::read_rules(&paths)?;
    let directory = assemble::directory(&settings)?;
    let loaded = rules::load(&files, settings.vars(), None);
    let Some(book) = loaded.book else {
        let color = format == Format::Text && print::color(&std::io::stdout());
        let shown = rules::render_diagnostics(&files, &loaded.diagnostics, color);
        match format {
            Format::Text => print::colored(&shown),
            Format::Json => print::json(&serde_json::json!({ "diagnostics": loaded.diagnostics })),
            Format::Junit => {
                eprintln!("{shown}");
                println!("{}", junit::unread(&files, &loaded.diagnostics).trim_end());
            }
        }
        return Err(Failure::Found);
    };
    let mut trials = Vec::new();
    for file in &files {
        let found = assemble::run_tests(file, settings.vars(), &directory).await?;
        if format == Format::Text {
            found
                .iter()
                .for_each(|trial| report(trial, &book, options.verbose));
        }
        trials.extend(found);
    }
    let failed = trials.iter().filter(|trial| !trial.failures.is_empty()).count();
    let gaps = coverage::gaps(&book, &trials);
    let untested: Vec<&str> = book
        .rules()
        .iter()
        .filter(|rule| rule.tests.is_empty())
        .map(|rule| rule.id.as_str())
        .collect();
    match format {
        Format::Json => print::json(&serde_json::json!({
            "tests": trials, "failed": failed, "untested_rules": untested, "gaps": gaps,
        })),
        Format::Junit => println!("{}", junit::report(&book, &trials).trim_end()),
        Format::Text => {
            for rule in &untested {
                println!("note: the rule `{rule}` has no [[test]]");
            }
            if options.coverage {
                tell(&gaps);
            }
            println!(
                "{} rule(s): {} passed, {failed} failed",
                files.len(),
                trials.len() - failed
            );
        }
    }
    if failed > 0 { Err(Failure::Found) } else { Ok(()) }
}

fn tell(gaps: &[coverage::Gap]) {
    if gaps.is_empty() {
        println!("every rule acts in some test, and every condition holds in some and fails in some");
    }
    for gap in gaps {
        println!("untested {} · {}", gap.rule, gap.what);
    }
}

fn report(trial: &Trial, book: &RuleBook, verbose: bool) {
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
    if !trial.failures.is_empty() {
        why(trial, book);
    }
}

/// A test that fails because the rule did not act wants to know what kept it from acting.
fn why(trial: &Trial, book: &RuleBook) {
    let (Some(event), Some(rule)) = (&trial.event, book.rule(&trial.rule)) else {
        return;
    };
    if matches!(trial.decision.as_str(), "missed" | "error") {
        for difference in rules::explain(rule, event, None).would_have_to_differ {
            println!("       why: {difference}");
        }
    }
}
