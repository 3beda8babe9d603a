//! In: a license's words, who holds the copyright. Out: a LICENSE. Never: a choice; it is the owner's.

use super::{Change, Known, QUOTED_BYTES_MAX};
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::stack::{Stack, projects};

pub(super) fn make(facts: &Facts, known: &Known) -> Part<Change> {
    let Some((name, words)) = &known.license else {
        return Err(match (named(facts), &known.unread) {
            (Some((id, manifest)), Some(why)) => format!(
                "{} names the license {}, and its words were not to be had: {why}",
                quote(&manifest, QUOTED_BYTES_MAX),
                quote(&id, QUOTED_BYTES_MAX)
            ),
            _ => "no manifest names a license, and the choice is the owner's: say which with `license`, as in MIT"
                .to_owned(),
        });
    };
    let year = facts.now.strftime("%Y").to_string();
    let mut text = words.trim_end().to_owned();
    for (place, value) in [
        ("[year]", year.as_str()),
        ("[yyyy]", &year),
        ("[fullname]", &known.holder),
        ("[name of copyright owner]", &known.holder),
    ] {
        text = text.replace(place, value);
    }
    text.push('\n');
    let from = match named(facts) {
        Some((id, manifest)) => {
            let manifest = quote(&manifest, QUOTED_BYTES_MAX);
            if license_key(&id) == known.license_key {
                format!("{manifest} names it already; this adds its words.")
            } else {
                let id = quote(&id, QUOTED_BYTES_MAX);
                format!(
                    "It was asked for by name. {manifest} names another, {id}: one of the two should change."
                )
            }
        }
        None => "It was asked for by name.".to_owned(),
    };
    Ok(Change::one(
        "LICENSE",
        text,
        &format!("Add the license: {name}"),
        "Without a license file nobody else may use, change or pass on what is here, whatever was meant.",
    )
    .noting(from)
    .noting(format!(
        "The copyright line names {}. Change it if somebody else holds the copyright.",
        known.holder
    )))
}

/// What GitHub knows a license by. The words are the same whether later versions count as well or not.
pub(in crate::tools::xmrt::improvement) fn license_key(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let bare = lower
        .strip_suffix("-only")
        .or_else(|| lower.strip_suffix("-or-later"));
    bare.unwrap_or(&lower).to_owned()
}

/// The SPDX identifier that a manifest names, and the manifest. Of several the first.
pub(in crate::tools::xmrt::improvement) fn named(facts: &Facts) -> Option<(String, String)> {
    let parts = projects(facts.files().ok()?);
    parts.into_iter().find_map(|part| {
        let text = facts.text(&part.manifest).ok()?;
        let said = match part.stack {
            Stack::Rust => text_of(toml(text)?.get("package")?.get("license")?),
            Stack::Python => text_of(toml(text)?.get("project")?.get("license")?),
            Stack::Node | Stack::Php => serde_json::from_str::<serde_json::Value>(text)
                .ok()?
                .get("license")?
                .as_str()
                .map(str::to_owned),
            _ => None,
        }?;
        let first = said.split([' ', '/', '(', ')']).find(|word| !word.is_empty())?;
        let is_id = first
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        // npm's words for "none", and for "look elsewhere".
        let is_none = ["UNLICENSED", "SEE", "proprietary"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(first));
        (is_id && !is_none).then(|| (first.to_owned(), part.manifest))
    })
}

fn toml(text: &str) -> Option<toml::Table> {
    text.parse().ok()
}

/// `license = "MIT"`, or `license = { text = "MIT" }`.
fn text_of(value: &toml::Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("text")?.as_str());
    text.map(str::to_owned)
}
