//! What holds for the model whatever happens; the stores inherit it by answering as it does.

use proptest::prelude::*;
use xmrt::journal::*;

use super::desk::at;
use super::walk::{Act, Move, View, perform, pick, view, walks};

/// What must hold of any state of the journal.
fn sound(view: &View) {
    let seqs: Vec<_> = view.events.iter().map(|event| event.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b), "one order, no place taken twice");
    assert!(
        view.events.is_sorted_by(|a, b| a.received_at >= b.received_at),
        "time runs along the one order"
    );
    let mut admitted = 0;
    for verdict in view.verdicts.iter().flatten() {
        assert_eq!(verdict.run.is_some(), verdict.decision == Decision::Fired);
        let Some(id) = &verdict.run else { continue };
        let run = view.runs.iter().find(|history| history.run.id == *id);
        let run = &run.expect("no run is lost").run;
        assert_eq!(verdict.state, Some(run.state));
        assert_eq!(*id, RunId::of(&run.event, &verdict.rule, verdict.generation));
        admitted += 1;
    }
    assert_eq!(admitted, view.runs.len(), "no run without a verdict");
    for RunHistory { run, steps } in &view.runs {
        assert_eq!(run.worker.is_some(), run.state == RunState::Running);
        let idle = run.state.is_terminal() || run.state == RunState::Unknown;
        assert_eq!(run.due_at.is_none(), idle, "what is not over is due some time");
        assert!(steps.is_sorted_by(|a, b| a.index <= b.index));
        assert_eq!(run.waits_for.is_some(), run.state == RunState::Waiting);
        assert!(run.created_at <= run.updated_at);
    }
    for event in &view.events {
        assert!(event.duplicates.len() <= DUPLICATES_KEPT);
        assert!(event.duplicates.len() as u64 <= event.duplicates_total);
        assert_eq!(event.depth == 0, event.caused_by.is_none());
    }
}

/// What must hold from one state to the next.
fn follows(before: &View, after: &View) {
    for old in &before.runs {
        let new = after.runs.iter().find(|new| new.run.id == old.run.id);
        let new = new.expect("no run is lost");
        if old.run.state.is_terminal() {
            assert_eq!(new, old, "terminal is terminal");
        }
        assert!(new.run.fence == old.run.fence || new.run.fence == old.run.fence + 1);
        assert!(new.run.updated_at >= old.run.updated_at, "time runs forward");
        if new.run.fence > old.run.fence {
            let due = old.run.due_at.expect("only what is due is claimed");
            assert!(due <= new.run.updated_at, "one lease at a time");
        }
        for step in &old.steps {
            let later = new.steps.iter().find(|later| later.step == step.step);
            let later = later.expect("no step is lost");
            assert_eq!(later.key, step.key, "a step's key never changes");
            if step.state.is_settled() {
                assert_eq!(later, step, "a settled step stays as it is");
            }
            if step.state == StepState::Pending {
                assert!(
                    later.state == StepState::Pending || later.state.is_settled(),
                    "a call that had its effect is not made again"
                );
            }
            if step.state == StepState::Asked && later.state == StepState::Intent {
                assert_eq!(
                    later.first_intent_at, later.intent_at,
                    "nothing came of it before"
                );
            }
        }
    }
    for event in &before.events {
        assert!(
            after.events.iter().any(|later| later.key == event.key),
            "no event is lost"
        );
    }
}

/// A retry takes along what was done and what may have been done, under the same keys.
fn reuses(view: &View, old: &RunRecord, answer: &str) {
    let of = |run: &RunRecord| view.runs.iter().position(|known| known.run.id == run.id);
    let Some(new) = view
        .runs
        .iter()
        .find(|new| answer.contains(&new.run.id.0) && answer.starts_with("Ok"))
    else {
        return;
    };
    let old = &view.runs[of(old).expect("it was there")];
    for step in &old.steps {
        let kept = matches!(
            step.state,
            StepState::Done | StepState::Skipped | StepState::Listed | StepState::Intent | StepState::Pending
        );
        let copy = new.steps.iter().find(|copy| copy.step == step.step);
        let mut expected = step.clone();
        if step.state == StepState::Pending {
            expected.intent_at = new.run.created_at;
        }
        assert_eq!(copy, kept.then_some(&expected));
    }
}

async fn walk(moves: Vec<Move>) {
    let store = MemoryStore::new(at(0));
    let mut now = 0;
    let mut before = view(&store).await;
    for Move { after_ms, act } in moves {
        now += after_ms;
        let run = pick(&store, &act).await;
        let answer = match &act {
            Act::Crash => format!("{:?}", store.release("", true, at(now)).await),
            act => perform(&store, act, run.as_ref(), now).await,
        };
        let after = view(&store).await;
        sound(&after);
        follows(&before, &after);
        if answer.starts_with("Err") {
            assert_eq!(before, after, "what is refused leaves no trace");
        }
        if let (Act::Retry(_), Some(run)) = (&act, &run) {
            reuses(&after, run, &answer);
        }
        before = after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_lost_and_nothing_done_is_undone(moves in walks(60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(moves));
    }
}
