//! The audit trail, whatever happens: it is added to and never changed, what goes is the oldest, and what was done or said is in
//! it, once, if it was heeded.

use xmrt::journal::*;

use crate::journal::notes::Note;
use crate::journal::walk::{Act, View, Write, entries};

/// What must hold of the trail from one state to the next; `act` was done, and `answer` is what came of it.
pub(super) fn goes_on(act: &Act, answer: &str, before: &View, after: &View) {
    let (old, new) = (&before.trail[0], &after.trail[0]);
    assert!(
        new.is_sorted_by(|a, b| a.seq > b.seq && a.at >= b.at),
        "one order, and time runs along it"
    );
    let newest = old.first().map_or(0, |record| record.seq);
    let added = new.iter().take_while(|record| record.seq > newest).count();
    let (added, kept) = new.split_at(added);
    assert_eq!(kept, &old[..kept.len()], "no entry is changed: {act:?}");
    let goes = matches!(act, Act::PruneAudit(..));
    assert!(goes || kept.len() == old.len(), "no entry is lost: {act:?}");
    assert_eq!(kept.is_empty(), old.is_empty(), "the newest one of all stays");
    let told: Vec<_> = added.iter().rev().map(|record| line(&record.entry)).collect();
    assert_eq!(told, expected(act, answer), "{act:?}: {answer}");
    for (place, record) in (newest + 1..).zip(added.iter().rev()) {
        assert_eq!(record.seq, place, "no place is left out");
        let bytes = serde_json::to_vec(&record.entry).unwrap().len();
        assert!(bytes <= AUDIT_BYTES_MAX, "{bytes} bytes");
    }
}

fn line(entry: &AuditEntry) -> String {
    format!("{} {} {}", entry.who, entry.what, entry.outcome)
}

/// What an act adds, the oldest first.
fn expected(act: &Act, answer: &str) -> Vec<String> {
    if !answer.starts_with("Ok") {
        return Vec::new();
    }
    let word = match act {
        Act::Advance { writes, .. } => {
            let calls = writes.iter().filter(|write| matches!(write, Write::Audited(_)));
            return calls
                .map(|_| "reactor github.create_comment done".into())
                .collect();
        }
        Act::Note(_, Note::Batch(_, _, audit)) if answer == "Ok(true)" => {
            return (0..*audit).flat_map(entries).map(|entry| line(&entry)).collect();
        }
        Act::Audit(n) => return entries(*n).iter().map(line).collect(),
        Act::Resolve(_, Resolution::Done { .. }) => "run.resolve done",
        Act::Resolve(_, Resolution::Repeat) => "run.resolve repeat",
        Act::Resolve(_, Resolution::GiveUp) => "run.resolve give_up",
        Act::Answer { approved: true, .. } => "run.approve approved",
        Act::Answer { approved: false, .. } => "run.reject rejected",
        Act::Retry(_) => "run.retry done",
        Act::Cancel(_) => "run.cancel done",
        Act::Pause(_) => "pause done",
        Act::Resume(_) if answer == "Ok(true)" => "resume done",
        _ => return Vec::new(),
    };
    vec![format!("octocat {word}")]
}
