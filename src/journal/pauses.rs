//! In: what people want to stand still. Out: that, as it is kept. Never: which run that is; the journal keeps the words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that stands still until a person lets it go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// What: `all`, `rule:<id>`, `agent:<id>` or `group:<name>`.
    pub what: String,
    /// Who wanted it.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
}
