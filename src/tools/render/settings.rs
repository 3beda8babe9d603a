//! In: how a service is to be built and run. Out: the same in Render's words for its type, and changed services.
//! Never: a setting that the type does not have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{self, Service};
use crate::tools::toolbox::{Ctx, Effect, invalid};

const STATIC_SITE: &str = "static_site";
const WEB: &str = "web_service";
const CRON: &str = "cron_job";
/// The types that run without end.
const SERVERS: [&str; 3] = [WEB, "private_service", "background_worker"];

/// What to change; what is absent stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateArgs {
    /// srv-… or crn-….
    service_id: String,
    /// Its new name; the address of a web service stays.
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// URL of the repository to build from.
    repo: Option<String>,
    /// The branch to follow.
    branch: Option<String>,
    /// For a service that runs an image: the image.
    image_url: Option<String>,
    /// The folder of the repository to build in.
    root_dir: Option<String>,
    /// A push that changes none of these paths is not deployed; globs.
    build_paths: Option<Vec<String>>,
    /// Nor one that changes only these.
    ignored_paths: Option<Vec<String>>,
    /// How to build, for a static site or a service without Docker.
    build_command: Option<String>,
    /// How to start, for a service without Docker.
    start_command: Option<String>,
    /// In place of the image's own command, for Docker and images.
    docker_command: Option<String>,
    /// For Docker: the Dockerfile, seen from the root of the repository.
    dockerfile_path: Option<String>,
    /// For a static site: the folder to publish.
    publish_path: Option<String>,
    /// Runs before each deploy goes live, as in migrations.
    pre_deploy_command: Option<String>,
    /// For a web service: the path that must answer 2xx or 3xx.
    health_check_path: Option<String>,
    /// The instance type: free, starter, standard, pro, …
    plan: Option<String>,
    /// For a cron job: when to run, in cron's five fields, UTC.
    schedule: Option<String>,
    /// How long an instance may take to stop, in seconds (30).
    #[schemars(range(min = 1, max = 300))]
    max_shutdown_delay_seconds: Option<u32>,
}

/// A changed service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Updated {
    /// As it is now.
    service: Service,
    /// What was changed, in the names of Render's API.
    changed: Vec<String>,
    /// What is still to be done.
    note: String,
}

/// The settings that Render keeps apart by type.
#[derive(Debug, Default)]
pub(super) struct Settings<'a> {
    pub(super) build_command: Option<&'a str>,
    pub(super) start_command: Option<&'a str>,
    pub(super) docker_command: Option<&'a str>,
    pub(super) dockerfile_path: Option<&'a str>,
    pub(super) publish_path: Option<&'a str>,
    pub(super) pre_deploy_command: Option<&'a str>,
    pub(super) health_check_path: Option<&'a str>,
    pub(super) plan: Option<&'a str>,
    pub(super) schedule: Option<&'a str>,
    pub(super) max_shutdown_delay_seconds: Option<u32>,
}

impl Settings<'_> {
    /// `serviceDetails` of a service of this type and runtime; empty when nothing is set.
    pub(super) fn details(&self, kind: &str, runtime: &str) -> Result<Map<String, Value>, ToolError> {
        let site = kind == STATIC_SITE;
        let (docker, image) = (runtime == "docker", runtime == "image");
        let native = !site && !docker && !image;
        let server = SERVERS.contains(&kind);
        let what = if site {
            STATIC_SITE.to_owned()
        } else {
            format!("{kind} ({runtime})")
        };
        let mut details = Map::new();
        let mut specific = Map::new();
        let text = |value: Option<&str>| value.map(|text| json!(text));
        for (argument, name, value, fits, inner) in [
            (
                "build_command",
                "buildCommand",
                text(self.build_command),
                native || site,
                native,
            ),
            (
                "start_command",
                "startCommand",
                text(self.start_command),
                native,
                true,
            ),
            (
                "docker_command",
                "dockerCommand",
                text(self.docker_command),
                docker || image,
                true,
            ),
            (
                "dockerfile_path",
                "dockerfilePath",
                text(self.dockerfile_path),
                docker,
                true,
            ),
            (
                "publish_path",
                "publishPath",
                text(self.publish_path),
                site,
                false,
            ),
            (
                "pre_deploy_command",
                "preDeployCommand",
                text(self.pre_deploy_command),
                server,
                false,
            ),
            (
                "health_check_path",
                "healthCheckPath",
                text(self.health_check_path),
                kind == WEB,
                false,
            ),
            ("plan", "plan", text(self.plan), !site, false),
            ("schedule", "schedule", text(self.schedule), kind == CRON, false),
            (
                "max_shutdown_delay_seconds",
                "maxShutdownDelaySeconds",
                self.max_shutdown_delay_seconds.map(Value::from),
                server,
                false,
            ),
        ] {
            let Some(value) = value else { continue };
            if !fits {
                return Err(invalid(argument, format!("is nothing that a {what} has")));
            }
            let into = if inner { &mut specific } else { &mut details };
            into.insert(name.to_owned(), value);
        }
        if !specific.is_empty() {
            details.insert("envSpecificDetails".to_owned(), Value::Object(specific));
        }
        Ok(details)
    }
}

impl UpdateArgs {
    fn settings(&self) -> Settings<'_> {
        Settings {
            build_command: self.build_command.as_deref(),
            start_command: self.start_command.as_deref(),
            docker_command: self.docker_command.as_deref(),
            dockerfile_path: self.dockerfile_path.as_deref(),
            publish_path: self.publish_path.as_deref(),
            pre_deploy_command: self.pre_deploy_command.as_deref(),
            health_check_path: self.health_check_path.as_deref(),
            plan: self.plan.as_deref(),
            schedule: self.schedule.as_deref(),
            max_shutdown_delay_seconds: self.max_shutdown_delay_seconds,
        }
    }

    fn body(&self, service: &Service) -> Result<Map<String, Value>, ToolError> {
        let runtime = service.runtime.as_deref().unwrap_or_default();
        let mut body = Map::new();
        for (name, value) in [
            ("name", &self.name),
            ("repo", &self.repo),
            ("branch", &self.branch),
            ("rootDir", &self.root_dir),
        ] {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        if let Some(image) = &self.image_url {
            if runtime != "image" {
                return Err(invalid(
                    "image_url",
                    "is for services that run an image, and this one is built",
                ));
            }
            body.insert(
                "image".to_owned(),
                json!({"ownerId": service.owner_id, "imagePath": image}),
            );
        }
        if self.build_paths.is_some() || self.ignored_paths.is_some() {
            // Render replaces the filter as a whole, so an absent half would empty it.
            let (Some(paths), Some(ignored)) = (&self.build_paths, &self.ignored_paths) else {
                return Err(invalid(
                    "build_paths",
                    "and `ignored_paths` go together: Render keeps them as one ([] for none)",
                ));
            };
            body.insert(
                "buildFilter".to_owned(),
                json!({"paths": paths, "ignoredPaths": ignored}),
            );
        }
        let details = self.settings().details(&service.kind, runtime)?;
        if !details.is_empty() {
            body.insert("serviceDetails".to_owned(), Value::Object(details));
        }
        Ok(body)
    }
}

pub(super) async fn update(ctx: Ctx<Parts>, args: UpdateArgs) -> Result<Effect<Updated>, ToolError> {
    let client = ctx.parts.client()?;
    let service = client.service(&args.service_id).await?;
    let body = args.body(&service)?;
    if body.is_empty() {
        return Err(invalid("service_id", "stands alone: nothing is to be changed"));
    }
    let changed = leaves(&body);
    let request = render::update_service(&args.service_id, Value::Object(body))?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(Updated {
        // The change is made; a read that fails afterwards must not look like a change that failed.
        service: client.service(&args.service_id).await.unwrap_or(service),
        changed,
        note: "What is built or run changes with the next deploy: render.trigger_deploy starts one."
            .to_owned(),
    }))
}

/// The names of what is set, as Render has them, without the boxes they are in.
fn leaves(body: &Map<String, Value>) -> Vec<String> {
    body.iter()
        .flat_map(|(name, value)| match (name.as_str(), value) {
            ("serviceDetails" | "envSpecificDetails", Value::Object(inner)) => leaves(inner),
            _ => vec![name.clone()],
        })
        .collect()
}
