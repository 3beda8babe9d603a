//! In: the text of a `render.yaml`. Out: whether Render would take it, and what it would come to. Never: a resource.

use schemars::JsonSchema;
use serde::Deserialize;

use super::create::owner;
use super::{Parts, Server};
use crate::hub::ToolError;
use crate::integrations::render::Blueprint;
use crate::tools::toolbox::{Ctx, invalid, reads};

/// Render takes no larger file, in bytes.
const TEXT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Adds the tool to the server.
pub(super) fn add(server: Server) -> Server {
    server.with(
        reads(
            "validate_blueprint",
            "Validate a blueprint",
            "Asks Render whether it would take the text of a render.yaml: what is wrong and where, or which services, \
             databases and groups syncing it would make or change. Nothing is made.",
        )
        .answers(validate),
    )
}

/// Which text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateArgs {
    /// The file's text, in YAML; at most 10 MiB.
    #[schemars(length(min = 1))]
    text: String,
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
}

pub(super) async fn validate(ctx: Ctx<Parts>, args: ValidateArgs) -> Result<Blueprint, ToolError> {
    let client = ctx.parts.client()?;
    if args.text.len() > TEXT_BYTES_MAX {
        return Err(invalid(
            "text",
            "is larger than 10 MiB, and Render takes no larger blueprint",
        ));
    }
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    Ok(client.validate_blueprint(&owner_id, &args.text).await?)
}
