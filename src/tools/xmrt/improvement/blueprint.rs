//! In: the text of a render.yaml. Out: its web services and which have no health check; the text with one. Never: Render.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::workflow::first_line;

/// Where Render looks for a blueprint.
pub(super) const BLUEPRINTS: [&str; 2] = ["render.yaml", "render.yml"];

/// A web service of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Web {
    /// Its name.
    pub(super) name: String,
    /// The line that says it is a web service, from 1.
    pub(super) line: u64,
    /// Where its health is asked for.
    pub(super) health_check: Option<String>,
}

#[derive(Deserialize)]
struct Blueprint {
    #[serde(default)]
    services: Vec<Service>,
    #[serde(default)]
    projects: Vec<Project>,
    #[serde(default)]
    ungrouped: Option<Environment>,
}

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
struct Environment {
    #[serde(default)]
    services: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    #[serde(rename = "type")]
    kind: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    runtime: Option<String>,
    /// What Render called the runtime before.
    #[serde(default)]
    env: Option<String>,
    #[serde(default)]
    health_check_path: Option<String>,
}

/// The web services of a blueprint, wherever it lists services: at the top, in the environments of projects, beside them.
pub(super) fn web_services(text: &str) -> Result<Vec<Web>, String> {
    let blueprint: Blueprint = serde_saphyr::from_str(text)
        .map_err(|error| format!("it is no blueprint: {}", first_line(&error.to_string())))?;
    let environments = blueprint
        .projects
        .into_iter()
        .flat_map(|project| project.environments);
    let inside = environments
        .chain(blueprint.ungrouped)
        .flat_map(|environment| environment.services);
    let is_web = |service: &Service| service.kind.value == "web";
    let web = |service: Service| Web {
        line: service.kind.referenced.line(),
        name: service.name,
        // What has no server needs none.
        health_check: match service.runtime.or(service.env).as_deref() {
            Some("static") => Some(String::new()),
            _ => service.health_check_path,
        },
    };
    Ok(blueprint
        .services
        .into_iter()
        .chain(inside)
        .filter(is_web)
        .map(web)
        .collect())
}

/// The text with a health check for each web service that has none, right below the line of its type. What is read from it
/// afterwards must be the same but for that; otherwise it is left to a person.
pub(super) fn with_health_checks(text: &str, path: &str) -> Result<String, String> {
    let before = web_services(text)?;
    let bare: Vec<&Web> = before.iter().filter(|web| web.health_check.is_none()).collect();
    let mut out = String::with_capacity(text.len() + 64 * bare.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        out.push_str(line);
        if bare.iter().any(|web| web.line == number) {
            let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
            let deeper = if line.trim_start().starts_with("- ") {
                "  "
            } else {
                ""
            };
            let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
            if !line.ends_with('\n') {
                out.push_str(end);
            }
            out.push_str(&format!("{indent}{deeper}healthCheckPath: {path}{end}"));
        }
    }
    let after = web_services(&out)?;
    let expected: Vec<(&str, Option<&str>)> = before
        .iter()
        .map(|web| (web.name.as_str(), web.health_check.as_deref().or(Some(path))))
        .collect();
    let seen: Vec<(&str, Option<&str>)> = after
        .iter()
        .map(|web| (web.name.as_str(), web.health_check.as_deref()))
        .collect();
    if seen == expected {
        Ok(out)
    } else {
        Err("render.yaml is written in a way that cannot be edited line by line".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUEPRINT: &str = "# ours\nservices:\n  - type: web # the API\n    name: api\n    runtime: node\n  - name: site\n    \
                             type: web\n    runtime: static\n  - type: worker\n    name: jobs\nprojects:\n  - name: p\n    \
                             environments:\n      - name: e\n        services:\n          - name: admin\n            \
                             type: 'web'\n            healthCheckPath: /up\n          - name: shop\n            type: web";

    #[test]
    fn web_services_are_found_with_their_lines_wherever_they_stand() {
        let found: Vec<(String, u64, Option<String>)> = web_services(BLUEPRINT)
            .unwrap()
            .into_iter()
            .map(|web| (web.name, web.line, web.health_check))
            .collect();
        let row =
            |name: &str, line: u64, check: Option<&str>| (name.to_owned(), line, check.map(str::to_owned));
        assert_eq!(
            found,
            [
                row("api", 3, None),
                row("site", 7, Some("")),
                row("admin", 17, Some("/up")),
                row("shop", 20, None)
            ]
        );
    }

    #[test]
    fn what_has_no_server_needs_no_health_check_whichever_name_the_blueprint_has_for_its_runtime() {
        let services = "services:\n  - {type: web, name: old, env: static}\n  - {type: web, name: new, runtime: static}\n  - \
                        {type: web, name: api, env: node}\n";
        let found: Vec<Option<String>> = web_services(services)
            .unwrap()
            .into_iter()
            .map(|web| web.health_check)
            .collect();
        assert_eq!(found, [Some(String::new()), Some(String::new()), None]);
    }

    #[test]
    fn a_health_check_is_put_below_the_type_and_nothing_else_changes() {
        let expected = BLUEPRINT
            .replace("# the API\n", "# the API\n    healthCheckPath: /healthz\n")
            .replace(
                "shop\n            type: web",
                "shop\n            type: web\n            healthCheckPath: /healthz\n",
            );
        assert_eq!(with_health_checks(BLUEPRINT, "/healthz").unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_edited_line_by_line_is_left_alone() {
        let flow = "services: [{type: web, name: api}]\n";
        assert!(
            with_health_checks(flow, "/")
                .unwrap_err()
                .contains("line by line")
        );
    }
}
