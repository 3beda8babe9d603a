//! In: the folder `tests/it/triage/fixture`. Out: its issues and what is expected of each. Never: a judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xmrt::tools::xmrt::triage::{self, Vocabulary};

/// The folders, one a repository.
const REPOSITORIES: [&str; 5] = ["brine", "deepfarm", "paperkit", "sluice", "tabwright"];

/// The half that is only counted, and the half that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    HeldOut,
    Known,
}

impl Half {
    fn file(self) -> &'static str {
        match self {
            Self::HeldOut => "held_out.toml",
            Self::Known => "known.toml",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    repo: String,
    codeowners: String,
    areas: BTreeMap<String, Area>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    words: Vec<String>,
    paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issues {
    issue: Vec<Case>,
}

/// One issue and what a maintainer would conclude.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub kinds: BTreeSet<String>,
    pub areas: BTreeSet<String>,
    #[serde(default)]
    pub missing: BTreeSet<String>,
    pub duplicate_of: Option<u64>,
}

impl Case {
    pub fn issue(&self) -> triage::Issue {
        triage::Issue {
            number: self.number,
            title: self.title.clone(),
            body: self.body.clone(),
            labels: Vec::new(),
        }
    }
}

/// One repository with one half of its issues.
#[derive(Debug)]
pub struct Repository {
    pub repo: String,
    pub codeowners: String,
    /// Area → the words its maintainers declared for it.
    pub words: BTreeMap<String, Vec<String>>,
    /// Area → the paths its maintainers declared for it.
    pub paths: BTreeMap<String, Vec<String>>,
    pub cases: Vec<Case>,
}

impl Repository {
    /// What a rule of the repository would hand to triage.
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary::with(Some(self.words.clone()), Some(self.paths.clone())).unwrap()
    }

    /// The issue itself and all that repeat it or that it repeats: to name any of them is right.
    pub fn twins(&self, case: &Case) -> BTreeSet<u64> {
        let first = |case: &Case| {
            let mut first = case.number;
            while let Some(earlier) = self
                .cases
                .iter()
                .find(|c| c.number == first)
                .and_then(|c| c.duplicate_of)
            {
                first = earlier;
            }
            first
        };
        let ours = first(case);
        self.cases
            .iter()
            .filter(|c| first(c) == ours)
            .map(|c| c.number)
            .collect()
    }
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/triage/fixture")
}

/// The files of one half, in order.
pub fn files(half: Half) -> Vec<PathBuf> {
    REPOSITORIES
        .iter()
        .map(|name| folder().join(name).join(half.file()))
        .collect()
}

/// All repositories with one half of their issues.
pub fn load(half: Half) -> Vec<Repository> {
    files(half)
        .iter()
        .map(|file| {
            let declared: Declared = read(&file.with_file_name("repository.toml"));
            let issues: Issues = read(file);
            let (words, paths): (BTreeMap<_, _>, BTreeMap<_, _>) = declared
                .areas
                .into_iter()
                .map(|(area, said)| ((area.clone(), said.words), (area, said.paths)))
                .unzip();
            Repository {
                repo: declared.repo,
                codeowners: declared.codeowners,
                words,
                paths,
                cases: issues.issue,
            }
        })
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> T {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
