//! In: the paths of a repository. Out: what it is built with, and where. Never: what is in a file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

/// How deep a manifest may lie to be one of the repository's own parts.
const DEPTH_MAX: usize = 3;
/// Folders whose contents are somebody else's, or only shown.
const FOREIGN: [&str; 15] = [
    "node_modules",
    "vendor",
    "third_party",
    "target",
    "dist",
    "build",
    "fixtures",
    "testdata",
    "tests",
    "test",
    "__tests__",
    "examples",
    "example",
    "samples",
    "templates",
];

/// What something is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stack {
    Rust,
    Node,
    Python,
    Go,
    Ruby,
    Maven,
    Gradle,
    Php,
    Docker,
    Terraform,
}

impl Stack {
    /// What people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Node => "Node.js",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Ruby => "Ruby",
            Self::Maven => "Java (Maven)",
            Self::Gradle => "Java (Gradle)",
            Self::Php => "PHP",
            Self::Docker => "Docker",
            Self::Terraform => "Terraform",
        }
    }

    /// What Dependabot calls where its dependencies come from.
    pub(super) fn ecosystem(self) -> &'static str {
        match self {
            Self::Rust => "cargo",
            Self::Node => "npm",
            Self::Python => "pip",
            Self::Go => "gomod",
            Self::Ruby => "bundler",
            Self::Maven => "maven",
            Self::Gradle => "gradle",
            Self::Php => "composer",
            Self::Docker => "docker",
            Self::Terraform => "terraform",
        }
    }

    /// The files any of which pins what its dependencies are; none where there is no such habit.
    pub(super) fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.lock"],
            Self::Node => &[
                "package-lock.json",
                "npm-shrinkwrap.json",
                "yarn.lock",
                "pnpm-lock.yaml",
                "bun.lock",
                "bun.lockb",
            ],
            Self::Python => &["uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"],
            Self::Go => &["go.sum"],
            Self::Ruby => &["Gemfile.lock"],
            Self::Php => &["composer.lock"],
            Self::Maven | Self::Gradle | Self::Docker | Self::Terraform => &[],
        }
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "Cargo.toml" => Self::Rust,
            "package.json" => Self::Node,
            "pyproject.toml" | "requirements.txt" | "setup.py" | "Pipfile" => Self::Python,
            "go.mod" => Self::Go,
            "Gemfile" => Self::Ruby,
            "pom.xml" => Self::Maven,
            "build.gradle" | "build.gradle.kts" => Self::Gradle,
            "composer.json" => Self::Php,
            "Dockerfile" => Self::Docker,
            name if name.ends_with(".tf") => Self::Terraform,
            _ => return None,
        })
    }
}

/// A part of a repository that is built by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Project {
    /// What with.
    pub(super) stack: Stack,
    /// Its folder, empty for the top.
    pub(super) folder: String,
    /// The file that says so.
    pub(super) manifest: String,
}

impl Project {
    /// The path of a file in its folder.
    pub(super) fn path(&self, name: &str) -> String {
        match self.folder.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }
}

/// The parts of a repository, by folder. A part inside another of the same stack belongs to that one: a workspace is built at
/// its top.
pub(super) fn projects(files: &BTreeMap<String, u64>) -> Vec<Project> {
    let mut by_place: BTreeMap<(Stack, &str), &str> = BTreeMap::new();
    for path in files.keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        let foreign = |part: &&str| part.starts_with('.') || FOREIGN.contains(part);
        if parts.len() > DEPTH_MAX || parts.iter().any(foreign) {
            continue;
        }
        if let Some(stack) = Stack::of(name) {
            by_place.entry((stack, folder)).or_insert(path);
        }
    }
    let places: BTreeSet<(Stack, &str)> = by_place.keys().copied().collect();
    let inside = |stack: Stack, folder: &str| {
        let mut above = folder;
        while !above.is_empty() {
            above = above.rsplit_once('/').map_or("", |(above, _)| above);
            if places.contains(&(stack, above)) {
                return true;
            }
        }
        false
    };
    let whole = by_place
        .iter()
        .filter(|((stack, folder), _)| !inside(*stack, folder));
    let mut found: Vec<Project> = whole
        .map(|((stack, folder), manifest)| Project {
            stack: *stack,
            folder: (*folder).to_owned(),
            manifest: (*manifest).to_owned(),
        })
        .collect();
    found.sort_by(|a, b| (&a.folder, a.stack).cmp(&(&b.folder, b.stack)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(paths: &[&str]) -> Vec<(Stack, String)> {
        let files = paths.iter().map(|path| ((*path).to_owned(), 1)).collect();
        projects(&files)
            .into_iter()
            .map(|project| (project.stack, project.folder))
            .collect()
    }

    #[test]
    fn parts_are_found_where_they_are_built_and_what_is_shown_or_borrowed_is_none() {
        let found = seen(&[
            "Cargo.toml",
            "crates/core/Cargo.toml",
            "web/package.json",
            "web/admin/package.json",
            "web/node_modules/left/package.json",
            "examples/demo/package.json",
            ".github/actions/mine/package.json",
            "a/b/c/d/go.mod",
            "requirements.txt",
            "pyproject.toml",
        ]);
        let expected = [
            (Stack::Rust, String::new()),
            (Stack::Python, String::new()),
            (Stack::Node, "web".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn two_parts_beside_each_other_are_two() {
        let found = seen(&["api/go.mod", "jobs/go.mod", "infra/main.tf", "infra/vars.tf"]);
        let expected = [
            (Stack::Go, "api".to_owned()),
            (Stack::Terraform, "infra".to_owned()),
            (Stack::Go, "jobs".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
