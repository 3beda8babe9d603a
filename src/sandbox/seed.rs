//! In: state written by hand (a rule test's `state`, `POST /_sandbox/seed`) and webhook payloads. Out: a filled world.
//! Never: webhooks or effects; what is seeded has always been there.

mod entry;
mod github;
mod runs;
mod render;
mod payload;
mod around;

use serde_json::Value;

use super::state::World;
use entry::Entry;
pub(super) use entry::moment;
pub(super) use github::{blank_issue, blank_pull, diff_of};
pub(super) use payload::from_payload;
pub(super) use runs::{blank_run, with_job};

/// Puts every list of `state` into the world; see [`super::Sandbox::seed`].
pub(super) fn seed(world: &mut World, state: &Value) -> Result<(), String> {
    if state.is_null() {
        return Ok(());
    }
    let providers = state
        .as_object()
        .ok_or("state: must be an object of github and render")?;
    for (provider, lists) in providers {
        let known: &[(&str, Seeder)] = match provider.as_str() {
            "github" => github::LISTS,
            "render" => render::LISTS,
            other => return Err(format!("state.{other}: unknown; known are github, render")),
        };
        let lists = lists
            .as_object()
            .ok_or_else(|| format!("state.{provider}: must be an object of lists"))?;
        if let Some(unknown) = lists
            .keys()
            .find(|list| !known.iter().any(|(name, _)| name == list))
        {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "state.{provider}.{unknown}: unknown; known are {}",
                names.join(", ")
            ));
        }
        // In the order of the table: what others refer to comes first, whatever the order of the keys.
        for (name, seeder) in known {
            if let Some(list) = lists.get(*name) {
                seed_list(world, &format!("state.{provider}.{name}"), list, *seeder)?;
            }
        }
    }
    Ok(())
}

/// Lists that are written as the API shows them, the newest entry first; those of the same time keep that order.
const NEWEST_FIRST: [&str; 2] = ["render.deploys", "render.events"];

/// Puts one entry of a list into the world.
type Seeder = fn(&mut World, &mut Entry<'_>) -> Result<(), String>;

fn seed_list(world: &mut World, place: &str, list: &Value, seeder: Seeder) -> Result<(), String> {
    let list = list
        .as_array()
        .ok_or_else(|| format!("{place}: must be a list of tables"))?;
    let mut items: Vec<(usize, &Value)> = list.iter().enumerate().collect();
    if NEWEST_FIRST.iter().any(|name| place.ends_with(name)) {
        items.reverse();
    }
    for (n, item) in items {
        let mut entry = Entry::new(format!("{place}[{n}]"), item, world.now())?;
        seeder(world, &mut entry)?;
        entry.finish()?;
    }
    Ok(())
}
