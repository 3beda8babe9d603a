//! In: files that are there. Out: the same with a line more, or with other words in it. Never: a byte changed that is not meant.

use std::collections::BTreeMap;

use super::{Change, Known, QUOTED_BYTES_MAX};
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::blueprint::{self, BLUEPRINTS};
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::workflow;

/// Gives each web service of the blueprint a health check.
pub(super) fn health_check(facts: &Facts, known: &Known) -> Part<Change> {
    let path = facts
        .first(|path| BLUEPRINTS.contains(&path))?
        .ok_or("there is no render.yaml")?;
    let text = facts.text(path)?;
    let (health, found) = match &known.health {
        Some((health, file)) => (health.as_str(), Some(file)),
        None => ("/", None),
    };
    let after = blueprint::with_health_checks(text, health)?;
    if after == text {
        return Err("every web service has a health check".to_owned());
    }
    let change = Change::one(
        path,
        after,
        "Give the web services on Render a health check",
        "Without a health check Render sends requests to an instance as soon as its port is open, and keeps one that hangs. With \
         one, a deploy whose instances never answer is cancelled, and an instance that stops answering is restarted.",
    );
    Ok(match found {
        Some(file) => change.noting(format!(
            "`{health}` is taken from {}. It must answer 2xx or 3xx within five seconds, without signing in.",
            quote(file, QUOTED_BYTES_MAX)
        )),
        None => change.noting(
            "No address for this was found in the code, so it is `/`: good enough if that answers 2xx or 3xx without signing in. \
             Better is one that looks at what the service needs.",
        ),
    })
}

/// Names every action by the commit that its tag leads to.
pub(super) fn pins(facts: &Facts, known: &Known) -> Part<Change> {
    let workflows = facts.files()?.keys().filter(|path| workflow::is_workflow(path));
    // What stays, as it is written, and by what its reason is known.
    let (mut files, mut left) = (BTreeMap::new(), BTreeMap::new());
    let mut unread = Vec::new();
    for path in workflows {
        let text = match facts.text(path) {
            Ok(text) => text,
            Err(why) => {
                unread.push(why);
                continue;
            }
        };
        let commit = |one: &workflow::Use| known.pins.get(&one.key()?).cloned();
        let after = workflow::pinned(text, commit);
        left.extend(
            workflow::uses(&after)
                .into_iter()
                .filter(|one| !one.is_pinned())
                .map(|one| (format!("{}@{}", one.action, one.reference), one.key())),
        );
        if after != text {
            files.insert(path.clone(), after);
        }
    }
    if files.is_empty() {
        let reasons: Vec<String> = known
            .unpinned
            .iter()
            .map(|(action, why)| format!("{action}: {why}"))
            .collect();
        return Err(format!("no action could be pinned ({})", reasons.join("; ")));
    }
    let mut change = Change {
        files,
        title: "Name actions by their commits".to_owned(),
        why: "A tag can be moved to other code, which then runs with this repository's token and secrets; a commit cannot. The tag \
              stays in a comment, where Dependabot reads it and keeps both up to date."
            .to_owned(),
        notes: Vec::new(),
    };
    for (action, key) in left {
        let why = key.and_then(|key| known.unpinned.get(&key));
        let why = why.map_or("its commit is not known", String::as_str);
        let action = quote(&action, QUOTED_BYTES_MAX);
        change = change.noting(format!("{action} stays as it is: {why}."));
    }
    for why in unread {
        change = change.noting(format!("Not looked at: {}.", quote(&why, QUOTED_BYTES_MAX)));
    }
    Ok(change)
}
