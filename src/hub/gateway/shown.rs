//! In: the hub's tools as of one moment. Out: what an endpoint shows of them, under the names agents see. Never: a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::offered::Offered;
use super::{Face, GatewayError, NAME_CHARS_MAX, Toolsets};
use crate::hub::Hub;
use crate::hub::listing::Listing;

/// What an endpoint shows, as of one moment.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) as_of: u64,
    /// By the name agents see, which is also the order of the list.
    pub(super) tools: BTreeMap<String, Offered>,
    pub(super) toolsets: Arc<Toolsets>,
}

impl Shown {
    /// Fails where two of our own tools would have one name, or one a name too long. A tool of somebody else's that
    /// does not fit is left out: it must not take the others with it.
    pub(super) fn of(
        hub: &Hub,
        listing: &Listing,
        face: &Face,
        toolsets: &Toolsets,
    ) -> Result<Self, GatewayError> {
        let mut tools: BTreeMap<String, Offered> = BTreeMap::new();
        let (own, foreign): (Vec<_>, Vec<_>) =
            listing.listed.iter().partition(|(_, listed)| !listed.external);
        for (tool, listed) in own.into_iter().chain(foreign) {
            let Some(name) = face.name(tool) else { continue };
            let Some(facts) = listing.tools.get(tool) else {
                continue;
            };
            let problem = match tools.get(&name) {
                // Prefixes of our own choice are what names get too long by.
                _ if name.len() > NAME_CHARS_MAX && *face == Face::All => {
                    let tool = tool.clone();
                    GatewayError::TooLong { tool, name }
                }
                Some(other) => GatewayError::Collision(other.tool.clone(), tool.clone(), name),
                None => {
                    let offered = Offered::new(&name, listed, facts);
                    tools.insert(name, offered);
                    continue;
                }
            };
            if !listed.external {
                return Err(problem);
            }
            tracing::warn!(tool, "it is not offered to agents: {problem}");
        }
        let servers = hub.servers();
        let servers = servers.iter().filter(|server| face.shows(server));
        let toolsets = toolsets.completed(tools.values().map(|offered| offered.tool.as_str()), servers);
        Ok(Self {
            as_of: listing.as_of,
            tools,
            toolsets: Arc::new(toolsets),
        })
    }
}

impl Face {
    /// Whether it shows a server.
    pub(super) fn shows(&self, server: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(shown) => shown == server,
        }
    }

    /// What `server.tool` is called here, if it is shown.
    pub(super) fn name(&self, tool: &str) -> Option<String> {
        let (server, name) = tool.split_once('.')?;
        match self {
            Self::All => Some(format!("{server}_{name}")),
            Self::One(shown) => (shown == server).then(|| name.to_owned()),
        }
    }
}
