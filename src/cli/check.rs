//! `xmrt check`

use std::path::PathBuf;

use super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;
use crate::rules::{Catalog, Coverage, Diagnostic, RuleBook, SourceFile};
use crate::{reactor, rules, sandbox};

mod github;
mod mend;
mod sarif;

/// Options of `xmrt check`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rule files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Warnings fail too
    #[arg(long)]
    deny_warnings: bool,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Mend what is certain, show what changed, and then say what is left
    #[arg(long)]
    fix: bool,
    /// Show what `--fix` would change, and change nothing; fails when there is anything
    #[arg(long, conflicts_with_all = ["fix", "format", "json"])]
    diff: bool,
    /// Say what a lint means, with an example each way; `all` lists them
    #[arg(long, value_name = "LINT", conflicts_with_all = ["paths", "format", "json", "deny_warnings"])]
    explain: Option<String>,
    /// Print the page of all lints, docs/rules/lints.md
    #[arg(long, hide = true, conflicts_with_all = ["paths", "format", "json", "deny_warnings", "explain"])]
    lints_markdown: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, which code scanning services take
    Sarif,
    /// Workflow commands, which GitHub Actions shows beside the lines of a pull request
    Github,
}

/// What was found in which files.
struct Report<'r> {
    files: &'r [SourceFile],
    diagnostics: &'r [Diagnostic],
}

impl Report<'_> {
    /// Line and column of the end of what was found, from 1.
    fn end(&self, diagnostic: &Diagnostic) -> (usize, usize) {
        let file = self.files.iter().find(|file| file.path == diagnostic.path);
        diagnostic.end(file.map_or("", |file| file.text.as_str()))
    }
}

/// All that rules are held against.
async fn catalog(settings: &Settings) -> Result<Catalog, Failure> {
    let known = assemble::known_tools(settings).await?;
    let directory = assemble::directory(settings)?;
    let state = sandbox::state_schema().map_err(Failure::CouldNot)?;
    Ok(reactor::catalog(&known.tools, &directory)
        .opened(known.open)
        .with_state(state))
}

/// Mends what is certain in the rules folder, as `--fix` does; gives which files were changed.
pub(super) async fn mend(settings: &Settings) -> Result<Vec<String>, Failure> {
    let mut files = assemble::read_rules(std::slice::from_ref(&settings.rules))?;
    let catalog = catalog(settings).await?;
    mend::write(&mut files, settings.vars(), &catalog, true)
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    if options.lints_markdown {
        println!("{}", rules::lints_markdown().trim_end());
        return Ok(());
    }
    if let Some(id) = &options.explain {
        return explain(id);
    }
    let paths = if options.paths.is_empty() {
        vec![settings.rules.clone()]
    } else {
        options.paths
    };
    let mut files = assemble::read_rules(&paths)?;
    let catalog = catalog(&settings).await?;
    if options.diff {
        return match mend::all(&mut files, settings.vars(), &catalog) {
            0 => {
                eprintln!("there is nothing that `--fix` could mend with certainty");
                Ok(())
            }
            _ => Err(Failure::Found),
        };
    }
    if options.fix {
        let quiet = options.json || options.format != Format::Text;
        mend::write(&mut files, settings.vars(), &catalog, quiet)?;
    }
    let loaded = rules::load(&files, settings.vars(), Some(&catalog));
    let report = Report {
        files: &files,
        diagnostics: &loaded.diagnostics,
    };
    let errors = report
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = report.diagnostics.len() - errors;
    match if options.json {
        Format::Json
    } else {
        options.format
    } {
        Format::Text => {
            text(&report, errors, warnings);
            if mend::any(&report, settings.vars(), &catalog) {
                println!("`xmrt check --diff` shows what `--fix` would mend");
            }
            if let Some(book) = &loaded.book {
                print_matching(book);
            }
        }
        Format::Json => print::json(&serde_json::json!({
            "files": files.len(),
            "errors": errors,
            "warnings": warnings,
            "diagnostics": report.diagnostics,
            "matching": loaded.book.as_ref().map(matching),
        })),
        Format::Sarif => print::json(&sarif::log(&report)),
        Format::Github => println!("{}", github::commands(&report).trim_end()),
    }
    if errors > 0 || (options.deny_warnings && warnings > 0) {
        Err(Failure::Found)
    } else {
        Ok(())
    }
}

fn text(report: &Report<'_>, errors: usize, warnings: usize) {
    let color = print::color(&std::io::stdout());
    if !report.diagnostics.is_empty() {
        print::colored(&rules::render_diagnostics(
            report.files,
            report.diagnostics,
            color,
        ));
    }
    println!(
        "{} rule file(s), {errors} error(s), {warnings} warning(s)",
        report.files.len()
    );
    let mut worst = report.diagnostics.iter().filter(|found| found.is_error());
    if let Some(first) = worst.next().or(report.diagnostics.first()) {
        println!("`xmrt check --explain {}` says more about a finding", first.code);
    }
}

fn explain(id: &str) -> Ending {
    if id == "all" {
        let rows: Vec<Vec<String>> = rules::lints()
            .map(|lint| vec![lint.id.into(), lint.level().into(), lint.summary.into()])
            .collect();
        print::table(&["LINT", "LEVEL", "FOUND WHEN"], &rows);
        return Ok(());
    }
    match rules::lint(id) {
        Some(lint) => {
            println!("{}", lint.to_text().trim_end());
            Ok(())
        }
        None => {
            let hint =
                rules::nearest_lint(id).unwrap_or_else(|| "`xmrt check --explain all` lists them".into());
            Err(Failure::CouldNot(format!("there is no lint `{id}`; {hint}")))
        }
    }
}

/// How the rules are found for an event, for programs.
fn matching(book: &RuleBook) -> serde_json::Value {
    let Coverage {
        indexed,
        named,
        scanned,
        off,
    } = book.coverage();
    serde_json::json!({
        "indexed": indexed,
        "named": named,
        "scanned": scanned,
        "off": off,
        "files": book.coverage_by_file(),
    })
}

/// The same for people: only what is scanned is worth a line of its own.
fn print_matching(book: &RuleBook) {
    let Coverage {
        indexed,
        named,
        scanned,
        off,
    } = book.coverage();
    let by_name = match named {
        0 => String::new(),
        named => format!(", {named} by name"),
    };
    println!("matching: {indexed} indexed, {scanned} scanned{by_name}, {off} off");
    for (path, coverage) in book.coverage_by_file() {
        if coverage.scanned > 0 {
            println!("  {path}: scanned for every event it listens to; no single value tells that it holds");
        }
    }
}
