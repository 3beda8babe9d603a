//! `xmrt tools`

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Ending, print};
use crate::assemble;
use crate::hub::{Doubt, ToolFacts};

/// Options of `xmrt tools`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON, with schemas
    #[arg(long, conflicts_with = "doubt")]
    json: bool,
    /// How each writing tool makes good a lost answer, and what remains, as Markdown: docs/doubt.md
    #[arg(long)]
    doubt: bool,
}

pub(super) async fn run(options: Options) -> Ending {
    let tools = assemble::tool_facts().await?;
    if options.json {
        print::json(&serde_json::to_value(tools.values().collect::<Vec<_>>())?);
        return Ok(());
    }
    if options.doubt {
        println!("{}", doubt(&tools).trim_end());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = tools
        .values()
        .map(|facts| {
            let kind = match (facts.read_only, facts.destructive) {
                (true, _) => "reads",
                (false, true) => "destructive",
                (false, false) => "writes",
            };
            let doubt = match facts.read_only {
                true => "",
                false => facts.promises.doubt.as_str(),
            };
            vec![facts.name.clone(), kind.into(), doubt.into(), facts.title.clone()]
        })
        .collect();
    print::table(&["TOOL", "KIND", "DOUBT", "TITLE"], &rows);
    Ok(())
}

const HEAD: &str = "# Doubt

<!-- Made by `xmrt tools --doubt`. -->

A write is *in doubt* when its request may have been sent and its result is not known: the program was killed, the answer was lost
or came too late, the provider said 5xx, or 2xx without saying what it made. It is never blindly sent again. How it is made
good is what each tool declares, and what this page lists.

Two things hold for all of them. Takeover looks only after the lease, the call's time-out and the settle time are over. And a
process that is stopped between its last check of the lease and the write to the socket, for longer than all of these, can send a
call that another one has resolved as absent: that edge remains.

A call that is *pending* (a rollback that is watched) has had its effect: it is never made again, only asked about. Interrupted, it
is asked about again; if the answer to the call itself was lost, its effect is looked for first, and watched once it is found.
";

/// The page `docs/doubt.md`.
fn doubt(tools: &BTreeMap<String, ToolFacts>) -> String {
    let mut page = HEAD.to_owned();
    for class in Doubt::ALL {
        let of_class: Vec<&ToolFacts> = tools
            .values()
            .filter(|facts| !facts.read_only && facts.promises.doubt == *class)
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n## `{}`\n", class.as_str());
        let _ = writeln!(
            page,
            "{}\n\nWhat remains: {}\n",
            class.resolved_by(),
            class.remains()
        );
        if of_class.is_empty() {
            let _ = writeln!(
                page,
                "None of the built-in tools; what an external server's tool is taken for."
            );
            continue;
        }
        let _ = writeln!(page, "| tool | | settle time | pending |\n|---|---|---|---|");
        for facts in of_class {
            let settles = match class {
                Doubt::Marker | Doubt::GoalState | Doubt::Evidence => {
                    format!("{} ms", facts.promises.settle_ms)
                }
                _ => String::new(),
            };
            let pending = if facts.promises.pending { "yes" } else { "" };
            let _ = writeln!(
                page,
                "| `{}` | {} | {settles} | {pending} |",
                facts.name, facts.title
            );
        }
    }
    page
}
