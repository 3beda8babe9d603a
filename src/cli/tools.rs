//! `xmrt tools`

use super::{Ending, print};
use crate::assemble;

/// Options of `xmrt tools`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON, with schemas
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options) -> Ending {
    let tools = assemble::tool_facts().await?;
    if options.json {
        print::json(&serde_json::to_value(tools.values().collect::<Vec<_>>())?);
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
            let doubt = if facts.read_only {
                String::new()
            } else {
                format!("{:?}", facts.promises.doubt).to_lowercase()
            };
            vec![facts.name.clone(), kind.into(), doubt, facts.title.clone()]
        })
        .collect();
    print::table(&["TOOL", "KIND", "DOUBT", "TITLE"], &rows);
    Ok(())
}
