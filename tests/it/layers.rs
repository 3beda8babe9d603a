//! The layout as a test: which module may name which, and what no source file may do.

mod law;
mod scan;

use law::{Law, Violation, What, circle_in_table, violations};

/// Read it top down: a module may name only what its line lists. `main` is the binary.
const LAW: Law = Law {
    arrows: &[
        ("main", &["cli"]),
        (
            "cli",
            &[
                "http",
                "tools",
                "sandbox",
                "assemble",
                "reactor",
                "receive",
                "normalize",
                "rules",
                "journal",
                "plan",
                "act",
                "record",
                "hub",
                "accounts",
                "coordination",
                "agents",
                "integrations",
                "store",
                "clock",
                "config",
                "telemetry",
            ],
        ),
        (
            "assemble",
            &[
                "http",
                "tools",
                "sandbox",
                "reactor",
                "receive",
                "normalize",
                "rules",
                "journal",
                "plan",
                "act",
                "record",
                "hub",
                "accounts",
                "coordination",
                "agents",
                "integrations",
                "budget",
                "store",
                "clock",
                "config",
                "telemetry",
            ],
        ),
        (
            "http",
            // The hub: an agent's call is no event, so it goes past the reactor to the tools.
            &[
                "reactor",
                "receive",
                "normalize",
                "rules",
                "journal",
                "hub",
                "accounts",
                "coordination",
                "agents",
                "budget",
                "insights",
                "chart",
                "clock",
                "telemetry",
            ],
        ),
        // The reactor: what it can explain, an agent can ask.
        (
            "tools",
            &[
                "reactor",
                "hub",
                "coordination",
                "agents",
                "integrations",
                "budget",
                "journal",
                "insights",
                "chart",
                "clock",
                "telemetry",
            ],
        ),
        ("sandbox", &["clock"]),
        (
            "reactor",
            &[
                "receive",
                "normalize",
                "rules",
                "journal",
                "plan",
                "act",
                "record",
                "hub",
                "coordination",
                "agents",
                "clock",
                "telemetry",
            ],
        ),
        ("record", &["act", "plan", "journal", "hub", "rules", "clock"]),
        ("act", &["hub", "agents", "plan", "journal"]),
        ("plan", &["rules", "journal", "normalize", "hub"]),
        ("rules", &["normalize", "receive", "agents"]),
        ("normalize", &["receive"]),
        ("receive", &["clock"]),
        ("store", &["journal", "clock", "telemetry"]),
        ("journal", &["clock"]),
        ("hub", &["agents", "clock", "telemetry"]),
        ("accounts", &["agents", "integrations", "journal", "clock"]),
        ("coordination", &["journal", "clock", "telemetry"]),
        ("agents", &["journal", "clock"]),
        ("integrations", &["budget", "clock", "telemetry"]),
        ("budget", &["journal", "clock", "telemetry"]),
        ("insights", &["journal", "chart"]),
        ("chart", &[]),
        ("clock", &[]),
        ("telemetry", &[]),
        ("config", &[]),
    ],
    open_children: &[
        "hub::contract",
        "integrations::github",
        "integrations::notify",
        "integrations::render",
        "journal::archive",
        // The gates and the state machine of a run are the same for the model and for every store.
        "journal::gates",
        "journal::groups",
        "journal::machine",
        "journal::outbox",
        "journal::records",
        "journal::store",
        "store::embedded",
        "store::redis",
        "tools::github",
        "tools::quote",
        "tools::render",
        "tools::toolbox",
        "tools::xmrt",
        "tools::xmrt::triage",
        "tools::xmrt::triage::duplicates",
        "tools::xmrt::triage::habits",
        "tools::xmrt::triage::missing",
        "tools::xmrt::triage::owners",
        "telemetry::numbers",
    ],
    // `http` and `sandbox` are the two that serve.
    kept_crates: &[("axum", &["http", "sandbox"])],
    printers: &["cli"],
};

#[test]
fn the_source_keeps_to_the_layout() {
    let found = violations(&LAW, &source_tree());
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "\n{}\n", told.join("\n"));
}

#[test]
fn the_source_tree_is_really_read() {
    let files = source_tree();
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert!(
        paths.contains(&"src/lib.rs") && paths.contains(&"src/hub/contract.rs"),
        "{paths:?}"
    );
}

#[test]
fn the_table_of_arrows_has_no_circle_and_no_unknown_name() {
    assert_eq!(circle_in_table(&LAW), None);
    for (from, allowed) in LAW.arrows {
        for to in *allowed {
            assert!(
                LAW.arrows.iter().any(|(name, _)| name == to),
                "`{from}` lists `{to}`, which has no line"
            );
        }
    }
}

#[test]
fn every_top_level_module_has_a_line_and_every_line_a_module() {
    let files = source_tree();
    let mut modules: Vec<&str> = files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("src/")?.strip_suffix(".rs"))
        .filter(|stem| !stem.contains('/') && *stem != "lib")
        .collect();
    let mut lines: Vec<&str> = LAW.arrows.iter().map(|(name, _)| *name).collect();
    modules.sort_unstable();
    lines.sort_unstable();
    assert_eq!(modules, lines);
}

/// Every `src/**/*.rs`, as (path below the crate's folder, text).
fn source_tree() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<(String, String)> = ignore::WalkBuilder::new(root.join("src"))
        .standard_filters(false)
        .build()
        .map(|entry| entry.expect("the source folder is readable").into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| {
            let shown = path
                .strip_prefix(root)
                .expect("below the crate")
                .to_string_lossy()
                .replace('\\', "/");
            (shown, read(&path))
        })
        .collect();
    files.sort();
    files
}

#[expect(
    clippy::disallowed_methods,
    reason = "this test looks at the source files themselves"
)]
fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).expect("source files are UTF-8")
}

// The analyzer on small trees: for each way to break the law, one tree that does and one that does not.

/// The violations of a tree that has the modules of the real one, plus `files`.
fn found_in(files: &[(&str, &str)]) -> Vec<What> {
    let mut tree: Vec<(String, String)> = LAW
        .arrows
        .iter()
        .map(|(name, _)| (format!("src/{name}.rs"), String::new()))
        .collect();
    tree.retain(|(path, _)| files.iter().all(|(given, _)| given != path));
    tree.extend(
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned())),
    );
    violations(&LAW, &tree)
        .into_iter()
        .map(|violation| violation.what)
        .collect()
}

fn arrow(from: &str, to: &str) -> What {
    What::ForbiddenArrow {
        from: from.into(),
        to: to.into(),
    }
}

#[test]
fn an_arrow_that_points_up_is_caught_in_every_spelling() {
    for text in [
        "use crate::reactor::Intake;",
        "use crate::reactor;",
        "use crate::{clock, reactor::{self, Intake}};",
        "use crate::{reactor as above};",
        "fn f() -> crate::reactor::Intake { loop {} }",
        "use super::reactor::Intake;",
        "mod tests { use super::super::reactor::Intake; }",
        "macro_rules! m { () => { $crate::reactor::go() } }",
        "use crate::\n    reactor::\n    Intake;",
        "use crate::reactor::*;",
        "const A: char = '\"'; use crate::reactor::X; const B: char = '\"';",
    ] {
        assert_eq!(
            found_in(&[("src/journal.rs", text)]),
            [arrow("journal", "reactor")],
            "{text}"
        );
    }
    let deep = ("src/journal/model.rs", "use super::super::reactor::Intake;");
    assert_eq!(found_in(&[deep]), [arrow("journal", "reactor")]);
}

#[test]
fn an_arrow_that_points_down_is_fine() {
    let text = "use crate::{clock, journal::{Store, StoreError as Error}};\nmod tests { use super::*; }";
    assert_eq!(found_in(&[("src/reactor.rs", text)]), []);
    assert_eq!(
        found_in(&[(
            "src/reactor/worker.rs",
            "use super::intake; use super::super::hub::Hub;"
        )]),
        []
    );
    assert_eq!(
        found_in(&[("src/main.rs", "fn main() { xmrt::cli::main() }")]),
        []
    );
}

#[test]
fn comments_strings_and_doc_links_are_no_arrows() {
    let text = r####"
        //! Made by [`reactor`](crate::reactor).
        /// See [`crate::reactor::Intake`].
        /* crate::reactor /* nested */ crate::reactor */
        #[doc = "crate::reactor"]
        fn f<'a>(x: &'a str) -> &'a str { x }
        const S: &str = "use crate::reactor; \" crate::reactor";
        const R: &str = r#"crate::reactor " crate::reactor"#;
        const B: &[u8] = b"crate::reactor";
        const C: char = '\'';
    "####;
    assert_eq!(found_in(&[("src/clock.rs", text)]), []);
}

#[test]
fn the_binary_names_the_command_line_only() {
    let text = "fn main() { xmrt::reactor::run() }";
    assert_eq!(found_in(&[("src/main.rs", text)]), [arrow("main", "reactor")]);
}

#[test]
fn a_circle_is_told_module_by_module() {
    let files = [
        ("src/act.rs", "use crate::record::X;"),
        ("src/record.rs", "use crate::act::X;"),
    ];
    let circle = What::Circle(vec!["act".into(), "record".into(), "act".into()]);
    assert_eq!(found_in(&files), [arrow("act", "record"), circle]);
    assert_eq!(found_in(&files[1..]), []);
}

#[test]
fn a_module_without_a_line_in_the_table_is_caught() {
    let files = [("src/extra.rs", "use crate::clock::Clock;")];
    assert_eq!(found_in(&files), [What::UnknownModule("extra".into())]);
}

#[test]
fn a_child_is_entered_through_its_face_file() {
    let child = (
        "src/rules/pattern.rs",
        "use crate::rules::Rule; use crate::rules::load;",
    );
    let sibling = (
        "src/rules/load.rs",
        "use crate::rules::pattern::Pattern; use super::pattern;",
    );
    let face = (
        "src/rules.rs",
        "mod load;\nmod pattern;\npub use pattern::Pattern;",
    );
    assert_eq!(found_in(&[child, sibling, face]), []);

    let outside = ("src/plan.rs", "use crate::rules::pattern::Pattern;");
    let entered = What::ChildEntered("rules::pattern".into());
    assert_eq!(found_in(&[child, sibling, face, outside]), [entered]);

    // A function of the face file, and one with the name of the child that it is re-exported from.
    let function = ("src/plan.rs", "use crate::rules::{parse, pattern};");
    assert_eq!(found_in(&[child, face, function]), []);
    let open_face = ("src/rules.rs", "pub mod pattern;");
    let opened = What::ChildOpened("rules::pattern".into());
    assert_eq!(
        found_in(&[child, open_face, function]),
        [What::ChildEntered("rules::pattern".into()), opened]
    );
    // A child that is listed as open.
    let listed = ("src/act.rs", "use crate::hub::contract::Reply;");
    assert_eq!(found_in(&[("src/hub/contract.rs", ""), listed]), []);
}

#[test]
fn a_child_is_public_only_where_the_law_says_so() {
    let pattern = ("src/rules/pattern.rs", "");
    for text in ["pub mod pattern;", "pub(crate) mod pattern;"] {
        let opened = What::ChildOpened("rules::pattern".into());
        assert_eq!(found_in(&[("src/rules.rs", text), pattern]), [opened], "{text}");
    }
    assert_eq!(found_in(&[("src/rules.rs", "mod pattern;"), pattern]), []);
    assert_eq!(
        found_in(&[("src/hub.rs", "pub mod contract;"), ("src/hub/contract.rs", "")]),
        []
    );
}

#[test]
fn mod_rs_is_caught() {
    assert_eq!(found_in(&[("src/rules/pattern/mod.rs", "")]), [What::ModRs]);
    assert_eq!(found_in(&[("src/rules/pattern.rs", "")]), []);
}

#[test]
fn rooms_with_vague_names_are_caught() {
    for name in ["types", "models", "core", "util", "utils", "common", "helpers"] {
        let room = [What::VagueRoom(name.into())];
        assert_eq!(found_in(&[(&format!("src/rules/{name}.rs"), "")]), room);
        assert_eq!(found_in(&[(&format!("src/rules/{name}/pattern.rs"), "")]), room);
        assert_eq!(found_in(&[("src/rules.rs", &format!("mod {name} {{}}"))]), room);
    }
    assert_eq!(found_in(&[("src/rules/pattern.rs", "use core::fmt;")]), []);
}

#[test]
fn a_file_has_at_most_500_lines() {
    assert_eq!(
        found_in(&[("src/plan.rs", &"//\n".repeat(501))]),
        [What::TooLong(501)]
    );
    assert_eq!(found_in(&[("src/plan.rs", &"//\n".repeat(500))]), []);
}

#[test]
fn axum_is_kept_to_the_two_modules_that_serve() {
    for text in ["use axum::Router;", "fn f(r: axum::Router) {}", "use axum;"] {
        assert_eq!(
            found_in(&[("src/reactor.rs", text)]),
            [What::KeptCrate("axum".into())],
            "{text}"
        );
        assert_eq!(found_in(&[("src/http/hooks.rs", text)]), [], "{text}");
        assert_eq!(found_in(&[("src/sandbox/github.rs", text)]), [], "{text}");
    }
    assert_eq!(
        found_in(&[("src/reactor.rs", "// axum::serve was passed over")]),
        []
    );
}

#[test]
fn only_the_command_line_prints() {
    for name in ["println", "print", "eprintln", "eprint"] {
        let text = format!("fn f() {{ {name}!(\"x\") }}");
        assert_eq!(found_in(&[("src/plan.rs", &text)]), [What::Prints(name.into())]);
        assert_eq!(found_in(&[("src/cli/demo.rs", &text)]), []);
    }
}

#[test]
fn a_violation_names_its_place_and_the_remedy() {
    let tree = [
        (
            "src/clock.rs".to_owned(),
            "\n\nuse crate::config::Settings;".to_owned(),
        ),
        ("src/config.rs".to_owned(), String::new()),
    ];
    let told: Vec<String> = violations(&LAW, &tree).iter().map(Violation::to_string).collect();
    assert_eq!(
        told,
        [
            "src/clock.rs:3: `clock` may not name `config`: arrows point down (the table in tests/it/layers.rs)"
        ]
    );
}
