//! In: what came of a campaign. Out: it in Markdown, and one line that says whether all holds. Never: a figure that was
//! not counted.

use std::fmt::Write;

use super::account::{Account, Figures};
use super::campaign::{Done, Outcome};
use super::options::{Backend, Options};
use super::recovery::percentile;
use super::work::Class;

/// How many findings of a sort are shown.
const SHOWN_MAX: usize = 20;

/// The whole report of one backend.
pub(super) fn of(backend: Backend, options: &Options, outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "### {}\n\nSeed {}, {} cycles, {} deliveries, {} s.\n",
        title(backend, options),
        options.seed,
        options.cycles,
        options.events,
        outcome.took.as_secs()
    );
    let _ = writeln!(text, "| what was done | |\n|---|---|");
    for (what, figure) in done(&outcome.done) {
        let _ = writeln!(text, "| {what} | {figure} |");
    }
    let _ = writeln!(text, "\n| what came of it | |\n|---|---|");
    for (what, figure) in figures(&outcome.account.figures) {
        let _ = writeln!(text, "| {what} | {figure} |");
    }
    let _ = writeln!(
        text,
        "\n| class of doubt | effects wanted | seen | seen again |\n|---|---|---|---|"
    );
    for (class, (wanted, seen, again)) in &outcome.account.figures.effects {
        let _ = writeln!(text, "| {} | {wanted} | {seen} | {again} |", name(*class));
    }
    let _ = writeln!(
        text,
        "\n| from the kill to the interrupted run's next step | runs | p50 | p99 | longest |\n|---|---|---|---|---|"
    );
    let recovery = &outcome.recovery;
    for (how, sorted) in [
        ("servers started again", &recovery.restarted_ms),
        ("another server, the first stays dead", &recovery.by_another_ms),
    ] {
        let ms = |percent| percentile(sorted, percent).map_or_else(|| "-".into(), |ms| format!("{ms} ms"));
        let _ = writeln!(
            text,
            "| {how} | {} | {} | {} | {} |",
            sorted.len(),
            ms(50),
            ms(99),
            ms(100)
        );
    }
    let _ = writeln!(text);
    for line in &outcome.resources {
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// What is lost, doubled or wrong, if anything is, and the line that says how much.
pub(super) fn verdict(account: &Account) -> String {
    let mut text = String::new();
    for (sort, found) in [
        ("lost", &account.lost),
        ("doubled", &account.doubled),
        ("wrong", &account.wrong),
    ] {
        for what in found.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "{sort}: {what}");
        }
        if found.len() > SHOWN_MAX {
            let _ = writeln!(text, "{sort}: and {} more", found.len() - SHOWN_MAX);
        }
    }
    let _ = write!(
        text,
        "lost {}, doubled {}",
        account.lost.len(),
        account.doubled.len()
    );
    if !account.wrong.is_empty() {
        let _ = write!(text, ", wrong {}", account.wrong.len());
    }
    text
}

fn title(backend: Backend, options: &Options) -> String {
    match backend {
        Backend::Sqlite => "SQLite, one server".into(),
        Backend::Redis => format!(
            "Redis, `appendfsync {}`, {} servers",
            options.sync, options.replicas
        ),
    }
}

fn done(done: &Done) -> Vec<(String, u64)> {
    let mut lines = vec![
        ("cycles".to_owned(), done.cycles),
        ("servers killed (SIGKILL)".to_owned(), done.killed),
        (
            "runs aimed at: their call was held back by the provider".to_owned(),
            done.aimed,
        ),
        ("of them hit in that call".to_owned(), done.hit),
        ("taken over by another server".to_owned(), done.taken_over),
    ];
    lines.extend(
        done.disturbances
            .iter()
            .map(|(what, times)| ((*what).to_owned(), *times)),
    );
    lines.extend(
        done.weathers
            .iter()
            .map(|(what, times)| (format!("providers: {what}"), *times)),
    );
    lines
}

fn figures(figures: &Figures) -> Vec<(String, u64)> {
    let mut lines = vec![("requests sent".to_owned(), figures.requests)];
    lines.extend(
        figures
            .answers
            .iter()
            .map(|(what, times)| (format!("answered: {what}"), *times)),
    );
    lines.push(("deliveries acknowledged".to_owned(), figures.acknowledged));
    lines.push(("events on record".to_owned(), figures.events));
    lines.extend(
        figures
            .runs
            .iter()
            .map(|(state, times)| (format!("runs {state}"), *times)),
    );
    lines.push(("steps begun".to_owned(), figures.steps));
    lines.push(("attempts at them".to_owned(), figures.attempts));
    lines.push((
        "runs seen at their end, and unchanged in the end".to_owned(),
        figures.ends_seen,
    ));
    lines.push(("writes of somebody else".to_owned(), figures.foreign));
    lines.extend(
        figures
            .tasks
            .iter()
            .map(|(what, times)| ((*what).to_owned(), *times)),
    );
    lines
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Idempotent => "idempotent: add a label",
        Class::Marker => "marker: comment, issue",
        Class::GoalState => "goal state: merge",
        Class::Shared => "evidence: deploy of a service that others deploy, too",
        Class::Evidence => "evidence: deploy",
        Class::MayDouble => "may double: notify",
    }
}
