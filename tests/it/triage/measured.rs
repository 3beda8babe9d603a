//! How good triage is, measured with the issues of `fixture/`, and how much better than looking for keywords.
//!
//! `docs/triage.md` shows the table. Where it is out of date, the test says what it should be.

mod baseline;
mod fixture;
mod score;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use fixture::{Case, Half, Repository};
use score::{Measure, Score};
use sha2::{Digest, Sha256};
use xmrt::tools::xmrt::triage::{Facts, missing, triage};

/// The labels that say what an issue is; the others are areas.
const KINDS: [&str; 6] = [
    "bug",
    "documentation",
    "enhancement",
    "performance",
    "question",
    "security",
];

/// What somebody concluded about an issue.
#[derive(Debug)]
pub struct Concluded {
    kinds: BTreeSet<String>,
    areas: BTreeSet<String>,
    missing: BTreeSet<String>,
    duplicates: BTreeSet<u64>,
}

/// What the product concludes, given all issues of the same half of the repository.
fn product(repository: &Repository, case: &Case) -> Concluded {
    let recent: Vec<_> = repository.cases.iter().map(Case::issue).collect();
    let report = triage(&Facts {
        repo: &repository.repo,
        issue: &case.issue(),
        recent: &recent,
        codeowners: Some(&repository.codeowners),
        vocabulary: &repository.vocabulary(),
        duplicates_max: 3,
    });
    let (kinds, areas) = report
        .labels
        .into_iter()
        .partition(|label| KINDS.contains(&label.as_str()));
    let name = |asked: &String| {
        let names = [
            (missing::VERSION, "version"),
            (missing::STEPS, "steps"),
            (missing::EXPECTED, "expected"),
            (missing::LOGS, "logs"),
        ];
        names
            .iter()
            .find(|(text, _)| text == asked)
            .unwrap_or_else(|| panic!("nothing is known by {asked:?}"))
            .1
            .to_owned()
    };
    Concluded {
        kinds,
        areas,
        missing: report.missing.iter().map(name).collect(),
        duplicates: report.duplicates.iter().map(|twin| twin.number as u64).collect(),
    }
}

/// All measures of one half.
#[derive(Debug, Default)]
struct Measured {
    kinds: Measure,
    areas: Measure,
    missing: Measure,
    /// Whether anything is asked for at all.
    asks: Score,
    duplicates: Score,
    issues: usize,
}

/// Who concludes.
#[derive(Clone, Copy, Debug)]
enum By {
    Product,
    Keywords,
}

impl Measured {
    /// Measured once a process: several tests look at it.
    fn of(half: Half, by: By) -> &'static Self {
        static ONCE: [OnceLock<Measured>; 4] = [const { OnceLock::new() }; 4];
        let (at, conclude): (usize, fn(&Repository, &Case) -> Concluded) = match by {
            By::Product => (0, product),
            By::Keywords => (1, baseline::conclude),
        };
        let at = at * 2 + usize::from(half == Half::Known);
        ONCE[at].get_or_init(|| {
            let mut measured = Self::default();
            for repository in fixture::load(half) {
                for case in &repository.cases {
                    measured.count(&repository, case, &conclude(&repository, case));
                }
            }
            measured
        })
    }

    fn count(&mut self, repository: &Repository, case: &Case, concluded: &Concluded) {
        self.issues += 1;
        self.kinds.count(&concluded.kinds, &case.kinds);
        self.areas.count(&concluded.areas, &case.areas);
        self.missing.count(&concluded.missing, &case.missing);
        match (concluded.missing.is_empty(), case.missing.is_empty()) {
            (false, false) => self.asks.right += 1,
            (false, true) => self.asks.wrong += 1,
            (true, false) => self.asks.missed += 1,
            (true, true) => {}
        }
        let twins = repository.twins(case);
        let (right, wrong): (Vec<u64>, Vec<u64>) = concluded
            .duplicates
            .iter()
            .partition(|number| twins.contains(number));
        self.duplicates.wrong += wrong.len() as u32;
        match (right.is_empty(), case.duplicate_of) {
            (false, _) => self.duplicates.right += 1,
            (true, Some(_)) => self.duplicates.missed += 1,
            (true, None) => {}
        }
    }

    /// What is compared with the baseline, by name.
    fn totals(&self) -> [(&'static str, Score); 5] {
        [
            ("kind", self.kinds.all),
            ("area", self.areas.all),
            ("duplicate", self.duplicates),
            ("asks at all", self.asks),
            ("asks for the right things", self.missing.all),
        ]
    }

    /// Everything, by name: the totals, and below a total its labels.
    fn rows(&self) -> Vec<(String, Score)> {
        let below = |measure: &Measure| -> Vec<(String, Score)> {
            let row = |(label, score): (&String, &Score)| (format!("· {label}"), *score);
            measure.by_label.iter().map(row).collect()
        };
        let mut rows = Vec::new();
        for (name, score) in self.totals() {
            rows.push((name.to_owned(), score));
            match name {
                "kind" => rows.extend(below(&self.kinds)),
                "asks for the right things" => rows.extend(below(&self.missing)),
                _ => {}
            }
        }
        rows
    }
}

/// The table of `docs/triage.md`: precision / recall / F1, in percent.
fn table() -> String {
    let measure = |half| (Measured::of(half, By::Product), Measured::of(half, By::Keywords));
    let (known, known_baseline) = measure(Half::Known);
    let (held_out, held_out_baseline) = measure(Half::HeldOut);
    let mut table = format!(
        "| precision / recall / F1 in % | triage, held out ({}) | keywords, held out | triage, known ({}) | keywords, known |\n\
         |---|---|---|---|---|\n",
        held_out.issues, known.issues
    );
    let columns = [held_out_baseline, known, known_baseline].map(|measured| measured.rows());
    for (name, score) in held_out.rows() {
        let _ = write!(table, "| {name} | {} |", shown(score));
        for column in &columns {
            let other = column.iter().find(|(other, _)| *other == name);
            let _ = write!(
                table,
                " {} |",
                other.map_or("–".into(), |(_, score)| shown(*score))
            );
        }
        table.push('\n');
    }
    table
}

fn shown(score: Score) -> String {
    let percent = |share: f64| (share * 100.0).round();
    format!(
        "{} / {} / {}",
        percent(score.precision()),
        percent(score.recall()),
        percent(score.f1())
    )
}

/// What the files of the held-out half hash to: it is never edited.
const HELD_OUT: [&str; 5] = [
    "05ca413612420e55ea7800ccfe3c6e71dba23d1f5f4d1e2fb9ef09b6b4424bdc",
    "881d9166411e0178441881f4c38b57828b6337ac0f893dece206c065c7dec09c",
    "996036872599e9840ea4e895029ce6df20fce6ee79975f5f1d95271ef8aa632f",
    "0ae31e90834fcb750aea825ae9ddc6b5ad87ac241b6fe6b7e91c620a92c21c10",
    "dc2f94bae1ef5f1b806c1d903c0b9d9eaa0c75a52f9e12e65cbd8c06647bbc04",
];

#[test]
fn the_held_out_half_is_as_it_was_first_written() {
    for (file, expected) in fixture::files(Half::HeldOut).iter().zip(HELD_OUT) {
        let hash = hex::encode(Sha256::digest(std::fs::read(file).unwrap()));
        assert_eq!(
            hash,
            expected,
            "{} was edited; new cases go to known.toml",
            file.display()
        );
    }
}

#[test]
fn the_fixture_expects_only_what_there_is() {
    let mut issues = 0;
    for half in [Half::HeldOut, Half::Known] {
        for repository in fixture::load(half) {
            for pair in repository.cases.windows(2) {
                assert!(
                    pair[0].number < pair[1].number,
                    "{} #{}",
                    repository.repo,
                    pair[1].number
                );
            }
            for case in &repository.cases {
                let place = format!("{} #{}", repository.repo, case.number);
                let asks = ["version", "steps", "expected", "logs"];
                assert!(
                    case.kinds.iter().all(|kind| KINDS.contains(&kind.as_str())),
                    "{place}"
                );
                assert!(
                    case.areas.iter().all(|area| repository.words.contains_key(area)),
                    "{place}"
                );
                assert!(
                    case.missing.iter().all(|what| asks.contains(&what.as_str())),
                    "{place}"
                );
                let earlier = |number| {
                    repository
                        .cases
                        .iter()
                        .any(|c| c.number == number && number < case.number)
                };
                assert!(case.duplicate_of.is_none_or(earlier), "{place}");
            }
            issues += repository.cases.len();
        }
    }
    assert!(issues >= 220, "{issues}");
}

#[test]
fn triage_is_better_than_looking_for_keywords() {
    let triage = Measured::of(Half::HeldOut, By::Product);
    let keywords = Measured::of(Half::HeldOut, By::Keywords);
    for ((name, ours), (_, theirs)) in triage.totals().iter().zip(keywords.totals()) {
        assert!(
            ours.f1() > theirs.f1(),
            "{name}: {} against {} of the keywords",
            shown(*ours),
            shown(theirs)
        );
    }
}

/// Precision and recall may not fall below these, in percent. They lie a little below what was measured.
const FLOORS: [(&str, f64, f64); 5] = [
    ("kind", 88.0, 87.0),
    ("area", 83.0, 77.0),
    ("duplicate", 65.0, 65.0),
    ("asks at all", 83.0, 70.0),
    ("asks for the right things", 71.0, 60.0),
];

#[test]
fn triage_of_issues_it_was_not_worked_on_with_stays_as_good_as_it_was() {
    for ((name, score), (of, precision, recall)) in Measured::of(Half::HeldOut, By::Product)
        .totals()
        .iter()
        .zip(FLOORS)
    {
        assert_eq!(*name, of);
        assert!(
            score.precision() * 100.0 >= precision && score.recall() * 100.0 >= recall,
            "{name}: {}, floors {precision} / {recall}",
            shown(*score)
        );
    }
}

#[test]
fn the_page_about_triage_shows_the_figures_of_today() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/triage.md")).unwrap();
    let table = table();
    assert!(
        page.contains(&table),
        "docs/triage.md is out of date, its table should be:\n\n{table}"
    );
}
