//! In: an issue as it was written. Out: the modules it names, as paths: `DeepFarm.Saves.Snapshot.Write` is
//! `DeepFarm/Saves/Snapshot/Write`. Never: a path that was written as one.

use std::sync::LazyLock;

use regex::Regex;

use super::text::BODY_BYTES_MAX;
use crate::tools::quote::cut;

/// How many names of one issue are looked at.
const NAMES_MAX: usize = 50;

/// At most sixteen parts of at most a hundred characters: each end of a name is compared with each glob.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z_][A-Za-z0-9_]{0,99}(?:(?:\.|::)[A-Za-z_][A-Za-z0-9_]{0,99}){1,15}").ok()
});

/// Qualified names, each once, in order of appearance.
pub(super) fn named(title: &str, body: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in [title, cut(body, BODY_BYTES_MAX)] {
        for found in NAME.iter().flat_map(|pattern| pattern.find_iter(text)) {
            let name = found.as_str().replace("::", "/").replace('.', "/");
            if names.len() < NAMES_MAX && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}
