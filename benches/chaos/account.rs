//! In: what was sent, what took effect, what is on record. Out: what is lost, what is doubled, what else is wrong.
//! Never: an opinion; every finding names its event.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Event, Journal, Run, is_terminal};
use super::sender::Sent;
use super::witness::{Effect, Seen, notifications};
use super::work::{self, Class, Kind, SHARED, TELL, Wanted};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) lost: Vec<String>,
    pub(super) doubled: Vec<String>,
    pub(super) wrong: Vec<String>,
    pub(super) figures: Figures,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) requests: u64,
    /// Answers by what they said.
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) acknowledged: u64,
    pub(super) events: u64,
    pub(super) runs: BTreeMap<String, u64>,
    /// Steps that were begun, and attempts at them.
    pub(super) steps: u64,
    pub(super) attempts: u64,
    /// Per class of doubt: effects wanted, seen, seen again.
    pub(super) effects: BTreeMap<Class, (u64, u64, u64)>,
    /// Runs that were seen at their end while everything broke, and were still there afterwards.
    pub(super) ends_seen: u64,
    pub(super) foreign: u64,
    /// What became of tasks that agents share.
    pub(super) tasks: BTreeMap<&'static str, u64>,
}

/// What the accounting is about.
pub(super) struct Books<'a> {
    pub(super) seed: u64,
    pub(super) sent: &'a BTreeMap<u64, Sent>,
    pub(super) seen: &'a Seen,
    pub(super) journal: &'a Journal,
    /// Runs that were seen at their end earlier: id → state and time.
    pub(super) ends: &'a BTreeMap<String, (String, String)>,
}

/// Holds them against each other.
pub(super) fn account(books: &Books<'_>) -> Account {
    let mut account = Account::default();
    account.wrong.extend(books.seen.gaps.iter().cloned());
    let mut runs: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in &books.journal.runs {
        runs.entry(&run.event).or_default().push(run);
        *account.figures.runs.entry(run.state.clone()).or_default() += 1;
        if let Some(worker) = &run.worker {
            account.wrong.push(format!(
                "run {} is {}, and {worker} holds its lease",
                run.id, run.state
            ));
        }
        let writing = run.steps.iter().filter(|step| step.attempts > 0);
        for step in writing {
            account.figures.steps += 1;
            account.figures.attempts += step.attempts;
        }
    }
    let effects = Effects::of(books.seen);
    account.figures.foreign = effects.foreign;
    account.figures.events = books.journal.events.len() as u64;
    let mut known = 0;
    for (&n, sent) in books.sent {
        account.answers(n, sent);
        let ids: BTreeSet<&String> = sent.answers.iter().map(|answer| &answer.id).collect();
        let on_record = ids
            .into_iter()
            .filter_map(|id| books.journal.events.get_key_value(id));
        let on_record: Vec<(&String, &Event)> = on_record.collect();
        known += on_record.len();
        let of_event = on_record.first().and_then(|(id, _)| runs.get(id.as_str()));
        account.event(n, sent, &on_record);
        let of_event = of_event.map_or(&[][..], Vec::as_slice);
        account.runs(n, Kind::of(books.seed, n), sent, of_event, &effects);
    }
    if known != books.journal.events.len() {
        let strange = books.journal.events.len().abs_diff(known);
        account
            .wrong
            .push(format!("{strange} events on record were never sent"));
    }
    account.ends(books);
    account.shared(books, &runs, &effects);
    account.strays(books, &effects);
    account
}

/// The effects by event and operation: by us, and by anybody.
#[derive(Default)]
struct Effects<'a> {
    ours: BTreeMap<(u64, &'a str), u64>,
    anybody: BTreeMap<(u64, &'a str), u64>,
    /// Deploys of services that events share, by service: ours, and anybody's.
    shared: BTreeMap<&'a str, (u64, u64)>,
    strays: Vec<&'a Effect>,
    /// By the step's key.
    keys: BTreeMap<&'a str, u64>,
    foreign: u64,
}

impl<'a> Effects<'a> {
    fn of(seen: &'a Seen) -> Self {
        let mut effects = Self::default();
        for effect in &seen.effects {
            if effect.event.is_none() && effect.target.starts_with(SHARED) {
                let (ours, anybody) = effects.shared.entry(&effect.target).or_default();
                *ours += u64::from(effect.ours);
                *anybody += 1;
                effects.foreign += u64::from(!effect.ours);
                continue;
            }
            let Some(event) = effect.event else {
                effects.strays.push(effect);
                continue;
            };
            let place = (event, effect.operation.as_str());
            *effects.anybody.entry(place).or_default() += 1;
            match effect.ours {
                true => *effects.ours.entry(place).or_default() += 1,
                false => effects.foreign += 1,
            }
            if let (Some(key), true) = (&effect.key, effect.ours) {
                *effects.keys.entry(key).or_default() += 1;
            }
        }
        for (place, times) in notifications(seen) {
            effects.ours.insert(place, times);
            effects.anybody.insert(place, times);
        }
        effects
    }
}

impl Account {
    /// The answers of one event: none may be a refusal, and each names the same event and the same run.
    fn answers(&mut self, n: u64, sent: &Sent) {
        self.figures.requests += sent.answers.len() as u64;
        self.figures.acknowledged += u64::from(sent.acknowledged());
        let mut firsts = 0;
        let mut named: Vec<&[(String, String)]> = Vec::new();
        for answer in &sent.answers {
            let said = match (answer.status, answer.duplicate) {
                (Some(202), false) => "202",
                (Some(202), true) => "202 duplicate",
                (Some(503), _) => "503",
                (None, _) => "no answer",
                (Some(other), _) => {
                    self.wrong.push(format!("event {n}: answered {other}"));
                    "another"
                }
            };
            *self.figures.answers.entry(said.to_owned()).or_default() += 1;
            firsts += u64::from(said == "202");
            if answer.status == Some(202) {
                named.push(&answer.runs);
                let original = sent.answers.iter().any(|other| other.id == answer.event);
                if !original {
                    let (id, event) = (&answer.id, &answer.event);
                    self.wrong
                        .push(format!("event {n}: {id} was answered with event \"{event}\""));
                }
            }
        }
        if firsts > 1 {
            self.doubled
                .push(format!("event {n}: {firsts} answers said it was new"));
        }
        if named.windows(2).any(|pair| pair[0] != pair[1]) {
            self.wrong
                .push(format!("event {n}: its answers name different runs: {named:?}"));
        }
    }

    /// One event on record, as it was sent, and as often as it was sent.
    fn event(&mut self, n: u64, sent: &Sent, on_record: &[(&String, &Event)]) {
        let Some((id, event)) = on_record.first() else {
            if sent.acknowledged() {
                self.lost
                    .push(format!("event {n}: acknowledged, and not on record"));
            }
            return;
        };
        if on_record.len() > 1 {
            let ids: Vec<&String> = on_record.iter().map(|(id, _)| *id).collect();
            self.doubled.push(format!("event {n}: on record as {ids:?}"));
        }
        if event.hash != sent.hash {
            let (hash, wanted) = (&event.hash, &sent.hash);
            self.lost.push(format!(
                "event {n} ({id}): its body has SHA-256 {hash}, sent was {wanted}"
            ));
        }
        let count = |status| {
            sent.answers
                .iter()
                .filter(|answer| answer.status == status)
                .count() as u64
        };
        let sure = count(Some(202));
        // A request that was refused or not answered may have been taken before that.
        let perhaps = sure + count(None) + count(Some(503));
        let arrivals = 1 + event.again;
        if !(sure..=perhaps).contains(&arrivals) {
            self.wrong.push(format!(
                "event {n}: on record as having come {arrivals} times; acknowledged were {sure}, sent {perhaps}"
            ));
        }
    }

    /// The run an event must have, and its effects.
    fn runs(&mut self, n: u64, kind: Kind, sent: &Sent, runs: &[&Run], effects: &Effects<'_>) {
        let promised = sent.answers.iter().find(|answer| answer.status == Some(202));
        for (id, rule) in promised.iter().flat_map(|answer| &answer.runs) {
            if !runs.iter().any(|run| run.id == *id) {
                self.lost.push(format!(
                    "event {n}: run {id} of {rule} was promised and is not on record"
                ));
            }
        }
        let ours: Vec<&&Run> = runs.iter().filter(|run| run.rule == kind.label()).collect();
        for run in runs
            .iter()
            .filter(|run| run.rule != kind.label() || run.generation != 0)
        {
            self.wrong
                .push(format!("event {n}: a run nobody asked for: {run:?}"));
        }
        let Some(ends) = kind.ends() else { return };
        match ours.as_slice() {
            [] if promised.is_none() => {}
            [] => self
                .lost
                .push(format!("event {n}: rule {} has no run", kind.label())),
            [run] => {
                self.end(n, kind, ends, run);
                for wanted in kind.wants() {
                    self.effect(n, *wanted, run, effects);
                }
            }
            several => {
                let ids: Vec<&String> = several.iter().map(|run| &run.id).collect();
                self.doubled
                    .push(format!("event {n}: several runs of {}: {ids:?}", kind.label()));
            }
        }
    }

    fn end(&mut self, n: u64, kind: Kind, ends: &str, run: &Run) {
        let Run {
            id, state, reason, ..
        } = run;
        if state == "unknown" && kind.may_ask() {
            // Somebody else may have made it: a person is asked, as the documents say.
            return;
        }
        if !is_terminal(state) {
            self.lost
                .push(format!("event {n}: run {id} is still {state}: {reason}"));
        } else if state != ends {
            self.lost.push(format!(
                "event {n}: run {id} is {state}, must be {ends}: {reason}"
            ));
        }
    }

    /// One effect that a run must have.
    fn effect(&mut self, n: u64, wanted: Wanted, run: &Run, effects: &Effects<'_>) {
        let Wanted { operation, class } = wanted;
        let place = (n, operation);
        let ours = effects.ours.get(&place).copied().unwrap_or(0);
        let anybody = effects.anybody.get(&place).copied().unwrap_or(0);
        let step = run.steps.iter().find(|step| step.tool == operation);
        let figure = self.figures.effects.entry(class).or_default();
        figure.0 += 1;
        figure.1 += ours.min(1);
        figure.2 += ours.saturating_sub(1);
        let unknown = run.state == "unknown";
        // A goal can be reached by somebody else, and so can what evidence speaks of.
        let there = match class {
            Class::GoalState | Class::Evidence => anybody,
            _ => ours,
        };
        if there == 0 && !(unknown && class == Class::Evidence) {
            self.lost.push(format!(
                "event {n}: {operation} never took effect; run {} is {}",
                run.id, run.state
            ));
        }
        let most = match class {
            Class::Idempotent => u64::MAX,
            Class::Marker | Class::GoalState | Class::Evidence | Class::Shared => 1,
            // Every time was an attempt on record.
            Class::MayDouble => step.map_or(1, |step| step.attempts.max(1)),
        };
        if ours > most {
            self.doubled.push(format!(
                "event {n}: {operation} took effect {ours} times, {most} are allowed; run {} is {}: {step:?}",
                run.id, run.state
            ));
        }
        if let (Class::Marker, Some(step), true) = (class, step, ours > 0)
            && effects.keys.get(step.key.as_str()) != Some(&ours)
        {
            self.wrong.push(format!(
                "event {n}: {operation} does not carry its step's key {}",
                step.key
            ));
        }
        if step.is_none_or(|step| step.state != "done") && !unknown {
            self.wrong.push(format!(
                "event {n}: {operation} is not on record as done: {step:?}"
            ));
        }
    }

    /// Deploys of services that several events share. Equal effects are as good as each other; but no two runs may have the
    /// same one, there must be one for each that says so, and no more than there are runs.
    fn shared(&mut self, books: &Books<'_>, runs: &BTreeMap<&str, Vec<&Run>>, effects: &Effects<'_>) {
        let mut services: BTreeMap<String, Vec<&Run>> = BTreeMap::new();
        for (n, sent) in books.sent {
            if Kind::of(books.seed, *n) == Kind::Shared {
                let ids: BTreeSet<&str> = sent.answers.iter().map(|answer| answer.id.as_str()).collect();
                let of_event = ids.into_iter().filter_map(|id| runs.get(id)).flatten();
                services
                    .entry(work::shared_service(*n))
                    .or_default()
                    .extend(of_event);
            }
        }
        let mut whose: BTreeMap<&str, &str> = BTreeMap::new();
        for (service, runs) in &services {
            let (ours, anybody) = effects.shared.get(service.as_str()).copied().unwrap_or_default();
            let (all, unknown) = (runs.len() as u64, count(runs, "unknown"));
            let figure = self.figures.effects.entry(Class::Shared).or_default();
            figure.0 += all;
            figure.1 += ours.min(all);
            figure.2 += ours.saturating_sub(all);
            if ours > all {
                self.doubled
                    .push(format!("{service}: deployed {ours} times for {all} runs"));
            }
            if anybody + unknown < all {
                self.lost.push(format!(
                    "{service}: {all} runs, of which {unknown} are unknown, and {anybody} deploys"
                ));
            }
            for run in runs {
                for step in run.steps.iter().filter(|step| step.state == "done") {
                    if step.result.is_empty() {
                        self.wrong
                            .push(format!("run {}: done, and no deploy is named", run.id));
                    } else if let Some(other) = whose.insert(&step.result, &run.id) {
                        let deploy = &step.result;
                        self.lost
                            .push(format!("runs {other} and {} both have deploy {deploy}", run.id));
                    }
                }
            }
        }
        for (service, (ours, _)) in &effects.shared {
            if *ours > 0 && !services.contains_key(*service) {
                self.doubled
                    .push(format!("nobody asked for a deploy of {service}"));
            }
        }
    }

    /// What was at its end stays there.
    fn ends(&mut self, books: &Books<'_>) {
        let runs: BTreeMap<&str, &Run> = books
            .journal
            .runs
            .iter()
            .map(|run| (run.id.as_str(), run))
            .collect();
        for (id, (state, at)) in books.ends {
            match runs.get(id.as_str()) {
                None => self
                    .lost
                    .push(format!("run {id} was {state} and is not on record any more")),
                Some(run) if (&run.state, &run.updated_at) != (state, at) => {
                    let (now, then) = (&run.state, &run.updated_at);
                    self.wrong
                        .push(format!("run {id} was {state} at {at} and is {now} at {then}"));
                }
                Some(_) => self.figures.ends_seen += 1,
            }
        }
    }

    /// Effects that nobody asked for.
    fn strays(&mut self, books: &Books<'_>, effects: &Effects<'_>) {
        for stray in &effects.strays {
            self.doubled.push(format!(
                "nobody asked for {} on {}",
                stray.operation, stray.target
            ));
        }
        for (n, operation) in effects.ours.keys() {
            let wanted = Kind::of(books.seed, *n).wants();
            let sent = books.sent.contains_key(n);
            if !sent || !wanted.iter().any(|wanted| wanted.operation == *operation) {
                let what = if *operation == TELL { "telling" } else { operation };
                self.doubled.push(format!("event {n}: nobody asked for {what}"));
            }
        }
    }

    /// Adds what another part of a run found.
    pub(super) fn add(&mut self, other: Account) {
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.wrong.extend(other.wrong);
    }

    /// Whether nothing is lost, doubled or wrong.
    pub(super) fn holds(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }
}

fn count(runs: &[&Run], state: &str) -> u64 {
    runs.iter().filter(|run| run.state == state).count() as u64
}
