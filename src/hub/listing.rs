//! In: what the servers have. Out: every tool by its full name, as of one moment. Never: a tool out of use shown to agents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rmcp::model::Tool;

use super::{External, ToolFacts};

/// All tools as of one moment.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Which moment: see [`super::external::Tidings`].
    pub(super) as_of: u64,
    /// What is known of each, by `server.tool`.
    pub(super) tools: Arc<BTreeMap<String, ToolFacts>>,
    /// Those that agents can be offered.
    pub(super) listed: BTreeMap<String, Listed>,
    /// External servers whose tools nobody has seen yet.
    pub(super) open: BTreeSet<String>,
}

/// A tool that agents can be offered.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// As its server describes it.
    pub(super) tool: Tool,
    /// It is not one of ours.
    pub(super) external: bool,
    /// Why calls fail at the moment.
    pub(super) unavailable: Option<String>,
}

impl Listing {
    /// The tools of our own servers, and those of the others.
    pub(super) fn of<'a>(
        as_of: u64,
        own: &BTreeMap<String, (ToolFacts, Tool)>,
        externals: impl Iterator<Item = &'a Arc<External>>,
    ) -> Self {
        let mut listing = Self {
            as_of,
            ..Self::default()
        };
        let mut tools: BTreeMap<String, ToolFacts> = BTreeMap::new();
        for (name, (facts, tool)) in own {
            tools.insert(name.clone(), facts.clone());
            let listed = Listed {
                tool: tool.clone(),
                external: false,
                unavailable: None,
            };
            listing.listed.insert(name.clone(), listed);
        }
        for external in externals {
            let (contributions, open) = external.contributions();
            if open {
                listing.open.insert(external.name.clone());
            }
            for contribution in contributions {
                let name = contribution.facts.name.clone();
                if let Some(tool) = contribution.listed {
                    let listed = Listed {
                        tool,
                        external: true,
                        unavailable: contribution.unavailable,
                    };
                    listing.listed.insert(name.clone(), listed);
                }
                tools.insert(name, contribution.facts);
            }
        }
        listing.tools = Arc::new(tools);
        listing
    }
}
