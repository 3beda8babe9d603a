//! In: a rollback that was started. Out: that it came through and the service is well, or that it is not; a report. Never:
//! another rollback.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::health::{Verdict, seen_from};
use super::rollback::{RollbackArgs, RolledBack};
use super::verdict::Weight;
use crate::clock;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::{Client, Deploy};
use crate::tools::toolbox::{Ctx, Pending, Progress};
use crate::tools::unread::not_judged;
use crate::tools::when::minute;

/// The longest and the shortest pause between two looks, in milliseconds.
const PAUSE_MS_MAX: i64 = 10_000;
const PAUSE_MS_MIN: i64 = 500;

/// What is watched: all that is needed to go on after any interruption.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    pub(super) deploy_id: String,
    pub(super) from_id: String,
    pub(super) to_id: String,
    pub(super) frozen: bool,
    /// The service, as a report calls it.
    pub(super) service: String,
    /// How long the service must be well; 0: only the start counts.
    pub(super) healthy_for_ms: i64,
    /// What the report says below its first line.
    pub(super) facts: Vec<String>,
}

pub(super) async fn poll(
    ctx: Ctx<Parts>,
    args: RollbackArgs,
    watch: Watch,
) -> Result<Progress<RolledBack>, ToolError> {
    let client = ctx.parts.client()?;
    watch.look(client, args.service_id(), ctx.clock.now()).await
}

impl Watch {
    /// Looks once.
    ///
    /// # Errors
    /// Conflict, when the rollback did not come through, or did and the service fails all the same.
    pub(super) async fn look(
        &self,
        client: &Client,
        service_id: &str,
        now: Timestamp,
    ) -> Result<Progress<RolledBack>, ToolError> {
        let deploy = client.deploy(service_id, &self.deploy_id).await?;
        if self.healthy_for_ms == 0 {
            let head = format!("started: new deploy {}, {}.", deploy.id, deploy.status);
            let done = self.done(client, service_id, deploy, None, &head, &[]).await?;
            return Ok(Progress::Done(done));
        }
        if deploy.is_under_way() {
            return Ok(Progress::Pending(self.again(format!(
                "the rollback's deploy {} is under way: {}",
                deploy.id, deploy.status
            ))));
        }
        if !deploy.is_live() {
            return Err(self.not_through(&deploy));
        }
        let since = deploy.live_since().unwrap_or(now);
        let until = clock::after(since, self.healthy_for_ms);
        if now < until {
            return Ok(Progress::Pending(
                self.again(format!("{} is live, and is watched until {until}", deploy.id)),
            ));
        }
        let vitals = seen_from(client, service_id, (since, now.max(clock::after(since, 1)))).await?;
        let seen = vitals
            .evidence()
            .iter()
            .filter(|finding| finding.source != "deploys");
        let lines: Vec<String> = seen
            .map(|finding| finding.what.clone())
            .chain(not_judged(vitals.unread()))
            .map(|line| format!("  - {line}"))
            .collect();
        match vitals.verdict() {
            verdict @ (Verdict::Healthy | Verdict::Degraded) => {
                let head = format!("is done: {} is live since {}.", deploy.id, minute(since));
                // A service that nobody asks for anything is not known to be well.
                let word = if verdict == Verdict::Healthy {
                    "nothing speaks against the service"
                } else {
                    "the service is degraded"
                };
                let mut more = vec![format!("- Since then {word} (looked at until {}).", minute(now))];
                more.extend(lines);
                let done = self
                    .done(client, service_id, deploy, Some(verdict), &head, &more)
                    .await?;
                Ok(Progress::Done(done))
            }
            _ => {
                let bad: Vec<&str> = vitals
                    .evidence()
                    .iter()
                    .filter(|finding| finding.weight == Weight::Bad)
                    .map(|finding| finding.what.as_str())
                    .collect();
                let message = format!(
                    "{} was rolled back from {} to {} ({} is live) and fails all the same: {}",
                    self.service,
                    self.from_id,
                    self.to_id,
                    deploy.id,
                    bad.join(" ")
                );
                Err(ToolError::new(ErrorClass::Conflict, message).with_remedy(format!(
                    "the deploy was not, or not alone, what is wrong: look at render.query_logs, and at what the deploys \
                     share (database, variables, an upstream){}",
                    self.still_frozen()
                )))
            }
        }
    }

    /// It is not over.
    pub(super) fn again(&self, note: String) -> Pending {
        Pending {
            poll_after_ms: (self.healthy_for_ms / 2).clamp(PAUSE_MS_MIN, PAUSE_MS_MAX),
            cursor: serde_json::to_value(self).unwrap_or_default(),
            note,
        }
    }

    fn not_through(&self, deploy: &Deploy) -> ToolError {
        let how = if deploy.is_deactivated() {
            "was followed by another deploy before it could be watched".to_owned()
        } else {
            format!("ended as {}", deploy.status)
        };
        let message = format!(
            "the rollback of {} from {} to {} did not come through: its deploy {} {how}",
            self.service, self.from_id, self.to_id, deploy.id
        );
        ToolError::new(ErrorClass::Conflict, message).with_remedy(format!(
            "render.list_deploys shows what is live{}",
            self.still_frozen()
        ))
    }

    /// What whoever mends it must not forget.
    fn still_frozen(&self) -> &'static str {
        if self.frozen {
            "; auto-deploy is off: render.unfreeze_deploys turns it on"
        } else {
            ""
        }
    }

    async fn done(
        &self,
        client: &Client,
        service_id: &str,
        deploy: Deploy,
        verdict: Option<Verdict>,
        head: &str,
        more: &[String],
    ) -> Result<RolledBack, ToolError> {
        let mut lines = vec![
            format!(
                "Rollback of {} from {} to {} {head}",
                self.service, self.from_id, self.to_id
            ),
            String::new(),
        ];
        lines.extend(self.facts.iter().chain(more).cloned());
        Ok(RolledBack {
            from: client.deploy(service_id, &self.from_id).await?,
            to: client.deploy(service_id, &self.to_id).await?,
            deploy,
            frozen: self.frozen,
            verdict,
            report: lines.join("\n"),
        })
    }
}
