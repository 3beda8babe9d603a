//! In: facts. Out: what a repository says to people who come to it. Never: whether it says it well.

use super::{Check, Verdict};
use crate::tools::counted::counted;
use crate::tools::xmrt::improvement::facts::{Community, Facts, Part};
use crate::tools::xmrt::improvement::kinds::Kind;

/// A README shorter than this tells nobody what the repository is, in characters.
const README_CHARS_MIN: usize = 200;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "license",
        why: "without a license nobody else may use, change or pass on what is here, whatever its owner meant",
        remedy: "add a LICENSE file; propose_improvement takes the one that the manifest names",
        mends: Some(Kind::License),
        judge: license,
    },
    Check {
        id: "readme",
        why: "the README is the first and often the only page that people read",
        remedy: "add a README.md that says what this is, how to get it to run, and how to use it",
        mends: None,
        judge: readme,
    },
    Check {
        id: "readme_parts",
        why: "who cannot find how to install and use something asks, or leaves",
        remedy: "give the README a heading for each part that is missing",
        mends: None,
        judge: readme_parts,
    },
    Check {
        id: "description",
        why: "lists and search results show the description and nothing else",
        remedy: "write one sentence under About on the repository's page",
        mends: None,
        judge: description,
    },
    Check {
        id: "topics",
        why: "topics are how people find a repository whose name they do not know",
        remedy: "add a few topics under About on the repository's page",
        mends: None,
        judge: topics,
    },
    Check {
        id: "contributing",
        why: "people who want to help need to know how to build, test and send a change",
        remedy: "add a CONTRIBUTING.md with the commands that must pass before a change is sent",
        mends: None,
        judge: contributing,
    },
    Check {
        id: "code_of_conduct",
        why: "people stay where they know how they will be treated, and whom to tell when they are not",
        remedy: "add a CODE_OF_CONDUCT.md, or one for all repositories in the owner's `.github` repository",
        mends: None,
        judge: code_of_conduct,
    },
    Check {
        id: "issue_templates",
        why: "a report without version and steps costs a round of questions before anybody can begin",
        remedy: "add issue forms below .github/ISSUE_TEMPLATE",
        mends: Some(Kind::IssueTemplates),
        judge: issue_templates,
    },
    Check {
        id: "pull_request_template",
        why: "a reviewer wants to know why a change is made and how it was tried; a template asks for both",
        remedy: "add .github/pull_request_template.md",
        mends: Some(Kind::PullRequestTemplate),
        judge: pull_request_template,
    },
];

/// Whether a path is one of GitHub's places for a file of that name: at the top, in `.github` or in `docs`.
pub(super) fn in_place(path: &str, is_name: impl Fn(&str) -> bool) -> bool {
    let path = path.to_ascii_lowercase();
    let bare = path
        .strip_prefix(".github/")
        .or_else(|| path.strip_prefix("docs/"))
        .unwrap_or(&path);
    !bare.contains('/') && is_name(bare)
}

fn license(facts: &Facts) -> Part<Verdict> {
    let is_license = |path: &str| {
        let name = path.to_ascii_lowercase();
        let stem = name.split(['.', '-', '_']).next().unwrap_or_default();
        !path.contains('/') && matches!(stem, "license" | "licence" | "copying" | "unlicense")
            || path.starts_with("LICENSES/")
    };
    if let Some(path) = facts.first(is_license)? {
        let name = facts
            .license
            .as_deref()
            .unwrap_or("one that GitHub does not recognize");
        return Ok(Verdict::passed(format!("the license is {name}")).seen_in(facts, path, None, name));
    }
    if facts.private {
        return Ok(Verdict::not_applicable(
            "the repository is private: nobody else can see what they may not use",
        ));
    }
    Ok(Verdict::failed("there is no license file").seen_at(&facts.page, "no LICENSE or COPYING at the top"))
}

/// The README that GitHub shows.
fn readme_path(facts: &Facts) -> Part<Option<&str>> {
    facts.first(|path| in_place(path, |name| name.split('.').next() == Some("readme")))
}

fn readme(facts: &Facts) -> Part<Verdict> {
    let Some(path) = readme_path(facts)? else {
        return Ok(Verdict::failed("there is no README")
            .seen_at(&facts.page, "no README at the top, in .github or docs"));
    };
    let length = facts.text(path)?.chars().count();
    Ok(if length < README_CHARS_MIN {
        let what = format!("the README has {length} characters, which tells hardly anything");
        Verdict::failed(what).seen_in(facts, path, Some(1), format!("{length} characters"))
    } else {
        Verdict::passed("there is a README").seen_in(facts, path, None, format!("{length} characters"))
    })
}

/// What a README has headings for, and the words by which each is known.
const PARTS: [(&str, &[&str]); 2] = [
    (
        "how to install or start it",
        &[
            "install",
            "setup",
            "set up",
            "getting started",
            "quick start",
            "quickstart",
            "start",
            "build",
            "run",
            "deploy",
            "requirements",
        ],
    ),
    (
        "how to use it",
        &[
            "usage",
            "use",
            "using",
            "example",
            "tutorial",
            "guide",
            "documentation",
            "docs",
            "api",
            "commands",
            "how it works",
            "features",
        ],
    ),
];

fn readme_parts(facts: &Facts) -> Part<Verdict> {
    let Some(path) = readme_path(facts)? else {
        return Ok(Verdict::not_applicable("there is no README"));
    };
    let text = facts.text(path)?;
    let headings: Vec<String> = headings(text);
    let has = |words: &[&str]| {
        headings.iter().any(|heading| {
            let plain: String = heading
                .chars()
                .map(|c| if c.is_alphanumeric() { c } else { ' ' })
                .collect();
            let spaced = format!(" {} ", plain.split_whitespace().collect::<Vec<_>>().join(" "));
            words.iter().any(|word| spaced.contains(&format!(" {word}")))
        })
    };
    let missing: Vec<&str> = PARTS
        .iter()
        .filter(|(_, words)| !has(words))
        .map(|(part, _)| *part)
        .collect();
    Ok(if missing.is_empty() {
        Verdict::passed("the README says how to start and how to use it").seen_in(
            facts,
            path,
            None,
            format!("{} headings", headings.len()),
        )
    } else {
        let what = format!(
            "the README has no heading that says {}",
            missing.join(", and none ")
        );
        Verdict::failed(what).seen_in(facts, path, None, format!("{} headings", headings.len()))
    })
}

/// The headings of a Markdown or reStructuredText page, in small letters; code is none.
fn headings(text: &str) -> Vec<String> {
    let (mut found, mut fenced, mut before) = (Vec::new(), false, "");
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("```") || bare.starts_with("~~~") {
            fenced = !fenced;
        }
        let underlines = bare.len() >= 3
            && ['=', '-', '~']
                .iter()
                .any(|sign| bare.chars().all(|c| c == *sign));
        if !fenced && underlines && !before.is_empty() {
            found.push(before.to_lowercase());
        }
        if let Some(heading) = bare.strip_prefix('#').filter(|_| !fenced) {
            found.push(heading.trim_start_matches('#').trim().to_lowercase());
        }
        before = bare;
    }
    found
}

fn description(facts: &Facts) -> Part<Verdict> {
    let said = facts.description.as_deref().unwrap_or_default().trim();
    Ok(if said.is_empty() {
        Verdict::failed("the repository has no description").seen_at(&facts.page, "About is empty")
    } else {
        Verdict::passed("the repository has a description").seen_at(&facts.page, "About")
    })
}

fn topics(facts: &Facts) -> Part<Verdict> {
    if facts.private {
        return Ok(Verdict::not_applicable(
            "the repository is private: nobody searches for it",
        ));
    }
    Ok(if facts.topics.is_empty() {
        Verdict::failed("the repository has no topics").seen_at(&facts.page, "About has no topics")
    } else {
        let count = counted(facts.topics.len(), "topic");
        Verdict::passed(format!("the repository has {count}")).seen_at(&facts.page, count)
    })
}

/// A file in the repository, or one that GitHub shows for it because its owner has one for all repositories.
fn own_or_shared(
    facts: &Facts,
    name: &str,
    own: impl Fn(&str) -> bool,
    shared: impl Fn(&Community) -> bool,
) -> Part<Verdict> {
    if let Some(path) = facts.first(own)? {
        return Ok(Verdict::passed(format!("there is {name}")).seen_in(facts, path, None, name));
    }
    let community = facts.community.as_ref();
    let community = community.map_err(|why| {
        format!("it is not here, and whether the owner has one for all repositories is not known: {why}")
    })?;
    if shared(community) {
        let page = format!("{}/community", facts.page);
        return Ok(
            Verdict::passed(format!("the owner has {name} for all repositories")).seen_at(&page, name),
        );
    }
    Ok(Verdict::failed(format!("there is not {name}"))
        .seen_at(&facts.page, "in none of the places where GitHub looks"))
}

fn contributing(facts: &Facts) -> Part<Verdict> {
    own_or_shared(
        facts,
        "a contributing guide",
        |path| in_place(path, |name| name.split('.').next() == Some("contributing")),
        |community| community.contributing,
    )
}

fn code_of_conduct(facts: &Facts) -> Part<Verdict> {
    if facts.private {
        return Ok(Verdict::not_applicable(
            "the repository is private: its rules are the owner's own",
        ));
    }
    own_or_shared(
        facts,
        "a code of conduct",
        |path| {
            in_place(path, |name| {
                name.replace('-', "_").split('.').next() == Some("code_of_conduct")
            })
        },
        |community| community.code_of_conduct,
    )
}

fn issue_templates(facts: &Facts) -> Part<Verdict> {
    let is_template = |path: &str| {
        let path = path.to_ascii_lowercase();
        let in_folder = path
            .strip_prefix(".github/issue_template/")
            .is_some_and(|name| name != "config.yml" && name != "config.yaml");
        in_folder || in_place(&path, |name| name.split('.').next() == Some("issue_template"))
    };
    own_or_shared(facts, "an issue template", is_template, |community| {
        community.issue_templates
    })
}

fn pull_request_template(facts: &Facts) -> Part<Verdict> {
    let is_template = |path: &str| {
        let name = path.to_ascii_lowercase();
        let in_folder = ["", ".github/", "docs/"]
            .iter()
            .any(|place| name.starts_with(&format!("{place}pull_request_template/")));
        in_folder
            || in_place(path, |name| {
                name.split('.').next() == Some("pull_request_template")
            })
    };
    own_or_shared(facts, "a pull request template", is_template, |community| {
        community.pull_request_template
    })
}
