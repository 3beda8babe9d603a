//! In: a service. Out: what Render knows of its deploys and failures, and GitHub of the commits in them. Never: a measure.

use std::collections::HashSet;

use jiff::Timestamp;

use super::dora::{History, Live, Outage, outages};
use super::stretch::Window;
use crate::hub::ToolError;
use crate::integrations::github::{self, Repo, is_within_bounds};
use crate::integrations::render::{self, Deploy, DeployQuery, Service};
use crate::integrations::{ApiError, Failure};
use crate::tools::quote::quote;
use crate::tools::unread::part;

/// How many of the newest deploys are read.
const DEPLOYS_MAX: usize = 500;
/// How many events of a kind are read.
const EVENTS_MAX: usize = 100;
/// How much of why something could not be read is quoted, in bytes.
const WHY_BYTES_MAX: usize = 200;
/// Between how many deploys GitHub is asked what lies between them.
const COMPARED_MAX: usize = 100;

/// A service's history, and what of it could not be read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) history: History,
    /// Why commits, deploys or failures are missing from it, for a person.
    pub(super) gaps: Vec<String>,
}

/// What happened to a service since `window` began.
pub(super) async fn read(
    render: &render::Client,
    github: Result<&github::Client, ToolError>,
    service: &Service,
    window: Window,
) -> Result<Read, ToolError> {
    let mut gaps = Vec::new();
    let deploys = render
        .deploys(&service.id, &DeployQuery::default(), DEPLOYS_MAX)
        .await?;
    if deploys.len() == DEPLOYS_MAX && deploys.last().and_then(Deploy::live_since) > Some(window.since) {
        gaps.push(format!(
            "older deploys than the newest {DEPLOYS_MAX} were not read"
        ));
    }
    let never_live = deploys
        .iter()
        .filter(|deploy| !deploy.went_live() && !deploy.is_under_way())
        .filter_map(|deploy| deploy.finished_at.or(deploy.created_at))
        .collect();
    let mut gone_live: Vec<(Timestamp, &Deploy)> = deploys
        .iter()
        .filter(|deploy| deploy.went_live())
        .filter_map(|deploy| Some((deploy.live_since()?, deploy)))
        .collect();
    gone_live.sort_by_key(|(at, _)| *at);
    let mut live: Vec<Live> = gone_live
        .iter()
        .map(|(at, deploy)| Live {
            id: deploy.id.clone(),
            at: *at,
            is_rollback: deploy.is_rollback(),
            written: None,
        })
        .collect();
    let commits = Commits::of(github, service);
    commits.fill(&gone_live, &mut live, window, &mut gaps).await?;
    let outages = failures(render, service, window, &mut gaps).await?;
    let history = History {
        live,
        outages,
        never_live,
    };
    Ok(Read { history, gaps })
}

async fn failures(
    render: &render::Client,
    service: &Service,
    window: Window,
    gaps: &mut Vec<String>,
) -> Result<Vec<Outage>, ToolError> {
    let mut told = Vec::new();
    for (kind, works) in [("server_failed", false), ("server_available", true)] {
        let events = render
            .service_events(&service.id, kind, window.since, window.until, EVENTS_MAX)
            .await?;
        if events.len() == EVENTS_MAX {
            gaps.push(format!(
                "older events `{kind}` than the newest {EVENTS_MAX} were not read"
            ));
        }
        told.extend(events.iter().filter_map(|event| Some((event.timestamp?, works))));
    }
    Ok(outages(told))
}

/// Where commits are looked for.
enum Commits<'a> {
    At(&'a github::Client, Repo),
    /// Nowhere, for this reason.
    Unknown(String),
}

impl<'a> Commits<'a> {
    fn of(github: Result<&'a github::Client, ToolError>, service: &Service) -> Self {
        let Some(address) = &service.repo else {
            return Self::Unknown("the service is not built from a repository".to_owned());
        };
        let name = address
            .strip_prefix("https://github.com/")
            .map(|name| name.trim_end_matches('/').trim_end_matches(".git"));
        match (name.and_then(|name| name.parse().ok()), github) {
            // The service was granted; what it is built from is another question.
            (Some(repo), _) if !is_within_bounds(&repo) => Self::Unknown(
                "the service's repository is none of those that the caller may reach".to_owned(),
            ),
            (Some(repo), Ok(client)) => Self::At(client, repo),
            (None, _) => Self::Unknown("the service's repository is not on GitHub".to_owned()),
            (_, Err(error)) => Self::Unknown(error.message),
        }
    }

    /// Asks for every deploy in the window which commits went live with it for the first time, the newest first.
    async fn fill(
        &self,
        deploys: &[(Timestamp, &Deploy)],
        live: &mut [Live],
        window: Window,
        gaps: &mut Vec<String>,
    ) -> Result<(), ToolError> {
        let (client, repo) = match self {
            Self::At(client, repo) => (*client, repo),
            Self::Unknown(why) => {
                gaps.push(format!("how long commits took is not known: {why}"));
                return Ok(());
            }
        };
        let commit = |place: usize| {
            let commit = deploys.get(place)?.1.commit.as_ref()?;
            Some(commit.id.as_str()).filter(|id| !id.is_empty())
        };
        // A deploy's commits are those that the one before it had not. What was rolled back was live as well, so a roll-back is none to
        // compare with; and what was live before, in whatever order, is not new.
        let before_it = |place: usize| {
            (0..place)
                .rev()
                .find(|place| !deploys[*place].1.is_rollback())
                .and_then(commit)
        };
        let mut brought: Vec<Vec<(String, Timestamp)>> = vec![Vec::new(); deploys.len()];
        let mut asked = 0;
        for place in (0..deploys.len()).rev() {
            if deploys[place].0 < window.since {
                break;
            }
            let (Some(before), Some(now)) = (before_it(place), commit(place)) else {
                continue;
            };
            if before == now || deploys[place].1.is_rollback() {
                live[place].written = Some(Vec::new());
                continue;
            }
            if asked == COMPARED_MAX {
                gaps.push(format!(
                    "of older deploys than the newest {COMPARED_MAX} the commits were not read"
                ));
                break;
            }
            asked += 1;
            match written(client, repo, before, now).await {
                Ok(Some(all)) => {
                    live[place].written = Some(Vec::new());
                    brought[place] = all;
                }
                Ok(None) => gaps.push(format!(
                    "{}: more commits than GitHub lists at once; they are left out",
                    live[place].id
                )),
                Err(error) if error.failure == Failure::NotFound => gaps.push(format!(
                    "{}: GitHub does not know both of its commits and those of the deploy before",
                    live[place].id
                )),
                Err(error) => match part::<()>(Err(error))? {
                    Ok(()) => {}
                    Err(why) => {
                        gaps.push(format!(
                            "of {} and older deploys the commits: {}",
                            live[place].id,
                            quote(&why, WHY_BYTES_MAX)
                        ));
                        break;
                    }
                },
            }
        }
        first_time(live, brought);
        gaps.sort();
        Ok(())
    }
}

/// Enters when the commits of each deploy were written, without those that an earlier one had brought.
fn first_time(live: &mut [Live], brought: Vec<Vec<(String, Timestamp)>>) {
    let mut seen = HashSet::new();
    for (live, brought) in live.iter_mut().zip(brought) {
        if let Some(written) = &mut live.written {
            let new = brought.into_iter().filter(|(sha, _)| seen.insert(sha.clone()));
            written.extend(new.map(|(_, at)| at));
        }
    }
}

/// The commits that `now` has and `before` had not, and when they were written; none where not all are listed.
async fn written(
    client: &github::Client,
    repo: &Repo,
    before: &str,
    now: &str,
) -> Result<Option<Vec<(String, Timestamp)>>, ApiError> {
    let between = client.compare(repo, before, now).await?;
    let whole = usize::try_from(between.ahead_by).is_ok_and(|ahead| ahead == between.commits.len());
    let of = |commit: github::Commit| Some((commit.sha, commit.date?));
    Ok(whole.then(|| between.commits.into_iter().filter_map(of).collect()))
}
