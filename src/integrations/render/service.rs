//! In: Render's JSON of services and who owns them. Out: the parts of it our tools give on. Never: a required field beyond an
//! id.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A service. Source: `GET /services/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// `srv-…` or `crn-…`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `web_service`, `private_service`, `background_worker`, `cron_job` or `static_site`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The workspace it belongs to: `tea-…` or `own-…`.
    #[serde(default, alias = "ownerId")]
    pub owner_id: String,
    /// The repository's URL, where it is built from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The branch it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// `yes` or `no`: whether a push is deployed by itself.
    #[serde(default, alias = "autoDeploy", skip_serializing_if = "Option::is_none")]
    pub auto_deploy: Option<String>,
    /// What starts a deploy by itself: `commit`, `checksPass` or `off`.
    #[serde(default, alias = "autoDeployTrigger", skip_serializing_if = "Option::is_none")]
    pub auto_deploy_trigger: Option<String>,
    /// `suspended` or `not_suspended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// Its page in the dashboard.
    #[serde(default, alias = "dashboardUrl", skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// Where it answers, for a web service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `docker`, `image`, `node`, `python`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Its instance type: `free`, `starter`, `standard`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Where it runs: `oregon`, `frankfurt`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How many instances it is set to; while it scales by itself, see `autoscaling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// How it scales by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// When a cron job runs, in cron's five fields, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// When it was made.
    #[serde(default, alias = "createdAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, alias = "updatedAt", skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

impl Service {
    /// From Render's JSON, which keeps apart what is not the same for all types.
    pub(super) fn of(value: Value) -> serde_json::Result<Self> {
        let details = value.get("serviceDetails").cloned().unwrap_or_default();
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut service: Self = serde_json::from_value(value)?;
        service.url = service.url.or_else(|| text("url"));
        service.runtime = text("runtime").or_else(|| text("env"));
        service.plan = text("plan");
        service.region = text("region");
        service.schedule = text("schedule");
        service.instances = number(&details, "/numInstances");
        service.autoscaling = details.get("autoscaling").and_then(Autoscaling::of);
        Ok(service)
    }

    /// Whether a push is certainly not deployed by itself.
    pub fn is_auto_deploy_off(&self) -> bool {
        self.auto_deploy_trigger.as_deref() == Some("off") || self.auto_deploy.as_deref() == Some("no")
    }

    /// Whether it was suspended, by whomever.
    pub fn is_suspended(&self) -> bool {
        self.suspended.as_deref() == Some("suspended")
    }
}

/// How a service scales by itself: the number of instances follows the load between two bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Autoscaling {
    /// Whether it does.
    pub enabled: bool,
    /// At least so many instances.
    pub min: u32,
    /// At most so many.
    pub max: u32,
    /// The CPU use it aims at, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u32>,
    /// The memory use it aims at, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<u32>,
}

impl Autoscaling {
    fn of(value: &Value) -> Option<Self> {
        let target = |name: &str| {
            let on = value.pointer(&format!("/criteria/{name}/enabled"))?.as_bool()?;
            let percent = number(value, &format!("/criteria/{name}/percentage"));
            percent.filter(|_| on)
        };
        Some(Self {
            enabled: value.get("enabled")?.as_bool()?,
            min: number(value, "/min").unwrap_or(1),
            max: number(value, "/max").unwrap_or(1),
            cpu_percent: target("cpu"),
            memory_percent: target("memory"),
        })
    }
}

fn number(value: &Value, pointer: &str) -> Option<u32> {
    u32::try_from(value.pointer(pointer)?.as_u64()?).ok()
}

/// A machine a service runs on. Source: `GET /services/{id}/instances`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// The service's id and five characters.
    pub id: String,
    /// Since when it runs.
    #[serde(default, alias = "createdAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
}

/// Who owns services, and pays for them. Source: `GET /owners`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workspace {
    /// `tea-…` or `own-…`: the `owner_id` of its services.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `team` or `user`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// A service that was just made. Source: `POST /services`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewService {
    /// The service.
    #[serde(deserialize_with = "service_of")]
    pub service: Service,
    /// Its first deploy.
    #[serde(default, rename = "deployId")]
    pub deploy_id: Option<String>,
}

fn service_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Service, D::Error> {
    Service::of(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}
