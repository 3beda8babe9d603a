//! One move of a walk, done to a store.

use serde_json::json;
use xmrt::journal::*;

use super::{Act, LEASE_MS, Next, Write, cause};
use crate::journal::desk::at;
use crate::journal::notes::{note, note_key};
use crate::journal::tell::tell;

/// The run that an act is about: mostly one to which it can be done.
pub(crate) async fn pick(oracle: &dyn Store, act: &Act) -> Option<RunRecord> {
    use RunState::*;
    let (index, likely): (_, &[RunState]) = match act {
        Act::Renew { run, .. } | Act::Advance { run, .. } => (run, &[Running]),
        Act::Resolve(run, _) => (run, &[Unknown]),
        Act::Answer { run, .. } => (run, &[Waiting]),
        Act::Retry(run) => (run, &[Dead, Declined, Cancelled]),
        Act::Cancel(run) => (run, &[Delayed, Queued, Waiting]),
        _ => return None,
    };
    let query = RunQuery {
        limit: PAGE_MAX,
        ..RunQuery::default()
    };
    let mut runs = oracle.runs(&query).await.unwrap();
    let fit: Vec<_> = runs
        .iter()
        .filter(|run| likely.contains(&run.state))
        .cloned()
        .collect();
    for _ in 0..8 {
        runs.extend(fit.iter().cloned());
    }
    (!runs.is_empty()).then(|| runs[index.index(runs.len())].clone())
}

/// Does one move on a store, meaning `run`, and gives its answer as text. A crash is not for here.
pub(crate) async fn perform(store: &dyn Store, act: &Act, run: Option<&RunRecord>, now: i64) -> String {
    let now = at(now);
    let id = run.map_or(RunId("none".into()), |run| run.id.clone());
    let fence = |stale: bool| run.map_or(0, |run| run.fence).saturating_sub(u64::from(stale));
    match act.clone() {
        Act::Admit(event) => format!("{:?}", store.admit(*event, now).await),
        Act::Replay(id, firings) => {
            let key = EventKey {
                source: "github".into(),
                id: format!("e{id}"),
            };
            format!("{:?}", store.replay(&key, "book-replay", firings, now).await)
        }
        Act::Claim { worker, max } => {
            let worker = format!("w{worker}");
            format!("{:?}", store.claim(&worker, max, LEASE_MS, now).await)
        }
        Act::Renew { stale, .. } => {
            format!("{:?}", store.renew(&id, fence(stale), LEASE_MS, now).await)
        }
        Act::Advance {
            stale, writes, then, ..
        } => {
            let writes = writes.into_iter().map(|write| spell(&id, write)).collect();
            let then = match then {
                Next::Keep => Then::Keep,
                Next::Wait(ms, waits_for) => Then::Wait {
                    until: xmrt::clock::after(now, ms),
                    waits_for,
                    reason: "retry".into(),
                },
                Next::Over(state) => Then::End {
                    state,
                    reason: Some("so it ended".into()),
                },
            };
            format!("{:?}", store.advance(&id, fence(stale), writes, then, now).await)
        }
        Act::Release { worker, others } => {
            format!("{:?}", store.release(&format!("w{worker}"), others, now).await)
        }
        Act::Resolve(_, resolution) => {
            format!("{:?}", store.resolve(&id, "octocat", resolution, now).await)
        }
        Act::Answer { other, approved, .. } => {
            let answer = Answer {
                approved,
                who: "octocat".into(),
                why: approved.then(|| "seen".into()),
                at: now,
            };
            let hash = if other { "other" } else { "hash" };
            format!("{:?}", store.answer(&id, hash, answer, now).await)
        }
        Act::Retry(_) => format!("{:?}", store.retry(&id, "octocat", now).await),
        Act::Cancel(_) => format!("{:?}", store.cancel(&id, "octocat", now).await),
        Act::Pause(n) => format!(
            "{:?}",
            store.pause(&format!("rule:rule-{n}"), "octocat", now).await
        ),
        Act::Resume(n) => format!(
            "{:?}",
            store.resume(&format!("rule:rule-{n}"), "octocat", now).await
        ),
        Act::Tell { max, firings, said } => tell(store, max, &firings, said, now).await,
        Act::KeepBook(n) => format!("{:?}", store.keep_book(book(n), now).await),
        Act::Note(key, asked) => note(store, &note_key(key), asked, now).await,
        Act::Prune { retention, from, max } => format!("{:?}", store.prune(&retention, from, max, now).await),
        Act::Audit(n) => format!("{:?}", store.audit(entries(n), now).await),
        Act::PruneAudit(kept_ms, max) => format!("{:?}", store.prune_audit(kept_ms, max, now).await),
        Act::PruneBooks(kept_ms) => format!("{:?}", store.prune_books(kept_ms, now).await),
        Act::Crash => unreachable!("a crash is done to a store from outside"),
    }
}

/// None, one, or two entries, one of which is far too long.
pub(crate) fn entries(n: u8) -> Vec<AuditEntry> {
    let entry = |part: u8| AuditEntry {
        who: format!("agent-{}", n % 2),
        what: [
            "github.get_issue",
            "github.create_issue",
            "render.restart_service",
        ][usize::from(part % 3)]
        .into(),
        outcome: "done".into(),
        run: part.is_multiple_of(2).then(|| RunId("8".repeat(32))),
        arguments: json!({"repo": "acme/api", "body": "ä".repeat(usize::from(part) * 1_500)}),
        note: Some("x".repeat(usize::from(n) * 3_000)),
        latency_ms: Some(u64::from(n)),
        ..AuditEntry::default()
    };
    (0..n % 3).map(|part| entry(part + n)).collect()
}

fn book(n: u8) -> BookRecord {
    BookRecord {
        hash: format!("book-{n}"),
        settings: json!({"n": n}),
        rules: vec![RuleText {
            rule: format!("rule-{n}"),
            version: format!("version-{}", n % 2),
            text: "text".into(),
        }],
    }
}

fn spell(run: &RunId, write: Write) -> StepWrite {
    let name = |step: u8| format!("step-{step}");
    let key = |step: u8| StepKey::of(run, &name(step), "");
    match write {
        Write::Intent {
            step,
            writes,
            cause: caused,
        } => StepWrite::Intent {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "github.create_comment", "writes": writes}),
            writes,
            // A later step may expect the same effect for a shorter time.
            causes: caused
                .into_iter()
                .map(|n| (cause(n), 60_000 >> (2 * step)))
                .collect(),
        },
        Write::Looked(step) => StepWrite::Looked { step: name(step) },
        Write::Done(step) => StepWrite::Done {
            step: name(step),
            result: json!({"of": step, "text": "y".repeat(step as usize * 400)}),
            causes: vec![(cause(step), 20_000)],
        },
        Write::Failed(step) => StepWrite::Failed {
            step: name(step),
            error: "503".into(),
        },
        Write::NotTried(step) => StepWrite::NotTried {
            step: name(step),
            error: "no room".into(),
        },
        Write::Skipped(step) => StepWrite::Skipped {
            step: name(step),
            index: step.into(),
            key: key(step),
            reason: "its `if` did not hold".into(),
        },
        Write::Planned(step) => StepWrite::Planned {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "render.trigger_deploy"}),
            writes: true,
        },
        Write::Listed(step) => StepWrite::Listed {
            step: name(step),
            index: step.into(),
            key: key(step),
            items: json!([{"key": "a", "item": 1}]),
        },
        Write::Item(step, item) => {
            let action = name(step);
            StepWrite::Skipped {
                // Told apart from the order they are begun in.
                step: format!("{action}[{}]", 9 - item),
                index: step.into(),
                key: StepKey::of(run, &action, &item.to_string()),
                reason: "its `if` did not hold".into(),
            }
        }
        Write::Asked(step, writes) => StepWrite::Asked {
            step: name(step),
            index: step.into(),
            key: key(step),
            call: json!({"tool": "render.rollback_deploy"}),
            writes,
            approval: Box::new(Approval {
                hash: "hash".into(),
                by: vec!["role:release".into()],
                reason: writes.then(|| "it is in front of everybody".into()),
                basis: json!({"to": "last_known_good"}),
                asked_at: at(1),
                expires_at: at(2),
                answer: None,
            }),
        },
        Write::Pending(step, failed) => StepWrite::Pending {
            step: name(step),
            cursor: json!({"deploy": step}),
            error: failed.then(|| "503".into()),
        },
        Write::Audited(step) => StepWrite::Audited(Box::new(AuditEntry {
            who: "reactor".into(),
            what: "github.create_comment".into(),
            outcome: "done".into(),
            run: Some(run.clone()),
            step: Some(name(step)),
            latency_ms: Some(12),
            ..AuditEntry::default()
        })),
        Write::Tolerated(step) => StepWrite::Tolerated {
            step: name(step),
            error: "forbidden".into(),
        },
    }
}
