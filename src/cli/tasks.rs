//! `xmrt tasks`

use serde_json::{Value, json};

use super::api::{Api, Target, query, segment};
use super::{Ending, Failure, print};
use crate::config::Settings;

/// Options of `xmrt tasks`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    list: List,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those that stand so: `open`, `claimed`, `done`, `failed`, `cancelled`, or `all` [default: open and claimed]
    #[arg(long)]
    state: Option<String>,
    /// Only those that this agent has, or that are for it
    #[arg(long)]
    agent: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The cursor of the page before
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Show one: what is wanted, who has it, what happened to it
    Show {
        /// Its id
        id: String,
    },
    /// Post one for an agent that can do what it needs
    Post {
        /// What is wanted, in a line
        title: String,
        /// All that there is to say
        #[arg(long, default_value = "")]
        body: String,
        /// What it is about, as acme/api#42
        #[arg(long)]
        about: Option<String>,
        /// What an agent must be able to do; several times for several things
        #[arg(long)]
        needs: Vec<String>,
        /// 0 to 9; 9 comes first [default: 5]
        #[arg(long)]
        priority: Option<u8>,
        /// For this agent, as long as it is there
        #[arg(long)]
        to: Option<String>,
        /// The same wish with the same key is one task
        #[arg(long)]
        key: Option<String>,
    },
    /// End one that is wanted no more
    Cancel {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let Some(act) = options.act else {
        return list(&api, &options.list, options.json).await;
    };
    let task = match act {
        Act::Show { id } => api.get(&format!("/api/v1/tasks/{}", segment(&id))).await?,
        Act::Cancel { id, reason } => {
            let path = format!("/api/v1/tasks/{}/cancel", segment(&id));
            api.post(&path, &json!({ "reason": reason })).await?
        }
        Act::Post {
            title,
            body,
            about,
            needs,
            priority,
            to,
            key,
        } => {
            let wish = json!({ "title": title, "body": body, "about": about, "needs": needs, "priority": priority, "to": to });
            api.post_once("/api/v1/tasks", &wish, key.as_deref()).await?
        }
    };
    match options.json {
        true => print::json(&task),
        false => show(&task),
    }
    Ok(())
}

async fn list(api: &Api, list: &List, as_json: bool) -> Result<(), Failure> {
    let parameters = [
        ("state", list.state.clone()),
        ("agent", list.agent.clone()),
        ("limit", Some(list.limit.to_string())),
        ("cursor", list.cursor.clone()),
    ];
    let found = api.get(&format!("/api/v1/tasks{}", query(&parameters))).await?;
    if as_json {
        print::json(&found);
        return Ok(());
    }
    let tasks = found["tasks"].as_array().cloned().unwrap_or_default();
    if tasks.is_empty() {
        println!("there are no such tasks; --state all lists settled ones, too");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            let at = |name: &str| print::text(task, &format!("/{name}"));
            vec![
                at("id"),
                at("state"),
                at("priority"),
                at("agent"),
                at("about"),
                at("title"),
            ]
        })
        .collect();
    print::table(&["ID", "STATE", "PRIORITY", "AGENT", "ABOUT", "TITLE"], &rows);
    if let Some(cursor) = found["next_cursor"].as_str() {
        println!("more: --cursor {cursor}");
    }
    Ok(())
}

fn show(task: &Value) {
    let at = |name: &str| print::text(task, &format!("/{name}"));
    print::line(&format!("{}  {}  {}", at("id"), at("state"), at("title")));
    for (name, label) in [
        ("about", "about"),
        ("agent", "held by"),
        ("to", "for"),
        ("note", "so far"),
        ("reason", "why"),
    ] {
        if task[name].is_string() {
            print::line(&format!("  {label}: {}", at(name)));
        }
    }
    if task["body"].as_str().is_some_and(|body| !body.is_empty()) {
        print::line(&format!("\n{}\n", at("body")));
    }
    if task["result"].is_object() {
        print::line(&format!("  result: {}", task["result"]));
    }
    for seen in task["history"].as_array().into_iter().flatten() {
        let at = |name: &str| print::text(seen, &format!("/{name}"));
        let note = seen["note"]
            .as_str()
            .map(|note| format!(": {note}"))
            .unwrap_or_default();
        print::line(&format!("  {} {} {}{note}", at("at"), at("who"), at("what")));
    }
}
