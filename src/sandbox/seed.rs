//! In: state written by hand (a rule test's `state`, `POST /_sandbox/seed`) and webhook payloads. Out: a filled world, and
//! the reference of what can be written. Never: webhooks or effects; what is seeded has always been there.

mod nearest;
mod entry;
mod github;
mod runs;
mod render;
mod payload;
mod around;
mod lists;
mod reference;

use serde_json::Value;

use super::state::World;
pub(super) use entry::moment;
use entry::{Entry, Takes};
pub(super) use github::{blank_issue, blank_pull, diff_of};
pub(super) use payload::from_payload;
pub(super) use reference::{markdown, schema};
pub(super) use runs::{blank_run, with_job};

/// The providers, each with its lists in the order in which they build on each other.
const PROVIDERS: [(&str, &[List]); 2] = [("github", lists::GITHUB), ("render", lists::RENDER)];

/// A list of things that can be seeded.
struct List {
    name: &'static str,
    /// What its entries are, as a sentence.
    about: &'static str,
    /// As it stands in a rule's test, in TOML: it mentions what the reading depends on.
    example: &'static str,
    /// What is worth saying of single keys.
    notes: &'static [(&'static str, &'static str)],
    seeder: Seeder,
}

/// Puts one entry of a list into the world.
type Seeder = fn(&mut World, &mut Entry<'_>) -> Result<(), String>;

/// Puts every list of `state` into the world; see [`super::Sandbox::seed`].
pub(super) fn seed(world: &mut World, state: &Value) -> Result<(), String> {
    if state.is_null() {
        return Ok(());
    }
    let providers = state
        .as_object()
        .ok_or("state: must be an object of github and render")?;
    for (provider, lists) in providers {
        let found = PROVIDERS.iter().find(|(name, _)| name == provider);
        let Some((_, known)) = found else {
            let hint = nearest::hint(provider, PROVIDERS.map(|(name, _)| name));
            return Err(format!("state.{provider}: unknown; {hint}"));
        };
        let lists = lists
            .as_object()
            .ok_or_else(|| format!("state.{provider}: must be an object of lists"))?;
        if let Some(unknown) = lists
            .keys()
            .find(|list| !known.iter().any(|known| known.name == *list))
        {
            let hint = nearest::hint(unknown, known.iter().map(|list| list.name));
            return Err(format!("state.{provider}.{unknown}: unknown; {hint}"));
        }
        // In the order of the table: what others refer to comes first, whatever the order of the keys.
        for known in *known {
            if let Some(list) = lists.get(known.name) {
                seed_list(
                    world,
                    &format!("state.{provider}.{}", known.name),
                    list,
                    known.seeder,
                )?;
            }
        }
    }
    Ok(())
}

/// Lists that are written as the API shows them, the newest entry first; those of the same time keep that order.
const NEWEST_FIRST: [&str; 2] = ["render.deploys", "render.events"];

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
