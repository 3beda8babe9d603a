//! In: facts. Out: what a repository says to people who come to it with a report, a change or a weakness. Never: a promise that
//! its owners have not made.

use std::collections::BTreeMap;

use super::{Change, Known, ci, yaml};
use crate::tools::xmrt::improvement::facts::{Facts, Part};
use crate::tools::xmrt::improvement::stack::{Stack, projects};

/// Most owners a line gets: who is one of many feels asked by nobody.
const OWNERS_MAX: usize = 3;

pub(super) fn codeowners(known: &Known) -> Part<Change> {
    let owners: Vec<String> = known
        .owners
        .iter()
        .take(OWNERS_MAX)
        .map(|login| format!("@{login}"))
        .collect();
    if owners.is_empty() {
        return Err(match &known.unread {
            Some(why) => format!("who committed here could not be read: {why}"),
            None => "nobody who committed here is known to have write access".to_owned(),
        });
    }
    let text = format!(
        "# Who is asked to look at a change. The last line that matches a path counts.\n\
         # https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners\n\
         *  {}\n",
        owners.join(" ")
    );
    Ok(Change::one(
        ".github/CODEOWNERS",
        text,
        "Say who looks after the code",
        "Without owners nobody is asked for a review, and a change waits for whoever happens to look.",
    )
    .noting(format!(
        "{} committed most here and may write to it. Add lines for folders that others look after.",
        owners.join(", ")
    )))
}

pub(super) fn security_policy(facts: &Facts) -> Part<Change> {
    let page = &facts.page;
    let supported = match facts.releases.as_ref().ok().and_then(|releases| releases.first()) {
        Some(last) => format!(
            "Weaknesses are mended in a new release. The latest one is {}.",
            crate::tools::quote::quote(&last.tag, 60)
        ),
        None => format!(
            "Weaknesses are mended on the branch {}; there are no releases.",
            crate::tools::quote::quote(&facts.branch, 60)
        ),
    };
    let text = format!(
        "# Security policy\n\n## Supported versions\n\n{supported}\n\n## Reporting a weakness\n\nPlease do not open a public issue. Report it in \
         private: [report a vulnerability]({page}/security/advisories/new). Only the maintainers can read it.\n\nSay what is affected, how to \
         show it, and what somebody could do with it. A small example helps more than a long description.\n\n## What happens then\n\nThe \
         maintainers answer in the report, work on the mending in private, and publish an advisory with the release that has it. Whoever \
         reported it is named there, unless they would rather not be.\n"
    );
    Ok(Change::one(
        "SECURITY.md",
        text,
        "Say where to report a weakness",
        "Who finds a weakness and no address for it tells everybody, or nobody.",
    )
    .noting(format!(
        "The link works once private vulnerability reporting is switched on: {page}/settings/security_analysis."
    ))
    .noting("No time is promised for an answer. Add one if you can keep it."))
}

pub(super) fn pull_request_template(facts: &Facts) -> Part<Change> {
    let tried: String = ci::tried_with(facts)
        .iter()
        .map(|command| format!("- [ ] {command} passes\n"))
        .collect();
    let text = format!(
        "<!-- What changes for somebody who uses this, and why? Link the issue, as in: Fixes #12 -->\n\n\n## How it was tried\n\n{tried}- [ ] There is \
         a test that fails without this change, or it needs none because …\n- [ ] What is written about it is still true\n"
    );
    Ok(Change::one(
        ".github/pull_request_template.md",
        text,
        "Ask what a change is for and how it was tried",
        "A reviewer wants to know why a change is made and how it was tried. A template asks for both before anybody has to.",
    ))
}

/// What somebody writes about where it runs, by what it is built with.
fn environment(stack: Stack) -> &'static str {
    match stack {
        Stack::Rust => "rustc 1.90, Debian 13",
        Stack::Node => "Node.js 22, macOS 15",
        Stack::Python => "Python 3.13, Windows 11",
        Stack::Go => "go1.25 linux/amd64",
        Stack::Ruby => "Ruby 3.3, Ubuntu 24.04",
        Stack::Maven | Stack::Gradle => "Java 21, Ubuntu 24.04",
        Stack::Php => "PHP 8.4, Debian 13",
        Stack::Docker => "Docker 28, Linux",
        Stack::Terraform => "Terraform 1.13, Linux",
    }
}

pub(super) fn issue_templates(facts: &Facts, known: &Known) -> Part<Change> {
    let stack = projects(facts.files()?).first().map(|part| part.stack);
    let example = stack.map_or("Debian 13, Firefox 143", environment);
    // A label that is not there is passed over in silence.
    let labels = |wanted: &[&str]| {
        let found = known
            .labels
            .iter()
            .find(|label| wanted.contains(&label.to_lowercase().as_str()));
        found
            .map(|label| format!("labels: [{}]\n", yaml(label)))
            .unwrap_or_default()
    };
    let bug = format!(
        "name: Something is wrong\ndescription: It does not do what it says, or what anybody would expect\n{}body:\n{}{}{}{}",
        labels(&["bug", "type: bug", "kind/bug"]),
        area(
            "what",
            "What happens, and what should happen instead?",
            None,
            true
        ),
        area(
            "steps",
            "How can we see it?",
            Some("The smallest example or the fewest steps that show it"),
            true
        ),
        input("version", "Which version?", "A release, or a commit", true),
        input("environment", "Where does it run?", example, false),
    ) + &area(
        "log",
        "What does it print?",
        Some("Messages and logs as text. Take out secrets first"),
        false,
    );
    let wish = format!(
        "name: Something is missing\ndescription: It should be able to do more, or the same with less trouble\n{}body:\n{}{}",
        labels(&["enhancement", "feature", "type: feature", "kind/feature"]),
        area(
            "problem",
            "What are you trying to do, and what stands in the way?",
            None,
            true
        ),
        area(
            "idea",
            "How could it be?",
            Some("And what else you thought of"),
            false
        ),
    );
    let security = if facts.private {
        String::new()
    } else {
        format!(
            "contact_links:\n  - name: A weakness in security\n    url: {}/security/policy\n    about: Please report it in private, not as an issue\n",
            facts.page
        )
    };
    let config =
        format!("# An issue that fits no form may still be opened.\nblank_issues_enabled: true\n{security}");
    let folder = ".github/ISSUE_TEMPLATE";
    Ok(Change {
        files: BTreeMap::from([
            (format!("{folder}/bug.yml"), bug),
            (format!("{folder}/wish.yml"), wish),
            (format!("{folder}/config.yml"), config),
        ]),
        title: "Ask for what a report needs".to_owned(),
        why: "A report without version and steps costs a round of questions before anybody can begin. Forms ask for them at once."
            .to_owned(),
        notes: Vec::new(),
    })
}

fn area(id: &str, label: &str, about: Option<&str>, required: bool) -> String {
    let about = about
        .map(|about| format!("      description: {about}\n"))
        .unwrap_or_default();
    format!(
        "  - type: textarea\n    id: {id}\n    attributes:\n      label: \"{label}\"\n{about}    validations:\n      required: {required}\n"
    )
}

fn input(id: &str, label: &str, example: &str, required: bool) -> String {
    format!(
        "  - type: input\n    id: {id}\n    attributes:\n      label: \"{label}\"\n      placeholder: \"{example}\"\n    validations:\n      required: {required}\n"
    )
}
