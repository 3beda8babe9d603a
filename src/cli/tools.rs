//! `xmrt tools`

mod card;
mod doubt;
mod markdown;
mod shape;

use serde_json::{Value, json};

use super::api::{Api, Target, segment};
use super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;
use crate::hub::{ServerStatus, Standing, ToolFacts, ToolStatus};

/// Options of `xmrt tools`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    /// Show only this tool, as `github.create_issue`: its arguments and result, what happens when it fails, and an action to copy
    #[arg(conflicts_with_all = ["toolsets", "doubt"])]
    tool: Option<String>,
    /// As JSON, with schemas
    #[arg(long)]
    json: bool,
    /// What listing each toolset costs a model
    #[arg(long, conflicts_with = "json")]
    toolsets: bool,
    /// How each writing tool makes good a lost answer, and what remains, as Markdown: docs/doubt.md
    #[arg(long, conflicts_with_all = ["json", "toolsets"])]
    doubt: bool,
    /// Print a server's page below docs/tools
    #[arg(long, hide = true, value_name = "SERVER", conflicts_with_all = ["json", "toolsets"])]
    markdown: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show one tool; of an external server also what changed since it was approved
    Show {
        /// Its name, as `github.create_issue`
        tool: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an external server's tool into use as it is now
    Approve {
        /// Its name, as `slack.post_message`
        tool: String,
        /// The hash of the contract you looked at; another one is not approved
        #[arg(long)]
        hash: Option<String>,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    if options.markdown.as_deref() == Some("toolsets") {
        println!(
            "{}",
            markdown::toolsets(&assemble::toolset_costs(&settings).await?).trim_end()
        );
        return Ok(());
    }
    if let Some(server) = &options.markdown {
        let tools = assemble::tool_facts().await?;
        println!("{}", markdown::page(server, &tools).trim_end());
        return Ok(());
    }
    if options.doubt {
        println!("{}", doubt::page(&assemble::tool_facts().await?).trim_end());
        return Ok(());
    }
    if options.toolsets {
        return toolsets(&settings).await;
    }
    if let Some(tool) = &options.tool {
        return show(tool, options.json, &settings).await;
    }
    match options.action {
        None => list(options.json, &settings).await,
        Some(Action::Show { tool, json }) => show(&tool, json, &settings).await,
        Some(Action::Approve { tool, hash, target }) => {
            let api = Api::connect(&target, &settings).await?;
            let path = format!("/api/v1/tools/{}/approve", segment(&tool));
            let approved = api.post(&path, &json!({ "hash": hash })).await?;
            let hash = approved
                .get("approved")
                .and_then(Value::as_str)
                .unwrap_or_default();
            println!("`{tool}` is in use as it is now ({})", short(hash));
            Ok(())
        }
    }
}

async fn list(as_json: bool, settings: &Settings) -> Ending {
    let known = assemble::known_tools(settings).await?;
    if as_json {
        let all: Result<Vec<Value>, Failure> = known.tools.values().map(with_example).collect();
        print::json(&Value::from(all?));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = known
        .tools
        .values()
        .map(|facts| {
            let external = status_of(&known.servers, &facts.name);
            let state = external.map_or_else(String::new, |(server, tool)| state(server, tool));
            vec![
                facts.name.clone(),
                kind(facts).into(),
                doubt_of(facts),
                facts.title.clone(),
                state,
            ]
        })
        .collect();
    match known.servers.is_empty() {
        true => {
            let rows: Vec<Vec<String>> = rows
                .into_iter()
                .map(|mut row| {
                    row.truncate(4);
                    row
                })
                .collect();
            print::table(&["TOOL", "KIND", "DOUBT", "TITLE"], &rows);
        }
        false => print::table(&["TOOL", "KIND", "DOUBT", "TITLE", "STATE"], &rows),
    }
    for server in &known.servers {
        let name = &server.name;
        if let Some(why) = &server.why {
            println!("\n{name}: {why}");
        } else if known.open.contains(name) {
            println!("\n{name}: nobody has seen its tools yet; `xmrt serve` starts it");
        }
    }
    Ok(())
}

async fn toolsets(settings: &Settings) -> Ending {
    let costs = assemble::toolset_costs(settings).await?;
    let rows: Vec<Vec<String>> = costs
        .into_iter()
        .map(|cost| vec![cost.set, cost.tools.to_string(), cost.tokens.to_string()])
        .collect();
    print::table(&["TOOLSET", "TOOLS", "TOKENS"], &rows);
    println!("\nTokens are those of tools/list, taken as a quarter of its bytes.");
    Ok(())
}

async fn show(name: &str, as_json: bool, settings: &Settings) -> Ending {
    let known = assemble::known_tools(settings).await?;
    let Some(facts) = known.tools.get(name) else {
        let meant = crate::hub::nearest(name, known.tools.keys().map(String::as_str));
        let within = || {
            let server = name.split_once('.').map(|(server, _)| format!("{server}."));
            let own = known
                .tools
                .keys()
                .find(|tool| tool.ends_with(&format!(".{name}")));
            match (own, server) {
                (Some(own), _) => format!("did you mean `{own}`?"),
                (None, Some(server)) if known.tools.keys().any(|tool| tool.starts_with(&server)) => {
                    format!("`xmrt tools` lists those of `{}`", server.trim_end_matches('.'))
                }
                (None, _) => "`xmrt tools` lists them".to_owned(),
            }
        };
        let hint = meant.map_or_else(within, |meant| format!("did you mean `{meant}`?"));
        return Err(Failure::CouldNot(format!("there is no tool `{name}`; {hint}")));
    };
    let external = status_of(&known.servers, name);
    if as_json {
        print::json(&json!({ "tool": with_example(facts)?, "external": external.map(|(_, tool)| tool) }));
        return Ok(());
    }
    println!("{}", card::card(facts).trim_end());
    if let Some((server, tool)) = external {
        println!("\nstate: {}", state(server, tool));
        if let (Some(hash), Some(by)) = (&tool.approved, &tool.approved_by) {
            println!("approved: {hash} by {by}");
        }
        if let Some(hash) = &tool.seen {
            println!("waits for approval: {hash}");
            for change in &tool.differences {
                println!("  {}", change.at);
                if let Some(was) = &change.approved {
                    println!("    - {was}");
                }
                if let Some(now) = &change.seen {
                    println!("    + {now}");
                }
            }
            println!("approve it with: xmrt tools approve {name} --hash {hash}");
        }
    }
    Ok(())
}

/// A tool for programs, with an action to copy.
fn with_example(facts: &ToolFacts) -> Result<Value, Failure> {
    let mut tool = serde_json::to_value(facts)?;
    tool["example"] = card::example(facts).into();
    Ok(tool)
}

fn status_of<'s>(servers: &'s [ServerStatus], name: &str) -> Option<(&'s ServerStatus, &'s ToolStatus)> {
    servers
        .iter()
        .find_map(|server| Some((server, server.tools.iter().find(|tool| tool.name == name)?)))
}

fn state(_server: &ServerStatus, tool: &ToolStatus) -> String {
    let text = match tool.standing {
        Standing::Approved => "approved",
        Standing::New => "NEW: out of use until approved",
        Standing::Changed => "CHANGED: out of use until approved",
        Standing::Missing => "the server no longer has it",
        Standing::Unseen => "not seen yet",
        Standing::Unfit => "cannot be used",
    };
    match &tool.why {
        Some(why) => format!("{text}: {why}"),
        None => text.to_owned(),
    }
}

fn kind(facts: &ToolFacts) -> &'static str {
    match (facts.read_only, facts.destructive) {
        (true, _) => "reads",
        (false, true) => "destructive",
        (false, false) => "writes",
    }
}

fn doubt_of(facts: &ToolFacts) -> String {
    match facts.read_only {
        true => String::new(),
        false => facts.promises.doubt.as_str().to_owned(),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
