//! `xmrt approvals`

use serde_json::{Value, json};

use super::api::{Api, Target, query, segment};
use super::{Ending, print, runs};
use crate::config::Settings;

/// Options of `xmrt approvals`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this rule's
    #[arg(long)]
    rule: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// The cursor of the page before
    #[arg(long)]
    cursor: Option<String>,
    /// Only the runs' ids, one a line
    #[arg(long, short)]
    quiet: bool,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the calls that wait for an approval
    List,
    /// Show a run step by step, with what it asks about
    Show {
        /// The run's id
        id: String,
    },
    /// Approve of the call a run asks about: exactly that one is made
    Approve {
        /// The run's id
        id: String,
        #[command(flatten)]
        word: Word,
    },
    /// Reject it: the run ends declined
    Reject {
        /// The run's id
        id: String,
        #[command(flatten)]
        word: Word,
    },
}

/// Who says what.
#[derive(Debug, clap::Args)]
struct Word {
    /// Who you are; the server's token may act as anybody
    #[arg(long = "as", value_name = "NAME", default_value = "admin")]
    who: String,
    /// A role you have; may be said several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// The hash of the call you saw: refused if it is another by now
    #[arg(long)]
    hash: Option<String>,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let say = async |id: &str, what: &str, word: &Word| {
        let body = json!({ "as": word.who, "roles": word.roles, "why": word.because, "hash": word.hash });
        api.post(&format!("/api/v1/runs/{}/{what}", segment(id)), &body)
            .await
    };
    let answer = match &options.action {
        None | Some(Action::List) => {
            let parameters = [
                ("rule", options.rule.clone()),
                ("limit", Some(options.limit.to_string())),
                ("cursor", options.cursor.clone()),
            ];
            api.get(&format!("/api/v1/approvals{}", query(&parameters)))
                .await?
        }
        Some(Action::Show { id }) => api.get(&format!("/api/v1/runs/{}", segment(id))).await?,
        Some(Action::Approve { id, word }) => say(id, "approve", word).await?,
        Some(Action::Reject { id, word }) => say(id, "reject", word).await?,
    };
    if options.json {
        print::json(&answer);
        return Ok(());
    }
    match options.action {
        None | Some(Action::List) if options.quiet => print::each(&answer, "/approvals", "/run"),
        None | Some(Action::List) => list(&answer),
        Some(_) => runs::show(&answer),
    }
    Ok(())
}

fn list(page: &Value) {
    let approvals = page["approvals"].as_array().cloned().unwrap_or_default();
    if approvals.is_empty() {
        println!("nothing waits for an approval");
        return;
    }
    for approval in &approvals {
        let at = |name: &str| print::text(approval, &format!("/{name}"));
        let names = |name: &str| {
            let list = approval[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        };
        println!(
            "{} · {} · step {} · {}",
            at("run"),
            at("rule"),
            at("step"),
            at("tool")
        );
        for (name, text) in [
            ("what", at("shows")),
            ("arguments", at("arguments")),
            ("why", at("reason")),
            ("by", names("by")),
            ("until", at("expires_at")),
            ("hash", at("hash")),
        ] {
            if !text.is_empty() {
                println!("  {name:<10} {text}");
            }
        }
    }
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("more: --cursor {cursor}");
    }
}
