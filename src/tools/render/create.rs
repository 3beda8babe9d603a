//! In: calls to make a service. Out: the service and its first deploy. Never: a second one of the same name.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Parts;
use super::deploys::CLOCK_SKEW_MS;
use super::settings::Settings;
use super::variables;
use crate::clock;
use crate::hub::ToolError;
use crate::integrations::render::{self, Client, Service};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// The types there are.
const TYPES: [&str; 5] = [
    "web_service",
    "private_service",
    "background_worker",
    "cron_job",
    "static_site",
];

/// What to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateArgs {
    /// web_service, private_service, background_worker, cron_job or static_site.
    #[serde(rename = "type")]
    kind: String,
    /// Its name, the only one of its kind in the workspace.
    #[schemars(length(min = 1))]
    name: String,
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
    /// URL of the repository to build from; or image_url.
    repo: Option<String>,
    /// The branch to follow; default: the repository's.
    branch: Option<String>,
    /// The image to run; or repo.
    image_url: Option<String>,
    /// docker, elixir, go, node, python, ruby or rust; not for a static site or an image.
    runtime: Option<String>,
    /// oregon (default), ohio, virginia, frankfurt or singapore.
    region: Option<String>,
    /// The instance type: free, starter (default), standard, pro, …
    plan: Option<String>,
    /// How many instances (1).
    #[schemars(range(min = 1, max = 100))]
    instances: Option<u32>,
    /// Whether a push is deployed by itself (true).
    auto_deploy: Option<bool>,
    /// The folder of the repository to build in.
    root_dir: Option<String>,
    /// How to build; needed without Docker.
    build_command: Option<String>,
    /// How to start; needed without Docker.
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
    /// For a cron job, and needed there: when to run, in cron's five fields, UTC.
    schedule: Option<String>,
    /// How long an instance may take to stop, in seconds (30).
    #[schemars(range(min = 1, max = 300))]
    max_shutdown_delay_seconds: Option<u32>,
    /// Environment variables: name to value.
    #[serde(default, deserialize_with = "variables::texts")]
    vars: BTreeMap<String, String>,
    /// Environment variables to which Render gives a random value.
    #[serde(default)]
    generate: BTreeSet<String>,
}

/// A new service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Created {
    service: Service,
    /// Its first deploy.
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_id: Option<String>,
}

impl CreateArgs {
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

    fn is_site(&self) -> bool {
        self.kind == "static_site"
    }

    /// Says what is missing or too much, in the order in which a person would fill it in.
    fn checked(&self) -> Result<(), ToolError> {
        if !TYPES.contains(&self.kind.as_str()) {
            return Err(invalid("type", format!("knows no \"{}\"", self.kind))
                .with_remedy(format!("types: {}", TYPES.join(", "))));
        }
        if self.repo.is_some() == self.image_url.is_some() {
            return Err(invalid("repo", "or `image_url` is needed, and not both"));
        }
        let imageless = self.is_site() && self.image_url.is_some();
        let needless = self.runtime.is_some() && (self.is_site() || self.image_url.is_some());
        let native = !self.is_site()
            && self.image_url.is_none()
            && self.runtime.as_deref().is_some_and(|runtime| runtime != "docker");
        let problem = match () {
            () if imageless => Some(("image_url", "is nothing that a static site has")),
            () if needless => Some(("runtime", "is not for static sites and images")),
            () if !self.is_site() && self.image_url.is_none() && self.runtime.is_none() => Some((
                "runtime",
                "is missing: docker, elixir, go, node, python, ruby or rust",
            )),
            () if native && self.build_command.is_none() => {
                Some(("build_command", "is missing: only Docker and images go without"))
            }
            () if native && self.start_command.is_none() => {
                Some(("start_command", "is missing: only Docker and images go without"))
            }
            () if self.is_site() && self.publish_path.is_none() => {
                Some(("publish_path", "is missing: the folder to publish"))
            }
            () if self.kind == "cron_job" && self.schedule.is_none() => {
                Some(("schedule", "is missing: five fields, as in `0 3 * * *`"))
            }
            () if self.instances.is_some() && (self.is_site() || self.kind == "cron_job") => {
                Some(("instances", "is nothing that a static site or a cron job has"))
            }
            () => None,
        };
        if let Some((argument, problem)) = problem {
            return Err(invalid(argument, problem));
        }
        variables::check(&self.vars, &self.generate)
    }

    fn body(&self, owner_id: &str) -> Result<Value, ToolError> {
        let runtime = match (&self.runtime, &self.image_url) {
            (Some(runtime), _) => runtime.as_str(),
            (None, Some(_)) => "image",
            (None, None) => "",
        };
        let mut details = self.settings().details(&self.kind, runtime)?;
        if !self.is_site() {
            details.insert("runtime".to_owned(), json!(runtime));
        }
        if let Some(region) = &self.region {
            details.insert("region".to_owned(), json!(region));
        }
        if let Some(instances) = self.instances {
            details.insert("numInstances".to_owned(), json!(instances));
        }
        let mut body = Map::from_iter([
            ("type".to_owned(), json!(self.kind)),
            ("name".to_owned(), json!(self.name)),
            ("ownerId".to_owned(), json!(owner_id)),
            ("serviceDetails".to_owned(), Value::Object(details)),
        ]);
        let image = self
            .image_url
            .as_ref()
            .map(|path| json!({"ownerId": owner_id, "imagePath": path}));
        let auto = self.auto_deploy.map(|on| json!(if on { "yes" } else { "no" }));
        let vars = variables::listed(&self.vars, &self.generate);
        for (name, value) in [
            ("repo", self.repo.as_ref().map(|repo| json!(repo))),
            ("branch", self.branch.as_ref().map(|branch| json!(branch))),
            ("rootDir", self.root_dir.as_ref().map(|folder| json!(folder))),
            ("image", image),
            ("autoDeploy", auto),
            ("envVars", (!vars.is_empty()).then_some(Value::Array(vars))),
        ] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        Ok(Value::Object(body))
    }
}

/// The workspace a call means: the one it names, or the only one.
pub(super) async fn owner(client: &Client, named: Option<&str>) -> Result<String, ToolError> {
    if let Some(owner_id) = named {
        return Ok(owner_id.to_owned());
    }
    let mut workspaces = client.list_workspaces(&[], 2, None).await?.items;
    match (workspaces.pop(), workspaces.len()) {
        (Some(only), 0) => Ok(only.id),
        _ => Err(invalid(
            "owner_id",
            "is missing, and the key does not see exactly one workspace",
        )
        .with_remedy("render.list_workspaces shows their ids")),
    }
}

pub(super) async fn create(ctx: Ctx<Parts>, args: CreateArgs) -> Result<Effect<Created>, ToolError> {
    let client = ctx.parts.client()?;
    args.checked()?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let request = render::create_service(args.body(&owner_id)?);
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![variables::hidden(request)]));
    }
    let made = client.create_service(&request).await?;
    Ok(Effect::Done(Created {
        service: made.service,
        deploy_id: made.deploy_id.filter(|id| !id.is_empty()),
    }))
}

/// Names are not used twice in a workspace, so at most one service can be it.
pub(super) async fn look_created(ctx: Ctx<Parts>, args: CreateArgs) -> Result<Look<Created>, ToolError> {
    let client = ctx.parts.client()?;
    let filters = [
        ("name", args.name.clone()),
        ("ownerId", owner(client, args.owner_id.as_deref()).await?),
    ];
    let mut named = client.list_services(&filters, 100, None).await?.items;
    named.retain(|service| service.name == args.name);
    let earliest = clock::after(ctx.since, -CLOCK_SKEW_MS);
    let fresh = named
        .into_iter()
        .filter(|service| !ctx.taken.contains(&service.id))
        .find(|service| service.created_at.is_none_or(|at| at >= earliest));
    let Some(service) = fresh else {
        return Ok(Look::Absent);
    };
    let same = service.kind == args.kind && (args.repo.is_none() || service.repo == args.repo);
    if !same {
        return Ok(Look::Ambiguous(format!(
            "{} has that name since the intent, and another type or repository",
            service.id
        )));
    }
    let deploys = client
        .list_deploys(&service.id, &render::DeployQuery::default(), 100, None)
        .await?;
    Ok(Look::Found(Created {
        deploy_id: deploys.items.into_iter().last().map(|first| first.id),
        service,
    }))
}
