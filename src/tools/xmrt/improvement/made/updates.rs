//! In: what a repository is built with. Out: settings for Dependabot. Never: a part that is somebody else's.

use std::collections::BTreeSet;

use super::{Change, QUOTED_BYTES_MAX, yaml};
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::stack::{Stack, projects};
use crate::tools::xmrt::improvement::workflow::is_workflow;

pub(super) fn make(facts: &Facts) -> Part<Change> {
    let files = facts.files()?;
    let mut entries = BTreeSet::new();
    for part in projects(files) {
        let ecosystem = match part.stack {
            Stack::Python if files.contains_key(&part.path("uv.lock")) => "uv",
            stack => stack.ecosystem(),
        };
        entries.insert((ecosystem, format!("/{}", part.folder)));
    }
    if files.keys().any(|path| is_workflow(path)) {
        entries.insert(("github-actions", "/".to_owned()));
    }
    if entries.is_empty() {
        return Err("there is nothing here whose dependencies Dependabot knows".to_owned());
    }
    let mut text = "# Proposes new versions once a week. What changes little comes together, what may break something alone.\n\
                    version: 2\nupdates:\n"
        .to_owned();
    for (ecosystem, folder) in &entries {
        text.push_str(&format!(
            "  - package-ecosystem: {ecosystem}\n    directory: {}\n    schedule:\n      interval: weekly\n    groups:\n      \
             minor-and-patch:\n        update-types:\n          - minor\n          - patch\n",
            yaml(folder)
        ));
    }
    let seen: Vec<String> = entries
        .iter()
        .map(|(ecosystem, folder)| format!("{ecosystem} in {}", quote(folder, QUOTED_BYTES_MAX)))
        .collect();
    Ok(Change::one(
        ".github/dependabot.yml",
        text,
        "Let Dependabot propose new versions",
        "Nobody proposes new versions of what this is built from, so known weaknesses stay until somebody happens to look.",
    )
    .noting(format!("It looks after {}.", seen.join(", "))))
}
