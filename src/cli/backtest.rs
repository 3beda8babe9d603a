//! `xmrt backtest`

use std::path::PathBuf;

use super::api::Target;
use super::{Ending, Failure, print};
use crate::assemble;
use crate::clock::Clock;
use crate::config::Settings;
use crate::rules::{self, Comparison, NOT_SIMULATED, RuleBook, Side, SourceFile};

mod history;

/// How many events a change is illustrated with, unless all are asked for.
const SHOWN_MAX: usize = 5;

/// Options of `xmrt backtest`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The changed rules: files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Compare with the rules in this file or folder [default: the rules in force]
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// How far back to look in the events on record, such as `12h` or `14d`
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "14d",
        conflicts_with = "events"
    )]
    since: String,
    /// Use the payloads in this folder instead of the events on record: `<type>.json` or `<type>~<any>.json`, such as
    /// `github.issues.opened~2.json`, or files that `xmrt events show --json` printed
    #[arg(long, value_name = "FOLDER")]
    events: Option<PathBuf>,
    /// Exit 1 when rules fire where they did not before, or do not fire where they did
    #[arg(long, value_enum, value_delimiter = ',')]
    fail_on: Vec<Change>,
    /// Show every event that makes a difference
    #[arg(long, short)]
    verbose: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Change {
    /// A rule fires that did not
    Gained,
    /// A rule does not fire that did
    Lost,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let now = Clock::system().now();
    let paths = if options.paths.is_empty() {
        vec![settings.rules.clone()]
    } else {
        options.paths.clone()
    };
    let candidate = Side::new(
        format!("the rules in {}", shown(&paths)),
        vec![book(&assemble::read_rules(&paths)?, &settings)?],
    );
    let mut history = match &options.events {
        Some(folder) => history::of_folder(folder, now)?,
        None => {
            let length = rules::duration_ms(&options.since).map_err(|why| format!("--since: {why}"))?;
            history::on_record(&options.target, &settings, crate::clock::after(now, -length)).await?
        }
    };
    let before = match &options.against {
        Some(path) => Side::new(
            format!("the rules in {}", path.display()),
            vec![book(
                &assemble::read_rules(std::slice::from_ref(path))?,
                &settings,
            )?],
        ),
        None => history.in_force.take().ok_or(
            "a folder of payloads has no rules in force: name what to compare with, `--against PATH`",
        )?,
    };
    let comparison = rules::compare(&before, &candidate, &history.events);
    if options.json {
        print::json(&serde_json::json!({
            "events": { "from": history.place, "count": history.events.len(), "first": history.first(), "last": history.last(), "unreadable": history.unreadable },
            "before": before.name,
            "candidate": candidate.name,
            "rules": comparison.rules,
            "gained": comparison.gained(),
            "lost": comparison.lost(),
            "not_simulated": NOT_SIMULATED,
        }));
    } else {
        tell(&options, &history, &before, &candidate, &comparison);
    }
    let failed = options.fail_on.iter().any(|change| match change {
        Change::Gained => comparison.gained() > 0,
        Change::Lost => comparison.lost() > 0,
    });
    if failed { Err(Failure::Found) } else { Ok(()) }
}

fn shown(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn book(files: &[SourceFile], settings: &Settings) -> Result<RuleBook, Failure> {
    let loaded = rules::load(files, settings.vars(), None);
    loaded.book.ok_or_else(|| {
        println!("{}", rules::render_diagnostics(files, &loaded.diagnostics, false));
        Failure::CouldNot("rules with errors cannot be compared".into())
    })
}

fn tell(
    options: &Options,
    history: &history::History,
    before: &Side,
    candidate: &Side,
    comparison: &Comparison,
) {
    println!("before:    {}", before.name);
    println!("candidate: {}", candidate.name);
    match (history.first(), history.last()) {
        (Some(first), Some(last)) => println!(
            "events:    {} {}, from {first} to {last}",
            history.events.len(),
            history.place
        ),
        _ => println!("events:    none {}", history.place),
    }
    if options.events.is_none() {
        println!(
            "           (asked for: the last {}; what is older than the first is not there)",
            options.since
        );
    }
    if history.unreadable > 0 {
        println!("           {} more could not be read", history.unreadable);
    }
    println!();
    let rows: Vec<Vec<String>> = comparison
        .rules
        .iter()
        .map(|rule| {
            vec![
                rule.rule.clone(),
                rule.before.to_string(),
                rule.after.to_string(),
                format!("+{}", rule.gained.len()),
                format!("-{}", rule.lost.len()),
                rule.note(),
            ]
        })
        .collect();
    if rows.is_empty() {
        println!("no rule fires, before or after");
    } else {
        print::table(&["RULE", "BEFORE", "AFTER", "GAINED", "LOST", "NOTE"], &rows);
    }
    for rule in &comparison.rules {
        let limit = if options.verbose { usize::MAX } else { SHOWN_MAX };
        for (mark, changes) in [('+', &rule.gained), ('-', &rule.lost)] {
            for change in changes.iter().take(limit) {
                println!(
                    "{mark} {} {} {} {}",
                    rule.rule, change.received_at, change.kind, change.id
                );
            }
            if changes.len() > limit {
                println!(
                    "{mark} {} … and {} more (--verbose)",
                    rule.rule,
                    changes.len() - limit
                );
            }
        }
    }
    println!("\nlimits are counted in the events' own time; not simulated:");
    for left_out in NOT_SIMULATED {
        println!("  - {left_out}");
    }
}
