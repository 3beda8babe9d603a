//! In: calls about a service's environment variables. Out: their names, and which of them changed. Never: a value.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Parts;
use super::services::ServiceArgs;
use super::variables::{self, Changes, MERGED_MAX, hidden};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::integrations::render::{self, EnvVars};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// What holds for every change of variables.
const NOTE: &str = "The running instances keep the variables they were started with until the next deploy: \
                    render.trigger_deploy starts one.";

/// What to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetVarsArgs {
    /// srv-… or crn-….
    service_id: String,
    /// Name to value.
    #[serde(default, deserialize_with = "variables::texts")]
    vars: BTreeMap<String, String>,
    /// Names of variables to which Render gives a random value, where they have none yet.
    #[serde(default)]
    generate: BTreeSet<String>,
    /// Delete every variable that is not named here; otherwise the others stay.
    #[serde(default)]
    replace: bool,
}

/// One variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteVarArgs {
    /// srv-… or crn-….
    service_id: String,
    /// The variable's name.
    name: String,
}

/// Names of variables.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VarList {
    /// Set on the service itself, in order; those of linked groups are not among them.
    names: Vec<String>,
    /// Those of them whose value is empty.
    empty: Vec<String>,
    /// How many.
    count: u32,
}

/// What became of variables; names, no values.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct VarsChanged {
    service_id: String,
    /// New ones.
    added: Vec<String>,
    /// Ones that had another value.
    updated: Vec<String>,
    /// Ones that had this value (or, with generate, any value) already; nothing was sent for them.
    unchanged: Vec<String>,
    /// Ones that are gone.
    deleted: Vec<String>,
    /// When it takes effect.
    note: String,
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ServiceArgs) -> Result<VarList, ToolError> {
    let EnvVars(vars) = ctx.parts.client()?.env_vars(&args.service_id).await?;
    let empty = vars.iter().filter(|(_, value)| value.is_empty());
    Ok(VarList {
        empty: empty.map(|(name, _)| name.clone()).collect(),
        count: u32::try_from(vars.len()).unwrap_or(u32::MAX),
        names: vars.into_keys().collect(),
    })
}

pub(super) async fn set(ctx: Ctx<Parts>, args: SetVarsArgs) -> Result<Effect<VarsChanged>, ToolError> {
    let client = ctx.parts.client()?;
    variables::check(&args.vars, &args.generate)?;
    if args.vars.is_empty() && args.generate.is_empty() {
        return Err(invalid("vars", "and `generate` are empty: nothing is to be set"));
    }
    let before = client.env_vars(&args.service_id).await?;
    let changes = changes(&args, &before);
    let requests = requests(&args, &before, &changes)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(requests.into_iter().map(hidden).collect()));
    }
    variables::send(client, &requests).await?;
    Ok(Effect::Done(changes))
}

fn changes(args: &SetVarsArgs, before: &EnvVars) -> VarsChanged {
    let Changes {
        added,
        updated,
        unchanged,
    } = Changes::between(&args.vars, &args.generate, before);
    let named = |name: &&String| args.vars.contains_key(*name) || args.generate.contains(*name);
    let deleted = match args.replace {
        true => before.0.keys().filter(|name| !named(name)).cloned().collect(),
        false => Vec::new(),
    };
    VarsChanged {
        service_id: args.service_id.clone(),
        added,
        updated,
        unchanged,
        deleted,
        note: NOTE.to_owned(),
    }
}

/// One request per variable, so that what somebody else sets meanwhile is not lost; one for all when all are replaced.
fn requests(
    args: &SetVarsArgs,
    EnvVars(before): &EnvVars,
    changes: &VarsChanged,
) -> Result<Vec<Request>, ToolError> {
    if args.replace {
        if changes.added.is_empty() && changes.updated.is_empty() && changes.deleted.is_empty() {
            return Ok(Vec::new());
        }
        // A generated value that is there is sent as it is: made anew it would lock out whoever uses it.
        let mut vars = args.vars.clone();
        let mut generate = args.generate.clone();
        generate.retain(|name| match before.get(name) {
            Some(value) => {
                vars.insert(name.clone(), value.clone());
                false
            }
            None => true,
        });
        let all = variables::listed(&vars, &generate);
        return Ok(vec![render::replace_env_vars(&args.service_id, all)?]);
    }
    let names: Vec<&String> = changes.added.iter().chain(&changes.updated).collect();
    if names.len() > MERGED_MAX {
        return Err(invalid(
            "vars",
            format!(
                "changes {} variables, and one call merges at most {MERGED_MAX}",
                names.len()
            ),
        )
        .with_remedy("split it, or name all variables with replace = true"));
    }
    names
        .into_iter()
        .map(|name| {
            let body = match args.vars.get(name) {
                Some(value) => json!({ "value": value }),
                None => json!({ "generateValue": true }),
            };
            Ok(render::set_env_var(&args.service_id, name, body)?)
        })
        .collect()
}

pub(super) async fn delete(ctx: Ctx<Parts>, args: DeleteVarArgs) -> Result<Effect<VarsChanged>, ToolError> {
    let client = ctx.parts.client()?;
    variables::check_name("name", &args.name)?;
    let EnvVars(before) = client.env_vars(&args.service_id).await?;
    if !before.contains_key(&args.name) {
        let message = format!("{} has no variable {} of its own", args.service_id, args.name);
        return Err(ToolError::new(ErrorClass::NotFound, message).with_remedy(
            "render.list_env_vars shows the names; variables of a linked group are changed in the group",
        ));
    }
    let request = render::delete_env_var(&args.service_id, &args.name)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(gone(args)))
}

fn gone(args: DeleteVarArgs) -> VarsChanged {
    VarsChanged {
        service_id: args.service_id,
        deleted: vec![args.name],
        note: NOTE.to_owned(),
        ..VarsChanged::default()
    }
}

/// It was there when the call was made, or the call would have sent nothing.
pub(super) async fn look_deleted(
    ctx: Ctx<Parts>,
    args: DeleteVarArgs,
) -> Result<Look<VarsChanged>, ToolError> {
    let EnvVars(vars) = ctx.parts.client()?.env_vars(&args.service_id).await?;
    Ok(if vars.contains_key(&args.name) {
        Look::Absent
    } else {
        Look::Found(gone(args))
    })
}
