//! In: a service's deploys. Out: which of them were live, when, and how that ended. Never: the network.

use jiff::{SignedDuration, Timestamp};

use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::Deploy;

/// How long a deploy must have been live to count as known good, in minutes, unless a call says otherwise.
pub const KNOWN_GOOD_MINUTES: u32 = 10;
/// How long after a rollback another one is refused, in minutes: if the last good deploy fails too, deploys are not
/// what is wrong.
pub const PING_PONG_MINUTES: i64 = 30;

/// A deploy's time in front of users.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// The deploy.
    pub(super) deploy: Deploy,
    /// From when on.
    pub(super) from: Timestamp,
    /// Until the next one went live.
    pub(super) until: Timestamp,
    /// It ended because somebody rolled back: it had failed.
    pub(super) rolled_back: bool,
}

impl Life {
    /// How long it was.
    pub(super) fn length(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }
}

/// What a rollback starts from.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// The deploy users see now.
    pub(super) live: Deploy,
    /// The ones they saw before, newest first.
    pub(super) lives: Vec<Life>,
}

impl History {
    /// Why a deploy is no target any more, if it is none: it failed before, or what runs now is the same.
    pub(super) fn spent(&self, deploy: &Deploy) -> Option<String> {
        let commit = |deploy: &Deploy| deploy.commit.as_ref().map(|commit| commit.id.clone());
        let same = |other: &Deploy| {
            other.id == deploy.id
                || (other.is_rollback() && commit(other).is_some() && commit(other) == commit(deploy))
        };
        if let Some(life) = self
            .lives
            .iter()
            .find(|life| life.rolled_back && same(&life.deploy))
        {
            return Some(format!("{} was rolled back from before", life.deploy.id));
        }
        same(&self.live).then(|| format!("the live rollback {} runs the same commit", self.live.id))
    }
}

/// Reads the history off a list of deploys.
///
/// # Errors
/// Conflict, when nothing is live, or a rollback is under way or too recent.
pub(super) fn history(deploys: &[Deploy], now: Timestamp) -> Result<History, ToolError> {
    let conflict = |message: String| ToolError::new(ErrorClass::Conflict, message);
    if let Some(underway) = deploys
        .iter()
        .find(|deploy| deploy.is_rollback() && deploy.is_under_way())
    {
        return Err(
            conflict(format!("a rollback is already under way: {}", underway.id))
                .with_remedy("wait for it to end (render.get_deploy)"),
        );
    }
    let mut seen: Vec<(Timestamp, &Deploy)> = deploys
        .iter()
        .filter(|deploy| deploy.went_live())
        .filter_map(|deploy| Some((deploy.live_since()?, deploy)))
        .collect();
    seen.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
    let Some(at) = seen.iter().position(|(_, deploy)| deploy.is_live()) else {
        return Err(conflict(
            "no deploy of the service is live, so there is nothing to roll back from".into(),
        )
        .with_remedy("look at render.list_deploys; start a deploy with render.trigger_deploy"));
    };
    let live = seen[at].1;
    let since_rollback = live
        .created_at
        .or(live.live_since())
        .map(|at| now.duration_since(at));
    if live.is_rollback()
        && since_rollback.is_some_and(|ago| ago < SignedDuration::from_mins(PING_PONG_MINUTES))
    {
        return Err(conflict(format!(
            "the live deploy {} is itself a rollback, made less than {PING_PONG_MINUTES} minutes ago",
            live.id
        ))
        .with_remedy(
            "rolling back again would only swap deploys to and fro: look at render.query_logs, and at what the deploys \
             share (database, variables, an upstream)",
        ));
    }
    let lives = seen
        .windows(2)
        .skip(at)
        .map(|pair| Life {
            deploy: pair[1].1.clone(),
            from: pair[1].0,
            until: pair[0].0,
            rolled_back: pair[0].1.is_rollback(),
        })
        .collect();
    Ok(History {
        live: live.clone(),
        lives,
    })
}
