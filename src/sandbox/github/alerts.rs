//! In: calls about what GitHub warns of. Out: alerts from state. Never: a scan.

use serde_json::{Value, json};

use super::shape::{Shape, time};
use super::things::Alert;
use super::{Repo, error, page, repo};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// The alerts of a kind that fit the query, newest first. A kind that is switched off is 403 or 404, as on GitHub.
fn of<'w>(
    world: &'w World,
    call: &Call,
    kind: &str,
    off: (u16, &str),
) -> Result<(&'w Repo, Vec<&'w Alert>), Answer> {
    let repo = repo(world, call)?;
    if !repo.may(&call.actor, "write") {
        return Err(error(403, "You are not authorized to perform this operation."));
    }
    if !repo.alerts.iter().any(|alert| alert.kind == kind) {
        return Err(error(off.0, off.1));
    }
    let states = call.queries("state");
    let wanted = |alert: &&Alert| {
        let fits = |name: &str, value: &str| {
            let asked = call.queries(name);
            asked.is_empty() || asked.contains(&value)
        };
        alert.kind == kind
            && (states.is_empty() || states.contains(&alert.state.as_str()))
            && fits("severity", &alert.severity)
            && fits("package", &alert.name)
            && fits("tool_name", "CodeQL")
    };
    let mut found: Vec<&Alert> = repo.alerts.iter().filter(wanted).collect();
    found.sort_by_key(|alert| std::cmp::Reverse(alert.number));
    Ok((repo, found))
}

/// Page by page behind a cursor.
pub(super) fn dependabot(world: &mut World, call: &Call) -> Outcome {
    let off = (403, "Dependabot alerts are disabled for this repository.");
    let (repo, found) = of(world, call, "dependabot", off)?;
    if call.query("page").is_some() {
        return Err(error(
            400,
            "Pagination using the `page` parameter is not supported.",
        ));
    }
    let per_page = call.query("per_page").and_then(|n| n.parse().ok()).unwrap_or(30);
    let after = call
        .query("after")
        .and_then(|cursor| cursor.strip_prefix("alert:"));
    let after: Option<u64> = after.and_then(|number| number.parse().ok());
    let rest: Vec<&&Alert> = found
        .iter()
        .filter(|alert| after.is_none_or(|after| alert.number < after))
        .collect();
    let shown: Vec<Value> = rest
        .iter()
        .take(per_page)
        .map(|alert| shown_dependabot(call, world, repo, alert))
        .collect();
    let answer = Answer::ok(shown.into());
    Ok(
        match rest
            .get(per_page.saturating_sub(1))
            .filter(|_| rest.len() > per_page)
        {
            Some(last) => {
                let (url, number) = (format!("{}{}", call.base, call.path), last.number);
                answer.with(
                    "link",
                    format!("<{url}?per_page={per_page}&after=alert%3A{number}>; rel=\"next\""),
                )
            }
            None => answer,
        },
    )
}

fn shown_dependabot(call: &Call, world: &World, repo: &Repo, alert: &Alert) -> Value {
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let package = json!({"ecosystem": "npm", "name": alert.name});
    let fixed = json!({"identifier": "2.0.0"});
    json!({
        "number": alert.number, "state": alert.state,
        "dependency": {"package": package, "manifest_path": alert.path, "scope": "runtime", "relationship": "direct"},
        "security_advisory": {
            "ghsa_id": "GHSA-aaaa-bbbb-cccc", "cve_id": null, "summary": alert.summary, "description": alert.summary,
            "severity": alert.severity, "vulnerabilities": [], "identifiers": [], "references": [], "cwes": [],
            "cvss_severities": {}, "published_at": time(alert.created_at), "updated_at": time(alert.created_at),
            "withdrawn_at": null,
        },
        "security_vulnerability": {
            "package": package, "severity": alert.severity, "vulnerable_version_range": "< 2.0.0",
            "first_patched_version": fixed,
        },
        "url": format!("{}/dependabot/alerts/{}", shape.repo_url(repo), alert.number),
        "html_url": shape.page(repo, &format!("/security/dependabot/{}", alert.number)),
        "created_at": time(alert.created_at), "updated_at": time(alert.created_at), "dismissed_at": null,
        "dismissed_by": null, "dismissed_reason": null, "dismissed_comment": null, "fixed_at": null,
    })
}

pub(super) fn code_scanning(world: &mut World, call: &Call) -> Outcome {
    let (repo, found) = of(world, call, "code", (404, "no analysis found"))?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let shown = |alert: &&Alert| {
        let url = format!("{}/code-scanning/alerts/{}", shape.repo_url(repo), alert.number);
        json!({
            "number": alert.number, "created_at": time(alert.created_at), "updated_at": time(alert.created_at),
            "url": url, "html_url": shape.page(repo, &format!("/security/code-scanning/{}", alert.number)),
            "instances_url": format!("{url}/instances"), "state": alert.state, "fixed_at": null,
            "dismissed_by": null, "dismissed_at": null, "dismissed_reason": null, "dismissed_comment": null,
            "rule": {
                "id": alert.name, "name": alert.name, "severity": "error", "description": alert.summary, "tags": [],
                "security_severity_level": alert.severity,
            },
            "tool": {"name": "CodeQL", "guid": null, "version": "2.20.0"},
            "most_recent_instance": {
                "ref": format!("refs/heads/{}", repo.default_branch), "analysis_key": "codeql", "environment": "{}",
                "category": "codeql", "state": alert.state, "commit_sha": repo.head_of(&repo.default_branch),
                "message": {"text": alert.summary}, "classifications": [],
                "location": {"path": alert.path, "start_line": 7, "end_line": 7, "start_column": 1, "end_column": 9},
            },
        })
    };
    page(call, found.iter().map(shown).collect(), None)
}

pub(super) fn secret_scanning(world: &mut World, call: &Call) -> Outcome {
    let off = (404, "Secret scanning is disabled on this repository.");
    let (repo, found) = of(world, call, "secret", off)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let hidden = call.query("hide_secret") == Some("true");
    let shown = |alert: &&Alert| {
        let url = format!("{}/secret-scanning/alerts/{}", shape.repo_url(repo), alert.number);
        let mut shown = json!({
            "number": alert.number, "created_at": time(alert.created_at), "updated_at": null, "url": url,
            "html_url": shape.page(repo, &format!("/security/secret-scanning/{}", alert.number)),
            "locations_url": format!("{url}/locations"), "state": alert.state, "resolution": null,
            "resolved_at": null, "resolved_by": null, "secret_type": alert.name,
            "secret_type_display_name": alert.summary, "validity": "unknown", "publicly_leaked": false,
            "multi_repo": false,
        });
        if !hidden {
            shown["secret"] = "what opens the door".into();
        }
        shown
    };
    page(call, found.iter().map(shown).collect(), None)
}
