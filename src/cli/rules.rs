//! `xmrt rules`

use std::io::Write;
use std::path::Path;

use super::api::{Api, Target};
use super::{Ending, Failure, print};
use crate::assemble;
use crate::clock::Clock;
use crate::config::Settings;
use crate::rules::SourceFile;
use crate::{reactor, rules};

mod diff;
mod reference;
mod templates;

pub(super) use templates::SHIPPED;
use templates::Template;

/// Where the schema is in a folder of rules, from there.
pub(super) const SCHEMA: &str = "rule.schema.json";
/// Where it is in this repository, from its folder of rules.
const SHARED_SCHEMA: &str = "../docs/rule.schema.json";

/// Options of `xmrt rules`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write a new rule file that passes `xmrt check` and `xmrt test` as it stands
    New {
        /// The rule's id, in kebab-case; the file is `<id>.toml` in the rules folder
        id: String,
        /// What to start from; `xmrt rules templates` lists them
        #[arg(long, value_name = "TEMPLATE", default_value = "on-issue")]
        from: String,
    },
    /// Which rules differ from those in force, a folder or a git revision, and what that means for what is under way
    Diff(diff::Options),
    /// Write the pages of docs/rules from the code, the shipped rules and the recipes
    #[command(hide = true)]
    Reference(reference::Options),
    /// Let the running server read its rule files now, and say what it made of them
    Reload {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// List the rules on a schedule and their next ticks
    Schedule {
        /// How many ticks of each
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
        next: u8,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List what a new rule can start from
    Templates {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    match options.action {
        Action::New { id, from } => new(&id, &from, &settings).await,
        Action::Diff(options) => diff::run(options, settings).await,
        Action::Reference(options) => reference::run(&options, &settings),
        Action::Reload { json, target } => reload(json, &target, &settings).await,
        Action::Schedule { next, json } => schedule(usize::from(next), json, &settings),
        Action::Templates { json } => {
            list(json);
            Ok(())
        }
    }
}

async fn reload(json: bool, target: &Target, settings: &Settings) -> Ending {
    let api =
        Api::server(target, settings)?.ok_or("no server is running: one reads its rules when it starts")?;
    let answer = api.post("/api/v1/rules/reload", &serde_json::json!({})).await?;
    if json {
        print::json(&answer);
        return Ok(());
    }
    match answer["rules"].as_u64() {
        Some(1) => println!("1 rule is in force"),
        count => println!("{} rules are in force", count.unwrap_or_default()),
    }
    let found = answer["diagnostics"].as_array().map_or(0, Vec::len);
    if found > 0 {
        println!("{found} finding(s): `xmrt check` shows them");
    }
    Ok(())
}

fn list(json: bool) {
    if json {
        let templates: Vec<_> = templates::all()
            .map(|template| serde_json::json!({ "name": template.name, "description": template.description() }))
            .collect();
        print::json(&templates.into());
        return;
    }
    let rows: Vec<Vec<String>> = templates::all()
        .map(|template| vec![template.name.to_owned(), template.description().to_owned()])
        .collect();
    print::table(&["TEMPLATE", "WHAT IT DOES"], &rows);
}

fn schedule(next: usize, json: bool, settings: &Settings) -> Ending {
    let files = assemble::read_rules(std::slice::from_ref(&settings.rules))?;
    let book = rules::load(&files, settings.vars(), None)
        .book
        .ok_or("the rules hold errors; `xmrt check` shows them")?;
    let now = Clock::system().now();
    let scheduled: Vec<_> = book
        .rules()
        .iter()
        .filter_map(|rule| Some((rule, rule.schedule.as_ref()?)))
        .collect();
    if json {
        let rules: Vec<_> = scheduled
            .iter()
            .map(|(rule, schedule)| {
                serde_json::json!({
                    "rule": rule.id, "mode": rule.mode, "cron": schedule.text(), "timezone": schedule.zone(),
                    "next": schedule.upcoming(now, next),
                })
            })
            .collect();
        print::json(&rules.into());
        return Ok(());
    }
    if scheduled.is_empty() {
        println!("no rule is on a schedule; `on = \"schedule\"` and `cron = \"0 9 * * 1-5\"` put one there");
        return Ok(());
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (rule, schedule) in scheduled {
        let off = rule.mode == rules::Mode::Off;
        let ticks = if off {
            vec!["off".to_owned()]
        } else {
            schedule.upcoming(now, next)
        };
        for (at, tick) in ticks.into_iter().enumerate() {
            let once = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
            rows.push(vec![
                once(&rule.id),
                once(schedule.text()),
                once(schedule.zone()),
                tick,
            ]);
        }
    }
    print::table(&["RULE", "CRON", "TIME ZONE", "NEXT"], &rows);
    Ok(())
}

async fn new(id: &str, from: &str, settings: &Settings) -> Ending {
    let template = find(from)?;
    if id.contains(['/', '\\']) {
        return Err(Failure::CouldNot(format!(
            "`{id}` is a path: say the rule's id only, and the folder with --rules"
        )));
    }
    let folder = &settings.rules;
    let path = folder.join(format!("{id}.toml"));
    let text = fitting(template.text, folder);
    let file = SourceFile {
        path: format!("{id}.toml"),
        text: text.clone(),
        unreadable: None,
    };
    let mut files = if folder.is_dir() {
        assemble::read_rules(std::slice::from_ref(folder))?
    } else {
        Vec::new()
    };
    let taken = files.iter().find(|other| stem(&other.path) == id);
    if let Some(other) = taken {
        return Err(Failure::CouldNot(format!(
            "there is a rule `{id}` already: {}",
            other.path
        )));
    }
    files = vec![file];
    let known = assemble::known_tools(settings).await?;
    let directory = assemble::directory(settings)?;
    let catalog = reactor::catalog(&known.tools, &directory).opened(known.open);
    let loaded = rules::load(&files, settings.vars(), Some(&catalog));
    if let Some(found) = loaded.diagnostics.first() {
        let hint = found
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        return Err(Failure::CouldNot(format!("{}{hint}", found.message)));
    }
    if write_new(&path, &text)? == Kept::AsItWas {
        return Err(Failure::CouldNot(format!("{} is there already", path.display())));
    }
    let with_schema = keep_schema(folder)?;
    let shown = path.display();
    println!(
        "{shown} does the same as `{}`: {}",
        template.name,
        template.description()
    );
    if with_schema {
        println!(
            "{} is for your editor: with a TOML extension it completes keys and marks mistakes as you type",
            folder.join(SCHEMA).display()
        );
    }
    println!("change it, then: xmrt check {shown} && xmrt test {shown}");
    Ok(())
}

pub(super) fn find(name: &str) -> Result<&'static Template, Failure> {
    templates::all()
        .find(|template| template.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = templates::all().map(|template| template.name).collect();
            let near = crate::hub::nearest(name, names.iter().copied());
            let hint = near.map_or_else(
                || format!("there are {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Failure::CouldNot(format!("there is no template `{name}`; {hint}"))
        })
}

fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".toml").unwrap_or(name)
}

/// The text with a first line that points editors at the schema: the one of this repository, or the one beside the rules.
pub(super) fn fitting(text: &str, folder: &Path) -> String {
    let bare = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("#:schema ") => rest,
        _ => text,
    };
    let schema = match folder.join(SHARED_SCHEMA).is_file() {
        true => SHARED_SCHEMA.to_owned(),
        false => format!("./{SCHEMA}"),
    };
    format!("#:schema {schema}\n{bare}")
}

/// Puts the schema beside the rules, for editors, or brings it up to date. Says whether it did.
#[expect(clippy::disallowed_methods, reason = "the schema is a file")]
pub(super) fn keep_schema(folder: &Path) -> Result<bool, Failure> {
    let path = folder.join(SCHEMA);
    let text = print::pretty(&super::schema::of_rules()?);
    if folder.join(SHARED_SCHEMA).is_file() || std::fs::read_to_string(&path).is_ok_and(|kept| kept == text) {
        return Ok(false);
    }
    std::fs::write(&path, text).map_err(|error| Failure::CouldNot(format!("{}: {error}", path.display())))?;
    Ok(true)
}

/// Whether a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was.
    New,
    /// There was one already.
    AsItWas,
}

/// Never over a file that is there.
pub(super) fn write_new(path: &Path, text: &str) -> Result<Kept, Failure> {
    let failed = |error: std::io::Error| Failure::CouldNot(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    let mut file = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(Kept::AsItWas),
        opened => opened.map_err(failed)?,
    };
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Kept::New)
}
