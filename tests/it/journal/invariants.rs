//! What holds for the model whatever happens; the stores inherit it by answering as it does.

mod trail;

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
        let holds = stand(run) == Stand::Holds;
        let idle = run.state.is_terminal() || (run.state == RunState::Unknown && !holds);
        assert_eq!(run.due_at.is_none(), idle, "what is not over is due some time");
        assert!(steps.is_sorted_by(|a, b| a.index <= b.index));
        assert_eq!(run.waits_for.is_some(), run.state == RunState::Waiting);
        if run.state == RunState::Superseded {
            let newer = view.runs.iter().find(|newer| {
                let named = format!("superseded by run {}", newer.run.id);
                run.reason.as_ref() == Some(&named)
            });
            // A worker of a walk may end a run so, too, for reasons of its own.
            let unbegun = steps.iter().all(|step| step.attempts == 0);
            let order = |run: &RunRecord| (run.seq, run.id.clone());
            assert!(newer.is_none_or(|newer| unbegun && order(&newer.run) > order(run)));
        }
        assert!(run.created_at <= run.updated_at);
        in_its_group(view, run);
    }
    for event in &view.events {
        assert!(event.duplicates.len() <= DUPLICATES_KEPT);
        assert!(event.duplicates.len() as u64 <= event.duplicates_total);
        assert_eq!(event.depth == 0, event.caused_by.is_none());
    }
}

fn stand(run: &RunRecord) -> Stand {
    run.group.as_ref().map_or(Stand::Apart, |place| place.stand)
}

fn of_group<'a>(view: &'a View, key: &'a str) -> impl Iterator<Item = &'a RunRecord> {
    let runs = view.runs.iter().map(|history| &history.run);
    runs.filter(move |run| run.group.as_ref().is_some_and(|place| place.group.key == key))
}

/// At most one of a group makes calls, and who waits for it says truly on whom.
fn in_its_group(view: &View, run: &RunRecord) {
    let Some(place) = &run.group else { return };
    assert!(!run.shadow, "a shadow run is in nobody's way");
    let group = || of_group(view, &place.group.key);
    if run.state.is_terminal() || run.state == RunState::Delayed {
        assert_eq!(place.stand, Stand::Apart);
    }
    if run.state == RunState::Running || run.state == RunState::Unknown {
        assert_eq!(place.stand, Stand::Holds, "it is carried on, so it has its group");
    }
    let holders = group().filter(|other| stand(other) == Stand::Holds).count();
    assert!(holders <= 1, "one at a time");
    let parked = run.waits_for == Some(WaitsFor::Group);
    assert_eq!(parked, place.behind.is_some());
    let woken = run.due_at.is_some_and(|due_at| due_at < run.updated_at + LOOK);
    if let Some(behind) = &place.behind
        && !woken
    {
        let ahead = group().find(|other| other.id == *behind).expect("it is there");
        assert_ne!(stand(ahead), Stand::Apart, "nobody waits for one that is over");
        assert!((ahead.seq, &ahead.id) < (run.seq, &run.id) || stand(ahead) == Stand::Holds);
        let nearer = group().filter(|other| stand(other) != Stand::Apart);
        let nearer = nearer.filter(|other| (ahead.seq, &ahead.id) < (other.seq, &other.id));
        let between = nearer
            .filter(|other| (other.seq, &other.id) < (run.seq, &run.id))
            .count();
        assert!(
            between == 0 || stand(ahead) == Stand::Holds,
            "it waits for the one before it"
        );
    }
    if parked && !woken {
        assert!(
            group()
                .any(|other| stand(other) == Stand::Holds
                    || (other.id != run.id && stand(other) == Stand::Queued)),
            "somebody will wake it"
        );
    }
}

const LOOK: std::time::Duration = std::time::Duration::from_millis(600_000);

/// Who gets a group is the first of those that were in its queue.
fn in_order(before: &View, after: &View) {
    for old in before.runs.iter().map(|history| &history.run) {
        let new = &run_of(after, &old.id).run;
        let (Some(place), Stand::Holds, false) = (&new.group, stand(new), stand(old) == Stand::Holds) else {
            continue;
        };
        for other in of_group(before, &place.group.key).filter(|other| stand(other) != Stand::Apart) {
            let now = &run_of(after, &other.id).run;
            assert!(
                (other.seq, &other.id) >= (new.seq, &new.id) || stand(now) == Stand::Apart,
                "first come, first served: {new:?} before {other:?}"
            );
        }
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

/// What becomes of a run is on its way to be told with the very change, and stays so until it was told.
fn tells(before: &View, after: &View) {
    for notice in &before.notices {
        assert!(after.notices.contains(notice), "no notice is lost: {notice:?}");
    }
    for old in &before.runs {
        let new = after.runs.iter().find(|new| new.run.id == old.run.id);
        let new = &new.expect("no run is lost").run;
        let became =
            new.state == RunState::Unknown || (new.state.is_terminal() && new.state != RunState::Superseded);
        let told = |notice: &&Notice| {
            notice.run == new.id && notice.fence == new.fence && notice.what == format!("run_{}", new.state)
        };
        let count = after.notices.iter().filter(told).count();
        // There may be one of a run of the same delivery that was deleted for its age before anybody told of it.
        let earlier = before.notices.iter().filter(told).count();
        if new.state != old.run.state && became {
            assert!(count >= 1, "{} became {}", new.id, new.state);
        }
        assert!(count - earlier <= 1, "{} is told twice", new.id);
    }
}

/// What was charged, told by the test itself: every run that an admission made, and what its gates were.
#[derive(Default)]
struct Ledger(Vec<Charged>);

struct Charged {
    rule: String,
    shadow: bool,
    gates: Gates,
    run: RunId,
}

impl Ledger {
    /// Books what an admission did, and holds it against what was booked before.
    fn admitted(&mut self, event: &NewEvent, before: &View, after: &View) {
        let known = |view: &View, id: &RunId| view.runs.iter().any(|history| history.run.id == *id);
        let mut rules = Vec::new();
        for firing in &event.firings {
            let Wish::Run { shadow, gates, .. } = &firing.wish else {
                rules.push(&firing.rule);
                continue;
            };
            if rules.contains(&&firing.rule) {
                continue;
            }
            rules.push(&firing.rule);
            let verdicts = after.verdicts.iter().flatten();
            let made = verdicts
                .filter(|verdict| verdict.rule == firing.rule && verdict.version == firing.version)
                .filter_map(|verdict| verdict.run.as_ref())
                .find(|run| !known(before, run) && known(after, run));
            if let Some(run) = made {
                let charged = Charged {
                    rule: firing.rule.clone(),
                    shadow: *shadow,
                    gates: gates.clone(),
                    run: run.clone(),
                };
                self.holds(&charged, after);
                self.0.push(charged);
            }
        }
    }

    /// What counts at `now` against the gate of `new`: charged there, not over, and not given back.
    fn counting<'a>(
        &'a self,
        new: &'a Charged,
        view: &'a View,
        now: jiff::Timestamp,
        length_ms: impl Fn(&Gates) -> Option<i64> + 'a,
    ) -> impl Iterator<Item = &'a Charged> {
        self.0.iter().filter(move |old| {
            let history = run_of(view, &old.run);
            old.rule == new.rule
                && old.shadow == new.shadow
                && old.gates.key == new.gates.key
                && length_ms(&old.gates)
                    .is_some_and(|ms| xmrt::clock::after(history.run.created_at, ms) > now)
                && !given_back(history)
        })
    }

    /// A run was admitted: its gates were open.
    fn holds(&self, new: &Charged, view: &View) {
        let now = run_of(view, &new.run).run.created_at;
        if let Some(rate) = new.gates.rate {
            let window = |gates: &Gates| gates.rate.map(|rate| rate.window_ms);
            let others = self.counting(new, view, now, window).count();
            assert!(others < rate.max as usize, "a rate is never exceeded");
        }
        if new.gates.cooldown_ms.is_some() {
            let cooling = self.counting(new, view, now, |gates| gates.cooldown_ms).count();
            assert_eq!(cooling, 0, "nothing is admitted while it cools");
        }
    }

    /// Of a burst only the newest event has a run, and that begins only once.
    fn bursts(&self, before: &View, after: &View) {
        for (n, burst) in self.0.iter().enumerate() {
            if burst.gates.debounce.is_none() {
                continue;
            }
            let newer = self.0[n + 1..].iter().filter(|newer| {
                newer.rule == burst.rule
                    && newer.shadow == burst.shadow
                    && newer.gates.key == burst.gates.key
                    && newer.gates.debounce.is_some()
            });
            let now = run_of(after, &burst.run);
            let was = before.runs.iter().find(|old| old.run.id == burst.run);
            let began = was.is_some_and(|old| old.run.state == RunState::Delayed)
                && now.run.state == RunState::Running;
            if now.run.state == RunState::Delayed || began {
                assert_eq!(newer.count(), 0, "the newest event is the one that counts");
            }
        }
    }
}

fn run_of<'a>(view: &'a View, run: &RunId) -> &'a RunHistory {
    let found = view.runs.iter().find(|history| history.run.id == *run);
    found.expect("no run is lost")
}

fn given_back(history: &RunHistory) -> bool {
    use RunState::*;
    let ended = matches!(
        history.run.state,
        Declined | Cancelled | Superseded | Shadowed | Dead
    );
    let wrote = |step: &StepRecord| step.writes && (step.attempts > 0 || step.state == StepState::Planned);
    ended && !history.steps.iter().any(wrote)
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

/// Pruning deletes events with their runs, and only those that are at their ends.
fn forget_what_is_over(before: &mut View, after: &View) {
    let events: Vec<_> = after.events.iter().map(|event| event.key.clone()).collect();
    before.runs.retain(|history| {
        let stays = events.contains(&history.run.event);
        assert!(
            stays || history.run.state.is_terminal(),
            "it was not at its end: {history:?}"
        );
        stays
    });
    let stay: Vec<bool> = before
        .events
        .iter()
        .map(|event| events.contains(&event.key))
        .collect();
    let mut each = stay.iter().copied();
    before.verdicts.retain(|_| each.next().unwrap_or(true));
    before.events.retain(|event| events.contains(&event.key));
}

async fn walk(moves: Vec<Move>) {
    let store = MemoryStore::new(at(0));
    let mut now = 0;
    let mut before = view(&store).await;
    let mut ledger = Ledger::default();
    for Move { after_ms, act } in moves {
        now += after_ms;
        let changes = store.changes().await.unwrap();
        let run = pick(&store, &act).await;
        let answer = match &act {
            Act::Crash => format!("{:?}", store.release("", true, at(now)).await),
            act => perform(&store, act, run.as_ref(), now).await,
        };
        let later = store.changes().await.unwrap();
        let after = view(&store).await;
        assert!(later > changes || before == after, "a change is counted: {act:?}");
        assert_eq!(store.changes().await.unwrap(), later, "reading is none");
        sound(&after);
        if matches!(act, Act::Prune { .. }) {
            forget_what_is_over(&mut before, &after);
            // What was deleted does not count any more; its delivery may come again and be a new event.
            let known = |charged: &Charged| after.runs.iter().any(|history| history.run.id == charged.run);
            ledger.0.retain(known);
        }
        follows(&before, &after);
        trail::goes_on(&act, &answer, &before, &after);
        in_order(&before, &after);
        if !matches!(act, Act::Tell { .. }) {
            tells(&before, &after);
        }
        if answer.starts_with("Err") {
            assert_eq!(before, after, "what is refused leaves no trace");
        }
        if let Act::Admit(event) = &act {
            ledger.admitted(event, &before, &after);
        }
        ledger.bursts(&before, &after);
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
