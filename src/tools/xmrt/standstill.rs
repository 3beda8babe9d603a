//! In: what is to stand still, or to go on. Out: all that stands still then. Never: a person's pause ended by an agent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::records::of_store;
use crate::agents::Who;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::reactor::{PauseError, Reactor};
use crate::tools::toolbox::{Ctx, Effect};

/// What.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseArgs {
    /// all, a rule's id, or something with its kind: rule:…, agent:…, group:….
    #[schemars(length(min = 1))]
    what: String,
}

/// What stands still.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Standstill {
    /// What this call was about, with its kind.
    what: String,
    /// Whether it stands still now by its own name.
    paused: bool,
    /// Everything that does.
    pauses: Vec<Paused>,
}

/// One thing that stands still.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Paused {
    /// all, rule:…, agent:… or group:….
    what: String,
    /// Who wanted it.
    who: String,
    since: String,
}

fn refused(error: PauseError) -> ToolError {
    match error {
        PauseError::Unknown(why) => ToolError::new(ErrorClass::NotFound, why),
        PauseError::Store(error) => of_store(error),
    }
}

async fn shown(reactor: &Reactor, what: String) -> Result<Standstill, ToolError> {
    let pauses = reactor.pauses().await.map_err(of_store)?;
    Ok(Standstill {
        paused: pauses.iter().any(|pause| pause.what == what),
        what,
        pauses: pauses
            .into_iter()
            .map(|pause| Paused {
                what: pause.what,
                who: pause.who,
                since: pause.since.to_string(),
            })
            .collect(),
    })
}

pub(super) async fn pause(ctx: Ctx<Parts>, args: PauseArgs) -> Result<Effect<Standstill>, ToolError> {
    let reactor = ctx.parts.reactor()?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![Request {
            method: "POST",
            path: "/api/v1/pauses".to_owned(),
            body: Some(serde_json::json!({ "what": args.what })),
        }]));
    }
    let what = reactor
        .pause(&args.what, &ctx.who.to_string())
        .await
        .map_err(refused)?;
    Ok(Effect::Done(shown(&reactor, what).await?))
}

pub(super) async fn resume(ctx: Ctx<Parts>, args: PauseArgs) -> Result<Effect<Standstill>, ToolError> {
    let reactor = ctx.parts.reactor()?;
    let pauses = reactor.pauses().await.map_err(of_store)?;
    if let Who::Agent(agent) = &ctx.who {
        // A pause is the brake in people's hands.
        let meant =
            |what: &str| what == args.what || what.split_once(':').is_some_and(|(_, id)| id == args.what);
        let foreign = pauses
            .iter()
            .find(|pause| meant(&pause.what) && pause.who != *agent);
        if let Some(pause) = foreign {
            let message = format!(
                "{} was paused by {}, and the agent `{agent}` ends only pauses that it made itself",
                pause.what, pause.who
            );
            return Err(ToolError::new(ErrorClass::Forbidden, message)
                .with_remedy(format!("ask a person to say `xmrt resume {}`", pause.what)));
        }
    }
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![Request {
            method: "DELETE",
            path: format!("/api/v1/pauses/{}", args.what),
            body: None,
        }]));
    }
    // That it is not paused (any more) is what was wanted.
    let (what, _) = reactor
        .resume(&args.what, &ctx.who.to_string())
        .await
        .map_err(refused)?;
    Ok(Effect::Done(shown(&reactor, what).await?))
}
