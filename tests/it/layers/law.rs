//! In: the source tree as (path, text). Out: every place where it breaks the layout. Never: a file.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{self, Token};

/// What a layout allows.
pub(super) struct Law {
    /// Module → the modules it may name. A module that is missing here may not exist.
    pub(super) arrows: &'static [(&'static str, &'static [&'static str])],
    /// Children that others may enter past the face file.
    pub(super) open_children: &'static [&'static str],
    /// Crates that only some modules may name.
    pub(super) kept_crates: &'static [(&'static str, &'static [&'static str])],
    /// The modules that may write to the terminal.
    pub(super) printers: &'static [&'static str],
}

/// Names that say nothing about what is in the room.
const VAGUE_ROOMS: &[&str] = &["types", "models", "core", "util", "utils", "common", "helpers"];
const LINES_MAX: usize = 500;
const PRINTING: &[&str] = &["println", "print", "eprintln", "eprint"];

/// One place where the tree breaks the law.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) what: What,
}

/// The ways to break it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    ForbiddenArrow { from: String, to: String },
    Circle(Vec<String>),
    UnknownModule(String),
    ChildEntered(String),
    ChildOpened(String),
    ModRs,
    VagueRoom(String),
    TooLong(usize),
    KeptCrate(String),
    Prints(String),
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ", self.path, self.line)?;
        match &self.what {
            What::ForbiddenArrow { from, to } => {
                write!(
                    f,
                    "`{from}` may not name `{to}`: arrows point down (the table in tests/it/layers.rs)"
                )
            }
            What::Circle(modules) => write!(
                f,
                "these modules name each other in a circle: {}",
                modules.join(" → ")
            ),
            What::UnknownModule(name) => write!(
                f,
                "module `{name}` has no line in the table of tests/it/layers.rs"
            ),
            What::ChildEntered(child) => {
                write!(
                    f,
                    "`{child}` is entered past its face file: re-export what is needed there"
                )
            }
            What::ChildOpened(child) => {
                write!(
                    f,
                    "`{child}` is public: make it private, or list it as open in tests/it/layers.rs"
                )
            }
            What::ModRs => write!(f, "`mod.rs` hides what it is: name the file after the module"),
            What::VagueRoom(name) => write!(
                f,
                "`{name}` says nothing: put things with the stage that makes them"
            ),
            What::TooLong(lines) => write!(
                f,
                "{lines} lines, {LINES_MAX} are allowed: split it by what it does"
            ),
            What::KeptCrate(name) => write!(f, "`{name}` is kept to a few modules; this is not one of them"),
            What::Prints(name) => write!(f, "`{name}!` outside the command line: return it, or trace it"),
        }
    }
}

/// One source file, read.
struct File<'a> {
    path: &'a str,
    /// Its module path: `src/rules/pattern.rs` is `[rules, pattern]`; the crate's root is empty.
    module: Vec<String>,
    lines: usize,
    tokens: Vec<Token>,
}

/// Every violation in `files`, each a path below the crate's folder and its text, in order of place.
pub(super) fn violations(law: &Law, files: &[(String, String)]) -> Vec<Violation> {
    let files: Vec<File<'_>> = files
        .iter()
        .map(|(path, text)| File {
            path,
            module: module_of(path),
            lines: text.lines().count(),
            tokens: scan::tokens(text),
        })
        .collect();
    let modules: BTreeSet<Vec<String>> = files.iter().map(|file| file.module.clone()).collect();
    let mut found = Vec::new();
    let mut arrows = Arrows::default();
    let opened: BTreeSet<String> = files
        .iter()
        .flat_map(opened_children)
        .map(|(child, _)| child)
        .collect();
    for file in &files {
        of_the_file(file, &mut found);
        of_its_words(law, file, &mut found);
        of_its_children(law, file, &modules, &mut found);
        of_its_paths(law, file, &modules, &opened, &mut arrows, &mut found);
    }
    if let Some((modules, path, line)) = arrows.circle() {
        found.push(Violation {
            path,
            line,
            what: What::Circle(modules),
        });
    }
    found.sort();
    found.dedup();
    found
}

fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let stem = inner.strip_suffix(".rs").unwrap_or(inner);
    match stem {
        "lib" | "main" => Vec::new(),
        _ => stem
            .split('/')
            .filter(|part| *part != "mod")
            .map(String::from)
            .collect(),
    }
}

fn of_the_file(file: &File<'_>, found: &mut Vec<Violation>) {
    let mut say = |what| {
        found.push(Violation {
            path: file.path.into(),
            line: 1,
            what,
        })
    };
    if file.path.ends_with("/mod.rs") {
        say(What::ModRs);
    }
    if file.lines > LINES_MAX {
        say(What::TooLong(file.lines));
    }
    for part in &file.module {
        if VAGUE_ROOMS.contains(&part.as_str()) {
            say(What::VagueRoom(part.clone()));
        }
    }
}

fn of_its_words(law: &Law, file: &File<'_>, found: &mut Vec<Violation>) {
    let home = file.module.first().map_or("", String::as_str);
    for pair in file.tokens.windows(2) {
        let [word, next] = pair else { continue };
        let mut say = |what| {
            found.push(Violation {
                path: file.path.into(),
                line: word.line,
                what,
            })
        };
        for (name, homes) in law.kept_crates {
            if word.text == *name && (next.text == "::" || next.text == ";") && !homes.contains(&home) {
                say(What::KeptCrate(word.text.clone()));
            }
        }
        if PRINTING.contains(&word.text.as_str()) && next.text == "!" && !law.printers.contains(&home) {
            say(What::Prints(word.text.clone()));
        }
        if word.text == "mod" && VAGUE_ROOMS.contains(&next.text.as_str()) {
            say(What::VagueRoom(next.text.clone()));
        }
    }
}

/// Children that the law does not list as open, and are.
fn of_its_children(law: &Law, file: &File<'_>, modules: &BTreeSet<Vec<String>>, found: &mut Vec<Violation>) {
    for (child, line) in opened_children(file) {
        let has_file = modules.contains(&child.split("::").map(String::from).collect::<Vec<_>>());
        if has_file && !law.open_children.contains(&child.as_str()) {
            found.push(Violation {
                path: file.path.into(),
                line,
                what: What::ChildOpened(child),
            });
        }
    }
}

/// The modules a face file declares `pub`, in any degree, and where. The crate's own are meant to be.
fn opened_children(file: &File<'_>) -> Vec<(String, usize)> {
    let is_public = |at: usize| at > 0 && matches!(file.tokens[at - 1].text.as_str(), "pub" | ")");
    file.tokens
        .iter()
        .enumerate()
        .filter(|(at, token)| token.text == "mod" && is_public(*at) && !file.module.is_empty())
        .filter_map(|(at, token)| {
            let name = &file.tokens.get(at + 1)?.text;
            Some((format!("{}::{name}", file.module.join("::")), token.line))
        })
        .collect()
}

fn of_its_paths(
    law: &Law,
    file: &File<'_>,
    modules: &BTreeSet<Vec<String>>,
    opened: &BTreeSet<String>,
    arrows: &mut Arrows,
    found: &mut Vec<Violation>,
) {
    let in_binary = file.path == "src/main.rs";
    let roots: &[&str] = if in_binary { &["xmrt"] } else { &["crate", "super"] };
    let home = file
        .module
        .first()
        .map(String::as_str)
        .or(in_binary.then_some("main"));
    for path in scan::paths(&file.tokens, roots) {
        let target = resolve(file, &path);
        let mut say = |what| {
            found.push(Violation {
                path: file.path.into(),
                line: path.line,
                what,
            })
        };
        if let (Some(from), Some(to)) = (home, target.first()) {
            let top = modules.contains(std::slice::from_ref(to));
            if top && from != to {
                match law.arrows.iter().find(|(name, _)| *name == from) {
                    None => say(What::UnknownModule(from.into())),
                    Some((_, allowed)) if !allowed.contains(&to.as_str()) => {
                        say(What::ForbiddenArrow {
                            from: from.into(),
                            to: to.clone(),
                        });
                    }
                    Some(_) => {}
                }
                arrows.add(from, to, file.path, path.line);
            }
        }
        for deep in 2..=target.len() {
            let (child, parent) = (&target[..deep], &target[..deep - 1]);
            let written = child.join("::");
            // A path that ends at a private child names what the face file re-exports under the same name: the compiler
            // would not let it name the child.
            let enters = deep < target.len() || opened.contains(&written);
            if enters
                && modules.contains(child)
                && !file.module.starts_with(parent)
                && !law.open_children.contains(&written.as_str())
            {
                say(What::ChildEntered(written));
            }
        }
    }
}

/// The path from the crate's root: `crate` and the own name are taken off, each `super` goes up one module.
fn resolve(file: &File<'_>, path: &scan::Path) -> Vec<String> {
    let mut at: Vec<String> = match path.segments.first().map(String::as_str) {
        Some("super") => file.module.iter().chain(&path.inside).cloned().collect(),
        _ => Vec::new(),
    };
    for (n, segment) in path.segments.iter().enumerate() {
        match segment.as_str() {
            "super" => {
                at.pop();
            }
            _ if n == 0 => {}
            _ => at.push(segment.clone()),
        }
    }
    at
}

/// Who names whom, and where first.
#[derive(Default)]
struct Arrows(BTreeMap<String, BTreeMap<String, (String, usize)>>);

impl Arrows {
    fn add(&mut self, from: &str, to: &str, path: &str, line: usize) {
        self.0
            .entry(from.into())
            .or_default()
            .entry(to.into())
            .or_insert_with(|| (path.into(), line));
    }

    /// One circle, if there is any, and a place where it is closed.
    fn circle(&self) -> Option<(Vec<String>, String, usize)> {
        let mut done = BTreeSet::new();
        self.0
            .keys()
            .find_map(|start| self.circle_below(start, &mut Vec::new(), &mut done))
    }

    fn circle_below(
        &self,
        module: &str,
        above: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<(Vec<String>, String, usize)> {
        if done.contains(module) {
            return None;
        }
        above.push(module.into());
        for (next, (path, line)) in self.0.get(module).into_iter().flatten() {
            if let Some(begin) = above.iter().position(|m| m == next) {
                let mut circle = above[begin..].to_vec();
                circle.push(next.clone());
                return Some((circle, path.clone(), *line));
            }
            if let Some(found) = self.circle_below(next, above, done) {
                return Some(found);
            }
        }
        above.pop();
        done.insert(module.into());
        None
    }
}

/// A circle in the table itself, which would allow one in the code.
pub(super) fn circle_in_table(law: &Law) -> Option<Vec<String>> {
    let mut arrows = Arrows::default();
    for (from, allowed) in law.arrows {
        for to in *allowed {
            arrows.add(from, to, "", 0);
        }
    }
    arrows.circle().map(|(modules, _, _)| modules)
}
