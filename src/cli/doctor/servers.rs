//! In: this program as an MCP server on standard input and output, one process for each. Out: whether it speaks, what
//! it offers, and what the provider behind it answers. Never: a call that changes something.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::means;
use super::report::{Finding, Level};
use crate::assemble;
use crate::clock::Clock;
use crate::config::Settings;
use crate::reactor::leads_here;
use crate::rules::RuleBook;

/// How long one server may take to start, and each call of it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long all of it may take for one server: the whole suite is to end within 40 s.
const WITHIN: Duration = Duration::from_secs(25);
/// How many pages of a list are read, of a hundred each.
const PAGES_MAX: usize = 20;
/// Fewer requests than one in so many left is worth a word.
const BUDGET_PART: u64 = 10;

/// A server at work.
struct Server {
    client: RunningService<RoleClient, ()>,
    _child: Child,
}

impl Server {
    async fn start(name: &str, settings: &Settings, more: &[(String, String)]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg("--data-dir")
            .arg(&settings.data_dir)
            .arg("--rules")
            .arg(&settings.rules)
            .args(config(settings))
            .args(["mcp", name])
            .envs(more.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
            return Err("it has no pipes".into());
        };
        let client = in_time("it", ().serve((output, input))).await?;
        let client = client.map_err(|error| format!("it does not speak MCP: {error}"))?;
        Ok(Self {
            client,
            _child: child,
        })
    }

    /// The structured result of a call, or what the tool says against it.
    async fn call(&self, tool: &'static str, arguments: Value) -> Result<Value, String> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let call = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = in_time(tool, self.client.call_tool(call)).await?;
        let result = result.map_err(|error| error.to_string())?;
        if result.is_error == Some(true) {
            let said = result.content.iter().filter_map(|content| content.as_text());
            let said: Vec<&str> = said.map(|text| text.text.as_str()).collect();
            return Err(said.join(" "));
        }
        result
            .structured_content
            .ok_or_else(|| "it answers without a result".into())
    }
}

/// The settings file, where one was named: one that was not need not be there.
fn config(settings: &Settings) -> Vec<String> {
    let row = settings.origins.iter().find(|row| row.name == "XMRT_CONFIG");
    row.filter(|row| row.origin != "default")
        .map(|row| vec!["--config".to_owned(), row.value.clone()])
        .unwrap_or_default()
}

async fn in_time<T>(who: &str, waited: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, waited)
        .await
        .map_err(|_elapsed| format!("{who} gave no answer within {PATIENCE:?}"))
}

/// Looks at one of the three servers, and at what is behind it.
pub(super) async fn look(
    name: &'static str,
    settings: &Settings,
    more: &[(String, String)],
    book: Option<&RuleBook>,
) -> Vec<Finding> {
    let area = match name {
        "github" => "MCP server github",
        "render" => "MCP server render",
        _ => "MCP server xmrt",
    };
    let looked = tokio::time::timeout(WITHIN, inspect(area, name, settings, more, book)).await;
    looked.unwrap_or_else(|_elapsed| {
        vec![Finding::new(
            area,
            Level::Problem,
            format!("it was not looked at to its end within {WITHIN:?}"),
            "what is behind it hangs, and so would rules that call it",
            format!("see that this machine reaches {name}"),
        )]
    })
}

async fn inspect(
    area: &'static str,
    name: &'static str,
    settings: &Settings,
    more: &[(String, String)],
    book: Option<&RuleBook>,
) -> Vec<Finding> {
    let begun = Clock::monotonic();
    let broken = |why: String| {
        let matters = "neither rules nor agents can call its tools";
        vec![Finding::new(
            area,
            Level::Problem,
            why,
            matters,
            format!("xmrt mcp {name} says more on standard error"),
        )]
    };
    let server = match Server::start(name, settings, more).await {
        Ok(server) => server,
        Err(why) => return broken(why),
    };
    let tools = match in_time("it", server.client.list_all_tools()).await {
        Ok(Ok(tools)) if !tools.is_empty() => tools,
        Ok(Ok(_)) => return broken("it offers no tools".into()),
        Ok(Err(error)) => return broken(error.to_string()),
        Err(why) => return broken(why),
    };
    let took = begun.elapsed().as_millis();
    let mut found = vec![Finding::ok(
        area,
        format!(
            "started as a process of its own, {} tools, {took} ms",
            tools.len()
        ),
    )];
    let has_github = settings.github_token.is_some() || settings.github_app.is_some();
    found.extend(match name {
        "github" if !has_github => not_configured("GitHub", "GITHUB_TOKEN, or GITHUB_APP_ID and its key"),
        "github" => {
            let tools: Vec<String> = tools.iter().map(|tool| format!("github.{}", tool.name)).collect();
            github(&server, settings, book, &tools).await
        }
        "render" if settings.render_api_key.is_none() => not_configured("Render", "RENDER_API_KEY"),
        "render" => render(&server, settings, book).await,
        _ => own(&server).await,
    });
    let _ = server.client.cancel().await;
    found
}

async fn own(server: &Server) -> Vec<Finding> {
    const AREA: &str = "MCP server xmrt";
    vec![match server.call("find_events", json!({ "limit": 1 })).await {
        Ok(_) => Finding::ok(AREA, "it answers from the journal"),
        Err(why) => Finding::new(
            AREA,
            Level::Problem,
            why,
            "agents cannot see what came and what was done",
            "see the store above",
        ),
    }]
}

fn not_configured(area: &'static str, variable: &str) -> Vec<Finding> {
    vec![Finding::new(
        area,
        Level::Note,
        "not configured",
        "its webhooks are still verified; rules that call it fail, and say so",
        format!("set {variable}"),
    )]
}

/// A provider that is not reached, or does not let us in.
fn refused(area: &'static str, why: String, variable: &str) -> Vec<Finding> {
    let remedy = format!("check {variable}, and that this machine reaches the provider");
    vec![Finding::new(
        area,
        Level::Problem,
        why,
        "rules that call it fail",
        remedy,
    )]
}

/// All pages of a list of Render's.
async fn all(server: &Server, tool: &'static str, list: &str) -> Result<Vec<Value>, String> {
    let (mut items, mut arguments) = (Vec::new(), json!({ "limit": 100 }));
    for _ in 0..PAGES_MAX {
        let mut page = server.call(tool, arguments.clone()).await?;
        if let Some(found) = page[list].as_array_mut() {
            items.append(found);
        }
        match page["cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => break,
        }
    }
    Ok(items)
}

async fn github(
    server: &Server,
    settings: &Settings,
    book: Option<&RuleBook>,
    tools: &[String],
) -> Vec<Finding> {
    const AREA: &str = "GitHub";
    let me = match server.call("get_me", json!({})).await {
        Ok(me) => me,
        Err(why) => return refused(AREA, why, "GITHUB_TOKEN, or GITHUB_APP_ID and its key"),
    };
    let login = me["login"].as_str().unwrap_or_default();
    let kind = me["type"].as_str().unwrap_or_default();
    let mut found = vec![Finding::ok(AREA, format!("reached as {login} ({kind})"))];
    if kind == "User" && settings.file.github.account != crate::config::AccountUse::Own {
        found.push(Finding::new(
            AREA,
            Level::Warning,
            format!("{login} is a person's account, as far as GitHub tells"),
            "what they do by hand and what rules do looks alike: only unmistakable effects count as our own when loops are cut",
            "use an account or a GitHub App of its own; with an account that only programs use, `[github]` with `account = \"own\"` in xmrt.toml",
        ));
    }
    let directory = assemble::directory(settings).ok();
    found.extend(means::enough(&me, book, directory.as_deref(), tools));
    if let Ok(budget) = server.call("get_rate_limit", json!({})).await {
        let number = |name: &str| budget[name].as_u64().unwrap_or(0);
        let (left, limit) = (number("remaining"), number("limit"));
        if left < limit / BUDGET_PART {
            found.push(Finding::new(
                AREA,
                Level::Warning,
                format!("{left} of {limit} requests of this hour are left"),
                "calls beyond them are refused until the hour is over",
                "find out who else uses this account: GitHub counts all of its tokens together",
            ));
        }
    }
    let wanted = book.map(|book| book.events_of("github")).unwrap_or_default();
    let named = &settings.file.coverage;
    let places = named.repositories.iter().map(|repo| json!({ "repo": repo }));
    let places = places.chain(named.organizations.iter().map(|org| json!({ "org": org })));
    let mut places: Vec<Value> = places.collect();
    if places.is_empty() {
        places.push(json!({}));
    }
    let mut hooks = Vec::new();
    for place in places {
        match server.call("list_webhooks", place).await {
            Ok(mut listed) => {
                if let Some(listed) = listed["webhooks"].as_array_mut() {
                    hooks.append(listed);
                }
            }
            Err(why) => found.push(Finding::new(
                AREA,
                Level::Warning,
                format!("its webhooks cannot be seen: {why}"),
                "whether it tells what the rules listen to is not known, and gaps are not found",
                "let the token read webhooks: classic `read:repo_hook`, fine-grained `Webhooks: read`",
            )),
        }
    }
    let hosts = settings.hosts();
    let ours = |hook: &&Value| leads(hook, "/webhooks/github", &hosts);
    let mut seen = false;
    for hook in hooks.iter().filter(ours) {
        seen = true;
        found.push(subscription(
            AREA,
            hook,
            &place_of(hook),
            "active",
            "events",
            &wanted,
        ));
    }
    if !seen && !wanted.is_empty() {
        found.push(unsubscribed(AREA, &wanted));
    }
    found
}

async fn render(server: &Server, settings: &Settings, book: Option<&RuleBook>) -> Vec<Finding> {
    const AREA: &str = "Render";
    let services = match all(server, "list_services", "services").await {
        Ok(services) => services,
        Err(why) => return refused(AREA, why, "RENDER_API_KEY"),
    };
    let mut found = vec![Finding::ok(
        AREA,
        format!("reached; {} service(s) can be seen", services.len()),
    )];
    let wanted = book.map(|book| book.events_of("render")).unwrap_or_default();
    let hooks = match all(server, "list_webhooks", "webhooks").await {
        Ok(hooks) => hooks,
        Err(why) => {
            found.push(Finding::new(
                AREA,
                Level::Warning,
                format!("its webhooks cannot be seen: {why}"),
                "webhooks need a Professional plan or higher",
                "without them name the services: `[coverage]` with `services = [\"srv-…\"]` in xmrt.toml",
            ));
            return found;
        }
    };
    let hosts = settings.hosts();
    let ours = |hook: &&Value| leads(hook, "/webhooks/render", &hosts);
    let mut seen = false;
    for hook in hooks.iter().filter(ours) {
        seen = true;
        let name = hook["name"].as_str().unwrap_or("webhook");
        found.push(subscription(AREA, hook, name, "enabled", "event_filter", &wanted));
    }
    if !seen && !wanted.is_empty() && settings.file.coverage.services.is_empty() {
        found.push(unsubscribed(AREA, &wanted));
    }
    found
}

fn leads(hook: &Value, door: &str, hosts: &[String]) -> bool {
    hook["url"]
        .as_str()
        .is_some_and(|url| leads_here(url, door, hosts))
}

fn place_of(hook: &Value) -> String {
    let named = ["repo", "org"].iter().find_map(|name| hook[*name].as_str());
    named.unwrap_or("the App").to_owned()
}

/// A webhook against what the rules need.
fn subscription(
    area: &'static str,
    hook: &Value,
    name: &str,
    switch: &str,
    list: &str,
    wanted: &BTreeSet<String>,
) -> Finding {
    if hook[switch] == false {
        return Finding::new(
            area,
            Level::Problem,
            format!("the webhook of {name} is switched off"),
            "nothing is delivered",
            "switch it on at the provider",
        );
    }
    let told: BTreeSet<&str> = hook[list]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // Render tells everything when nothing is chosen, GitHub with `*`.
    let all = told.contains("*") || (told.is_empty() && area == "Render");
    let missing: Vec<&str> = wanted
        .iter()
        .map(String::as_str)
        .filter(|event| !all && *event != "*" && *event != "ping" && !told.contains(event))
        .collect();
    if missing.is_empty() {
        return Finding::ok(
            area,
            format!("the webhook of {name} tells all that the rules listen to"),
        );
    }
    Finding::new(
        area,
        Level::Problem,
        format!("the webhook of {name} does not tell: {}", missing.join(", ")),
        "rules that listen to them never fire",
        format!(
            "add them to the webhook's events at the provider: {}",
            missing.join(", ")
        ),
    )
}

fn unsubscribed(area: &'static str, wanted: &BTreeSet<String>) -> Finding {
    let door = area.to_lowercase();
    let events: Vec<&str> = wanted.iter().map(String::as_str).collect();
    Finding::new(
        area,
        Level::Warning,
        "no webhook that can be seen leads here",
        format!("rules that listen to {area} never fire: {}", events.join(", ")),
        format!(
            "add a webhook with the address https://<this server>/webhooks/{door}; README, \"Connect GitHub and Render\""
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_render(hook: &Value) -> Finding {
        let wanted = BTreeSet::from(["deploy_ended".to_owned(), "*".to_owned()]);
        subscription("Render", hook, "the receiver", "enabled", "event_filter", &wanted)
    }

    #[test]
    fn a_webhook_of_render_tells_everything_unless_something_is_chosen_or_it_is_off() {
        for (hook, level) in [
            (json!({ "enabled": true, "event_filter": [] }), Level::Ok),
            (
                json!({ "enabled": true, "event_filter": ["deploy_ended"] }),
                Level::Ok,
            ),
            (
                json!({ "enabled": true, "event_filter": ["deploy_started"] }),
                Level::Problem,
            ),
            (json!({ "enabled": false, "event_filter": [] }), Level::Problem),
        ] {
            assert_eq!(of_render(&hook).level, level, "{hook}");
        }
    }
}
