//! In: the lists, and what reading their examples asks for. Out: what can be seeded, as a page and as a JSON Schema.
//! Never: a key that no reader of entries knows.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::entry::Asked;
use super::{Entry, List, PROVIDERS, Takes};
use crate::clock::{self, Clock};
use crate::sandbox::Options;
use crate::sandbox::state::World;

/// The entries of a list as its example has them.
pub(super) fn example(list: &List) -> Result<Vec<Value>, String> {
    let whole: Value =
        toml::from_str(&format!("it = {}", list.example)).map_err(|error| error.to_string())?;
    let entries = whole.get("it").and_then(Value::as_array).cloned();
    entries.ok_or_else(|| "an example is a list".to_owned())
}

/// Every key that reading the list's example asks for, in the order of the asking.
fn asked(list: &List) -> Result<Vec<Asked>, String> {
    let mut world = World::new(Options {
        clock: Clock::virtual_at(clock::from_millis(0)),
        github_token: String::new(),
        render_key: String::new(),
        github_secret: None,
        render_secret: None,
        bot_login: "xmrt[bot]".to_owned(),
    });
    let mut all: Vec<Asked> = Vec::new();
    for item in &example(list)? {
        let mut entry = Entry::new(list.name.to_owned(), item, world.now())?;
        (list.seeder)(&mut world, &mut entry)?;
        entry.finish()?;
        for asked in entry.asked() {
            match all.iter_mut().find(|known| known.names == asked.names) {
                Some(known) => known.needed |= asked.needed,
                None => all.push(asked),
            }
        }
    }
    // Some keys mean the same to two readers of one entry.
    let mut seen: Vec<&str> = Vec::new();
    all.retain(|asked| {
        let new = asked.names.first().is_some_and(|name| !seen.contains(name));
        seen.extend(asked.names);
        new
    });
    Ok(all)
}

/// A list with its provider and its keys.
type Described = (&'static str, &'static List, Vec<Asked>);

/// Every list with its provider and its keys.
fn lists() -> Result<Vec<Described>, String> {
    let all = PROVIDERS
        .iter()
        .flat_map(|(provider, lists)| lists.iter().map(move |list| (*provider, list)));
    all.map(|(provider, list)| {
        let keys = asked(list).map_err(|problem| format!("{provider}.{}: {problem}", list.name))?;
        Ok((provider, list, keys))
    })
    .collect()
}

/// JSON Schema of a `state`. A key's second names are in it, too.
pub(in crate::sandbox) fn schema() -> Result<Value, String> {
    let mut providers: Map<String, Value> = Map::new();
    for (provider, list, keys) in lists()? {
        let mut properties = Map::new();
        for key in &keys {
            for (at, name) in key.names.iter().enumerate() {
                let note = match (at, key.names.first()) {
                    (0, _) | (_, None) => note(list, name).unwrap_or_default().to_owned(),
                    (_, Some(first)) => format!("The same as `{first}`."),
                };
                let mut property = taken(key.takes);
                if !note.is_empty() {
                    property["description"] = json!(note);
                }
                properties.insert((*name).to_owned(), property);
            }
        }
        let entries = providers
            .entry(provider)
            .or_insert_with(|| json!({ "type": "object", "properties": {}, "additionalProperties": false }));
        entries["properties"][list.name] = json!({
            "type": "array",
            "description": list.about,
            "items": { "type": "object", "properties": properties, "additionalProperties": false },
        });
    }
    Ok(json!({ "type": "object", "properties": providers, "additionalProperties": false }))
}

fn taken(takes: Takes) -> Value {
    match takes {
        Takes::Text => json!({ "type": ["string", "number"] }),
        Takes::Number => json!({ "type": "integer", "minimum": 0 }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Texts | Takes::List => json!({ "type": "array" }),
        Takes::Time => json!({ "type": "string" }),
        Takes::Login => json!({ "type": ["string", "object"] }),
        Takes::OneOf(words) => json!({ "enum": words }),
        Takes::Table => json!({ "type": "object" }),
        Takes::Word => json!({ "type": ["string", "boolean"] }),
    }
}

fn spoken(takes: Takes) -> String {
    match takes {
        Takes::Text => "text".to_owned(),
        Takes::Number => "whole number".to_owned(),
        Takes::Flag => "`true`, `false`".to_owned(),
        Takes::Texts => "list of texts".to_owned(),
        Takes::List => "list".to_owned(),
        Takes::Time => "time".to_owned(),
        Takes::Login => "login".to_owned(),
        Takes::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Takes::Table => "table".to_owned(),
        Takes::Word => "text, `true`, `false`".to_owned(),
    }
}

fn note(list: &List, key: &str) -> Option<&'static str> {
    let mut notes = list.notes.iter();
    notes.find(|(name, _)| *name == key).map(|(_, note)| *note)
}

/// The page that lists all of it.
pub(in crate::sandbox) fn markdown() -> Result<String, String> {
    let mut page = String::from(
        "# State: what the sandbox holds before a test\n\n\
         `state` in a `[[test]]` puts things into the sandbox's GitHub and Render, and so does `POST /_sandbox/seed` of `xmrt sandbox`. \
         What the test's own event mentions is there already, so `state` is needed only for what the event does not say. Whatever an \
         entry leaves out gets a plausible value.\n\n\
         ```toml\n\
         [[test]]\n\
         name = \"an issue that nobody touched\"\n\
         event = { on = \"github.issues.opened\", payload = { repository = { full_name = \"acme/api\" }, issue = { number = 1 } } }\n\
         state.github.issues = [{ number = 7, title = \"It crashes\", updated = \"-40d\" }]\n\
         expect = []\n\
         ```\n\n\
         Times are relative to the test's own time (`\"-10m\"`, `\"-2d\"`, `\"+1h\"`, `\"now\"`) or RFC 3339. A login is a text; a table with a \
         `login` does as well, and so do the API's own names of keys, which stand behind the short ones. A key that is not listed is an \
         error.\n",
    );
    let mut current = "";
    for (provider, list, keys) in lists()? {
        // Writing to a string cannot fail.
        if current != provider {
            current = provider;
            let _ = write!(page, "\n## `state.{provider}`\n");
        }
        let _ = write!(
            page,
            "\n### `state.{provider}.{0}`\n\n{1}\n\n```\nstate.{provider}.{0} = {2}\n```\n\n| key | takes | |\n|---|---|---|\n",
            list.name, list.about, list.example
        );
        for key in keys {
            let names: Vec<String> = key.names.iter().map(|name| format!("`{name}`")).collect();
            let (first, others) = names
                .split_first()
                .map_or(("", &[][..]), |(first, others)| (first, others));
            let others: String = others.iter().map(|name| format!(", {name}")).collect();
            let strong = if key.needed { "**" } else { "" };
            let name = key.names.first().copied().unwrap_or_default();
            let _ = writeln!(
                page,
                "| {strong}{first}{strong}{others} | {} | {} |",
                spoken(key.takes),
                note(list, name).unwrap_or_default()
            );
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::{PROVIDERS, asked};

    #[test]
    fn every_example_can_be_seeded_and_every_note_is_about_a_key() {
        for list in PROVIDERS.iter().flat_map(|(_, lists)| *lists) {
            let keys = asked(list).expect(list.name);
            for (name, _) in list.notes {
                assert!(
                    keys.iter().any(|key| key.names.first() == Some(name)),
                    "{}: {name}",
                    list.name
                );
            }
        }
    }

    /// A key that is asked for only now and then would be missing from the page, and be unknown the rest of the time.
    #[test]
    fn every_key_in_the_source_is_asked_for_by_some_example() {
        let known: Vec<&str> = PROVIDERS
            .iter()
            .flat_map(|(_, lists)| *lists)
            .flat_map(|list| asked(list).unwrap_or_default())
            .flat_map(|key| key.names.iter().copied())
            .collect();
        let sources = [
            include_str!("github.rs"),
            include_str!("runs.rs"),
            include_str!("around.rs"),
            include_str!("render.rs"),
        ];
        let mut seen = 0;
        for group in sources.iter().flat_map(|source| source.split("(&[\"").skip(1)) {
            let names = group.split(']').next().unwrap_or_default();
            for name in names.split(['"', ',', ' ']).filter(|name| !name.is_empty()) {
                assert!(known.contains(&name), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 150, "{seen}");
    }
}
