//! In: rule files. Out: what `--fix` makes of them, as a diff, and written. Never: a change without showing it.
#![expect(clippy::disallowed_methods, reason = "rule files are written here")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use similar::TextDiff;

use super::super::Failure;
use super::Report;
use crate::rules::{self, Catalog, SourceFile};

/// Shows every change; the files in memory are changed. Says how many files would change.
pub(super) fn all(files: &mut [SourceFile], vars: &Value, catalog: &Catalog) -> usize {
    let changed = mended(files, vars, catalog);
    for (before, file) in &changed {
        println!("{}", shown(file, before).trim_end());
    }
    changed.len()
}

/// The same, and writes the files. Gives which.
pub(super) fn write(
    files: &mut [SourceFile],
    vars: &Value,
    catalog: &Catalog,
    quiet: bool,
) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for (before, file) in mended(files, vars, catalog) {
        if !quiet {
            println!("{}", shown(file, &before).trim_end());
        }
        replace(Path::new(&file.path), &file.text)
            .map_err(|error| Failure::CouldNot(format!("{}: {error}", file.path)))?;
        written.push(file.path.clone());
    }
    Ok(written)
}

/// Whether anything of what was found would be mended; only such files are tried in which something can be.
pub(super) fn any(report: &Report<'_>, vars: &Value, catalog: &Catalog) -> bool {
    let tried: BTreeSet<&str> = report
        .diagnostics
        .iter()
        .filter(|found| rules::is_fixable(found.code))
        .map(|found| found.path.as_str())
        .collect();
    let mut files = report
        .files
        .iter()
        .filter(|file| tried.contains(file.path.as_str()));
    files.any(|file| !rules::fix(file, vars, Some(catalog)).mended.is_empty())
}

/// Files that change, with what stood in them.
fn mended<'f>(files: &'f mut [SourceFile], vars: &Value, catalog: &Catalog) -> Vec<(String, &'f SourceFile)> {
    let mut changed = Vec::new();
    for file in files {
        let fixed = rules::fix(file, vars, Some(catalog));
        if !fixed.mended.is_empty() {
            let before = std::mem::replace(&mut file.text, fixed.text);
            changed.push((before, &*file));
        }
    }
    changed
}

fn shown(file: &SourceFile, before: &str) -> String {
    TextDiff::from_lines(before, &file.text)
        .unified_diff()
        .context_radius(2)
        .header(&file.path, &file.path)
        .to_string()
}

/// Beside it first, so that a file is never half written.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("toml.new");
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&beside, path)
}
