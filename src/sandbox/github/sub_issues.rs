//! In: calls about the parts of an issue. Out: answers from state, `sub_issues.*` deliveries.
//! Never: their order; a new part is the last one.

use super::shape::Shape;
use super::{Issue, Repo, body, error, full_name, not_found, page, repo, repo_mut, sub_issue_event, unfit};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// GitHub's most parts of one issue.
const PARTS_MAX: usize = 100;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (_, issue) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let parts = issue.sub_issues.iter().filter_map(|id| {
        let (repo, part) = world.github.issue_by_id(*id)?;
        Some(shape.issue(repo, part))
    });
    page(call, parts.collect(), None)
}

pub(super) fn add(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let (_, parent) = one(world, call)?;
    let (number, parent_id, parts) = (parent.number, parent.id, parent.sub_issues.len());
    let part = given
        .get("sub_issue_id")
        .ok_or_else(|| unfit("\"sub_issue_id\" wasn't supplied."))?
        .as_u64()
        .ok_or_else(|| unfit("For 'properties/sub_issue_id', it is not an integer."))?;
    let (home, child) = world
        .github
        .issue_by_id(part)
        .ok_or_else(|| refused("The provided sub-issue does not exist"))?;
    if !home.owner().eq_ignore_ascii_case(call.param("o")) {
        return Err(refused("Sub-issue must belong to the same repository owner"));
    }
    if part == parent_id || child.sub_issues.contains(&parent_id) {
        return Err(refused("Sub-issue may not be its own parent"));
    }
    if parts >= PARTS_MAX {
        return Err(refused("Parent cannot have more than 100 sub-issues"));
    }
    let replace = given
        .get("replace_parent")
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    match world.github.parent_mut(part) {
        Some(known) if known.id == parent_id => {
            return Err(refused("Issue may not contain duplicate sub-issues"));
        }
        Some(_) if !replace => return Err(refused("Sub issue may only have one parent")),
        Some(known) => known.sub_issues.retain(|id| *id != part),
        None => {}
    }
    let now = call.now;
    let parent = repo_mut(world, call)?
        .issues
        .get_mut(&number)
        .ok_or_else(not_found)?;
    parent.sub_issues.push(part);
    parent.updated_at = now;
    sub_issue_event(
        world,
        &full_name(call),
        number,
        part,
        "sub_issue_added",
        &call.actor,
    );
    let (repo, parent) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(201, shape.issue(repo, parent)))
}

fn refused(why: &str) -> Answer {
    error(
        422,
        &format!("An error occurred while adding the sub-issue to the parent issue. {why}"),
    )
}

fn one<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Issue), Answer> {
    let repo = repo(world, call)?;
    let issue = call
        .number("n")
        .and_then(|n| repo.issues.get(&n))
        .ok_or_else(not_found)?;
    Ok((repo, issue))
}
