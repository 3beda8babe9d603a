//! `xmrt agents`

use serde_json::{Value, json};

mod accounts;

use super::api::{Api, Target, segment};
use super::{Ending, Failure, print};
use crate::agents::{Agent, Asked, Directory, Grant, REACTOR, Who};
use crate::config::Settings;
use crate::{assemble, hub};

/// Options of `xmrt agents`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the agents of xmrt.toml
    List,
    /// Show one with its role, and the tools it may use
    Show {
        /// Its id, or `reactor`
        id: String,
    },
    /// Say whether an agent may make a call, and why
    Can {
        /// Its id, or `reactor`
        id: String,
        /// The tool, as `github.close_issue`
        tool: String,
        /// Its arguments, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        arguments: String,
    },
    /// Make a token with which an agent can connect to /mcp; it is shown once
    Token {
        /// The agent's id
        id: String,
        /// How many days it lives, 366 at most
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// Sign an agent in to GitHub as its `github_login`, with a browser here or elsewhere
    Login {
        /// The agent's id
        id: String,
        /// Print the address of the running server where a browser begins, instead of a code to type in
        #[arg(long)]
        web: bool,
    },
    /// Sign an agent out of GitHub: its token is revoked there and forgotten here
    Logout {
        /// The agent's id
        id: String,
    },
    /// Show the account an agent acts as on GitHub, and what its role needs and lacks; asks GitHub with --check
    Account {
        /// The agent's id
        id: String,
        /// Ask GitHub whether the token is still taken
        #[arg(long)]
        check: bool,
    },
    /// Seal all agents' tokens with the present XMRT_SECRET_KEY, or where none is set with a new key
    Rekey,
    /// List an agent's tokens: when each was made, last used, ends
    Tokens {
        /// The agent's id
        id: String,
    },
    /// Take a token back: calls with it are refused from now on
    Revoke {
        /// The agent's id
        id: String,
        /// The token's id, as `xmrt agents tokens <id>` shows it
        token: String,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let directory = assemble::directory(&settings)?;
    match options.action.unwrap_or(Action::List) {
        Action::List => list(&directory, options.json),
        Action::Show { id } => return show(&directory, &id, options.json).await,
        Action::Can { id, tool, arguments } => {
            return can(&directory, &id, &tool, &arguments, options.json).await;
        }
        Action::Token { id, days } => {
            let api = Api::connect(&options.target, &settings).await?;
            let path = format!("/api/v1/agents/{}/tokens", segment(&id));
            let made = api.post(&path, &json!({ "days": days })).await?;
            return token(&id, &made, options.json);
        }
        Action::Login { id, web } => {
            let api = Api::connect(&options.target, &settings).await?;
            return accounts::login(&api, &id, web, options.json).await;
        }
        Action::Logout { id } => {
            let api = Api::connect(&options.target, &settings).await?;
            return accounts::logout(&api, &id, options.json).await;
        }
        Action::Account { id, check } => {
            let api = Api::connect(&options.target, &settings).await?;
            return accounts::show(&api, &id, check, options.json).await;
        }
        Action::Rekey => {
            let api = Api::connect(&options.target, &settings).await?;
            return accounts::rekey(&api, options.json).await;
        }
        Action::Tokens { id } => {
            let api = Api::connect(&options.target, &settings).await?;
            let shown = api.get(&format!("/api/v1/agents/{}", segment(&id))).await?;
            tokens(&id, &shown, options.json);
        }
        Action::Revoke { id, token } => {
            let api = Api::connect(&options.target, &settings).await?;
            let path = format!("/api/v1/agents/{}/tokens/{}", segment(&id), segment(&token));
            let revoked = api.delete(&path).await?;
            match options.json {
                true => print::json(&revoked),
                false => print::line(&format!("token {token} of {id} is taken back")),
            }
        }
    }
    Ok(())
}

fn list(directory: &Directory, as_json: bool) {
    let agents: Vec<&Agent> = directory.agents().collect();
    if as_json {
        print::json(&json!({ "agents": agents }));
    } else if agents.is_empty() {
        print::line(
            "no agents yet: add `[[agent]]` with an `id` and a `role` to xmrt.toml, and the role as `[role.<name>]`",
        );
    } else {
        let rows: Vec<Vec<String>> = agents
            .iter()
            .map(|agent| vec![agent.id.clone(), agent.role.clone()])
            .collect();
        print::table(&["AGENT", "ROLE"], &rows);
    }
}

async fn show(directory: &Directory, id: &str, as_json: bool) -> Ending {
    let who = find(directory, id)?;
    let role = match &who {
        Who::Agent(id) => directory.agent(id).and_then(|agent| directory.role(&agent.role)),
        _ => directory.role(REACTOR),
    };
    let tools = assemble::tool_facts().await?;
    let usable: Vec<&String> = tools
        .keys()
        .filter(|tool| directory.may_use(&who, tool))
        .collect();
    if as_json {
        print::json(&json!({ "id": id, "role": role, "tools": usable }));
        return Ok(());
    }
    match role {
        Some(role) => {
            print::line(&format!("{id} has the role {}", role.name));
            for (name, patterns) in [
                ("allow", &role.allow),
                ("approval", &role.approval),
                ("repos", &role.repos),
                ("services", &role.services),
            ] {
                let shown = if patterns.is_empty() {
                    "none".to_owned()
                } else {
                    patterns.join(", ")
                };
                print::line(&format!("  {name:<9} {shown}"));
            }
        }
        None => print::line(&format!(
            "{id} has every tool: there is no [role.{REACTOR}] to narrow it"
        )),
    }
    print::line(&format!("{} of {} built-in tools:", usable.len(), tools.len()));
    for tool in usable {
        print::line(&format!("  {tool}"));
    }
    Ok(())
}

async fn can(directory: &Directory, id: &str, tool: &str, arguments: &str, as_json: bool) -> Ending {
    let who = find(directory, id)?;
    let arguments: Value = serde_json::from_str(arguments).map_err(|error| {
        format!("--arguments is no JSON: {error}; write an object, as in '{{\"repo\":\"acme/api\"}}'")
    })?;
    if !arguments.is_object() {
        return Err(Failure::CouldNot("--arguments must be a JSON object".into()));
    }
    let tools = assemble::tool_facts().await?;
    let built_in = tools
        .keys()
        .any(|known| known.split('.').next() == tool.split('.').next());
    if built_in && !tools.contains_key(tool) {
        let meant = hub::nearest(tool, tools.keys().map(String::as_str));
        let meant = meant.map_or_else(
            || "`xmrt tools` lists them".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        return Err(Failure::CouldNot(format!("there is no tool `{tool}`; {meant}")));
    }
    let asked = Asked {
        tool,
        arguments: &arguments,
        partly: false,
    };
    let (grant, reasons) = directory.explain(&who, &asked);
    let (word, remedy) = match &grant {
        Grant::Granted => ("granted", None),
        Grant::Approval => ("granted, once a person approves the call", None),
        Grant::Refused { remedy, .. } => ("refused", Some(remedy)),
    };
    if as_json {
        print::json(&json!({
            "agent": id, "tool": tool, "granted": grant == Grant::Granted, "approval": grant == Grant::Approval,
            "reasons": reasons, "remedy": remedy,
        }));
    } else {
        for reason in &reasons {
            print::line(&format!(
                "{} {}",
                if reason.holds { "✓" } else { "✗" },
                reason.text
            ));
        }
        print::line(&format!("{id} → {tool}: {word}"));
        if let Some(remedy) = remedy {
            print::line(&format!("  {remedy}"));
        }
    }
    match grant {
        Grant::Refused { .. } => Err(Failure::Found),
        _ => Ok(()),
    }
}

/// The token itself goes to standard output, and what to know about it elsewhere: so it can be piped into a secret store.
fn token(id: &str, made: &Value, as_json: bool) -> Ending {
    if as_json {
        print::json(made);
        return Ok(());
    }
    let text = |name: &str| {
        made.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    eprintln!(
        "a token for {id}, shown this once; it ends {}. Take it back with `xmrt agents revoke {id} {}`",
        text("expires_at"),
        text("id")
    );
    print::line(&text("token"));
    Ok(())
}

fn tokens(id: &str, shown: &Value, as_json: bool) {
    let tokens = shown
        .get("tokens")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if as_json {
        print::json(&json!({ "tokens": tokens }));
        return;
    }
    if tokens.is_empty() {
        print::line(&format!("{id} has no token; `xmrt agents token {id}` makes one"));
        return;
    }
    let cell = |token: &Value, name: &str| {
        token
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("never")
            .to_owned()
    };
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            ["id", "created_at", "last_used_at", "expires_at"]
                .map(|name| cell(token, name))
                .to_vec()
        })
        .collect();
    print::table(&["TOKEN", "MADE", "LAST USED", "ENDS"], &rows);
}

fn find(directory: &Directory, id: &str) -> Result<Who, Failure> {
    if id == REACTOR {
        return Ok(Who::Reactor);
    }
    if directory.agent(id).is_some() {
        return Ok(Who::Agent(id.to_owned()));
    }
    let known: Vec<&str> = directory
        .agents()
        .map(|agent| agent.id.as_str())
        .chain([REACTOR])
        .collect();
    let hint = match hub::nearest(id, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    Err(Failure::CouldNot(format!("there is no agent `{id}`; {hint}")))
}
