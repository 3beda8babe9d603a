//! In: a run and its concurrency group, through a desk that finds and keeps runs. Out: who has the group, who waits behind
//! whom, who makes way. Never: where a queue is kept.
//!
//! A run contends for its group from the moment it is ready: that is its place in the queue, in the order of admission.
//! It gets the group when it is claimed and nobody has it or stands before it, and has it until it ends. What was not
//! begun, or waits for a person and has written nothing, stands apart from the queue while it waits.

use jiff::{SignedDuration, Timestamp};

use super::{Group, RunHistory, RunId, RunRecord, RunState, StepRecord, StepState, WaitsFor};
use crate::clock::after;

/// How long a run waits for its group before it looks by itself whether its turn has come, in milliseconds. It is woken
/// when that is so; this is for a wake-up that was lost.
pub(crate) const LOOK_MS: i64 = 600_000;

/// How long a run in doubt keeps the others of its group waiting for a person, in milliseconds.
pub(crate) const UNRESOLVED_MS: i64 = 24 * 60 * 60 * 1_000;

/// A run's place in its concurrency group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPlace {
    /// The group, and what its rule wants of it.
    pub group: Group,
    /// Whether it has the group, or waits for it.
    pub stand: Stand,
    /// On which run it waits.
    pub behind: Option<RunId>,
    /// For which newer run it makes way, once no call of it is open.
    pub makes_way: Option<RunId>,
}

/// How a run stands to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// Not in the queue: not ready yet, waiting for a person before it wrote anything, or over.
    Apart,
    /// In the queue.
    Queued,
    /// It has the group: no other run of the group makes a call.
    Holds,
}

impl GroupPlace {
    /// The place of a run that is not ready yet.
    pub(crate) fn apart(group: Group) -> Self {
        Self {
            group,
            stand: Stand::Apart,
            behind: None,
            makes_way: None,
        }
    }
}

/// Finds and keeps runs. "In the queue" are those whose stand is not [`Stand::Apart`], in the order of place and id.
pub(crate) trait Desk {
    /// Why it cannot.
    type Fault;
    /// A run.
    fn load(&mut self, run: &RunId) -> Result<RunHistory, Self::Fault>;
    /// Keeps a run of which something other than its steps has changed, gives its charges back if it refunds.
    fn keep(&mut self, history: &RunHistory) -> Result<(), Self::Fault>;
    /// Who has the group.
    fn holder(&mut self, group: &str) -> Result<Option<RunId>, Self::Fault>;
    /// The nearest one in the queue before a run.
    fn before(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, Self::Fault>;
    /// The nearest one in the queue behind a run.
    fn behind(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, Self::Fault>;
    /// The first one in the queue.
    fn first(&mut self, group: &str) -> Result<Option<RunId>, Self::Fault>;
    /// The one that waits, was not begun, and may be superseded (`queue = "latest"`): there is at most one.
    fn replaceable(&mut self, group: &str) -> Result<Option<RunId>, Self::Fault>;
}

/// What a claim finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The run may go on: it has its group, or needs none.
    Goes,
    /// It was kept as waiting for its group, or as ended.
    Stays,
}

/// A run that is ready takes its place in the queue: older ones may have to make way, or it makes way for a newer one. The
/// run itself is not kept.
pub(crate) fn join<D: Desk>(desk: &mut D, history: &mut RunHistory, now: Timestamp) -> Result<(), D::Fault> {
    let Some(place) = history
        .run
        .group
        .clone()
        .filter(|place| place.stand == Stand::Apart)
    else {
        return Ok(());
    };
    let Group {
        key,
        cancel_in_progress,
        latest,
    } = place.group;
    if latest && let Some(other) = desk.replaceable(&key)? {
        let other = desk.load(&other)?;
        if older(&other.run, &history.run) {
            ended(desk, other, now, |other| other.supersede(&history.run.id, now))?;
        } else if !history.has_begun() {
            history.supersede(&other.run.id, now);
            return Ok(());
        }
    }
    if cancel_in_progress && let Some(holder) = desk.holder(&key)? {
        let holder = desk.load(&holder)?;
        if older(&holder.run, &history.run) {
            ended(desk, holder, now, |holder| holder.make_way(&history.run.id, now))?;
        }
    }
    history.stand(Stand::Queued, None);
    Ok(())
}

/// A due run wants to go on.
pub(crate) fn turn<D: Desk>(
    desk: &mut D,
    history: &mut RunHistory,
    now: Timestamp,
) -> Result<Turn, D::Fault> {
    let Some(place) = history.run.group.clone() else {
        return Ok(Turn::Goes);
    };
    let key = &place.group.key;
    if place.stand == Stand::Apart {
        join(desk, history, now)?;
        if history.run.state.is_terminal() {
            desk.keep(history)?;
            return Ok(Turn::Stays);
        }
        // Whoever stood behind the one before now stands behind this one.
        let behind = desk.behind(&history.run, key)?;
        wake(desk, behind, now)?;
    }
    if place.stand == Stand::Holds {
        return Ok(Turn::Goes);
    }
    let ahead = match desk.before(&history.run, key)? {
        Some(before) => Some(before),
        None => desk.holder(key)?,
    };
    let Some(ahead) = ahead else {
        history.stand(Stand::Holds, None);
        return Ok(Turn::Goes);
    };
    history.wait_behind(&ahead, now);
    desk.keep(history)?;
    Ok(Turn::Stays)
}

/// A run has changed, and was kept: if it left the queue by that, others may have their turn.
pub(crate) fn parted<D: Desk>(
    desk: &mut D,
    before: &RunRecord,
    after: &RunRecord,
    now: Timestamp,
) -> Result<(), D::Fault> {
    let (Some(was), Some(is)) = (&before.group, &after.group) else {
        return Ok(());
    };
    if was.stand == Stand::Apart || is.stand != Stand::Apart {
        return Ok(());
    }
    let behind = desk.behind(after, &is.group.key)?;
    wake(desk, behind, now)?;
    if was.stand == Stand::Holds {
        let first = desk.first(&is.group.key)?;
        wake(desk, first, now)?;
    }
    Ok(())
}

fn ended<D: Desk>(
    desk: &mut D,
    mut history: RunHistory,
    now: Timestamp,
    end: impl FnOnce(&mut RunHistory),
) -> Result<(), D::Fault> {
    let before = history.run.clone();
    end(&mut history);
    desk.keep(&history)?;
    parted(desk, &before, &history.run, now)
}

fn wake<D: Desk>(desk: &mut D, run: Option<RunId>, now: Timestamp) -> Result<(), D::Fault> {
    let Some(run) = run else { return Ok(()) };
    let mut history = desk.load(&run)?;
    if history.run.waits_for == Some(WaitsFor::Group) {
        history.run.due_at = Some(now);
        desk.keep(&history)?;
    }
    Ok(())
}

fn older(one: &RunRecord, other: &RunRecord) -> bool {
    (one.seq, &one.id) < (other.seq, &other.id)
}

impl RunHistory {
    /// Whether a call of it was ever about to be made.
    pub(crate) fn has_begun(&self) -> bool {
        self.steps.iter().any(|step| step.attempts > 0)
    }

    /// Whether a call was made, or may have been, and is not over.
    pub(crate) fn is_open(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.state, StepState::Intent | StepState::Pending))
    }

    /// Whether something that writes was begun, or would have been.
    pub(crate) fn wrote(&self) -> bool {
        let wrote =
            |step: &StepRecord| step.writes && (step.attempts > 0 || step.state == StepState::Planned);
        self.steps.iter().any(wrote)
    }

    /// Whether it lets its group go when it waits for this: before anything was begun, or for a person before anything was
    /// written.
    pub(crate) fn lets_go(&self, waits_for: WaitsFor) -> bool {
        !self.has_begun() || (waits_for == WaitsFor::Approval && !self.wrote())
    }

    pub(crate) fn stand(&mut self, stand: Stand, behind: Option<RunId>) {
        if let Some(place) = &mut self.run.group {
            place.stand = stand;
            place.behind = behind;
        }
    }

    fn wait_behind(&mut self, ahead: &RunId, now: Timestamp) {
        let key = self
            .run
            .group
            .as_ref()
            .map_or("", |place| place.group.key.as_str());
        let reason = waits(ahead, key);
        self.wait(WaitsFor::Group, after(now, LOOK_MS), reason, now);
        self.stand(Stand::Queued, Some(ahead.clone()));
    }

    /// Ends for `newer` if nobody works on it and no call of it is open; otherwise as soon as that is so.
    fn make_way(&mut self, newer: &RunId, now: Timestamp) {
        let idle = matches!(self.run.state, RunState::Queued | RunState::Waiting);
        if idle && !self.is_open() {
            self.end(RunState::Cancelled, Some(made_way(newer)), now);
        } else if let Some(place) = &mut self.run.group {
            place.makes_way = Some(newer.clone());
        }
    }

    /// The newer run for which it is to end, now that no call of it is open.
    pub(crate) fn has_to_make_way(&self) -> Option<&RunId> {
        let newer = self.run.group.as_ref()?.makes_way.as_ref()?;
        (!self.is_open()).then_some(newer)
    }

    /// Whether it has its group.
    pub(crate) fn holds(&self) -> bool {
        self.run
            .group
            .as_ref()
            .is_some_and(|place| place.stand == Stand::Holds)
    }

    /// A run in doubt that nobody resolved in time, while others wait for it.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let why = self.run.reason.take().unwrap_or_default();
        let patience = SignedDuration::from_millis(UNRESOLVED_MS);
        let reason = format!(
            "unresolved: nobody decided within {patience:#}, and its group could not wait longer; {why}"
        );
        self.end(RunState::Dead, Some(reason), now);
    }
}

/// Why a run waits for its group.
fn waits(ahead: &RunId, key: &str) -> String {
    format!("waits for run {ahead} in its group `{key}`")
}

/// Why a run in progress ends.
pub(crate) fn made_way(newer: &RunId) -> String {
    format!("cancelled: run {newer} of its group is newer")
}
