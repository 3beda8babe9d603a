//! In: the text of a `render.yaml`. Out: what would be made of it, or where it is wrong. Never: YAML as a whole: only the lines
//! that name resources are read.

use serde_json::{Value, json};

use super::{error, workspace};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// What may stand at the beginning of a line.
const ROOTS: [&str; 7] = [
    "services",
    "databases",
    "envVarGroups",
    "projects",
    "ungrouped",
    "previews",
    "version",
];

/// The parts of a multipart body by name.
fn parts(call: &Call) -> Result<Vec<(String, String)>, Answer> {
    let wrong = || error(400, "multipart/form-data with ownerId and file is wanted");
    let (_, boundary) = call
        .header("content-type")
        .split_once("multipart/form-data; boundary=")
        .ok_or_else(wrong)?;
    let body = std::str::from_utf8(&call.body).map_err(|_| wrong())?;
    let mut parts = Vec::new();
    for part in body.split(&format!("--{boundary}")).skip(1) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let name = head
            .split_once(" name=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .ok_or_else(wrong)?
            .0;
        let content = content.strip_suffix("\r\n").unwrap_or(content);
        parts.push((name.to_owned(), content.to_owned()));
    }
    Ok(parts)
}

pub(super) fn validate(world: &mut World, call: &Call) -> Outcome {
    let parts = parts(call)?;
    let part = |wanted: &str| {
        let found = parts.iter().find(|(name, _)| name == wanted);
        found
            .map(|(_, content)| content.as_str())
            .ok_or_else(|| error(400, &format!("{wanted} is required")))
    };
    workspace(world, part("ownerId")?)?;
    Ok(Answer::ok(judged(part("file")?)))
}

fn judged(text: &str) -> Value {
    let mut errors = Vec::new();
    let mut found: Vec<(&str, String, bool)> = Vec::new();
    let mut root = "";
    let wrong = |path: &str, what: String, line: usize, column: usize| json!({"path": path, "error": what, "line": line + 1, "column": column});
    for (n, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if let Some(tab) = line.find('\t').filter(|tab| line[..*tab].trim().is_empty()) {
            let what = "found character that cannot start any token".to_owned();
            errors.push(wrong("", what, n, tab + 1));
            break;
        }
        if bare.len() == line.len() && !line.starts_with('-') {
            root = line.split(':').next().unwrap_or_default();
            if !ROOTS.contains(&root) {
                errors.push(wrong(root, format!("field {root} not found"), n, 1));
            }
            continue;
        }
        let (begins, field) = match bare.strip_prefix("- ") {
            Some(field) => (true, field),
            None => (false, bare),
        };
        let value = |name: &str| {
            let (key, value) = field.split_once(':')?;
            (key == name).then(|| value.trim().trim_matches('"').to_owned())
        };
        let depth = line.len() - bare.len();
        if begins && depth <= 2 {
            found.push((root, String::new(), false));
        }
        if let Some(last) = found.last_mut().filter(|_| depth <= 4) {
            if let Some(name) = value("name") {
                last.1 = name;
            }
            if let Some(kind) = value("type") {
                last.2 = kind == "keyvalue" || kind == "redis";
            }
        }
    }
    for (n, (root, name, _)) in found.iter().enumerate() {
        if name.is_empty() {
            errors.push(wrong(
                &format!("{root}[{n}]"),
                "name is required".to_owned(),
                0,
                1,
            ));
        }
    }
    if !errors.is_empty() {
        return json!({"valid": false, "errors": errors});
    }
    let names = |wanted: &str, key_value: bool| -> Vec<&String> {
        let fits = |(root, _, kind): &&(&str, String, bool)| *root == wanted && *kind == key_value;
        found.iter().filter(fits).map(|(_, name, _)| name).collect()
    };
    json!({"valid": true, "plan": {
        "services": names("services", false), "keyValue": names("services", true),
        "databases": names("databases", false), "envGroups": names("envVarGroups", false),
        "totalActions": found.len(),
    }})
}
