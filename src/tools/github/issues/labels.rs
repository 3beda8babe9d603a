//! In: calls about labels, of an issue and of a repository. Out: the labels there are then. Never: which label fits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, marker, send};
use crate::hub::ToolError;
use crate::integrations::Failure;
use crate::integrations::github::{self, Label, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Labels to add.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Names of the labels to add.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1)))]
    labels: Vec<String>,
}

/// The labels it has now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Labeled {
    /// Number of the issue or pull request.
    number: u64,
    /// All its labels.
    labels: Vec<String>,
}

impl Labeled {
    fn new(number: u64, labels: Vec<Label>) -> Self {
        Self {
            number,
            labels: labels.into_iter().map(|label| label.name).collect(),
        }
    }
}

pub(super) async fn add(ctx: Ctx<Parts>, add: Add) -> Result<Effect<Labeled>, ToolError> {
    let request = github::add_labels(&add.repo, add.number, &add.labels);
    send(&ctx, request, |labels| Labeled::new(add.number, labels)).await
}

/// Which labels it shall have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Names of all labels it shall have; none takes off all it has.
    #[schemars(length(max = 100), inner(length(min = 1)))]
    labels: Vec<String>,
}

pub(super) async fn set(ctx: Ctx<Parts>, set: Set) -> Result<Effect<Labeled>, ToolError> {
    let request = github::set_labels(&set.repo, set.number, &set.labels);
    send(&ctx, request, |labels| Labeled::new(set.number, labels)).await
}

/// The label to take off.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    /// Repository, as owner/name.
    repo: Repo,
    /// Number of the issue or pull request.
    #[schemars(range(min = 1))]
    number: u64,
    /// Name of the label to take off.
    #[schemars(length(min = 1))]
    label: String,
}

pub(super) async fn remove(ctx: Ctx<Parts>, remove: Remove) -> Result<Effect<Labeled>, ToolError> {
    named("label", &remove.label)?;
    let request = github::remove_label(&remove.repo, remove.number, &remove.label);
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let client = client(&ctx)?;
    let labels: Vec<Label> = match client.send(&request).await {
        Ok(labels) => labels,
        // A label that it does not have is "not found" as well; then all is as it should be.
        Err(error) if error.failure == Failure::NotFound => {
            let labels = client.issue_labels(&remove.repo, remove.number).await?.items;
            if labels.iter().any(|label| label.is(&remove.label)) {
                return Err(error.into());
            }
            labels
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Effect::Done(Labeled::new(remove.number, labels)))
}

/// In a path, these two names would lead to all labels.
fn named(argument: &str, name: &str) -> Result<(), ToolError> {
    match name {
        "." | ".." => Err(invalid(argument, "must not be `.` or `..`")),
        _ => Ok(()),
    }
}

/// A new label.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Its name; GitHub compares names without regard to case.
    #[schemars(length(min = 1, max = 50))]
    name: String,
    /// Its color: six hexadecimal digits without #. Gray by default.
    #[serde(default = "gray")]
    #[schemars(length(min = 6, max = 6))]
    color: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 100))]
    description: String,
}

fn gray() -> String {
    "ededed".to_owned()
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Label>, ToolError> {
    named("name", &new.name)?;
    if !new.color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let problem = format!("must be six hexadecimal digits, like d73a4a, not `{}`", new.color);
        return Err(invalid("color", problem));
    }
    let request = github::create_label(&new.repo, &new.name, &new.color, &new.description);
    send(&ctx, request, |label: Label| label).await
}

/// The goal is that there is such a label; one of that name that looks otherwise was made by somebody else.
pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Label>, ToolError> {
    let client = client(&ctx)?;
    match client.label(&new.repo, &new.name).await {
        Ok(label) => {
            let same = label.color.eq_ignore_ascii_case(&new.color)
                && label.description.as_deref().unwrap_or_default() == new.description;
            Ok(if same {
                Look::Found(label)
            } else {
                Look::Ambiguous(format!(
                    "there is a label `{}` with another color or description",
                    label.name
                ))
            })
        }
        // "Not found" means absent only if the repository itself can be seen.
        Err(error) if error.failure == Failure::NotFound => match client.labels(&new.repo, 1).await {
            Ok(_) => Ok(Look::Absent),
            Err(error) => Err(marker::unseen(error)),
        },
        Err(error) => Err(error.into()),
    }
}
