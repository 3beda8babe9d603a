//! In: the blocks of TOML and of commands in the documents. Out: that each rule in them passes `xmrt check`, each setting is
//! taken, and each command and option exists. Never: pages written by the program, whose examples have tests of their own.

use std::collections::BTreeMap;
use std::path::Path;

use super::{read, root};
use crate::rule_tools::{err, folder, out, xmrt};

/// Tables and keys of a rule file that no settings file has.
const OF_A_RULE: &[&str] = &[
    "action",
    "concurrency",
    "cron",
    "description",
    "if",
    "limits",
    "mode",
    "on",
    "on_failure",
    "test",
    "when",
];

/// One block: where it is, what language it says, and its lines without their indent.
pub(super) struct Fence {
    pub(super) place: String,
    pub(super) language: String,
    pub(super) text: String,
}

impl Fence {
    /// Whether it is in this language, whatever else it says of itself.
    pub(super) fn is(&self, language: &str) -> bool {
        self.language.split(' ').next() == Some(language)
    }
}

/// The documents that people wrote, and the page of the language.
pub(super) fn documents() -> Vec<String> {
    let mut found = vec![
        "README.md".to_owned(),
        "CONTRIBUTING.md".to_owned(),
        "CHANGELOG.md".to_owned(),
    ];
    for folder in ["docs", "docs/how-to", "docs/rules"] {
        for entry in std::fs::read_dir(root().join(folder)).expect(folder) {
            let name = entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned();
            if Path::new(&name).extension().is_some_and(|end| end == "md") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

fn fences() -> Vec<Fence> {
    documents()
        .iter()
        .flat_map(|document| fences_of(document))
        .collect()
}

/// The blocks of one document.
pub(super) fn fences_of(document: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let text = read(document);
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let inside: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        found.push(Fence {
            place: format!("{document}:{}", at + 1),
            language: language.to_owned(),
            text: inside.join("\n"),
        });
    }
    found
}

/// A whole rule of what may be a part of one.
fn completed(mut rule: toml::Table) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned());
    rule.entry("description").or_insert_with(|| text("An example"));
    if !rule.contains_key("on") {
        let heard: Vec<toml::Value> = rule
            .get("test")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|test| test.get("event")?.get("on").cloned())
            .collect();
        let on = if heard.is_empty() {
            // Of this source nothing is known, so that any field may be there.
            text("elsewhere.something")
        } else {
            toml::Value::Array(heard)
        };
        if on
            .as_array()
            .is_some_and(|heard| heard.contains(&text("schedule")))
        {
            rule.entry("cron").or_insert_with(|| text("@daily"));
        }
        rule.insert("on".into(), on);
    }
    let written = toml::to_string(&rule).expect("TOML");
    let mut actions: Vec<toml::Value> = rule
        .get("action")
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let known: Vec<&str> = actions
        .iter()
        .filter_map(|action| action.get("id")?.as_str())
        .collect();
    // What an excerpt needs of the steps before it.
    let earlier: Option<String> = written
        .split("steps.")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
        })
        .find(|id| !known.contains(id))
        .map(str::to_owned);
    if let Some(id) = earlier {
        let step =
            format!("id = \"{id}\"\ntool = \"github.list_issues\"\narguments = {{ repo = \"acme/api\" }}");
        actions.insert(0, toml::Value::Table(toml::from_str(&step).expect("a step")));
    }
    if actions.is_empty() {
        let step = "tool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }";
        actions.push(toml::Value::Table(toml::from_str(step).expect("a step")));
    }
    rule.insert("action".into(), toml::Value::Array(actions));
    toml::to_string(&rule).expect("TOML")
}

#[test]
fn every_rule_and_every_setting_in_a_document_is_taken() {
    let mut files: Vec<(String, String)> = Vec::new();
    let (mut places, mut settings) = (BTreeMap::new(), Vec::new());
    // Those of the pages that are followed are checked there, all of a page together.
    let followed =
        |fence: &Fence| fence.place.starts_with("docs/how-to/") || fence.place.starts_with("docs/tutorial");
    for fence in fences()
        .into_iter()
        .filter(|fence| fence.is("toml") && !followed(fence))
    {
        let table: toml::Table =
            toml::from_str(&fence.text).unwrap_or_else(|error| panic!("{}: {error}", fence.place));
        if table.keys().any(|key| OF_A_RULE.contains(&key.as_str())) {
            let name = format!("example-{}", files.len());
            places.insert(name.clone(), fence.place);
            files.push((format!("rules/{name}.toml"), completed(table)));
        } else if !table.contains_key("mcp_servers") {
            settings.push(fence);
        }
    }
    assert!(
        files.len() > 30 && settings.len() > 4,
        "{} rules, {} settings",
        files.len(),
        settings.len()
    );
    // The servers that rules of the documents call are declared beside them.
    let servers = settings
        .iter()
        .find(|fence| fence.place.starts_with("docs/servers.md"));
    files.push(("xmrt.toml".into(), servers.expect("the servers").text.clone()));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let there = folder(&files);
    let checked = xmrt(there.path(), &["check"]);
    assert!(
        checked.status.success(),
        "{places:#?}\n{}{}",
        out(&checked),
        err(&checked)
    );
    for fence in settings {
        let there = folder(&[("xmrt.toml", &fence.text), ("rules/readme.md", "")]);
        let read = xmrt(there.path(), &["config"]);
        assert!(read.status.success(), "{}: {}", fence.place, err(&read));
    }
}

/// What `--help` says of each command, asked once.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, String>);

impl Helps {
    fn of(&mut self, command: &[String]) -> String {
        let known = self.0.entry(command.to_vec()).or_insert_with(|| {
            let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            arguments.push("--help");
            out(&xmrt(&root(), &arguments))
        });
        known.clone()
    }
}

/// Whether a help lists this as a command: as the first word of a line below `Commands:`.
fn lists(help: &str, word: &str) -> bool {
    help.split("Commands:").nth(1).is_some_and(|rest| {
        rest.lines()
            .any(|line| line.split_whitespace().next() == Some(word))
    })
}

/// What is wrong with a line of a block, if it calls the program or a script: with what it does, and with what it is given by
/// `$(…)`.
fn fault(line: &str, helps: &mut Helps) -> Option<String> {
    let mut outside = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("$(") {
        let (inside, after) = after.split_once(')').unwrap_or((after, ""));
        if let Some(why) = fault(inside, helps) {
            return Some(why);
        }
        outside.push_str(before);
        outside.push_str("given");
        rest = after;
    }
    outside.push_str(rest);
    fault_of(&outside, helps)
}

fn fault_of(line: &str, helps: &mut Helps) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.split(" #").next().unwrap_or(line);
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    if first.starts_with("scripts/") {
        return (!root().join(first).exists()).then(|| format!("there is no {first}"));
    }
    let rest = match first {
        "xmrt" => rest,
        "cargo" if rest.starts_with("run") => rest.split_once("-- ")?.1,
        // Another program is told to start ours.
        "claude" | "codex" => rest.split_once("-- xmrt ")?.1,
        _ => return None,
    };
    let words: Vec<&str> = rest
        .split_whitespace()
        .take_while(|word| !matches!(*word, ">" | "|" | "||" | "&&" | ";"))
        .collect();
    let mut command: Vec<String> = Vec::new();
    for word in words.iter().take_while(|word| !word.starts_with('-')) {
        if !lists(&helps.of(&command), word) {
            break;
        }
        command.push((*word).to_owned());
    }
    if command.is_empty() && !rest.starts_with('-') {
        return Some(format!("`{rest}` is no command"));
    }
    let help = helps.of(&command);
    if let Some(word) = words.get(command.len())
        && help.contains("Commands:")
        && !word.starts_with('-')
    {
        return Some(format!("`{word}` is no command of `{}`", command.join(" ")));
    }
    words
        .iter()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.split('=').next().unwrap_or(word))
        .find(|option| !help.split([' ', ',', '=', '\n', '[']).any(|word| word == *option))
        .map(|option| format!("`xmrt {}` has no {option}", command.join(" ")))
}

#[test]
fn every_command_in_a_document_exists_with_its_options() {
    let mut helps = Helps::default();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for fence in fences() {
        if !fence.is("sh") && !fence.is("console") {
            continue;
        }
        for line in fence.text.lines() {
            seen += 1;
            if let Some(why) = fault(line, &mut helps) {
                wrong.push(format!("{}: {why}", fence.place));
            }
        }
    }
    assert!(seen > 30, "{seen} lines");
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The finder itself finds.
    for line in [
        "xmrt chekc",
        "xmrt check --fixx",
        "xmrt rules nwe a",
        "scripts/nothing --short",
        "xmrt runs show $(xmrt runs --quietly)",
    ] {
        assert!(fault(line, &mut helps).is_some(), "{line}");
    }
}
