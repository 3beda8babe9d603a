//! In: facts. Out: who looks after a repository, and how. Never: how well.

use super::people::in_place;
use super::{Check, Evidence, Verdict, in_file};
use crate::tools::counted::counted;
use crate::tools::quote::quote;
use crate::tools::xmrt::improvement::blueprint::BLUEPRINTS;
use crate::tools::xmrt::improvement::facts::{Alert, Facts, Part};
use crate::tools::xmrt::improvement::kinds::Kind;
use crate::tools::xmrt::triage::owners::CODEOWNERS_PLACES;

/// From when on a branch that nobody committed to is stale, in days.
const STALE_DAYS: i64 = 90;
/// How many stale branches are a few.
const STALE_FEW: usize = 3;
/// How much of a stranger's words is quoted, in bytes.
const QUOTED_BYTES_MAX: usize = 80;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "codeowners",
        why: "without owners nobody is asked for a review, and a change waits for whoever happens to look",
        remedy: "add .github/CODEOWNERS",
        mends: Some(Kind::Codeowners),
        judge: codeowners,
    },
    Check {
        id: "codeowners_valid",
        why: "GitHub passes over a line of CODEOWNERS that is wrong, and says so only to those who open the file",
        remedy: "mend the lines: an owner is an account or a team with write access, or an e-mail address",
        mends: None,
        judge: codeowners_valid,
    },
    Check {
        id: "security_policy",
        why: "who finds a weakness and no address for it tells everybody, or nobody",
        remedy: "add SECURITY.md, and switch private vulnerability reporting on",
        mends: Some(Kind::SecurityPolicy),
        judge: security_policy,
    },
    Check {
        id: "branch_protection",
        why: "without protection one mistaken push rewrites the default branch for everybody",
        remedy: "protect the default branch, or add a ruleset: reviews, checks that must pass, no forced push",
        mends: None,
        judge: branch_protection,
    },
    Check {
        id: "stale_branches",
        why: "among dozens of forgotten branches nobody sees the one that matters",
        remedy: "delete what is merged or given up; open a pull request for what is not",
        mends: None,
        judge: stale_branches,
    },
    Check {
        id: "dependency_alerts",
        why: "a known weakness in a dependency is one that attackers know as well",
        remedy: "take the version that mends it; github.list_dependabot_alerts says which",
        mends: None,
        judge: |facts| alerts(&facts.alerts.dependencies, "about a dependency"),
    },
    Check {
        id: "code_alerts",
        why: "code scanning found something that may be used against those who run this",
        remedy: "mend it, or dismiss it with the reason; github.list_code_scanning_alerts has the lines",
        mends: None,
        judge: |facts| alerts(&facts.alerts.code, "about code"),
    },
    Check {
        id: "secret_alerts",
        why: "a secret that was pushed is known to others, whether it was deleted since or not",
        remedy: "revoke the secret where it is good for something, then close the alert",
        mends: None,
        judge: |facts| alerts(&facts.alerts.secrets, "about a secret"),
    },
    Check {
        id: "releases",
        why: "people who use something need versions that they can name, and go back to",
        remedy: "release what works under a tag",
        mends: None,
        judge: releases,
    },
    Check {
        id: "changelog",
        why: "who takes a new version wants to know what will be different",
        remedy: "keep a CHANGELOG.md, or write notes with each release",
        mends: None,
        judge: changelog,
    },
];

fn codeowners(facts: &Facts) -> Part<Verdict> {
    for place in CODEOWNERS_PLACES {
        if let Some(path) = facts.files()?.get_key_value(place).map(|(path, _)| path) {
            let rules = facts.text(path)?.lines();
            let rules = rules
                .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
                .count();
            return Ok(if rules == 0 {
                Verdict::failed("CODEOWNERS names nobody").seen_in(facts, path, None, "no rule")
            } else {
                Verdict::passed("CODEOWNERS says who looks after what").seen_in(
                    facts,
                    path,
                    None,
                    counted(rules, "rule"),
                )
            });
        }
    }
    // Only to be sure that the tree is whole.
    facts.first(|_| false)?;
    Ok(Verdict::failed("there is no CODEOWNERS")
        .seen_at(&facts.page, "not in .github, at the top or in docs"))
}

fn codeowners_valid(facts: &Facts) -> Part<Verdict> {
    let there = facts.first(|path| CODEOWNERS_PLACES.contains(&path))?;
    let Some(path) = there else {
        return Ok(Verdict::not_applicable("there is no CODEOWNERS"));
    };
    let wrong = facts.owners_errors.as_ref().map_err(Clone::clone)?;
    let seen: Vec<Evidence> = wrong
        .iter()
        .map(|wrong| in_file(facts, &wrong.path, Some(wrong.line), wrong.what.clone()))
        .collect();
    Ok(if seen.is_empty() {
        Verdict::passed("GitHub finds nothing wrong with CODEOWNERS").seen_in(facts, path, None, "no errors")
    } else {
        Verdict::failed(format!(
            "GitHub passes over {} of CODEOWNERS",
            counted(seen.len(), "line")
        ))
        .with(seen)
    })
}

fn security_policy(facts: &Facts) -> Part<Verdict> {
    let own = facts.first(|path| in_place(path, |name| name.split('.').next() == Some("security")))?;
    if let Some(path) = own {
        return Ok(Verdict::passed("there is a security policy").seen_in(
            facts,
            path,
            None,
            "says where to report weaknesses",
        ));
    }
    if facts.private {
        return Ok(Verdict::not_applicable(
            "the repository is private: who finds a weakness works here",
        ));
    }
    let page = format!("{}/security/policy", facts.page);
    // GitHub knows of one that the owner has for all repositories.
    let shared = *facts.security_policy.as_ref().map_err(Clone::clone)?;
    Ok(if shared {
        Verdict::passed("the owner has a security policy for all repositories")
            .seen_at(&page, "shown by GitHub")
    } else {
        Verdict::failed("there is no security policy")
            .seen_at(&page, "no SECURITY.md at the top, in .github or docs")
    })
}

fn branch_protection(facts: &Facts) -> Part<Verdict> {
    let protected = *facts.protected.as_ref().map_err(Clone::clone)?;
    let branch = quote(&facts.branch, QUOTED_BYTES_MAX);
    let page = format!("{}/settings/branches", facts.page);
    Ok(if protected {
        Verdict::passed(format!("{branch} is protected")).seen_at(&page, "protected")
    } else {
        Verdict::failed(format!(
            "{branch} is not protected: whoever may push may rewrite it"
        ))
        .seen_at(&page, "not protected")
    })
}

fn stale_branches(facts: &Facts) -> Part<Verdict> {
    let (heads, more) = facts.heads.as_ref().map_err(Clone::clone)?;
    let days = |at: jiff::Timestamp| facts.now.duration_since(at).as_hours() / 24;
    let mut stale: Vec<(i64, &str)> = heads
        .iter()
        .filter(|head| head.name != facts.branch && !head.in_review)
        .filter_map(|head| Some((days(head.committed_at?), head.name.as_str())))
        .filter(|(days, _)| *days > STALE_DAYS)
        .collect();
    stale.sort_by_key(|(days, _)| std::cmp::Reverse(*days));
    let page = format!("{}/branches/stale", facts.page);
    let shown = |(days, name): &(i64, &str)| Evidence {
        path: None,
        line: None,
        url: Some(page.clone()),
        seen: format!(
            "{}: {days} days, no open pull request",
            quote(name, QUOTED_BYTES_MAX)
        ),
    };
    let evidence: Vec<Evidence> = stale.iter().map(shown).collect();
    if stale.len() > STALE_FEW {
        let among = if *more { " among the first hundred" } else { "" };
        let what = format!("{} branches{among} untouched for {STALE_DAYS} days", stale.len());
        return Ok(Verdict::failed(what).with(evidence));
    }
    if *more {
        return Err("there are more than a hundred branches, and only these were looked at".to_owned());
    }
    Ok(Verdict::passed(format!(
        "{} of {} untouched for {STALE_DAYS} days",
        stale.len(),
        heads.len()
    ))
    .with(evidence))
}

fn alerts(read: &Part<Vec<Alert>>, one: &str) -> Part<Verdict> {
    let open = read.as_ref().map_err(Clone::clone)?;
    let shown = |alert: &Alert| Evidence {
        path: None,
        line: None,
        url: Some(alert.page.clone()),
        seen: format!("{}: {}", alert.severity, quote(&alert.what, QUOTED_BYTES_MAX)),
    };
    Ok(if open.is_empty() {
        Verdict::passed(format!("no alert {one} is open"))
    } else {
        Verdict::failed(format!("{} {one} open", counted(open.len(), "alert")))
            .with(open.iter().map(shown).collect())
    })
}

fn releases(facts: &Facts) -> Part<Verdict> {
    let releases = facts.releases.as_ref().map_err(Clone::clone)?;
    let page = format!("{}/releases", facts.page);
    Ok(match releases.first() {
        Some(last) => {
            Verdict::passed("there are releases").seen_at(&last.page, quote(&last.tag, QUOTED_BYTES_MAX))
        }
        None if facts
            .files()?
            .keys()
            .any(|path| BLUEPRINTS.contains(&path.as_str())) =>
        {
            Verdict::not_applicable("it is deployed from its branch, and nothing is released")
        }
        None => Verdict::failed("nothing has been released").seen_at(&page, "no release"),
    })
}

fn changelog(facts: &Facts) -> Part<Verdict> {
    let is_one = |name: &str| {
        matches!(
            name.split('.').next(),
            Some("changelog" | "changes" | "history" | "news" | "releases")
        )
    };
    if let Some(path) = facts.first(|path| in_place(path, is_one))? {
        return Ok(Verdict::passed("there is a changelog").seen_in(facts, path, None, "says what changed"));
    }
    let releases = facts.releases.as_ref().map_err(Clone::clone)?;
    let noted = releases.iter().find(|release| release.has_notes);
    Ok(match (noted, releases.first()) {
        (_, None) => Verdict::not_applicable("nothing has been released"),
        (Some(release), _) => Verdict::passed("releases have notes").seen_at(&release.page, "its notes"),
        (None, Some(last)) => Verdict::failed("neither a changelog nor a release says what changed")
            .seen_at(&last.page, "no notes"),
    })
}
