//! What a stranger's body can make triage do: a bounded amount of looking, and no more than its author meant.

use std::collections::BTreeMap;

use xmrt::tools::xmrt::triage::{Facts, Report, Vocabulary, owners, triage};

use super::{concluded, issue};

/// As many parts and as many bytes as a path may have.
const PARTS: usize = 32;
const BYTES: usize = 1024;

/// What is concluded where `area/tls` is what lies below `crates/tls`.
fn of_tls(body: &str) -> Report {
    let paths = BTreeMap::from([("area/tls".into(), vec!["crates/tls/**".into()])]);
    triage(&Facts {
        repo: "acme/proxy",
        issue: &issue(7, "The release of today", body),
        recent: &[],
        codeowners: None,
        vocabulary: &Vocabulary::with(None, Some(paths)).unwrap(),
        duplicates_max: 3,
    })
}

fn is_tls(report: &Report) -> bool {
    report.labels.iter().any(|label| label == "area/tls")
}

/// The module by whose name it is about a part.
fn named(report: &Report) -> Option<&str> {
    report.reasons.iter().find_map(|reason| {
        let (_, rest) = reason.split_once("it names ")?;
        Some(rest.split_once(", which matches ")?.0)
    })
}

#[test]
fn a_name_without_end_is_looked_at_in_pieces() {
    let endless = "a.".repeat(8 * 1024);
    let report = of_tls(&endless);
    assert!(report.paths.is_empty() && !is_tls(&report), "{report:?}");

    let report = of_tls(&format!("crates.tls.{endless}"));
    let sixteen_parts = format!("crates/tls{}", "/a".repeat(14));
    assert_eq!(named(&report), Some(sixteen_parts.as_str()), "{report:?}");

    // A part of a name is not longer than a hundred characters.
    let report = of_tls(&format!("crates.tls.{}", "a".repeat(16 * 1024)));
    let short_parts = format!("crates/tls/{}", "a".repeat(100));
    assert_eq!(named(&report), Some(short_parts.as_str()), "{report:?}");
    assert!(is_tls(&of_tls("crates::tls::Handshake breaks")));
}

#[test]
fn no_more_than_fifty_names_are_looked_at() {
    let names = |many: usize| {
        let names: Vec<String> = (0..many).map(|at| format!("n{at}.x ")).collect();
        names.concat()
    };
    assert!(is_tls(&of_tls(&format!("{}crates.tls.x", names(49)))));
    assert!(!is_tls(&of_tls(&format!("{}crates.tls.x", names(50)))));
}

#[test]
fn a_path_without_end_is_none() {
    for endless in [
        "a/".repeat(32 * 1024),
        "a.".repeat(32 * 1024),
        "a".repeat(64 * 1024),
    ] {
        for body in [endless.clone(), format!("crates/tls/{endless}")] {
            let report = of_tls(&body);
            assert!(report.paths.is_empty() && !is_tls(&report), "{:?}", report.labels);
        }
    }
}

#[test]
fn a_path_is_as_deep_and_as_long_as_a_real_one_at_most() {
    let deep = |parts: usize| format!("crates/tls/{}a.rs", "a/".repeat(parts - 3));
    let long = |bytes: usize| format!("crates/tls/{}.rs", "a".repeat(bytes - "crates/tls/.rs".len()));
    for taken in [deep(PARTS), long(BYTES)] {
        let report = of_tls(&taken);
        assert_eq!(report.paths, [taken]);
        assert!(is_tls(&report), "{report:?}");
    }
    for refused in [deep(PARTS + 1), long(BYTES + 1)] {
        let report = of_tls(&refused);
        assert!(report.paths.is_empty() && !is_tls(&report), "{report:?}");
    }
    let many: Vec<String> = (0..30).map(|at| format!("src/a{at}.rs ")).collect();
    assert_eq!(
        owners::paths_mentioned("acme/proxy", "", &many.concat()).len(),
        20
    );
}

#[test]
fn files_are_found_among_words_that_only_look_like_them() {
    let body = "a.b.toml e.g. @acme.toml x@main.rs Cargo.lock, other.rsé lib.rs.";
    assert_eq!(
        owners::paths_mentioned("acme/proxy", "", body),
        ["acme.toml", "main.rs", "Cargo.lock", "lib.rs"]
    );
}

#[test]
fn a_line_that_begins_with_a_slash_is_the_authors_word_unless_bots_are_told_so() {
    let report = concluded(&issue(7, "Release of today", "/healthz returns 500"), &[], None);
    assert_eq!(report.labels, ["bug"], "{report:?}");
    let report = concluded(&issue(7, "Release of today", "/kind feature"), &[], None);
    assert_eq!(report.labels, ["enhancement"], "{report:?}");
    for told in ["/assign @crash", "/cc @error-crash", "/label crash error"] {
        let report = concluded(&issue(7, "Release of today", told), &[], None);
        assert!(report.labels.is_empty(), "{report:?}");
    }
}
