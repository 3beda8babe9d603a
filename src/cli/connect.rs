//! `xmrt connect`

use std::io::{BufRead, IsTerminal, Write};

use serde_json::json;

use super::{Ending, Failure, print};
use crate::assemble::{self, Change, Subscription};
use crate::config::Settings;

/// Options of `xmrt connect`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    provider: Provider,
}

#[derive(Debug, clap::Subcommand)]
enum Provider {
    /// Make or mend the webhook of a repository or an organization on GitHub
    Github(Github),
}

#[derive(Debug, clap::Args)]
struct Github {
    /// `owner/name`, or an organization
    target: String,
    /// Where the server is reached from outside, as `https://xmrt.example.com` [default: `[http] hosts`, or what Render says]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// What there is to do, or was done, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let Provider::Github(options) = options.provider;
    let address = match options.address.clone() {
        Some(address) => address,
        None => settings.hosts().first().map(|host| format!("https://{host}")).ok_or(
            "it is not known where this server is reached from outside; say it with --address https://…, or as `[http] hosts` in xmrt.toml",
        )?,
    };
    let wanted = assemble::subscription(&settings, &options.target, &address).await?;
    let nothing = matches!(wanted.change, Change::Nothing { .. });
    if !options.json {
        tell(&options.target, &wanted);
    }
    let done = nothing || (options.yes || !options.json && asked()?);
    let id = match done {
        true => Some(assemble::subscribe(&settings, &wanted).await?),
        false => None,
    };
    if options.json {
        print::json(&json!({
            "target": options.target, "url": wanted.url, "events": wanted.events, "plan": wanted.change, "done": id.is_some(), "id": id,
        }));
    } else if let (Some(id), false) = (id, nothing) {
        println!("done: webhook {id}");
        if wanted.change == Change::Make {
            println!("GitHub sends a ping at once: `xmrt events` shows it");
        }
    }
    match id {
        Some(_) => Ok(()),
        None => Err(Failure::Found),
    }
}

/// The difference, line by line.
fn tell(target: &str, wanted: &Subscription) {
    match &wanted.change {
        Change::Nothing { id } => {
            println!("the webhook {id} of {target} tells all that the rules listen to");
        }
        Change::Make => {
            println!("{target} has no webhook that leads to {}", wanted.url);
            println!("+ webhook {}", wanted.url);
            println!("+ content type application/json, signed with GITHUB_WEBHOOK_SECRET");
            for event in &wanted.events {
                println!("+ event {event}");
            }
        }
        Change::Mend { id, add, switch_on } => {
            println!("the webhook {id} of {target} lacks something");
            if *switch_on {
                println!("- off\n+ on");
            }
            let kept = wanted.events.iter().filter(|event| !add.contains(event));
            for event in kept {
                println!("  event {event}");
            }
            for event in add {
                println!("+ event {event}");
            }
        }
    }
}

/// Whether whoever sits there says yes. Nobody there is no yes.
fn asked() -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        println!("nothing was done: say --yes");
        return Ok(false);
    }
    let mut output = std::io::stdout();
    write!(output, "do this? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !yes {
        println!("nothing was done");
    }
    Ok(yes)
}
