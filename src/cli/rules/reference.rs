//! `xmrt rules reference`
#![expect(clippy::disallowed_methods, reason = "pages are read and written here")]

use std::path::{Path, PathBuf};

use super::super::{Ending, Failure};
use crate::assemble;
use crate::config::Settings;
use crate::rules::{self, RuleBook, SourceFile};
use crate::sandbox;

/// Options of `xmrt rules reference`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where the pages are
    #[arg(long, value_name = "FOLDER", default_value = "docs/rules")]
    folder: PathBuf,
    /// Change nothing; fail when a page is not as it would be written
    #[arg(long)]
    check: bool,
}

/// Folders all of whose pages are written.
const WHOLE: &[&str] = &["lints", "shipped"];

pub(super) fn run(options: &Options, settings: &Settings) -> Ending {
    let shipped = book(&settings.rules, settings)?;
    let recipes = book(&options.folder.join("cookbook"), settings)?;
    let all = |book: &RuleBook| -> Vec<std::sync::Arc<rules::Rule>> { book.rules().to_vec() };
    let (shipped, recipes) = (all(&shipped), all(&recipes));
    let mut pages = rules::pages(
        &shipped.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        &recipes.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
    );
    pages.push(SourceFile {
        path: "state.md".into(),
        text: format!(
            "{}{}",
            rules::PAGE_HEAD,
            sandbox::state_reference().map_err(Failure::CouldNot)?
        ),
        unreadable: None,
    });
    let mut wrong = Vec::new();
    for page in &pages {
        let path = options.folder.join(&page.path);
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        if current == page.text {
            continue;
        }
        wrong.push(page.path.clone());
        if !options.check {
            write(&path, page)?;
        }
    }
    for path in stale(&options.folder, &pages)? {
        wrong.push(path.display().to_string());
        if !options.check {
            std::fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
    }
    match (options.check, wrong.as_slice()) {
        (true, []) => println!("{} pages are up to date", pages.len()),
        (true, wrong) => {
            println!(
                "out of date: {}\nwrite them anew: xmrt rules reference",
                wrong.join(", ")
            );
            return Err(Failure::Found);
        }
        (false, wrong) => println!("{} pages, {} written anew", pages.len(), wrong.len()),
    }
    Ok(())
}

fn book(folder: &Path, settings: &Settings) -> Result<RuleBook, Failure> {
    let files = assemble::read_rules(&[folder.to_path_buf()])?;
    rules::load(&files, settings.vars(), None).book.ok_or_else(|| {
        Failure::CouldNot(format!(
            "the rules in {} hold errors; `xmrt check` shows them",
            folder.display()
        ))
    })
}

fn write(path: &Path, page: &SourceFile) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(path, &error))?;
    }
    std::fs::write(path, &page.text).map_err(|error| failed(path, &error))
}

/// Pages of what is not there any more.
fn stale(folder: &Path, pages: &[SourceFile]) -> Result<Vec<PathBuf>, Failure> {
    let mut stale = Vec::new();
    for part in WHOLE {
        let inside = folder.join(part);
        let Ok(entries) = std::fs::read_dir(&inside) else {
            continue;
        };
        for entry in entries {
            let path = entry.map_err(|error| failed(&inside, &error))?.path();
            let known = pages.iter().any(|page| folder.join(&page.path) == path);
            if !known {
                stale.push(path);
            }
        }
    }
    Ok(stale)
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::CouldNot(format!("{}: {error}", path.display()))
}
