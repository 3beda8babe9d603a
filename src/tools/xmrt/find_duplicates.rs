//! In: an issue, or what somebody is about to write in one. Out: issues of the repository that say the same. Never: a write; an issue
//! that says merely something like it.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::triage::{self, Vocabulary};
use super::triage_issue::{RECENT_MAX, computed, read};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{IssueFilter, Repo};
use crate::tools::toolbox::{Ctx, invalid};

/// How many are named unless a call says otherwise.
const NAMED: u32 = 5;
/// The longest title GitHub takes, in characters, and a body as long as it takes.
const TITLE_CHARS_MAX: usize = 256;
const BODY_CHARS_MAX: usize = 65_536;

/// Which issue: one that is there, or one that is not written yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DuplicatesArgs {
    /// owner/name.
    repo: Repo,
    /// An issue that is there: older ones are looked through.
    #[schemars(range(min = 1))]
    number: Option<u64>,
    /// In place of number: the title of one that is not written yet.
    title: Option<String>,
    /// Its text.
    body: Option<String>,
    /// At most so many (5).
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Duplicates {
    /// How many issues were looked through, the newest of the repository, open and closed.
    looked_at: u32,
    /// There are older ones that were not.
    truncated: bool,
    /// The most similar first.
    duplicates: Vec<Twin>,
}

/// An issue that says the same.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Twin {
    number: u64,
    title: String,
    /// open or closed.
    state: String,
    url: String,
    /// How similar, from 0 to 1.
    score: f32,
    /// Words both say, rarest first.
    shared: Vec<String>,
}

pub(super) async fn find_duplicates(ctx: Ctx<Parts>, args: DuplicatesArgs) -> Result<Duplicates, ToolError> {
    let client = ctx.parts.github(&ctx.who)?;
    let issue = match (args.number, &args.title) {
        (Some(_), Some(_)) => return Err(invalid("title", "cannot be combined with `number`")),
        (Some(_), None) if args.body.is_some() => {
            return Err(invalid("body", "cannot be combined with `number`"));
        }
        (None, None) => {
            return Err(invalid("number", "is missing").with_remedy("give `number`, or `title` and `body`"));
        }
        (Some(number), None) => {
            let issue = client.issue(&args.repo, number).await?;
            if issue.is_pull_request {
                let problem = format!("{}#{number} is a pull request, not an issue", args.repo);
                return Err(ToolError::new(ErrorClass::Conflict, problem));
            }
            read(issue)
        }
        (None, Some(title)) => triage::Issue {
            // All that there are are older.
            number: u64::MAX,
            title: within("title", title, TITLE_CHARS_MAX)?,
            body: within("body", args.body.as_deref().unwrap_or_default(), BODY_CHARS_MAX)?,
            labels: Vec::new(),
        },
    };
    let everything = IssueFilter {
        state: Some("all"),
        ..IssueFilter::default()
    };
    let listed = client.issues(&args.repo, &everything, RECENT_MAX, 1).await?;
    let mut shown: HashMap<u64, (String, String)> = HashMap::new();
    let mut recent = Vec::new();
    for other in listed.items {
        if other.is_pull_request || other.number == issue.number {
            continue;
        }
        shown.insert(other.number, (other.state.clone(), other.html_url.clone()));
        recent.push(read(other));
    }
    let (looked_at, limit) = (recent.len(), args.limit.unwrap_or(NAMED) as usize);
    let found = computed("looking for duplicates", move || {
        triage::repeated(&issue, &recent, &Vocabulary::default(), limit)
    })
    .await?;
    let twins = found.into_iter().filter_map(|twin| {
        let number = u64::try_from(twin.number).ok()?;
        let (state, url) = shown.remove(&number)?;
        Some(Twin {
            number,
            title: twin.title,
            state,
            url,
            score: twin.score,
            shared: twin.shared,
        })
    });
    Ok(Duplicates {
        looked_at: u32::try_from(looked_at).unwrap_or(u32::MAX),
        truncated: listed.more,
        duplicates: twins.collect(),
    })
}

fn within(argument: &str, text: &str, chars_max: usize) -> Result<String, ToolError> {
    if text.trim().is_empty() && argument == "title" {
        return Err(invalid(argument, "is empty"));
    }
    match text.chars().count() <= chars_max {
        true => Ok(text.to_owned()),
        false => Err(invalid(argument, format!("has more than {chars_max} characters"))),
    }
}
