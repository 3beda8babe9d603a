//! In: every page of the documentation. Out: that each relative link leads to a file that is there, and each anchor to a
//! heading. Never: what is outside of the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::{read, root};

/// Every page, from the root of the repository.
fn pages() -> Vec<String> {
    let mut found: Vec<String> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .map(String::from)
        .into();
    let mut folders = vec!["docs".to_owned(), "examples".to_owned(), "fuzz".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() && !name.contains("/target") {
                folders.push(name);
            } else if name.ends_with(".md") {
                found.push(name);
            }
        }
    }
    found
}

/// A page without its blocks of code, and without code within its lines.
fn prose(page: &str) -> String {
    let mut prose = String::new();
    let mut inside = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            // Every other piece between backticks is code.
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        let text = line.trim_start_matches('#');
        if inside || text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let slug: String = text
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let before = seen.entry(slug.clone()).or_default();
        found.insert(match *before {
            0 => slug,
            n => format!("{slug}-{n}"),
        });
        *before += 1;
    }
    found
}

/// `docs/rules/../mcp.md` → `docs/mcp.md`
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_relative_link_and_every_anchor_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().unwrap();
        for link in prose(&text).split("](").skip(1) {
            let link = link.split([')', ' ']).next().unwrap();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => PathBuf::from(&page),
                path => plain(&folder.join(path)),
            };
            if !root().join(&target).exists() {
                wrong.push(format!("{page}: {link}: there is no {}", target.display()));
            } else if !anchor.is_empty() && target.extension().is_some_and(|end| end == "md") {
                let there = anchors(&read(target.to_str().unwrap()));
                if !there.contains(anchor) {
                    wrong.push(format!("{page}: {link}: no heading makes this anchor"));
                }
            }
        }
    }
    assert!(seen > 150, "{seen} links");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_page_can_be_reached_from_the_table_of_contents() {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut next = vec!["docs/README.md".to_owned()];
    while let Some(page) = next.pop() {
        if !reached.insert(page.clone()) {
            continue;
        }
        let folder = Path::new(&page).parent().unwrap().to_owned();
        for link in prose(&read(&page)).split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap();
            let target = plain(&folder.join(link)).to_string_lossy().into_owned();
            if link.ends_with(".md") && !link.contains("://") && root().join(&target).exists() {
                next.push(target);
            }
        }
    }
    let lost: Vec<String> = pages()
        .into_iter()
        .filter(|page| page.starts_with("docs/") && !reached.contains(page))
        .collect();
    assert!(lost.is_empty(), "nothing leads to {lost:?}");
}

#[test]
fn anchors_are_made_as_github_makes_them() {
    let found =
        anchors("# The `xmrt runs` command\n## What's new?\n## What's new?\n```sh\n# not this\n```\n");
    let expected = ["the-xmrt-runs-command", "whats-new", "whats-new-1"];
    assert_eq!(found, expected.map(String::from).into());
}
