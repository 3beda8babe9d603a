//! In: calls about groups of environment variables. Out: names, which of them changed, and which services have them. Never: a
//! value.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::create::owner;
use super::deploys::CLOCK_SKEW_MS;
use super::variables::{self, Changes, MERGED_MAX, hidden};
use super::{Parts, Server};
use crate::clock;
use crate::hub::{Doubt, ToolError};
use crate::integrations::render::{self, EnvGroup, EnvGroupWhole};
use crate::integrations::{Failure, Request};
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, Effect, Look, invalid, reads, writes};

/// How much of a group's name an error quotes, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// What holds for every change of a group.
pub(super) const NOTE: &str = "The services that have the group keep the variables they were started with until their next deploy: \
                    render.trigger_deploy starts one.";

/// Adds the tools to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_env_groups",
                "List environment groups",
                "The groups of environment variables that services share, with the services that have them. Filter by exact \
                 name or workspace.",
            )
            .answers(list),
        )
        .with(
            reads(
                "get_env_group",
                "Get an environment group",
                "One group: the names of its variables, which of them are empty, its secret files' names, the services that \
                 have it. Values are never given.",
            )
            .answers(get),
        )
        .with(
            writes(
                "create_env_group",
                "Create an environment group",
                "Makes a group of environment variables; link_env_group gives it to a service.",
                Doubt::Evidence,
            )
            .told_apart_by(&["env group {name}/{env_group.id}"])
            .acts(create)
            .looks(look_created),
        )
        .with(
            writes(
                "set_env_group_vars",
                "Set an environment group's variables",
                "Sets and deletes variables of a group; the others stay. Says which were new, changed, the same or deleted, \
                 and never a value. It concerns every service that has the group, from its next deploy on.",
                Doubt::Idempotent,
            )
            .destructive()
            .acts(set),
        )
        .with(
            writes(
                "delete_env_group",
                "Delete an environment group",
                "Deletes a group for ever, with its variables and secret files; every service that has it loses them. Wants \
                 the group's name in confirm.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(delete)
            .looks(look_deleted),
        )
}

/// Which groups.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEnvGroupsArgs {
    /// Only the one of exactly this name.
    name: Option<String>,
    /// Only those of this workspace (tea-…).
    owner_id: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// Groups.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvGroupList {
    env_groups: Vec<EnvGroup>,
    /// There may be more than limit: narrow it by name or workspace.
    more: bool,
}

/// Which group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvGroupArgs {
    /// evg-….
    env_group_id: String,
}

/// A group, and the names of what it holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvGroupShown {
    env_group: EnvGroup,
    /// Its variables, in order.
    names: Vec<String>,
    /// Those of them whose value is empty.
    empty: Vec<String>,
    /// The names of its secret files.
    secret_files: Vec<String>,
}

impl EnvGroupShown {
    fn of(whole: EnvGroupWhole) -> Self {
        let empty = whole.vars.0.iter().filter(|(_, value)| value.is_empty());
        Self {
            empty: empty.map(|(name, _)| name.clone()).collect(),
            env_group: whole.group,
            names: whole.vars.0.into_keys().collect(),
            secret_files: whole.secret_files,
        }
    }
}

/// What to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEnvGroupArgs {
    /// Its name.
    #[schemars(length(min = 1))]
    name: String,
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
    /// Variables: name to value.
    #[serde(default, deserialize_with = "variables::texts")]
    vars: BTreeMap<String, String>,
    /// Names of variables to which Render gives a random value.
    #[serde(default)]
    generate: BTreeSet<String>,
}

/// What to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetEnvGroupArgs {
    /// evg-….
    env_group_id: String,
    /// Name to value.
    #[serde(default, deserialize_with = "variables::texts")]
    vars: BTreeMap<String, String>,
    /// Names of variables to which Render gives a random value, where they have none yet.
    #[serde(default)]
    generate: BTreeSet<String>,
    /// Names of variables to delete.
    #[serde(default)]
    delete: BTreeSet<String>,
}

/// What became of a group's variables; names, no values.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvGroupChanged {
    env_group_id: String,
    /// New ones.
    added: Vec<String>,
    /// Ones that had another value.
    updated: Vec<String>,
    /// Ones that had this value (or, with generate, any value) already; nothing was sent for them.
    unchanged: Vec<String>,
    /// Ones that are gone.
    deleted: Vec<String>,
    /// The services that have the group.
    services: Vec<String>,
    /// When it takes effect.
    note: String,
}

/// Which group to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteEnvGroupArgs {
    /// evg-….
    env_group_id: String,
    /// The group's name: says that this is the one to delete.
    confirm: String,
}

/// A group that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvGroupDeleted {
    env_group_id: String,
    deleted: bool,
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListEnvGroupsArgs) -> Result<EnvGroupList, ToolError> {
    let limit = args.limit.unwrap_or(20) as usize;
    let mut filters = Vec::new();
    filters.extend(args.name.map(|name| ("name", name)));
    filters.extend(args.owner_id.map(|owner| ("ownerId", owner)));
    let env_groups = ctx.parts.client()?.env_groups(&filters, limit).await?;
    Ok(EnvGroupList {
        more: env_groups.len() >= limit,
        env_groups,
    })
}

pub(super) async fn get(ctx: Ctx<Parts>, args: EnvGroupArgs) -> Result<EnvGroupShown, ToolError> {
    let whole = ctx.parts.client()?.env_group(&args.env_group_id).await?;
    Ok(EnvGroupShown::of(whole))
}

pub(super) async fn create(
    ctx: Ctx<Parts>,
    args: CreateEnvGroupArgs,
) -> Result<Effect<EnvGroupShown>, ToolError> {
    let client = ctx.parts.client()?;
    variables::check(&args.vars, &args.generate)?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let request = render::create_env_group(json!({
        "name": args.name, "ownerId": owner_id, "envVars": variables::listed(&args.vars, &args.generate),
    }));
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![hidden(request)]));
    }
    let made: EnvGroup = client.answer(&request).await?;
    Ok(Effect::Done(EnvGroupShown {
        env_group: made,
        empty: args
            .vars
            .iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(name, _)| name.clone())
            .collect(),
        names: args
            .vars
            .into_keys()
            .chain(args.generate)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        secret_files: Vec::new(),
    }))
}

/// Groups of that name that are as young as the intent and no other call's.
pub(super) async fn look_created(
    ctx: Ctx<Parts>,
    args: CreateEnvGroupArgs,
) -> Result<Look<EnvGroupShown>, ToolError> {
    let client = ctx.parts.client()?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let filters = [("name", args.name.clone()), ("ownerId", owner_id)];
    let earliest = clock::after(ctx.since, -CLOCK_SKEW_MS);
    let mut fresh = client.env_groups(&filters, 100).await?;
    fresh.retain(|group| {
        let is_young = group.created_at.is_none_or(|at| at >= earliest);
        group.name == args.name && is_young && !ctx.taken.contains(&group.id)
    });
    match (fresh.pop(), fresh.len()) {
        (None, _) => Ok(Look::Absent),
        (Some(group), 0) => Ok(Look::Found(EnvGroupShown::of(client.env_group(&group.id).await?))),
        (Some(group), more) => Ok(Look::Ambiguous(format!(
            "{} and {more} more have that name since the intent",
            group.id
        ))),
    }
}

pub(super) async fn set(
    ctx: Ctx<Parts>,
    args: SetEnvGroupArgs,
) -> Result<Effect<EnvGroupChanged>, ToolError> {
    let client = ctx.parts.client()?;
    variables::check(&args.vars, &args.generate)?;
    let named = |name: &&String| args.vars.contains_key(*name) || args.generate.contains(*name);
    if let Some(both) = args.delete.iter().find(named) {
        return Err(invalid("delete", format!("names {both}, which is to be set")));
    }
    if args.vars.is_empty() && args.generate.is_empty() && args.delete.is_empty() {
        return Err(invalid(
            "vars",
            "`generate` and `delete` are empty: nothing is to be done",
        ));
    }
    let EnvGroupWhole {
        group, vars: before, ..
    } = client.env_group(&args.env_group_id).await?;
    let changes = Changes::between(&args.vars, &args.generate, &before);
    let deleted: Vec<String> = args
        .delete
        .iter()
        .filter(|name| before.0.contains_key(*name))
        .cloned()
        .collect();
    let requests = requests(&args, &changes, &deleted)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(requests.into_iter().map(hidden).collect()));
    }
    variables::send(client, &requests).await?;
    Ok(Effect::Done(EnvGroupChanged {
        env_group_id: args.env_group_id,
        added: changes.added,
        updated: changes.updated,
        unchanged: changes.unchanged,
        deleted,
        services: group.services.into_iter().map(|service| service.id).collect(),
        note: NOTE.to_owned(),
    }))
}

/// One request per variable: Render has no other, and what somebody else sets meanwhile is not lost.
fn requests(
    args: &SetEnvGroupArgs,
    changes: &Changes,
    deleted: &[String],
) -> Result<Vec<Request>, ToolError> {
    let count = changes.added.len() + changes.updated.len() + deleted.len();
    if count > MERGED_MAX {
        return Err(invalid(
            "vars",
            format!("changes {count} variables, and one call changes at most {MERGED_MAX}"),
        )
        .with_remedy("split it"));
    }
    let set = changes.added.iter().chain(&changes.updated).map(|name| {
        let body = match args.vars.get(name) {
            Some(value) => json!({ "value": value }),
            None => json!({ "generateValue": true }),
        };
        (name, Some(body))
    });
    set.chain(deleted.iter().map(|name| (name, None)))
        .map(|(name, body)| Ok(render::env_group_var(&args.env_group_id, name, body)?))
        .collect()
}

pub(super) async fn delete(
    ctx: Ctx<Parts>,
    args: DeleteEnvGroupArgs,
) -> Result<Effect<EnvGroupDeleted>, ToolError> {
    let client = ctx.parts.client()?;
    let group = client.env_group(&args.env_group_id).await?.group;
    if group.name != args.confirm {
        let name = quote(&group.name, NAME_BYTES_MAX);
        let users = match group.services.len() {
            1 => "1 service has it".to_owned(),
            services => format!("{services} services have it"),
        };
        return Err(
            invalid("confirm", format!("is not the name of {}", group.id)).with_remedy(format!(
                "its name is {name}, and {users}; repeat that only if this is the group to delete for ever"
            )),
        );
    }
    let request = render::delete_env_group(&args.env_group_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(gone(args)))
}

fn gone(args: DeleteEnvGroupArgs) -> EnvGroupDeleted {
    EnvGroupDeleted {
        env_group_id: args.env_group_id,
        deleted: true,
    }
}

/// It was there when the call was made, or the call would have sent nothing; so its absence is the effect.
pub(super) async fn look_deleted(
    ctx: Ctx<Parts>,
    args: DeleteEnvGroupArgs,
) -> Result<Look<EnvGroupDeleted>, ToolError> {
    match ctx.parts.client()?.env_group(&args.env_group_id).await {
        Ok(_) => Ok(Look::Absent),
        Err(error) if error.failure == Failure::NotFound => Ok(Look::Found(gone(args))),
        Err(error) => Err(error.into()),
    }
}
