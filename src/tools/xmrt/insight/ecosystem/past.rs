//! In: scores of today. Out: those of other days, and of a week ago; a chart of them. Never: a score.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::score::{Scores, whole};
use crate::agents::Who;
use crate::chart::{Chart, Series, Style};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::Repo;
use crate::journal::{KvEntry, KvKey, Store, kv_all};
use crate::tools::when::day;
use crate::tools::xmrt::records::of_store;

/// Where they are kept, one for each day and whatever was asked for.
const SPACE: &str = "ecosystem";
/// For how long, in milliseconds.
const KEPT_MS: i64 = 40 * 24 * 3_600_000;
/// Which days count as a week ago, the best first.
const DAYS_AGO: [i64; 6] = [7, 8, 6, 9, 5, 10];

/// The scores of a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) at: Timestamp,
    pub(super) scores: Scores,
}

/// What is compared with what: the same question of the same caller, who may read the same things.
pub(super) fn scope(who: &Who, repos: Option<&[Repo]>, services: Option<&[String]>) -> String {
    let mut repos = repos.map(|repos| {
        let names = repos.iter().map(|repo| repo.as_str().to_lowercase());
        names.collect::<Vec<_>>()
    });
    let mut services = services.map(<[String]>::to_vec);
    repos.iter_mut().for_each(|repos| repos.sort_unstable());
    services.iter_mut().for_each(|services| services.sort_unstable());
    // The program and whoever runs it see the same.
    let agent = match who {
        Who::Agent(agent) => Some(agent),
        Who::Reactor | Who::Operator(_) => None,
    };
    let asked = json!([agent, repos, services]).to_string();
    let digest = Sha256::digest(asked);
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn key(scope: &str, at: Timestamp) -> Result<KvKey, ToolError> {
    KvKey::new(SPACE, &format!("{scope}/{}", day(at))).map_err(of_store)
}

/// Keeps the scores of a day; the last of the day stays, unless it could judge less than the one before.
pub(super) async fn remember(
    store: &dyn Store,
    scope: &str,
    past: &Past,
    now: Timestamp,
) -> Result<(), ToolError> {
    let before = store.kv_get(&key(scope, now)?, now).await.map_err(of_store)?;
    let before: Option<Past> = before.and_then(|kept| serde_json::from_slice(&kept).ok());
    let is_poorer = |before: Past| before.scores.keys().any(|area| !past.scores.contains_key(area));
    if past.scores.is_empty() || before.is_some_and(is_poorer) {
        return Ok(());
    }
    let value = serde_json::to_vec(past).map_err(|error| {
        ToolError::new(
            ErrorClass::Unavailable,
            format!("the scores cannot be kept: {error}"),
        )
    })?;
    store
        .kv_put(&key(scope, now)?, Bytes::from(value), Some(KEPT_MS), now)
        .await
        .map_err(of_store)
}

/// What is kept of other days, the oldest first.
pub(super) async fn kept(store: &dyn Store, scope: &str, now: Timestamp) -> Result<Vec<Past>, ToolError> {
    let days = kv_all(store, SPACE, &format!("{scope}/"), now)
        .await
        .map_err(of_store)?;
    // What another version wrote and this one cannot read is as if it were not there.
    let read = |entry: &KvEntry| serde_json::from_slice(&entry.value).ok();
    Ok(days.iter().filter_map(read).collect())
}

/// The scores of about a week ago.
pub(super) fn last_week(kept: &[Past], now: Timestamp) -> Option<&Past> {
    DAYS_AGO.iter().find_map(|days| {
        let wanted = day(now - SignedDuration::from_hours(24 * days));
        kept.iter().find(|past| day(past.at) == wanted)
    })
}

/// The whole's score day by day, from the first that is kept; none of a single day.
pub(super) fn chart(kept: &[Past]) -> Option<Chart> {
    let (first, last) = (kept.first()?.at, kept.last()?.at);
    let days = last.duration_since(first).as_hours() / 24 + 1;
    let times: Vec<String> = (0..=days)
        .map(|after| day(first + SignedDuration::from_hours(24 * after)))
        .filter(|time| *time <= day(last))
        .collect();
    if times.len() < 2 {
        return None;
    }
    let score = |time: &String| {
        let past = kept.iter().find(|past| day(past.at) == *time)?;
        whole(&past.scores).map(f64::from)
    };
    Some(Chart {
        name: "health".to_owned(),
        title: "Health, day by day".to_owned(),
        unit: "of 100".to_owned(),
        style: Style::Lines,
        series: vec![Series {
            name: "score".to_owned(),
            values: times.iter().map(score).collect(),
        }],
        times,
    })
}

#[cfg(test)]
mod tests {
    use super::super::score::Area;
    use super::*;

    fn past(at: &str, score: u32) -> Past {
        Past {
            at: format!("2026-11-{at}:00:00Z").parse().unwrap(),
            scores: Scores::from([(Area::Services, score)]),
        }
    }

    #[test]
    fn a_week_ago_is_the_nearest_day_that_was_measured() {
        let now = past("20T08", 0).at;
        let of = |days: &[&str]| {
            let kept: Vec<Past> = days.iter().map(|day| past(day, 1)).collect();
            last_week(&kept, now).map(|past| past.at)
        };
        assert_eq!(
            of(&["11T08", "12T08", "13T23", "19T08"]),
            Some(past("13T23", 0).at)
        );
        assert_eq!(of(&["12T08", "14T08"]), Some(past("12T08", 0).at));
        assert_eq!(of(&["10T08", "15T01"]), Some(past("15T01", 0).at));
        assert_eq!(of(&["09T08", "16T08", "20T07"]), None);
    }

    #[test]
    fn days_that_were_not_measured_are_gaps_in_the_chart() {
        assert_eq!(chart(&[]), None);
        assert_eq!(chart(&[past("10T08", 90)]), None);
        let drawn = chart(&[past("10T23", 90), past("11T01", 80), past("13T08", 70)]).unwrap();
        assert_eq!(
            drawn.times,
            ["2026-11-10", "2026-11-11", "2026-11-12", "2026-11-13"]
        );
        assert_eq!(drawn.series[0].values, [Some(90.0), Some(80.0), None, Some(70.0)]);
    }
}
