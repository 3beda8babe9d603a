//! In: the facts of a repository, and what was asked besides. Out: the files that a proposal writes, and its words. Never: the
//! network; two calls with the same facts give the same bytes.

mod ci;
mod edits;
mod license;
mod people;
mod updates;

use std::collections::BTreeMap;

use super::QUOTED_BYTES_MAX;
use super::facts::{Facts, Part};
use super::kinds::Kind;

pub(super) use ci::actions;
pub(super) use license::{license_key, named};

/// What a proposal changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Each file as it shall be, by path.
    pub(super) files: BTreeMap<String, String>,
    /// What is done: the pull request's title.
    pub(super) title: String,
    /// Why, in a paragraph.
    pub(super) why: String,
    /// What whoever looks at it should know or decide.
    pub(super) notes: Vec<String>,
}

/// What was asked for one kind of proposal.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The commit that an action's tag leads to, by `owner/name@tag`.
    pub(super) pins: BTreeMap<String, String>,
    /// Actions that could not be looked up, and why.
    pub(super) unpinned: BTreeMap<String, String>,
    /// The license's name and words.
    pub(super) license: Option<(String, String)>,
    /// What it was asked for by: its SPDX identifier, in small letters and without what a manifest may add to it.
    pub(super) license_key: String,
    /// Why what this kind needs most was not to be had.
    pub(super) unread: Option<String>,
    /// Who holds the copyright.
    pub(super) holder: String,
    /// Logins of those who look after it, the one who does most first.
    pub(super) owners: Vec<String>,
    /// The repository's labels.
    pub(super) labels: Vec<String>,
    /// Where a service answers whether it is well, and the file that says so.
    pub(super) health: Option<(String, String)>,
}

/// The files and words of a proposal; or why there can be none.
pub(super) fn make(kind: Kind, facts: &Facts, known: &Known) -> Part<Change> {
    match kind {
        Kind::Ci => ci::make(facts, known),
        Kind::RenderHealthCheck => edits::health_check(facts, known),
        Kind::DependencyUpdates => updates::make(facts),
        Kind::PinnedActions => edits::pins(facts, known),
        Kind::SecurityPolicy => people::security_policy(facts),
        Kind::Codeowners => people::codeowners(known),
        Kind::License => license::make(facts, known),
        Kind::PullRequestTemplate => people::pull_request_template(facts),
        Kind::IssueTemplates => people::issue_templates(facts, known),
    }
}

impl Change {
    fn one(path: &str, text: String, title: &str, why: &str) -> Self {
        Self {
            files: BTreeMap::from([(path.to_owned(), text)]),
            title: title.to_owned(),
            why: why.to_owned(),
            notes: Vec::new(),
        }
    }

    fn noting(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A text of the repository's as a YAML value: plain where nobody could read it as anything but a word, else quoted.
fn yaml(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'))
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        serde_json::to_string(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{Finding, Outcome};
    use super::super::sample::{bare, found, put, whole};
    use super::*;

    /// Repositories that lack everything, by what they are built with.
    const BARE: &[(&str, &[(&str, &str)])] = &[
        (
            "rust",
            &[
                ("Cargo.toml", "[package]\nlicense = \"MIT OR Apache-2.0\"\n"),
                ("Cargo.lock", ""),
            ],
        ),
        (
            "npm",
            &[
                (
                    "package.json",
                    r#"{"license": "MIT", "scripts": {"test": "jest", "lint": "eslint ."}}"#,
                ),
                ("package-lock.json", ""),
                (".nvmrc", "22"),
            ],
        ),
        ("yarn", &[("package.json", "{}"), ("yarn.lock", "")]),
        (
            "berry",
            &[("package.json", "{}"), ("yarn.lock", ""), (".yarnrc.yml", "")],
        ),
        (
            "pnpm, below",
            &[
                (
                    "web app/on/package.json",
                    r#"{"scripts": {"build": "vite build"}}"#,
                ),
                ("web app/on/pnpm-lock.yaml", ""),
            ],
        ),
        (
            "uv",
            &[
                ("pyproject.toml", "[project]\nlicense = {text = \"MIT\"}\n"),
                ("uv.lock", ""),
                ("src/test_it.py", ""),
            ],
        ),
        (
            "requirements",
            &[("requirements.txt", "flask"), (".python-version", "3.13")],
        ),
        (
            "poetry",
            &[("pyproject.toml", ""), ("poetry.lock", ""), ("a_test.py", "")],
        ),
        (
            "go, twice",
            &[
                ("api/go.mod", "module a"),
                ("api/go.sum", ""),
                ("jobs/go.mod", "module b"),
            ],
        ),
        ("ruby", &[("Gemfile", ""), ("Rakefile", "")]),
        ("maven", &[("pom.xml", ""), ("mvnw", "")]),
        ("gradle", &[("build.gradle.kts", "")]),
        (
            "php",
            &[("composer.json", r#"{"license": "MIT"}"#), ("phpunit.xml", "")],
        ),
        ("image", &[("Dockerfile", "")]),
        ("terraform", &[("infra/main.tf", "")]),
    ];

    fn neglected(files: &[(&str, &str)]) -> Facts {
        let mut facts = whole();
        bare(&mut facts);
        facts.security_policy = Ok(false);
        facts.license = None;
        for (path, text) in files {
            put(&mut facts, path, text);
        }
        facts
    }

    fn known() -> Known {
        let actions = [
            "actions/checkout@v4",
            "actions/setup-node@v4",
            "actions/setup-python@v5",
            "actions/setup-go@v5",
        ];
        let more = [
            "actions/setup-java@v4",
            "ruby/setup-ruby@v1",
            "hashicorp/setup-terraform@v3",
        ];
        Known {
            pins: actions
                .iter()
                .chain(&more)
                .map(|action| ((*action).to_owned(), "a".repeat(40)))
                .collect(),
            license: Some((
                "MIT License".into(),
                "MIT\n\nCopyright [year] [fullname]\n".into(),
            )),
            license_key: "mit".into(),
            holder: "Acme Ltd".into(),
            owners: vec!["alice".into(), "bob".into()],
            labels: vec!["Bug".into(), "type: feature".into()],
            ..Known::default()
        }
    }

    fn with(mut facts: Facts, change: &Change) -> Facts {
        for (path, text) in &change.files {
            put(&mut facts, path, text);
        }
        facts
    }

    #[test]
    fn what_is_proposed_mends_the_check_it_is_proposed_for_and_breaks_no_other() {
        let failing = |facts: &Facts| -> Vec<&'static str> {
            let failed = super::super::checks::judge(facts).into_iter();
            failed
                .filter(|finding| finding.outcome == Outcome::Failed)
                .map(|finding| finding.check)
                .collect()
        };
        for (name, files) in BARE {
            let facts = neglected(files);
            let before = failing(&facts);
            for kind in Kind::ALL {
                if !before.contains(&kind.check()) {
                    assert!(
                        matches!(kind, Kind::RenderHealthCheck | Kind::PinnedActions),
                        "{name}: {kind:?} is not lacking"
                    );
                    continue;
                }
                let change = make(kind, &facts, &known());
                let change = change.map_err(|why| format!("{name}, {kind:?}: {why}")).unwrap();
                let after = with(facts.clone(), &change);
                let finding: Finding = found(&after, kind.check());
                assert_eq!(
                    finding.outcome,
                    Outcome::Passed,
                    "{name}: {finding:#?}\n{change:#?}"
                );
                let worse: Vec<&str> = failing(&after)
                    .into_iter()
                    .filter(|check| !before.contains(check))
                    .collect();
                assert_eq!(worse, [""; 0], "{name}, {kind:?}: {change:#?}");
                let again = make(kind, &facts, &known()).unwrap();
                assert_eq!(change, again, "the same facts give the same bytes");
            }
        }
    }

    #[test]
    fn a_workflow_and_a_blueprint_that_are_there_are_mended_line_by_line() {
        let mut facts = neglected(&[
            (
                ".github/workflows/ci.yml",
                "on: push\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: acme/mine@main\n",
            ),
            ("render.yaml", "services:\n  - type: web\n    name: a\n"),
        ]);
        let mut known = known();
        known
            .unpinned
            .insert("acme/mine@main".into(), "it names no version".into());
        known.health = Some(("/healthz".into(), "src/main.rs".into()));
        let change = make(Kind::PinnedActions, &facts, &known).unwrap();
        assert!(
            change.files[".github/workflows/ci.yml"]
                .contains(&format!("actions/checkout@{} # v4", "a".repeat(40)))
        );
        assert_eq!(
            change.notes,
            ["`acme/mine@main` stays as it is: it names no version."]
        );
        let reasons = [
            ("acme/mine@v1", "of the first"),
            ("acme/mine-too@v1", "of the second"),
            ("acme/mine@v2", "of another tag"),
        ];
        let reasons = reasons.map(|(action, why)| (action.to_owned(), why.to_owned()));
        let apart = Known {
            unpinned: reasons.into(),
            ..known.clone()
        };
        let steps = "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: acme/mine-too@v1\n      \
                     - uses: acme/mine/lint@v2\n      - uses: acme/mine@v3\n";
        let several = neglected(&[(".github/workflows/ci.yml", steps)]);
        assert_eq!(
            make(Kind::PinnedActions, &several, &apart).unwrap().notes,
            [
                "`acme/mine-too@v1` stays as it is: of the second.",
                "`acme/mine/lint@v2` stays as it is: of another tag.",
                "`acme/mine@v3` stays as it is: its commit is not known.",
            ]
        );
        let change = make(Kind::RenderHealthCheck, &facts, &known).unwrap();
        assert_eq!(
            change.files["render.yaml"],
            "services:\n  - type: web\n    healthCheckPath: /healthz\n    name: a\n"
        );
        known.pins.clear();
        let why = make(Kind::PinnedActions, &facts, &known).unwrap_err();
        assert!(why.contains("acme/mine@main: it names no version"), "{why}");
        put(&mut facts, "render.yaml", "services: [{type: web, name: a}]\n");
        assert!(
            make(Kind::RenderHealthCheck, &facts, &known)
                .unwrap_err()
                .contains("line by line")
        );
    }

    #[test]
    fn a_license_is_the_one_a_manifest_names_and_nobody_chooses_one() {
        let read = |files: &[(&str, &str)]| named(&neglected(files)).map(|(id, _)| id);
        let id = |id: &str| Some(id.to_owned());
        assert_eq!(read(BARE[0].1), id("MIT"));
        assert_eq!(read(&[("package.json", r#"{"license": "UNLICENSED"}"#)]), None);
        assert_eq!(
            read(&[("package.json", r#"{"license": "(Apache-2.0 OR MIT)"}"#)]),
            id("Apache-2.0")
        );
        assert_eq!(
            read(&[("pyproject.toml", "[project]\nlicense = \"MPL-2.0\"\n")]),
            id("MPL-2.0")
        );
        assert_eq!(
            read(&[("package.json", r#"{"license": "SEE LICENSE IN a"}"#)]),
            None
        );
        let facts = neglected(BARE[0].1);
        let change = make(Kind::License, &facts, &known()).unwrap();
        assert_eq!(change.files["LICENSE"], "MIT\n\nCopyright 2027 Acme Ltd\n");
        let nobody = Known {
            license: None,
            ..known()
        };
        assert!(
            make(Kind::License, &facts, &nobody)
                .unwrap_err()
                .contains("the choice is the owner's")
        );
        let wordless = Known {
            unread: Some("GitHub has no words of it".into()),
            ..nobody
        };
        assert_eq!(
            make(Kind::License, &facts, &wordless).unwrap_err(),
            "`Cargo.toml` names the license `MIT`, and its words were not to be had: GitHub has no words of it"
        );
    }

    #[test]
    fn a_manifest_names_a_license_only_where_it_names_the_one_that_is_taken() {
        let manifest = |id: &str| format!("[package]\nlicense = \"{id}\"\n");
        for (id, key, expected) in [
            (
                "MIT",
                "mit",
                "`Cargo.toml` names it already; this adds its words.",
            ),
            (
                "GPL-3.0-or-later",
                "gpl-3.0",
                "`Cargo.toml` names it already; this adds its words.",
            ),
            (
                "Apache-2.0",
                "mit",
                "It was asked for by name. `Cargo.toml` names another, `Apache-2.0`: one of the two should change.",
            ),
        ] {
            let text = manifest(id);
            let facts = neglected(&[("Cargo.toml", text.as_str())]);
            let known = Known {
                license_key: key.into(),
                ..known()
            };
            let change = make(Kind::License, &facts, &known).unwrap();
            assert_eq!(change.notes[0], expected, "{id}");
        }
        let facts = neglected(&[("Makefile", "")]);
        let change = make(Kind::License, &facts, &known()).unwrap();
        assert_eq!(change.notes[0], "It was asked for by name.");
    }

    #[test]
    fn a_name_is_quoted_where_yaml_would_read_it_as_something_else() {
        for (text, expected) in [
            ("main", "main"),
            ("/web/app", "/web/app"),
            ("on", "\"on\""),
            ("1.0", "\"1.0\""),
            ("a: b", "\"a: b\""),
            ("release #1", "\"release #1\""),
            ("- x", "\"- x\""),
        ] {
            assert_eq!(yaml(text), expected);
            let read: serde_json::Value = serde_saphyr::from_str(&format!("v: {expected}")).unwrap();
            assert_eq!(read["v"], text);
        }
    }
}
