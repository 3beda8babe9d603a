//! In: a rule and the type of an event. Out: whether the rule listens to it. Never: what the event says.

use std::borrow::Cow;

use crate::receive::Source;
use crate::rules::rule::Rule;
use crate::rules::vocabulary;

impl Rule {
    /// Whether one of the rule's `on` covers this event type.
    pub fn listens_to(&self, kind: &str) -> bool {
        self.heard().any(|on| covers(&on, kind))
    }

    /// What it listens to, as events are called: `schedule` and `manual` mean this rule's own.
    pub(crate) fn heard(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.on.iter().map(|on| {
            if vocabulary::OF_THE_RULE.contains(&on.as_str()) {
                Cow::Owned(format!("{on}.{}", self.id))
            } else {
                Cow::Borrowed(on.as_str())
            }
        })
    }

    /// Whether it says `on = "manual"`, so that somebody may ask for it by name.
    pub fn is_manual(&self) -> bool {
        self.on.iter().any(|on| on == "manual")
    }
}

/// `github.issues` covers `github.issues.opened` but not `github.issues_x`; `github.*` all below; `*` everything from
/// outside: a rule that hears of its own runs says so.
pub(crate) fn covers(on: &str, kind: &str) -> bool {
    if on == "*" {
        return !Source::is_own(kind);
    }
    let prefix = on.strip_suffix(".*").unwrap_or(on);
    match kind.strip_prefix(prefix) {
        Some("") => prefix.len() == on.len(),
        Some(rest) => rest.starts_with('.'),
        None => false,
    }
}
