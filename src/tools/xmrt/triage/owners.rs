//! In: a CODEOWNERS file, an issue's text. Out: the paths it mentions, and who owns them. Never: a path outside the
//! repository.
//!
//! GitHub reads CODEOWNERS almost as git reads `.gitignore`; where they differ (the last matching *line* wins, also over
//! an earlier line about a nearer file; `docs/*` does not reach into subdirectories; no `!`, no `[a-z]`) this follows
//! GitHub: docs.github.com, "About code owners".

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use regex::Regex;

use crate::tools::quote::cut;

/// How many paths of one issue are looked at.
const PATHS_MAX: usize = 20;
/// How long and how deep a path may be: what is longer is no path but an attack on whoever compares it with the globs.
const PATH_BYTES_MAX: usize = 1024;
const PATH_PARTS_MAX: usize = 32;
/// How much of an issue is searched for paths, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// How many lines of a CODEOWNERS file are read.
const LINES_MAX: usize = 5_000;

/// Where GitHub looks for the file, in its order: the first one there is counts.
pub const CODEOWNERS_PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

static BLOB_LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"https?://[^/\s]+/([^/\s]+/[^/\s]+)/(?:blob|tree|raw)/[^/\s]+/([^\s)#?>\]]+)").ok()
});
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"https?://\S+").ok());
/// A path, or a word that is none and is passed as a whole: tried again from within, a long one takes quadratic time.
static WORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9_.@\-]*(?:/[A-Za-z0-9_.@\-]+)+/?|[A-Za-z0-9_.@\-]+").ok());
static FILE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_\-]+\.[A-Za-z]{1,5}\b").ok());

/// Endings by which a lone word is taken for a file: `Cargo.toml` is one, `e.g` and `example.com` are not.
const FILE_ENDINGS: [&str; 36] = [
    "rs", "toml", "lock", "md", "yml", "yaml", "json", "js", "ts", "tsx", "jsx", "mjs", "py", "go", "java",
    "kt", "rb", "c", "h", "cc", "cpp", "hpp", "cs", "swift", "php", "sh", "sql", "html", "css", "scss",
    "vue", "tf", "proto", "txt", "lua", "ex",
];

/// The paths an issue mentions, in order of appearance, each once.
pub fn paths_mentioned(repo: &str, title: &str, body: &str) -> Vec<String> {
    let text = format!("{title}\n{}", cut(body, TEXT_BYTES_MAX));
    let mut paths = Vec::new();
    let mut add = |path: &str| {
        if let Some(path) = relative(path).filter(|path| !paths.contains(path) && paths.len() < PATHS_MAX) {
            paths.push(path);
        }
    };
    for link in BLOB_LINK.iter().flat_map(|pattern| pattern.captures_iter(&text)) {
        let of_repo = link.get(1).is_some_and(|m| m.as_str().eq_ignore_ascii_case(repo));
        if let Some(path) = link.get(2).filter(|_| of_repo) {
            add(path.as_str());
        }
    }
    let text = match LINK.as_ref() {
        Some(pattern) => pattern.replace_all(&text, " "),
        None => text.as_str().into(),
    };
    for candidate in candidates(&text) {
        // `@scope/package` and `and/or` are no paths; `/src/…` and `src/main.rs` are.
        let word = candidate.trim_end_matches(['.', '-']);
        let ending = word
            .trim_end_matches('/')
            .rsplit_once('.')
            .map(|(_, ending)| ending);
        let is_file =
            ending.is_some_and(|ending| FILE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()));
        let is_folder = word.ends_with('/') && word.matches('/').count() >= 1 && word.len() > 2;
        let is_deep = word.matches('/').count() >= 2;
        if !word.starts_with('@') && (is_file || is_folder || is_deep) {
            add(word);
        }
    }
    paths
}

/// What may be a path: words with a slash, and what looks like a file's name in the others.
fn candidates(text: &str) -> Vec<&str> {
    let mut candidates = Vec::new();
    for found in WORD.iter().flat_map(|pattern| pattern.find_iter(text)) {
        if found.as_str().contains('/') {
            candidates.push(found.as_str());
            continue;
        }
        // The character behind the word tells whether a file's ending really ends there.
        let behind = text.get(found.end()..).and_then(|rest| rest.chars().next());
        let end = found.end() + behind.map_or(0, char::len_utf8);
        let word = text.get(found.start()..end).unwrap_or_default();
        let files = FILE.iter().flat_map(|pattern| pattern.find_iter(word));
        candidates.extend(files.map(|file| file.as_str()));
    }
    candidates
}

/// A path below the root, or nothing.
fn relative(path: &str) -> Option<String> {
    let path = path
        .trim_start_matches("./")
        .trim_start_matches('/')
        .trim_end_matches('/');
    let is_plain = !path.is_empty()
        && path.len() <= PATH_BYTES_MAX
        && path.split('/').count() <= PATH_PARTS_MAX
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    is_plain.then(|| path.to_owned())
}

/// Whose code the paths are.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// All of them, each once, in order of appearance.
    pub owners: Vec<String>,
    /// Per path that has owners.
    pub by_path: Vec<(String, Vec<String>)>,
}

/// Looks the paths up. Paths nobody owns are left out.
pub fn owners_of(codeowners: Option<&str>, paths: &[String]) -> Owners {
    let lines: Vec<Line> = codeowners
        .unwrap_or_default()
        .lines()
        .take(LINES_MAX)
        .filter_map(Line::parse)
        .collect();
    let mut found = Owners::default();
    let mut known = BTreeSet::new();
    for path in paths {
        // The last matching line wins, and a line without owners takes ownership away.
        let Some(line) = lines.iter().rev().find(|line| line.glob.matches(path)) else {
            continue;
        };
        if line.owners.is_empty() {
            continue;
        }
        found.by_path.push((path.clone(), line.owners.clone()));
        for owner in &line.owners {
            if known.insert(owner.to_lowercase()) {
                found.owners.push(owner.clone());
            }
        }
    }
    found
}

/// How far a pattern reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Into the folders it matches.
    Folders,
    /// No further than what it names: `docs/*`.
    Named,
}

/// A pattern of a CODEOWNERS file or of a vocabulary, compiled once for all the paths it is asked about.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    matcher: Gitignore,
    reach: Reach,
}

impl Glob {
    /// Compiles a pattern, or nothing where GitHub would not take it.
    pub fn parse(pattern: &str) -> Option<Self> {
        if pattern.starts_with('!') || pattern.contains('[') {
            return None;
        }
        let mut builder = GitignoreBuilder::new("");
        builder.add_line(None, pattern).ok()?;
        let reach = if pattern.ends_with("/*") {
            Reach::Named
        } else {
            Reach::Folders
        };
        Some(Self {
            text: pattern.to_owned(),
            matcher: builder.build().ok()?,
            reach,
        })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches a path.
    pub fn matches(&self, path: &str) -> bool {
        let path = Path::new(path);
        // The matcher takes paths below its root only.
        if path.has_root() {
            return false;
        }
        match self.reach {
            Reach::Folders => self.matcher.matched_path_or_any_parents(path, false).is_ignore(),
            Reach::Named => self.matcher.matched(path, false).is_ignore(),
        }
    }
}

/// What it matches follows from its text.
impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

#[derive(Debug)]
struct Line {
    glob: Glob,
    owners: Vec<String>,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (pattern, rest) = split_pattern(line);
        Some(Self {
            glob: Glob::parse(&pattern)?,
            owners: rest
                .split_whitespace()
                .take_while(|word| !word.starts_with('#'))
                .filter(|word| word.contains('@'))
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// The pattern, up to the first space that no backslash escapes.
fn split_pattern(line: &str) -> (String, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && !escaped {
            let (pattern, rest) = line.split_at(at);
            return (pattern.to_owned(), rest);
        }
        escaped = c == '\\' && !escaped;
    }
    (line.to_owned(), "")
}
