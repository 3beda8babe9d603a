//! In: what somebody or something does on Render. Out: deploys begun, scripts set, events.
//! Never: our own writes; those come in through the API.

use serde_json::{Value, json};

use super::Act;
use crate::sandbox::render::{Script, begin, happen, plan};
use crate::sandbox::seed::moment;
use crate::sandbox::state::World;

impl Act<'_> {
    pub(super) fn deploy(&self, world: &mut World) -> Result<Value, String> {
        let service = self.service(world)?;
        let commit = self.text("commit").unwrap_or_else(|| world.ids.sha());
        let trigger = self.text("trigger").unwrap_or_else(|| "new_commit".to_owned());
        if let Some(script) = self.script()? {
            world.render.ensure_service(&service, None, self.now).script = Some(script);
        }
        let mut deploy = plan(world, &service, &trigger, Some(&commit), self.now);
        if let (Some(commit), Some(message)) = (&mut deploy.commit, self.text("message")) {
            commit.message = message;
        }
        let deploy = begin(world, deploy);
        Ok(json!({"deploy_id": deploy.id, "commit": commit, "status": deploy.status}))
    }

    pub(super) fn fail_next_deploy(&self, world: &mut World) -> Result<Value, String> {
        let service = self.service(world)?;
        let script = match self.script()? {
            Some(script) => script,
            None => Script::BuildFails(self.lines("error: build failed")),
        };
        world.render.ensure_service(&service, None, self.now).script = Some(script);
        Ok(json!({"service_id": service}))
    }

    /// How the deploy will go wrong: `fails` is `build`, `update` or `live` (then `after`, as in `"2s"`).
    fn script(&self) -> Result<Option<Script>, String> {
        Ok(match self.text("fails").as_deref() {
            None => None,
            Some("build") => Some(Script::BuildFails(self.lines("error: build failed"))),
            Some("update") => Some(Script::UpdateFails(self.lines("Error: health check timed out"))),
            Some("live") => {
                let after = self.text("after").unwrap_or_else(|| "1s".to_owned());
                let at = moment(&format!("+{after}"), self.now);
                let at =
                    at.ok_or_else(|| format!("act {}: after must be a duration such as \"2s\"", self.name))?;
                let after_ms = at.as_millisecond() - self.now.as_millisecond();
                Some(Script::FailsLive {
                    after_ms,
                    lines: self.lines("Error: connection refused"),
                })
            }
            Some(other) => {
                return Err(format!(
                    "act {}: fails must be build, update or live, not \"{other}\"",
                    self.name
                ));
            }
        })
    }

    /// Any Render event, as given.
    pub(super) fn event(&self, world: &mut World) -> Result<Value, String> {
        let service = self.service(world)?;
        let details = self.fields.get("details").cloned().unwrap_or_else(|| json!({}));
        let id = happen(
            world,
            &service,
            &self.need("type")?,
            self.text("status").as_deref(),
            details,
            self.now,
        );
        Ok(json!({"event": id}))
    }
}
