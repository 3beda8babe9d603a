//! In: calls to let pushes be deployed again. Out: auto-deploy as it was before the freeze, and a report. Never: a deploy.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::rollback::described;
use crate::clock;
use crate::hub::ToolError;
use crate::integrations::Failure;
use crate::integrations::render::{self, Client, Deploy, DeployQuery, Service, ServiceEvent};
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, Effect};
use crate::tools::when::minute;

/// How far back the freeze is looked for, in days.
const FROZEN_DAYS_MAX: i64 = 90;
/// How much of a service's name a report quotes, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Whose freeze to end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnfreezeArgs {
    /// srv-… or crn-….
    service_id: String,
}

/// A freeze that is over.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unfrozen {
    service_id: String,
    /// Whether auto-deploy was off before the call.
    was_frozen: bool,
    /// What starts a deploy by itself now: commit or checksPass.
    auto_deploy_trigger: String,
    /// Since when it was off, where Render's records say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen_since: Option<String>,
    /// What was done and what it means for the next push: Markdown, strangers' words quoted.
    report: String,
}

pub(super) async fn unfreeze(ctx: Ctx<Parts>, args: UnfreezeArgs) -> Result<Effect<Unfrozen>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    let was_frozen = service.is_auto_deploy_off();
    let freeze = if was_frozen {
        frozen_by(client, &args.service_id, ctx.clock.now()).await?
    } else {
        None
    };
    let trigger = match &freeze {
        _ if !was_frozen => service.auto_deploy_trigger.clone(),
        Some(event) => event.details["fromTrigger"].as_str().map(str::to_owned),
        None => None,
    };
    // Checks that were asked for before the freeze are asked for after it: that is no push's default.
    let trigger = trigger.filter(|trigger| trigger == "checksPass");
    if was_frozen {
        let request = render::auto_deploy(&args.service_id, true, trigger.as_deref())?;
        if ctx.dry_run {
            return Ok(Effect::WouldSend(vec![request]));
        }
        client.apply(&request).await?;
    } else if ctx.dry_run {
        return Ok(Effect::WouldSend(Vec::new()));
    }
    // The thaw has happened; what the report cannot read it leaves out.
    let live = DeployQuery {
        status: vec!["live".into()],
        ..DeployQuery::default()
    };
    let live = client.list_deploys(&args.service_id, &live, 1, None).await.ok();
    let live = live.and_then(|page| page.items.into_iter().next());
    let trigger = trigger.unwrap_or_else(|| "commit".to_owned());
    let since = freeze.and_then(|event| event.timestamp);
    Ok(Effect::Done(Unfrozen {
        report: report(&service, was_frozen, &trigger, since, live.as_ref()),
        service_id: args.service_id,
        was_frozen,
        auto_deploy_trigger: trigger,
        frozen_since: since.map(|at| at.to_string()),
    }))
}

/// The event that says when auto-deploy was turned off, and what it was before.
async fn frozen_by(
    client: &Client,
    service_id: &str,
    now: Timestamp,
) -> Result<Option<ServiceEvent>, ToolError> {
    let since = clock::after(
        now,
        -SignedDuration::from_hours(24 * FROZEN_DAYS_MAX).as_millis() as i64,
    );
    let found = client
        .service_events(service_id, "auto_deploy_disabled", since, now, 1)
        .await;
    match found {
        Ok(events) => Ok(events.into_iter().next()),
        // The type is younger than the rest of the list: an API that does not know it refuses it.
        Err(error) if error.failure == Failure::Invalid => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn report(
    service: &Service,
    was_frozen: bool,
    trigger: &str,
    since: Option<Timestamp>,
    live: Option<&Deploy>,
) -> String {
    let name = quote(&service.name, NAME_BYTES_MAX);
    if !was_frozen {
        return format!(
            "Auto-deploy of {name} ({}) was on already ({trigger}).",
            service.id
        );
    }
    let since = since.map_or(String::new(), |at| format!("; it was off since {}", minute(at)));
    let mut lines = vec![
        format!(
            "Auto-deploy of {name} ({}) is on again ({trigger}){since}.",
            service.id
        ),
        String::new(),
    ];
    if let Some(live) = live {
        let rollback = if live.is_rollback() { "the rollback " } else { "" };
        lines.push(format!("- Live is {rollback}{}.", described(live)));
    }
    lines.push(format!(
        "- What was pushed meanwhile is not deployed by this, but with the next push; `render.trigger_deploy` with \
         service_id = {} deploys the newest commit now.",
        service.id
    ));
    lines.join("\n")
}
