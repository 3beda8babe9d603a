//! In: a lint's example. Out: whole rule files. Never: anything the example says itself.

use crate::rules::SourceFile;

/// First line of an example that is a whole file already.
const WHOLE: &str = "# the whole file";
/// Starts a file of its own, when an example is about several.
const FILE: &str = "# file: ";
/// Stands for so much text that the file is too large.
const LONG: &str = "# … and so on, for more than 1 MiB";
/// Stands for bytes that are no text.
const NO_TEXT: &str = "# … and bytes that are not UTF-8";
/// Stands for a character that nobody would see on the lint's page.
const HIDDEN: &str = "‹U+200B›";
const LONG_BYTES: usize = 1024 * 1024 + 1;

const ACTION: &str = "\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"hello\" }\n";

pub(super) fn files(example: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let (mut path, mut text) = ("rules/example.toml", String::new());
    for line in example.trim_matches('\n').lines() {
        if let Some(name) = line.strip_prefix(FILE) {
            finish(path, &text, &mut files);
            (path, text) = (name, String::new());
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    finish(path, &text, &mut files);
    files
}

fn finish(path: &str, text: &str, files: &mut Vec<SourceFile>) {
    if text.is_empty() {
        return;
    }
    files.push(SourceFile {
        path: path.to_owned(),
        text: complete(text),
        unreadable: text
            .contains(NO_TEXT)
            .then(|| "stream did not contain valid UTF-8".to_owned()),
    });
}

/// Adds what every rule has and the example does not mention.
fn complete(text: &str) -> String {
    if text.starts_with(WHOLE) {
        return text.to_owned();
    }
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    let on = text
        .lines()
        .find_map(|line| line.strip_prefix("on = \"")?.split('"').next())
        .unwrap_or("github.issues.opened");
    let mut whole = String::new();
    if !has("description =") {
        whole.push_str("description = \"An example\"\n");
    }
    if !has("on =") {
        whole.push_str("on = \"github.issues.opened\"\n");
    }
    let text = text.replace(HIDDEN, "\u{200b}");
    whole.push_str(&text.replace(LONG, &format!("#{}", "x".repeat(LONG_BYTES))));
    if !has("[[action]]") && !has("action") && !has("[action") {
        whole.push_str(ACTION);
    }
    if !has("[[test]]") {
        whole.push_str(&format!(
            "\n[[test]]\nname = \"acts\"\nevent = {{ on = \"{on}\" }}\ndecision = \"fired\"\n\n\
             [[test]]\nname = \"does not act\"\nevent = {{ on = \"{on}\" }}\nexpect = []\n"
        ));
    }
    whole
}
