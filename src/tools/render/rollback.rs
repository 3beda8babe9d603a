//! In: calls to roll a service back. Out: the rollback, and a report of it. Never: a rollback of a rollback.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::deploys::candidate;
use super::health::{Verdict, answers};
use super::target::{History, KNOWN_GOOD_MINUTES, Life, history};
use super::verdict::{failed_percent, is_failing};
use super::watch::Watch;
use crate::clock;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Failure;
use crate::integrations::render::{self, Client, Deploy, DeployQuery, Service};
use crate::tools::quote::quote;
use crate::tools::span;
use crate::tools::toolbox::{Ctx, Effect, Look, Progress, Resolved, invalid};
use crate::tools::when::minute;

/// How many deploys back a target is looked for.
const HISTORY_MAX: usize = 200;
/// How many deploys are held against the service's events, which costs a call each.
const PROOFS_MAX: usize = 20;
/// How long a service is watched after it was rolled back unless the call says otherwise, and at most, in milliseconds.
const HEALTHY_FOR_MS: i64 = 120_000;
const HEALTHY_FOR_MS_MAX: i64 = 30 * 60_000;
/// How much of a deploy's time is looked at for failed requests, in milliseconds: the last of it.
const ANSWERS_MS_MAX: i64 = 24 * 60 * 60_000;
/// How much of a commit message a report quotes, in bytes.
const MESSAGE_BYTES_MAX: usize = 100;

/// How much of a commit's id is shown: as git does, and so that git finds it.
const COMMIT_CHARS: usize = 12;

/// What to roll back, and to what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackArgs {
    /// srv-….
    service_id: String,
    /// A deploy id (dep-…), previous, or last_known_good.
    to: String,
    /// Turn auto-deploy off first, so that the next push does not ship the bad code again.
    #[serde(default = "yes")]
    freeze_auto_deploy: bool,
    /// For last_known_good: how many minutes a deploy must have been live, without a failed server and with fewer than 5 % of
    /// its requests failed (10).
    #[schemars(range(min = 1, max = 10080))]
    known_good_minutes: Option<u32>,
    /// How long the service must be healthy once the old artifact is live again, before this counts as done: 2m by default,
    /// at most 30m; 0s does not wait at all.
    healthy_for: Option<String>,
}

impl RollbackArgs {
    pub(super) fn service_id(&self) -> &str {
        &self.service_id
    }

    fn healthy_for_ms(&self) -> Result<i64, ToolError> {
        let given = self.healthy_for.as_deref().map(str::trim);
        let ms = match given {
            None => HEALTHY_FOR_MS,
            Some("0" | "0s" | "0ms" | "0m") => 0,
            Some(text) => span::millis("healthy_for", text)?,
        };
        if ms > HEALTHY_FOR_MS_MAX {
            return Err(invalid("healthy_for", "must be at most 30m"));
        }
        Ok(ms)
    }
}

fn yes() -> bool {
    true
}

/// A rollback.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RolledBack {
    /// The new deploy that puts the old artifact live again.
    pub(super) deploy: Deploy,
    /// The deploy that was live.
    pub(super) from: Deploy,
    /// The deploy that is put live again.
    pub(super) to: Deploy,
    /// Whether auto-deploy is off now, as asked.
    pub(super) frozen: bool,
    /// How the service was after it; missing where that was not waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    /// What was done, why, and how to go on: Markdown, strangers' words quoted.
    pub(super) report: String,
}

/// A target, and why it is the one.
struct Chosen {
    deploy: Deploy,
    why: String,
}

pub(super) async fn roll_back(ctx: Ctx<Parts>, args: RollbackArgs) -> Result<Effect<RolledBack>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    let deploys = client
        .deploys(&args.service_id, &DeployQuery::default(), HISTORY_MAX)
        .await?;
    let history = history(&deploys, ctx.clock.now())?;
    let chosen = choose(client, &args, &service, &deploys, &history).await?;
    let healthy_for_ms = args.healthy_for_ms()?;

    let freeze = args.freeze_auto_deploy && !service.is_auto_deploy_off();
    let freezing = render::auto_deploy(&args.service_id, false, None)?;
    let rolling = render::rollback(&args.service_id, &chosen.deploy.id)?;
    if ctx.dry_run {
        let requests = freeze.then_some(freezing).into_iter().chain([rolling]);
        return Ok(Effect::WouldSend(requests.collect()));
    }
    // The freeze can be repeated, the rollback cannot: what everybody sees comes last.
    if freeze {
        client.apply(&freezing).await.map_err(|error| {
            // Nothing that matters has happened yet, and the freeze may be sent again.
            let mut error = error;
            if error.failure == Failure::UnknownEffect {
                error.failure = Failure::Unavailable;
            }
            error
        })?;
    }
    let deploy = client.start_deploy(&rolling).await.map_err(|error| {
        let error = ToolError::from(error);
        if freeze && error.class != ErrorClass::UnknownEffect {
            let remedy = error.remedy.clone().map_or(String::new(), |remedy| format!("{remedy}; "));
            return error.with_remedy(format!(
                "{remedy}auto-deploy was turned off before this failed: render.set_auto_deploy turns it on again"
            ));
        }
        error
    })?;
    let watch = Watch {
        deploy_id: deploy.id.clone(),
        from_id: history.live.id.clone(),
        to_id: chosen.deploy.id.clone(),
        frozen: args.freeze_auto_deploy,
        service: told(&service),
        healthy_for_ms,
        facts: facts(
            &args,
            &service,
            &history.live,
            &chosen,
            if freeze { Froze::Now } else { Froze::Before },
        ),
    };
    Ok(
        match watch.look(client, &args.service_id, ctx.clock.now()).await {
            Ok(Progress::Done(done)) => Effect::Done(done),
            Ok(Progress::Pending(pending)) => Effect::Pending(pending),
            // It was started; that it cannot be read just now is no reason to say otherwise.
            Err(_) => Effect::Pending(watch.again("it was started".into())),
        },
    )
}

async fn choose(
    client: &Client,
    args: &RollbackArgs,
    service: &Service,
    deploys: &[Deploy],
    history: &History,
) -> Result<Chosen, ToolError> {
    match args.to.as_str() {
        "previous" => previous(history),
        "last_known_good" => last_known_good(client, args, service, history).await,
        id => by_id(client, args, id, deploys, history).await,
    }
}

fn previous(history: &History) -> Result<Chosen, ToolError> {
    let life = history
        .lives
        .iter()
        .find(|life| history.spent(&life.deploy).is_none())
        .ok_or_else(|| {
            nothing(
                history,
                "no earlier deploy was live that was not rolled back from",
            )
        })?;
    Ok(Chosen {
        deploy: life.deploy.clone(),
        why: format!("it was live before, {}", span(life)),
    })
}

/// The newest earlier deploy that was in front of users long enough, during whose time Render records no failed server, and
/// which did not fail much of what it was asked in the last of it.
async fn last_known_good(
    client: &Client,
    args: &RollbackArgs,
    service: &Service,
    history: &History,
) -> Result<Chosen, ToolError> {
    let minutes = args.known_good_minutes.unwrap_or(KNOWN_GOOD_MINUTES);
    let long_enough = SignedDuration::from_mins(i64::from(minutes));
    let candidates = history
        .lives
        .iter()
        .filter(|life| life.length() >= long_enough && history.spent(&life.deploy).is_none());
    for life in candidates.take(PROOFS_MAX) {
        let failures = client
            .service_events(&args.service_id, "server_failed", life.from, life.until, 1)
            .await?;
        if !failures.is_empty() {
            continue;
        }
        let answered = match service.kind.as_str() {
            "web_service" => {
                let from = life.from.max(clock::after(life.until, -ANSWERS_MS_MAX));
                match answers(client, service, (from, life.until)).await {
                    Ok(answers) if answers.is_empty() => "; how it answered is not on record".to_owned(),
                    Ok(answers) => match failed_percent(&answers) {
                        Some(percent) if is_failing(percent) => continue,
                        Some(percent) => format!(", and {percent:.1} % of its requests failed"),
                        None => "; it had too few requests to judge it by them".to_owned(),
                    },
                    // A question that may be answered next time is no reason to take what it would have ruled out.
                    Err(error) if error.class.is_retryable() => return Err(error),
                    Err(error) => format!(
                        "; how it answered could not be read ({})",
                        quote(&error.to_string(), MESSAGE_BYTES_MAX)
                    ),
                }
            }
            _ => String::new(),
        };
        return Ok(Chosen {
            deploy: life.deploy.clone(),
            why: format!("it was live {} without a failed server{answered}", span(life)),
        });
    }
    Err(nothing(
        history,
        &format!(
            "no earlier deploy was well for {minutes} minutes: live, no server failed, fewer than 5 % of its requests failed"
        ),
    ))
}

async fn by_id(
    client: &Client,
    args: &RollbackArgs,
    id: &str,
    deploys: &[Deploy],
    history: &History,
) -> Result<Chosen, ToolError> {
    if !id.starts_with("dep-") {
        return Err(ToolError::new(
            ErrorClass::Invalid,
            format!("argument `to` is no target: \"{id}\""),
        )
        .with_remedy("a deploy id (dep-…), previous, or last_known_good"));
    }
    let conflict = |message: String| {
        ToolError::new(ErrorClass::Conflict, message)
            .with_remedy("render.list_deploys with status = \"deactivated\" shows what can be rolled back to")
    };
    if history.live.id == id {
        return Err(conflict(format!("{id} is live already")));
    }
    let deploy = match deploys.iter().find(|deploy| deploy.id == id) {
        Some(deploy) => deploy.clone(),
        None => client.deploy(&args.service_id, id).await?,
    };
    if !deploy.is_deactivated() {
        return Err(conflict(format!(
            "{id} was never live: its status is {}",
            deploy.status
        )));
    }
    if let Some(why) = history.spent(&deploy) {
        return Err(ToolError::new(
            ErrorClass::Conflict,
            format!("{id} is no way back: {why}"),
        )
        .with_remedy(
            "name another deploy, or last_known_good; render.trigger_deploy with commit_id deploys its commit all the same",
        ));
    }
    Ok(Chosen {
        deploy,
        why: "it was asked for by its id".into(),
    })
}

fn nothing(history: &History, why: &str) -> ToolError {
    ToolError::new(
        ErrorClass::Conflict,
        format!("there is nothing to roll {} back to: {why}", history.live.id),
    )
    .with_remedy("name a deploy by its id (render.list_deploys), or deploy a fix (render.trigger_deploy)")
}

/// Who turned auto-deploy off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Froze {
    /// This call.
    Now,
    /// Somebody before it, if it is off.
    Before,
    /// That cannot be told any more: the call's answer was lost.
    Unknown,
}

/// What the report says below its first line. `service` is as it was before auto-deploy was turned off.
fn facts(
    args: &RollbackArgs,
    service: &Service,
    from: &Deploy,
    chosen: &Chosen,
    froze: Froze,
) -> Vec<String> {
    let mut lines = vec![
        format!("- From {}{}.", described(from), since(from.live_since())),
        format!("- To {}: {}.", described(&chosen.deploy), chosen.why),
    ];
    let trigger = service.auto_deploy_trigger.as_deref().unwrap_or("commit");
    let push = match trigger {
        "checksPass" => "push whose checks pass",
        _ => "push",
    };
    lines.push(match froze {
        Froze::Now => format!(
            "- Auto-deploy was turned off (it deployed each {push}), so that the next push does not ship the bad code again. \
             Turn it on when the fix is in: `render.unfreeze_deploys` with service_id = {}.",
            service.id
        ),
        _ if !service.is_auto_deploy_off() => {
            format!("- Auto-deploy is on: the next {push} will be deployed over this rollback.")
        }
        Froze::Before if args.freeze_auto_deploy => format!(
            "- Auto-deploy was off already and stays off. `render.unfreeze_deploys` with service_id = {} turns it on.",
            service.id
        ),
        _ => format!(
            "- Auto-deploy is off. `render.unfreeze_deploys` with service_id = {} turns it on.",
            service.id
        ),
    });
    lines
}

/// `` `api-prod` (srv-a) ``
fn told(service: &Service) -> String {
    format!("{} ({})", quote(&service.name, MESSAGE_BYTES_MAX), service.id)
}

/// `dep-…, commit 1a2b3c4 "…"`.
pub(super) fn described(deploy: &Deploy) -> String {
    let what = match (&deploy.commit, &deploy.image) {
        (Some(commit), _) => format!(
            ", commit {} {}",
            quote(commit.id.get(..COMMIT_CHARS).unwrap_or(&commit.id), COMMIT_CHARS),
            quote(
                commit.message.lines().next().unwrap_or_default(),
                MESSAGE_BYTES_MAX
            )
        ),
        (None, Some(image)) => format!(", image {}", quote(&image.reference, MESSAGE_BYTES_MAX)),
        (None, None) => String::new(),
    };
    format!("{}{what}", deploy.id)
}

fn since(at: Option<Timestamp>) -> String {
    at.map_or(String::new(), |at| format!(", live since {}", minute(at)))
}

fn span(life: &Life) -> String {
    format!("from {} to {}", minute(life.from), minute(life.until))
}

pub(super) async fn look_for(ctx: Ctx<Parts>, args: RollbackArgs) -> Result<Look<RolledBack>, ToolError> {
    let client = ctx.parts.client()?;
    let ours = |deploy: &Deploy| !ctx.taken.contains(&deploy.id);
    let deploy = match candidate(client, &args.service_id, "rollback", ctx.since, ours).await? {
        Look::Found(deploy) => deploy,
        Look::Pending(pending) => return Ok(Look::Pending(pending)),
        Look::Absent => return Ok(Look::Absent),
        Look::Ambiguous(why) => return Ok(Look::Ambiguous(why)),
    };
    let service = client.service(&args.service_id).await?;
    let deploys = client
        .deploys(&args.service_id, &DeployQuery::default(), HISTORY_MAX)
        .await?;
    let mut earlier: Vec<&Deploy> = deploys
        .iter()
        .filter(|other| other.id != deploy.id && other.went_live())
        .filter(|other| other.live_since() < deploy.created_at)
        .collect();
    earlier.sort_by_key(|other| std::cmp::Reverse(other.live_since()));
    let target = target_of(client, &args, &deploy).await;
    let from = earlier
        .first()
        .map_or_else(|| deploy.clone(), |&from| from.clone());
    let to = earlier
        .iter()
        .skip(1)
        .find(|other| match &target {
            Some(id) => other.id == *id,
            None => other.commit.is_some() && other.commit == deploy.commit,
        })
        .map_or_else(|| deploy.clone(), |&to| to.clone());
    let chosen = Chosen {
        deploy: to,
        why: "read back from Render after its answer was lost".into(),
    };
    let watch = Watch {
        deploy_id: deploy.id.clone(),
        from_id: from.id.clone(),
        to_id: chosen.deploy.id.clone(),
        frozen: args.freeze_auto_deploy && service.is_auto_deploy_off(),
        service: told(&service),
        healthy_for_ms: args.healthy_for_ms()?,
        facts: facts(&args, &service, &from, &chosen, Froze::Unknown),
    };
    Ok(
        match watch.look(client, &args.service_id, ctx.clock.now()).await? {
            Progress::Done(done) => Look::Found(done),
            Progress::Pending(pending) => Look::Pending(pending),
        },
    )
}

/// Which rollback it would be.
pub(super) async fn resolve(ctx: Ctx<Parts>, args: RollbackArgs) -> Result<Resolved, ToolError> {
    let client = ctx.parts.client()?;
    let healthy_for_ms = args.healthy_for_ms()?;
    let service = client.service(&args.service_id).await?;
    let deploys = client
        .deploys(&args.service_id, &DeployQuery::default(), HISTORY_MAX)
        .await?;
    let history = history(&deploys, ctx.clock.now())?;
    let chosen = choose(client, &args, &service, &deploys, &history).await?;
    let freeze = if args.freeze_auto_deploy {
        "Auto-deploy is turned off first."
    } else {
        "Auto-deploy is left as it is."
    };
    Ok(Resolved {
        arguments: serde_json::json!({
            "service_id": args.service_id,
            "to": chosen.deploy.id,
            "freeze_auto_deploy": args.freeze_auto_deploy,
            "healthy_for": format!("{healthy_for_ms}ms"),
        }),
        pinned: serde_json::json!({ "live": history.live.id }),
        shows: format!(
            "Rolls {} back from {} to {}: {}. {freeze}",
            told(&service),
            described(&history.live),
            described(&chosen.deploy),
            chosen.why
        ),
    })
}

/// The rollback's target: as the call named it, or as Render's event about the new deploy does.
async fn target_of(client: &Client, args: &RollbackArgs, deploy: &Deploy) -> Option<String> {
    if args.to.starts_with("dep-") {
        return Some(args.to.clone());
    }
    let made = deploy.created_at?;
    let until = clock::after(made, SignedDuration::from_hours(1).as_millis() as i64);
    let events = client
        .service_events(&args.service_id, "deploy_started", made, until, 100)
        .await
        .ok()?;
    let text = |value: &serde_json::Value, pointer: &str| value.pointer(pointer)?.as_str().map(str::to_owned);
    events
        .iter()
        .find(|event| text(&event.details, "/deployId").as_deref() == Some(&deploy.id))
        .and_then(|event| text(&event.details, "/trigger/rollbackTargetDeployId"))
}
