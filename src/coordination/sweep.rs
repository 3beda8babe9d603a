//! In: the passing of time. Out: what is held by nobody any more is open again, who is not heard of is silent. Never: a task
//! taken from somebody whose lease is good.

use std::collections::BTreeSet;

use super::board::{Board, BoardError, Open, at_lease, at_task};
use super::claims::Held;
use super::presence::{Present, at_agent, at_here};
use super::task::TaskState;
use super::tellings::Telling;
use super::writing::{Read, Writing, parsed};

/// What there is, and what a look at it changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tasks that nobody has.
    pub open: u64,
    /// Tasks that somebody works on.
    pub claimed: u64,
    /// Agents that are there.
    pub here: u64,
    /// Agents that are not heard of.
    pub silent: u64,
    /// Tasks that were taken from whoever had them, or given up because of their age.
    pub taken: u64,
}

impl Board {
    /// Looks at everything once. Several replicas may: each change is made once.
    pub async fn sweep(&self) -> Result<Swept, BoardError> {
        let mut swept = self.sweep_tasks().await?;
        let here = self.here().await?;
        for entry in self.all("agent/").await? {
            let present: Present = parsed(&entry)?;
            if here.contains(&present.agent) {
                swept.here += 1;
                continue;
            }
            swept.silent += 1;
            if !present.silent {
                self.silence(Read {
                    value: present,
                    bytes: entry.value,
                })
                .await?;
            }
        }
        Ok(swept)
    }

    /// An agent was not heard of for too long.
    async fn silence(&self, before: Read<Present>) -> Result<(), BoardError> {
        let mut present = before.value.clone();
        present.silent = true;
        present.silences += 1;
        let telling = Telling::of_silence(&present, self.clock.now());
        let mut writing = Writing::default();
        writing
            .expect(&at_agent(&present.agent), &before)?
            .expect_none(&at_here(&present.agent))?
            .put(&at_agent(&present.agent), &present, Some(super::KEPT_MS))?
            .put(&telling.place(), &telling, None)?
            .say(&present.agent, "agent.silent", &present.agent, None);
        // Where that does not hold any more, it was heard of, or somebody else said so.
        self.write(writing).await?;
        Ok(())
    }

    /// Opens what was held and is not any more, and gives up what is too old.
    pub(super) async fn sweep_tasks(&self) -> Result<Swept, BoardError> {
        // In this order: a task that is claimed in between has a lease by the time leases are read.
        let held = self.all("held/").await?;
        let leases: BTreeSet<String> = self
            .all("lease/")
            .await?
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        let here = self.here().await?;
        let mut swept = Swept {
            claimed: held.len() as u64,
            ..Swept::default()
        };
        for entry in &held {
            let Held { agent, .. } = parsed(entry)?;
            let why = match (leases.contains(&entry.name), here.contains(&agent)) {
                (true, true) => continue,
                (false, _) => (at_lease(&entry.name), "its lease ran out"),
                (true, false) => (at_here(&agent), "it is silent"),
            };
            swept.taken += u64::from(self.take_back(&entry.name, &agent, &why.0, why.1).await?);
        }
        let now = self.clock.now();
        for entry in self.all("open/").await? {
            swept.open += 1;
            let open: Open = parsed(&entry)?;
            let late = open.expires_at.is_some_and(|end| end <= now);
            if let Some(id) = entry.name.rsplit('/').next().filter(|_| late) {
                swept.taken += u64::from(self.expire(id).await?);
            }
        }
        Ok(swept)
    }

    /// Takes a task from its holder, if `gone` is still not there and the task is as it was.
    async fn take_back(&self, id: &str, agent: &str, gone: &str, why: &str) -> Result<bool, BoardError> {
        let Ok(read) = self.read_task(id).await else {
            return Ok(false);
        };
        if read
            .value
            .holder
            .as_ref()
            .is_none_or(|holder| holder.agent != agent)
        {
            return Ok(false);
        }
        let task = read.value.clone().lapsed(why, self.clock.now());
        let mut writing = Writing::default();
        writing.expect(&at_task(id), &read)?.expect_none(gone)?;
        self.settle(writing, &read.value, &task).await
    }

    async fn expire(&self, id: &str) -> Result<bool, BoardError> {
        let Ok(read) = self.read_task(id).await else {
            return Ok(false);
        };
        let now = self.clock.now();
        if read.value.state != TaskState::Open || !read.value.is_late(now) {
            return Ok(false);
        }
        let task = read.value.clone().expired(now);
        let mut writing = Writing::default();
        writing.expect(&at_task(id), &read)?;
        self.settle(writing, &read.value, &task).await
    }
}
