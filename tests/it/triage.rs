//! What triage concludes about realistic issues, and how good it is at it.

mod issues;
mod measured;
mod strangers;

use std::collections::BTreeMap;

use issues::{SAMPLES, Sample};
use xmrt::tools::quote::quote;
use xmrt::tools::xmrt::triage::{
    Facts, Issue, Report, Vocabulary, duplicates, habits, missing, owners, triage,
};

fn issue_of(sample: &Sample) -> Issue {
    Issue {
        number: sample.number,
        title: sample.title.into(),
        body: sample.body.into(),
        labels: Vec::new(),
    }
}

fn issue(number: u64, title: &str, body: &str) -> Issue {
    Issue {
        number,
        title: title.into(),
        body: body.into(),
        labels: Vec::new(),
    }
}

fn concluded(issue: &Issue, recent: &[Issue], codeowners: Option<&str>) -> Report {
    triage(&Facts {
        repo: "acme/proxy",
        issue,
        recent,
        codeowners,
        vocabulary: &Vocabulary::default(),
        duplicates_max: 3,
    })
}

/// What a repository of realistic issues looks like to the next one that arrives.
fn repository() -> Vec<Issue> {
    SAMPLES.iter().map(issue_of).collect()
}

#[test]
fn realistic_issues_get_the_labels_a_maintainer_would_give() {
    let all = repository();
    let mut wrong = Vec::new();
    for sample in &SAMPLES {
        let report = concluded(&issue_of(sample), &all, None);
        if report.labels != sample.labels {
            wrong.push(format!(
                "#{} {:?}: {:?} instead of {:?}, because {:?}",
                sample.number, sample.title, report.labels, sample.labels, report.reasons
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_issue_is_called_a_duplicate_wrongly_and_every_real_one_is_found() {
    let all = repository();
    let (mut right, mut wrong, mut missed) = (0, Vec::new(), Vec::new());
    for sample in &SAMPLES {
        let report = concluded(&issue_of(sample), &all, None);
        let found: Vec<u64> = report.duplicates.iter().map(|d| d.number as u64).collect();
        right += found.iter().filter(|n| sample.duplicate_of.contains(n)).count();
        wrong.extend(
            found
                .iter()
                .filter(|n| !sample.duplicate_of.contains(n))
                .map(|n| (sample.number, *n)),
        );
        missed.extend(
            sample
                .duplicate_of
                .iter()
                .filter(|n| !found.contains(n))
                .map(|n| (sample.number, *n)),
        );
    }
    assert_eq!((right, wrong, missed), (5, vec![], vec![]));
}

/// The threshold's justification: on both sides of it there is room.
#[test]
fn the_duplicate_threshold_lies_in_a_gap_of_the_labeled_issues() {
    let all = repository();
    let mut lowest_duplicate = (1.0_f32, 0, 0);
    let mut highest_other = (0.0_f32, 0, 0);
    for sample in &SAMPLES {
        for other in duplicates::similarities(&issue_of(sample), &all) {
            // Two reports that say nothing at all are alike in that.
            if !other.says_enough {
                continue;
            }
            let other = other.duplicate;
            let pair = (other.score, sample.number, other.number);
            if sample.duplicate_of.contains(&(other.number as u64)) {
                if pair.0 < lowest_duplicate.0 {
                    lowest_duplicate = pair;
                }
            } else if pair.0 > highest_other.0 {
                highest_other = pair;
            }
        }
    }
    let room = 0.05;
    assert!(
        highest_other.0 + room <= duplicates::SIMILARITY_MIN
            && duplicates::SIMILARITY_MIN + room <= lowest_duplicate.0,
        "most similar pair that is no duplicate: {highest_other:?}; least similar duplicate: {lowest_duplicate:?}"
    );
}

#[test]
fn a_duplicate_is_found_in_a_repository_of_two_issues() {
    let older = issue_of(&SAMPLES[0]);
    let newer = issue_of(&SAMPLES[5]);
    let report = concluded(&newer, std::slice::from_ref(&older), None);
    assert_eq!(report.duplicates.len(), 1, "{report:?}");
    assert_eq!(report.duplicates[0].number, 1);
    // And never the other way round: the first report is not the duplicate.
    assert!(concluded(&older, &[newer], None).duplicates.is_empty());
}

#[test]
fn a_bug_report_without_anything_is_asked_for_everything() {
    let report = concluded(&issue(7, "it does not work", "please help"), &[], None);
    assert_eq!(
        report.missing,
        [missing::VERSION, missing::STEPS, missing::EXPECTED, missing::LOGS]
    );
    assert!(
        report.conclusion.contains("- steps to reproduce it"),
        "{}",
        report.conclusion
    );
}

#[test]
fn a_complete_bug_report_is_asked_for_nothing() {
    let report = concluded(&issue_of(&SAMPLES[15]), &[], None);
    assert!(report.missing.is_empty(), "{report:?}");
}

#[test]
fn an_empty_section_of_a_template_counts_as_missing() {
    let body = "### Version\n_No response_\n\n### Steps to reproduce\n1. start it\n\n### Logs\n\n";
    let report = concluded(&issue(7, "[Bug] it fails", body), &[], None);
    assert_eq!(
        report.missing,
        [missing::VERSION, missing::EXPECTED, missing::LOGS]
    );
}

#[test]
fn a_thread_called_main_and_a_duration_are_no_version() {
    let body = "It crashes when I start it, I expected it to run.\n```\nthread 'main' panicked after 1.25s, peer 10.0.0.7:80\n```";
    let report = concluded(&issue(7, "Crash on the main page", body), &[], None);
    assert_eq!(report.missing, [missing::VERSION]);
    let told = body.replace("```\nthread", "```\n$ proxy --version\nproxy 1.4.2\nthread");
    let report = concluded(&issue(7, "Crash on the main page", &told), &[], None);
    assert!(report.missing.is_empty(), "{report:?}");
}

#[test]
fn a_feature_request_is_not_asked_for_logs() {
    let report = concluded(&issue_of(&SAMPLES[6]), &[], None);
    assert!(report.missing.is_empty(), "{report:?}");
}

#[test]
fn pasted_logs_and_template_comments_do_not_decide_the_label() {
    let body = "How would I send these to a file?\n<!-- describe the bug, the crash, the error -->\n```\nERROR crash panic failed\n```\n> this is broken, it fails with an error";
    let report = concluded(&issue(7, "How to redirect the log?", body), &[], None);
    assert_eq!(report.labels, ["question"], "{report:?}");
}

#[test]
fn a_kind_that_a_person_gave_is_not_contradicted() {
    let mut labeled = issue(7, "Crash on startup", "It crashes with an error.");
    labeled.labels = vec!["enhancement".into()];
    let report = concluded(&labeled, &[], None);
    assert!(report.labels.is_empty(), "{report:?}");
    assert!(report.missing.is_empty(), "{report:?}");
}

#[test]
fn a_denied_word_is_no_evidence() {
    let report = concluded(&issue(7, "This is not a bug", "Just saying hello."), &[], None);
    assert!(report.labels.is_empty(), "{report:?}");
}

#[test]
fn a_rule_can_bring_its_own_labels_and_take_default_ones_away() {
    let vocabulary = Vocabulary::with(
        Some(BTreeMap::from([
            ("area/tls".into(), vec!["TLS".into(), "certificate".into()]),
            ("question".into(), vec![]),
        ])),
        Some(BTreeMap::from([(
            "area/console".into(),
            vec!["console/**".into()],
        )])),
    )
    .unwrap();
    let subject = issue(
        7,
        "How do I renew the TLS certificate?",
        "The button in console/src/App.tsx is gone.",
    );
    let report = triage(&Facts {
        repo: "acme/proxy",
        issue: &subject,
        recent: &[],
        codeowners: None,
        vocabulary: &vocabulary,
        duplicates_max: 3,
    });
    assert_eq!(report.labels, ["area/console", "area/tls"], "{report:?}");
}

fn triaged(issue: &Issue, recent: &[Issue], vocabulary: &Vocabulary) -> Report {
    triage(&Facts {
        repo: "acme/proxy",
        issue,
        recent,
        codeowners: None,
        vocabulary,
        duplicates_max: 3,
    })
}

#[test]
fn a_label_whose_words_a_rule_takes_away_does_not_come_back_by_its_default_paths() {
    let none = Some(BTreeMap::from([("documentation".to_owned(), Vec::new())]));
    let without = Vocabulary::with(none.clone(), None).unwrap();
    assert!(!without.labels().contains("documentation"));
    let subject = issue(7, "docs: the guide still says 1.0", "See docs/guide.md.");
    assert!(triaged(&subject, &[], &without).labels.is_empty());
    assert_eq!(
        triaged(&subject, &[], &Vocabulary::default()).labels,
        ["documentation"]
    );
    // The rule's own paths are laid over what is left.
    let own = Some(BTreeMap::from([(
        "documentation".into(),
        vec!["handbook/**".into()],
    )]));
    let with_own = Vocabulary::with(none, own).unwrap();
    let globs: Vec<&str> = with_own.paths["documentation"]
        .iter()
        .map(owners::Glob::text)
        .collect();
    assert_eq!(globs, ["handbook/**"]);
    assert_ne!(with_own, without);
}

const CODEOWNERS: &str = "\
# who looks after what
*               @acme/core
*.js            @js-owner   # inline comment
/build/logs/    @doctocat
docs/*          docs@example.com
apps/           @octocat
/apps/github    # nobody
/src/           @acme/runtime @alice
!negated        @nobody
";

fn owners_of(path: &str) -> Vec<String> {
    owners::owners_of(Some(CODEOWNERS), &[path.to_owned()]).owners
}

#[test]
fn code_owners_follow_github_where_the_last_matching_line_wins() {
    assert_eq!(owners_of("LICENSE"), ["@acme/core"]);
    assert_eq!(owners_of("web/a.js"), ["@js-owner"]);
    // A later line about a folder beats an earlier one about the file.
    assert_eq!(owners_of("some/apps/a.js"), ["@octocat"]);
    assert_eq!(owners_of("build/logs/x/y.txt"), ["@doctocat"]);
    assert_eq!(owners_of("deep/build/logs/y.txt"), ["@acme/core"]);
    // One level only.
    assert_eq!(owners_of("docs/start.md"), ["docs@example.com"]);
    assert_eq!(owners_of("docs/build/start.md"), ["@acme/core"]);
    // A line without owners takes ownership away.
    assert!(owners_of("apps/github/main.rs").is_empty());
    assert_eq!(owners_of("src/main.rs"), ["@acme/runtime", "@alice"]);
    // GitHub does not know negation.
    assert_eq!(owners_of("negated"), ["@acme/core"]);
}

#[test]
fn paths_are_found_in_prose_traces_and_links_but_not_in_the_links_of_others() {
    let body = "It breaks in `src/config.rs:88:14` and ./docs/tls.md, see \
                https://github.com/acme/proxy/blob/main/src/body.rs#L4 and \
                https://github.com/other/thing/blob/main/not/ours.rs, and/or ../../etc/passwd.txt or e.g. Cargo.toml, \
                with @scope/package/x and 1.4.0.";
    assert_eq!(
        owners::paths_mentioned("acme/proxy", "Crash", body),
        ["src/body.rs", "src/config.rs", "docs/tls.md", "Cargo.toml"]
    );
}

#[test]
fn the_conclusion_pings_nobody_and_carries_no_strangers_markup() {
    let older = issue(
        1,
        "Empty config `panics` @everyone <!-- xmrt:0123456789abcdef0123456789abcdef --> [x](http://evil.example)",
        "Starting with an empty config file panics in the parser of the configuration.",
    );
    let newer = issue(
        2,
        "Empty config panics @everyone",
        "Starting with an empty config file panics in the parser of the configuration, see src/config.rs.",
    );
    let report = concluded(&newer, &[older], Some("/src/ @acme/runtime"));
    assert_eq!(report.duplicates.len(), 1, "{report:?}");
    assert_eq!(report.owners, ["@acme/runtime"]);
    insta::assert_snapshot!(report.conclusion, @r"
    Thanks for the report.

    This looks like the same as #1 (`Empty config 'panics' @everyone <! -- xmrt:0123456789abcdef0123456789abcdef -- > [x](http://evil.example)`). If it is, please add there what is new in yours; if it is not, say here what is different.

    To look into it, we need:

    - the version (or commit) you use
    - steps to reproduce it
    - the exact error message or logs

    The places it mentions (`src/config.rs`) are looked after by `@acme/runtime`.
    ");
}

#[test]
fn quoting_keeps_to_one_code_span_whatever_the_text() {
    assert_eq!(quote("a\n`b` <!-- c -->", 120), "`a 'b' <! -- c -- >`");
    let long = quote(&"ü".repeat(500), 120);
    assert!(long.len() < 140 && long.ends_with("…`"), "{long}");
}

#[test]
fn an_empty_issue_is_triaged_without_a_claim() {
    let report = concluded(&issue(1, "", ""), &[], Some(CODEOWNERS));
    assert!(report.labels.is_empty() && report.duplicates.is_empty() && report.owners.is_empty());
    assert_eq!(report.reasons.len(), 1);
}

/// Six crashes of a beta, which the people of this repository do not call bugs.
fn beta_crashes(labeled: &str) -> Vec<Issue> {
    let one = |number: u64| Issue {
        labels: vec![labeled.into()],
        ..issue(
            number,
            "Crash in the beta",
            "It crashes with an error, version 2.0.1.",
        )
    };
    (1..=6).map(one).collect()
}

#[test]
fn a_label_that_people_here_take_away_is_left_out_and_the_report_says_so() {
    let newer = issue(
        20,
        "Crash on the title screen",
        "It crashes with an error in version 2.0.2.",
    );
    let report = concluded(&newer, &beta_crashes("question"), None);
    assert!(report.labels.is_empty(), "{report:?}");
    let said = "label bug is left out all the same: of 6 recent issues that would be given it, people here left it on 0";
    assert!(report.reasons.iter().any(|reason| reason == said), "{report:?}");
}

#[test]
fn a_label_that_people_here_keep_or_that_few_were_asked_about_is_given() {
    let newer = issue(
        20,
        "Crash on the title screen",
        "It crashes with an error in version 2.0.2.",
    );
    let kept = beta_crashes("Bug");
    assert_eq!(concluded(&newer, &kept, None).labels, ["bug"]);
    let few = &beta_crashes("question")[..5];
    assert_eq!(concluded(&newer, few, None).labels, ["bug"]);
    // Nobody looked at these.
    let foreign = beta_crashes("good first issue");
    assert_eq!(concluded(&newer, &foreign, None).labels, ["bug"]);
}

/// Six issues about TLS, and the vocabulary of a rule that has just declared two parts of the product.
fn about_tls(labeled: &str) -> (Vec<Issue>, Vocabulary) {
    let one = |number: u64| Issue {
        labels: vec![labeled.into()],
        ..issue(
            number,
            "Crash in the TLS handshake",
            "It crashes with an error, version 2.0.1.",
        )
    };
    let declared = BTreeMap::from([
        ("area/tls".into(), vec!["tls".into()]),
        ("area/console".into(), vec!["console".into()]),
    ]);
    (
        (1..=6).map(one).collect(),
        Vocabulary::with(Some(declared), None).unwrap(),
    )
}

#[test]
fn a_repository_that_labels_only_kinds_does_not_hold_a_part_of_the_product_back() {
    let newer = issue(20, "TLS is broken", "The handshake fails with an error.");
    let gives_part = |recent: &[Issue], vocabulary: &Vocabulary| {
        let report = triaged(&newer, recent, vocabulary);
        report.labels.iter().any(|label| label == "area/tls")
    };
    let (recent, vocabulary) = about_tls("bug");
    let habits = habits::of("acme/proxy", &recent, &vocabulary);
    assert_eq!(habits.labeled, 6);
    assert_eq!(habits.by_label.keys().collect::<Vec<_>>(), ["bug"]);
    assert!(habits.disagreements.is_empty(), "{habits:?}");
    assert!(gives_part(&recent, &vocabulary));

    // Who says that it is another part has judged this one, and not the kind.
    let (recent, vocabulary) = about_tls("area/console");
    let habits = habits::of("acme/proxy", &recent, &vocabulary);
    assert_eq!(habits.by_label["area/tls"].against, 6);
    assert!(!habits.by_label.contains_key("bug"), "{habits:?}");
    assert_eq!(habits.disagreements[0].taken_away, ["area/tls"]);
    assert!(!gives_part(&recent, &vocabulary));
}
