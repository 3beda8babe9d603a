//! In: what was found. Out: a SARIF 2.1.0 log. Never: printing it.

use std::path::Path;

use serde_json::{Value, json};

use super::Report;
use crate::rules::{self, Diagnostic, Lint};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run: the tool with all its lints, and what it found.
pub(super) fn log(report: &Report<'_>) -> Value {
    let lints: Vec<&Lint> = rules::lints().collect();
    let results: Vec<Value> = report
        .diagnostics
        .iter()
        .map(|found| result(report, found, &lints))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "xmrt",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": lints.iter().map(|lint| rule(lint)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": { "text": "The folder the check ran in." } } },
            "results": results,
        }],
    })
}

fn rule(lint: &Lint) -> Value {
    let help = format!(
        "{}\n\nWrong:\n\n```toml\n{}\n```\n\nRight:\n\n```toml\n{}\n```",
        lint.why,
        lint.bad.trim_matches('\n'),
        lint.good.trim_matches('\n')
    );
    json!({
        "id": lint.id,
        "shortDescription": { "text": lint.summary },
        "fullDescription": { "text": lint.why },
        "help": { "text": lint.why, "markdown": help },
        "defaultConfiguration": { "level": lint.level() },
    })
}

fn result(report: &Report<'_>, found: &Diagnostic, lints: &[&Lint]) -> Value {
    let (end_line, end_column) = report.end(found);
    let text = match &found.hint {
        Some(hint) => format!("{}\n{hint}", found.message),
        None => found.message.clone(),
    };
    let mut result = json!({
        "ruleId": found.code,
        "level": if found.is_error() { "error" } else { "warning" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": artifact(&found.path),
            "region": {
                "startLine": found.line,
                "startColumn": found.column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        } }],
    });
    if let Some(at) = lints.iter().position(|lint| lint.id == found.code) {
        result["ruleIndex"] = json!(at);
    }
    result
}

/// A relative path is told from the folder the check ran in.
fn artifact(path: &str) -> Value {
    if Path::new(path).is_absolute() {
        return json!({ "uri": format!("file://{}", uri(path)) });
    }
    json!({ "uri": uri(path), "uriBaseId": "SRCROOT" })
}

/// A path as a URI reference: everything but what every URI may hold is percent-encoded.
fn uri(path: &str) -> String {
    use std::fmt::Write;
    let mut uri = String::new();
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
