//! `xmrt connect`

use std::io::{BufRead, IsTerminal, Write};

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Ending, Failure, print};
use crate::assemble::{self, Change, Subscription, Target};
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
    /// Make or mend the webhook of a workspace on Render
    Render(Render),
}

#[derive(Debug, clap::Args)]
struct Github {
    /// `owner/name`, or an organization
    target: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct Render {
    /// The workspace, by id (`tea-…`) [default: the only one that the key sees]
    workspace: Option<String>,
    /// Print what the webhook signs with, and nothing else: the value of RENDER_WEBHOOK_SECRET
    #[arg(long, conflicts_with_all = ["yes", "json"])]
    secret: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
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
    let (target, how, secret) = match &options.provider {
        Provider::Github(options) => (Target::Github(&options.target), &options.how, false),
        Provider::Render(options) => (
            Target::Render(options.workspace.as_deref()),
            &options.how,
            options.secret,
        ),
    };
    let address = match how.address.clone() {
        Some(address) => address,
        None => settings.hosts().first().map(|host| format!("https://{host}")).ok_or(
            "it is not known where this server is reached from outside; say it with --address https://…, or as `[http] hosts` in xmrt.toml",
        )?,
    };
    let wanted = assemble::subscription(&settings, target, &address).await?;
    if secret {
        return print_secret(&settings, &wanted).await;
    }
    let nothing = matches!(wanted.change, Change::Nothing { .. });
    let warning = in_clear(&wanted.url).then_some(
        "the address is plain HTTP: whoever is on the way reads what is delivered and can send it again; put TLS before the server and \
         say https://",
    );
    if !how.json {
        tell(&target, &wanted);
        if let Some(warning) = warning {
            println!("warning: {warning}");
        }
    }
    let done = nothing || (how.yes || !how.json && asked()?);
    let id = match done {
        true => Some(assemble::subscribe(&settings, &wanted).await?),
        false => None,
    };
    let signing = match &id {
        Some(id) => assemble::signing(&settings, &wanted, id).await?,
        None => None,
    };
    if how.json {
        print::json(&json!({
            "target": wanted.target, "url": wanted.url, "events": wanted.events, "plan": wanted.change, "done": id.is_some(), "id": id,
            "secret_known": signing.map(|signing| signing.known), "warning": warning,
        }));
    } else if let Some(id) = &id {
        if !nothing {
            println!("done: webhook {id}");
        }
        if wanted.change == Change::Make && matches!(target, Target::Github(_)) {
            println!("GitHub sends a ping at once: `xmrt events` shows it");
        }
        if signing.is_some_and(|signing| !signing.known) {
            let address = match &how.address {
                Some(address) => format!(" --address {address}"),
                None => String::new(),
            };
            println!(
                "what it signs with is not in RENDER_WEBHOOK_SECRET here; a server without it refuses all that it delivers.\n\
                 `xmrt connect render --secret{address}` prints it: give it to the server, and start that again"
            );
        }
    }
    match id {
        Some(_) => Ok(()),
        None => Err(Failure::Found),
    }
}

/// Whether what is sent there can be read on the way: on this machine there is nobody in between.
fn in_clear(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !here
}

/// What the webhook that there is signs with, alone on standard output.
async fn print_secret(settings: &Settings, wanted: &Subscription) -> Ending {
    let (Change::Mend { id, .. } | Change::Nothing { id }) = &wanted.change else {
        let message = format!(
            "{} has no webhook that leads to {}; without --secret this command makes it",
            wanted.target, wanted.url
        );
        return Err(message.into());
    };
    if let Some(signing) = assemble::signing(settings, wanted, id).await? {
        println!("{}", signing.secret.expose_secret());
    }
    Ok(())
}

/// The difference, line by line.
fn tell(target: &Target<'_>, wanted: &Subscription) {
    let place = &wanted.target;
    let event = |sign: &str, event: &String| match event.as_str() {
        "*" => println!("{sign} every event"),
        event => println!("{sign} event {event}"),
    };
    match &wanted.change {
        Change::Nothing { id } => {
            println!("the webhook {id} of {place} tells all that the rules listen to");
        }
        Change::Make => {
            println!("{place} has no webhook that leads to {}", wanted.url);
            println!("+ webhook {}", wanted.url);
            if let Target::Github(_) = target {
                println!("+ content type application/json, signed with GITHUB_WEBHOOK_SECRET");
            }
            wanted.events.iter().for_each(|one| event("+", one));
        }
        Change::Mend { id, add, switch_on } => {
            println!("the webhook {id} of {place} lacks something");
            if *switch_on {
                println!("- off\n+ on");
            }
            let kept = wanted.events.iter().filter(|event| !add.contains(event));
            kept.for_each(|one| event(" ", one));
            add.iter().for_each(|one| event("+", one));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_warned_of_unless_it_stays_on_this_machine() {
        for clear in [
            "http://xmrt.example.com/webhooks/github",
            "http://10.0.0.7:8080/webhooks/github",
        ] {
            assert!(in_clear(clear), "{clear}");
        }
        for fine in [
            "https://xmrt.example.com/w",
            "http://localhost:8080/w",
            "http://127.0.0.1:1/w",
            "http://[::1]/w",
        ] {
            assert!(!in_clear(fine), "{fine}");
        }
    }
}
