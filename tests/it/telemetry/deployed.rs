//! `deploy/` asks only for what `docs/metrics.md` has, which is generated from what the program records.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics of the reference, with their labels.
pub fn table() -> BTreeMap<String, BTreeSet<String>> {
    let row = Regex::new(r"(?m)^\| `(xmrt_[a-z_]+)` \| [a-z]+ \| ([^|]*) \|").unwrap();
    let label = Regex::new(r"(?:^|; )`([a-z_]+)`: ").unwrap();
    row.captures_iter(&text("docs/metrics.md"))
        .map(|row| {
            (
                row[1].to_owned(),
                label
                    .captures_iter(&row[2])
                    .map(|label| label[1].to_owned())
                    .collect(),
            )
        })
        .collect()
}

/// Every expression in `deploy/`, with where it is.
fn expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let mut all: Vec<(String, String)> = panels
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap().to_owned();
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            targets
                .into_iter()
                .map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
        })
        .collect();
    assert!(all.len() > 20, "{all:?}");
    let alerts: Value = serde_saphyr::from_str(&text("deploy/alerts.yml")).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap().to_owned();
        assert!(
            rule["annotations"]["do"].is_string(),
            "{name} does not say what to do"
        );
        all.push((name, rule["expr"].as_str().unwrap().to_owned()));
    }
    all
}

#[test]
fn the_dashboard_and_the_alarms_use_only_metrics_and_labels_that_exist() {
    let table = table();
    assert!(table.len() > 25, "{table:?}");
    let metric = Regex::new(r"xmrt_[a-z_]+").unwrap();
    let matcher = Regex::new(r"([a-z_]+)\s*(?:=|!=|=~|!~)\s*\x22").unwrap();
    let grouping = Regex::new(r"by \(([^)]*)\)").unwrap();
    for (place, expression) in expressions() {
        let mut labels = BTreeSet::from(["instance".to_owned(), "le".to_owned()]);
        for name in metric.find_iter(&expression).map(|found| found.as_str()) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let known = table.get(name).or_else(|| table.get(base?));
            labels.extend(
                known
                    .unwrap_or_else(|| panic!("{place}: there is no metric {name}"))
                    .clone(),
            );
        }
        let grouped = grouping.captures_iter(&expression).flat_map(|list| {
            list[1]
                .split(',')
                .map(|label| label.trim().to_owned())
                .collect::<Vec<_>>()
        });
        let matched = matcher
            .captures_iter(&expression)
            .map(|label| label[1].to_owned());
        for label in grouped.chain(matched) {
            assert!(
                labels.contains(&label),
                "{place}: no metric of `{expression}` has the label {label}"
            );
        }
    }
}
