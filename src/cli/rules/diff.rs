//! `xmrt rules diff`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use super::super::api::{Api, Target, query, segment};
use super::super::{Ending, Failure, print};
use crate::assemble;
use crate::config::Settings;
use crate::journal::{RunQuery, RunState};
use crate::rules;

/// States of runs that go on.
const OPEN: [RunState; 5] = [
    RunState::Delayed,
    RunState::Queued,
    RunState::Running,
    RunState::Waiting,
    RunState::Unknown,
];
/// Open runs that are counted for one rule and state; more are `500+`.
const COUNTED_MAX: usize = 500;
/// How much of a version is shown.
const VERSION_CHARS: usize = 8;

/// Options of `xmrt rules diff`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The changed rules: files or folders [default: the rules folder]
    paths: Vec<PathBuf>,
    /// Compare with a folder, a file, or a git revision such as `HEAD~1` or `main` [default: the rules in force]
    #[arg(long, value_name = "PATH|REVISION")]
    against: Option<String>,
    /// Only what the changes mean, not the changed lines
    #[arg(long)]
    brief: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// A rule's text by its id.
type Texts = BTreeMap<String, String>;

/// What is compared with.
struct Before {
    name: String,
    texts: Texts,
    /// Open runs by rule; `None` when nobody was asked.
    open: Option<BTreeMap<String, usize>>,
}

/// One rule that is not the same.
#[derive(Debug, Serialize)]
struct Difference {
    rule: String,
    /// `added`, `removed`, `changed`, or `renamed`.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// What it means, each a sentence.
    means: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_runs: Option<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    lines: String,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let paths = if options.paths.is_empty() {
        vec![settings.rules.clone()]
    } else {
        options.paths.clone()
    };
    let after = texts(&paths)?;
    let before = match &options.against {
        None => in_force(&options.target, &settings).await?,
        Some(against) => named(against, &paths)?,
    };
    let found = differences(&before, &after, settings.vars());
    let same = after
        .iter()
        .filter(|(id, text)| before.texts.get(*id) == Some(text))
        .count();
    if options.json {
        print::json(&serde_json::json!({ "before": before.name, "differences": found, "same": same }));
    } else {
        tell(&before, &found, same, options.brief);
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Failure::Found)
    }
}

fn texts(paths: &[PathBuf]) -> Result<Texts, Failure> {
    let files = assemble::read_rules(paths)?;
    Ok(files
        .into_iter()
        .map(|file| (super::stem(&file.path).to_owned(), file.text))
        .collect())
}

/// A folder or file, else a revision of the repository that the rules are in.
fn named(against: &str, paths: &[PathBuf]) -> Result<Before, Failure> {
    let path = PathBuf::from(against);
    let texts = if path.exists() {
        texts(&[path])?
    } else {
        at_revision(against, paths)?
    };
    Ok(Before {
        name: against.to_owned(),
        texts,
        open: None,
    })
}

fn at_revision(revision: &str, paths: &[PathBuf]) -> Result<Texts, Failure> {
    if revision.starts_with('-') {
        return Err(Failure::CouldNot(format!(
            "`{revision}` is neither a path nor a revision"
        )));
    }
    let mut texts = Texts::new();
    for path in paths {
        let (folder, only) = if path.is_dir() {
            (path.as_path(), ".".to_owned())
        } else {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (path.parent().unwrap_or(Path::new(".")), name)
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let listed = git(
            folder,
            &["ls-tree", "-r", "-z", "--name-only", revision, "--", &only],
        )
        .map_err(|failure| match failure {
            Failure::CouldNot(why) => Failure::CouldNot(format!(
                "`{revision}` is neither a path nor a revision here: {why}"
            )),
            other => other,
        })?;
        for name in listed.split('\0').filter(|name| name.ends_with(".toml")) {
            let text = git(folder, &["show", &format!("{revision}:./{name}")])?;
            texts.insert(super::stem(name).to_owned(), text);
        }
    }
    Ok(texts)
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(|error| Failure::CouldNot(format!("git cannot be started: {error}")))?;
    if done.status.success() {
        return String::from_utf8(done.stdout)
            .map_err(|_| Failure::CouldNot("a rule of that revision is not UTF-8".into()));
    }
    let told = String::from_utf8_lossy(&done.stderr);
    let told = told.trim();
    Err(Failure::CouldNot(
        told.strip_prefix("fatal: ").unwrap_or(told).to_owned(),
    ))
}

/// Of a running server, or, with none running, of the journal in the data directory: opening an instance would put the
/// files' own rules in force.
async fn in_force(target: &Target, settings: &Settings) -> Result<Before, Failure> {
    if target.url.is_some() || assemble::running_server(settings).is_some() {
        let api = Api::connect(target, settings).await?;
        return of_server(&api).await;
    }
    let Some(journal) = assemble::Bare::existing(settings).await? else {
        return Err(Failure::CouldNot(format!(
            "no server is running and there is no journal in {}; name a server with --url, or what to compare with by \
             --against (a folder, or a git revision such as HEAD)",
            settings.data_dir.display()
        )));
    };
    let book = journal
        .store()
        .book(None)
        .await?
        .ok_or("there are no rules on record yet; --against names something else to compare with")?;
    let texts: Texts = book
        .rules
        .into_iter()
        .map(|text| (text.rule, text.text))
        .collect();
    let mut open = BTreeMap::new();
    for rule in texts.keys() {
        let mut count = 0;
        for state in OPEN {
            let query = RunQuery {
                rule: Some(rule.clone()),
                state: Some(state),
                limit: COUNTED_MAX,
                ..RunQuery::default()
            };
            count += journal.store().runs(&query).await?.len();
        }
        open.insert(rule.clone(), count);
    }
    Ok(Before {
        name: format!("the rules last in force (book {})", short(&book.hash)),
        texts,
        open: Some(open),
    })
}

async fn of_server(api: &Api) -> Result<Before, Failure> {
    let list = api.get("/api/v1/rules").await?;
    let (mut texts, mut open) = (Texts::new(), BTreeMap::new());
    for rule in list["rules"].as_array().into_iter().flatten() {
        let id = print::text(rule, "/id");
        let shown = api.get(&format!("/api/v1/rules/{}", segment(&id))).await?;
        texts.insert(id.clone(), print::text(&shown, "/text"));
        let mut count = 0;
        for state in OPEN {
            let parameters = [
                ("rule", Some(id.clone())),
                ("state", Some(state.to_string())),
                ("limit", Some(COUNTED_MAX.to_string())),
            ];
            let runs = api.get(&format!("/api/v1/runs{}", query(&parameters))).await?;
            count += runs["runs"].as_array().map_or(0, Vec::len);
        }
        open.insert(id, count);
    }
    Ok(Before {
        name: format!(
            "the rules in force (book {})",
            short(&print::text(&list, "/book"))
        ),
        texts,
        open: Some(open),
    })
}

fn short(hash: &str) -> String {
    hash.chars().take(VERSION_CHARS).collect()
}

fn differences(before: &Before, after: &Texts, vars: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let gone: Vec<&String> = before
        .texts
        .keys()
        .filter(|id| !after.contains_key(*id))
        .collect();
    let renamed = |text: &String| gone.iter().find(|id| before.texts.get(**id) == Some(text));
    for (id, text) in after {
        match before.texts.get(id) {
            Some(old) if old == text => {}
            Some(old) => found.push(changed(id, old, text, vars)),
            None => found.push(Difference {
                rule: id.clone(),
                what: if renamed(text).is_some() { "renamed" } else { "added" },
                from: renamed(text).map(|old| (**old).clone()),
                to: None,
                means: match renamed(text) {
                    Some(_) => vec![
                        "its history, and what its limits have counted, stay with the old name: it begins anew".into(),
                    ],
                    None => Vec::new(),
                },
                open_runs: None,
                lines: String::new(),
            }),
        }
    }
    for id in gone {
        found.push(Difference {
            rule: id.clone(),
            what: "removed",
            from: None,
            to: None,
            means: Vec::new(),
            open_runs: None,
            lines: String::new(),
        });
    }
    for difference in &mut found {
        difference.open_runs = before
            .open
            .as_ref()
            .and_then(|open| open.get(&difference.rule).copied());
        if let Some(count @ 1..) = difference.open_runs {
            let plural = if count == 1 { "run is" } else { "runs are" };
            difference.means.push(format!(
                "{count} {plural} open: what has begun goes on with the version and variables it began with"
            ));
        }
    }
    found.sort_by(|a, b| a.rule.cmp(&b.rule));
    found
}

fn changed(id: &str, old: &str, new: &str, vars: &Value) -> Difference {
    let parsed = [old, new].map(|text| rules::parse_pinned(id, text, vars));
    let (means, versions) = match &parsed {
        [Ok(old), Ok(new)] => {
            let mut means = rules::changes(old, new);
            if means.is_empty() {
                means.push("nothing that decides or acts: only words, comments or tests".into());
            }
            (means, Some((short(&old.version), short(&new.version))))
        }
        [_, Err(why)] | [Err(why), _] => (vec![format!("one of the two cannot be read: {why}")], None),
    };
    Difference {
        rule: id.to_owned(),
        what: "changed",
        from: versions.as_ref().map(|(old, _)| old.clone()),
        to: versions.map(|(_, new)| new),
        means,
        open_runs: None,
        lines: TextDiff::from_lines(old, new)
            .unified_diff()
            .context_radius(1)
            .to_string(),
    }
}

fn tell(before: &Before, found: &[Difference], same: usize, brief: bool) {
    println!(
        "compared with {}: {} different, {same} the same",
        before.name,
        found.len()
    );
    for difference in found {
        let mark = match difference.what {
            "added" | "renamed" => '+',
            "removed" => '-',
            _ => '~',
        };
        let versions = match (&difference.from, &difference.to) {
            (Some(from), Some(to)) => format!(" ({from} → {to})"),
            (Some(from), None) => format!(" (it was `{from}`)"),
            _ => String::new(),
        };
        println!("\n{mark} {} {}{versions}", difference.rule, difference.what);
        for sentence in &difference.means {
            println!("    - {sentence}");
        }
        if !brief {
            for line in difference.lines.lines().filter(|line| !line.starts_with("@@")) {
                println!("      {line}");
            }
        }
    }
}
