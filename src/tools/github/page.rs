//! In: arguments that say which part of a list. Out: the same as values. Never: a list.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hub::ToolError;
use crate::tools::toolbox::invalid;

/// How many items a list gives unless asked otherwise.
pub(super) fn thirty() -> usize {
    30
}

/// A time in RFC 3339.
pub(super) fn time(argument: &str, text: Option<&str>) -> Result<Option<Timestamp>, ToolError> {
    text.map(|text| {
        text.parse().map_err(|_| {
            invalid(
                argument,
                format!("must be a time like 2026-11-23T08:00:00Z, not `{text}`"),
            )
        })
    })
    .transpose()
}

/// Which issues or pull requests, by state.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    #[default]
    Open,
    Closed,
    All,
}

impl Standing {
    /// As GitHub writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}
