//! `xmrt init`

use std::path::{Path, PathBuf};

use serde_json::json;

use super::rules::{self, Kept};
use super::{Ending, print};

/// What a project has besides its rules, and what each is for.
const FILES: [(&str, &str, &str); 4] = [
    (
        "xmrt.toml",
        include_str!("init/xmrt.toml"),
        "settings that are not secret",
    ),
    (
        ".env.example",
        include_str!("init/env.example"),
        "the secrets it takes",
    ),
    (
        ".gitignore",
        include_str!("init/gitignore"),
        "keeps secrets and the journal out of git",
    ),
    (
        ".github/workflows/rules.yml",
        include_str!("init/workflow.yml"),
        "checks and tests the rules in pull requests",
    ),
];
/// The rules it begins with: one small one to change, one that is shipped.
const RULES: [&str; 2] = ["on-issue", "triage-new-issue"];

/// Options of `xmrt init`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The folder; it is made where it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// A rule to begin with instead, several times if you like; `xmrt rules templates` lists them
    // Not `rules`: that is what the global option is called.
    #[arg(long = "rule", value_name = "TEMPLATE")]
    begin_with: Vec<String>,
    /// What was written and kept, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Ending {
    let folder = &options.folder;
    let chosen: Vec<&str> = match options.begin_with.is_empty() {
        true => RULES.to_vec(),
        false => options.begin_with.iter().map(String::as_str).collect(),
    };
    let templates = chosen
        .iter()
        .map(|name| rules::find(name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows: Vec<(PathBuf, &'static str, Kept)> = Vec::new();
    for (name, text, what) in FILES {
        let path = folder.join(name);
        let kept = rules::write_new(&path, text)?;
        rows.push((path, what, kept));
    }
    let into = folder.join("rules");
    for template in templates {
        let path = into.join(format!("{}.toml", template.name));
        let kept = rules::write_new(&path, &rules::fitting(template.text, &into))?;
        rows.push((path, template.description(), kept));
    }
    if rules::keep_schema(&into)? {
        rows.push((
            into.join(rules::SCHEMA),
            "for your editor: it completes keys and marks mistakes",
            Kept::New,
        ));
    }
    tell(folder, &rows, options.json);
    Ok(())
}

fn tell(folder: &Path, rows: &[(PathBuf, &'static str, Kept)], as_json: bool) {
    if as_json {
        let files = rows
            .iter()
            .map(|(path, what, kept)| json!({ "path": path, "what": what, "written": *kept == Kept::New }));
        print::json(&json!({ "files": files.collect::<Vec<_>>() }));
        return;
    }
    let shown: Vec<Vec<String>> = rows
        .iter()
        .map(|(path, what, kept)| {
            let word = if *kept == Kept::New { "written" } else { "kept" };
            vec![word.to_owned(), path.display().to_string(), (*what).to_owned()]
        })
        .collect();
    print::table(&["", "FILE", "WHAT"], &shown);
    let ignored = rows
        .iter()
        .any(|(path, _, kept)| path.ends_with(".gitignore") && *kept == Kept::AsItWas);
    if ignored {
        println!("\nsee that .gitignore has `/.xmrt` and `.env`");
    }
    let go = match folder == Path::new(".") {
        true => String::new(),
        false => format!("cd {} && ", folder.display()),
    };
    println!("\nnext: {go}xmrt check && xmrt test, then: xmrt serve --sandbox");
}
