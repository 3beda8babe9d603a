//! In: an endpoint and what it has. Out: what it says of itself to a client that connects. Never: what a server of somebody else
//! says of itself, where nobody asked for it.

use super::{Face, Gateway};

impl Gateway {
    /// Its name, and how it is to be used.
    pub(super) fn introduction(&self) -> (String, String) {
        let hub = &self.0.hub.0;
        let (name, said) = match &self.0.face {
            Face::One(server) => (
                format!("xmrt-{server}"),
                hub.instructions(server).unwrap_or_default(),
            ),
            Face::All => {
                let said = hub
                    .links
                    .keys()
                    .filter_map(|name| Some(format!("{name}_*: {}", hub.instructions(name)?)));
                // What others say of themselves is for who asks for them, not for every agent's head.
                let others = hub.externals.keys();
                let others = others.map(|name| format!("{name}_*: an external server (toolsets={name})."));
                (
                    "xmrt".to_owned(),
                    said.chain(others).collect::<Vec<_>>().join("\n"),
                )
            }
        };
        let lines = [
            Some(said).filter(|said| !said.is_empty()),
            self.what_is_not_listed(),
        ];
        (name, lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// A line about the tools that are there and not in the list for who asks for nothing in particular.
    fn what_is_not_listed(&self) -> Option<String> {
        let shown = self.shown();
        // Of the endpoint: at the door of somebody else's server everything is listed.
        let by_default = self.toolsets().by_default();
        let listed = shown
            .tools
            .values()
            .filter(|offered| by_default.holds(&offered.tool))
            .count();
        let all = shown.tools.len();
        (listed < all).then(|| {
            format!(
                "{listed} of {all} tools are listed over HTTP unless the URL says otherwise: ?toolsets=all, or the names of \
                 sets (a tool that is called and not listed is answered with its set)."
            )
        })
    }
}
