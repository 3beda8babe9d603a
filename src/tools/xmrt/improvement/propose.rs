//! In: a repository, perhaps a kind. Out: one pull request with what it lacks, or why there is none. Never: a second one about the
//! same thing; GitHub is asked, whatever the ledger says.

mod draft;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Parts;
use super::ask::{self, Wishes};
use super::checks::{self, Finding, Outcome};
use super::facts::Facts;
use super::kinds::Kind;
use super::ledger::{self, Proposal, State};
use super::made;
use super::read;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{Client, PullFilter, PullRequest, Repo};
use crate::tools::github::carries;
use crate::tools::toolbox::{Ctx, Effect};
use draft::{Draft, body};

/// How many proposals of ours may be open in one repository before more are made unasked.
const OPEN_MAX: u32 = 3;
/// How many pull requests of one branch are looked at.
const PULLS_MAX: usize = 30;

/// What to propose.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposeArgs {
    /// Repository, as owner/name.
    repo: Repo,
    /// What to propose; without it what is missing, was not proposed yet and helps most.
    kind: Option<Kind>,
    /// For license: its SPDX identifier, as in MIT; without it the one that a manifest names.
    #[schemars(length(min = 1, max = 64))]
    license: Option<String>,
    /// For `render_health_check`: the address, as in /healthz; without it one that is found in the code, else /.
    #[schemars(length(min = 1, max = 256))]
    health_path: Option<String>,
    /// Without kind: nothing more is proposed while so many are open (3).
    #[schemars(range(min = 1, max = 9))]
    open_max: Option<u32>,
}

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Proposed {
    /// Repository, as owner/name.
    repo: String,
    /// opened, open (already), merged or rejected (before), `not_needed`, or nothing (to propose).
    outcome: &'static str,
    /// What was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// The pull request's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// Where people see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    html_url: Option<String>,
    /// The branch it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// The files it writes.
    files: Vec<String>,
    /// Why this one, or why none.
    why: String,
    /// What else is missing, and why it was passed over.
    passed_over: Vec<PassedOver>,
}

/// Something that is missing and was not proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct PassedOver {
    /// What.
    pub(super) kind: Kind,
    /// Why not.
    pub(super) why: String,
}

/// One kind that may be proposed, with what was found.
struct Candidate {
    kind: Kind,
    finding: Finding,
}

pub(super) async fn propose(ctx: Ctx<Parts>, args: ProposeArgs) -> Result<Effect<Proposed>, ToolError> {
    let client = ctx.parts.github(&ctx.who)?;
    args.health_path.as_deref().map(ask::checked_path).transpose()?;
    let facts = Box::pin(read::read(client, &args.repo, &ctx.clock)).await?;
    // Whatever a check says by now: what is open counts, and this very call may have opened it.
    let seen = seen(&ctx, client, &args.repo, args.kind).await?;
    if let Some(done) = by_this_call(&ctx, &args, &seen) {
        return Ok(Effect::Done(done));
    }
    let refused = |why: String| Err(ToolError::new(ErrorClass::Conflict, why));
    if facts.archived {
        return refused(format!("{} is archived: nothing in it can be changed", args.repo));
    }
    let findings = checks::judge(&facts);
    if let Some(kind) = args.kind
        && let Some(finding) = findings.iter().find(|finding| finding.check == kind.check())
    {
        match finding.outcome {
            Outcome::Failed => {}
            Outcome::Unknown => {
                return refused(format!(
                    "whether {} needs it is not known: {}",
                    args.repo, finding.what
                ));
            }
            Outcome::Passed | Outcome::NotApplicable => {
                let why = finding.what.clone();
                return Ok(Effect::Done(nothing(&args.repo, "not_needed", Some(kind), why)));
            }
        }
    }
    let candidates: Vec<Candidate> = findings
        .into_iter()
        .filter_map(|finding| {
            Some(Candidate {
                kind: finding.proposal?,
                finding,
            })
        })
        .collect();
    if let Some(done) = answered(&args, &seen) {
        return Ok(Effect::Done(done));
    }
    choose(&ctx, client, &args, &facts, candidates, seen).await
}

/// The latest pull request from each kind's branch, with what became of it.
type Seen = BTreeMap<Kind, (Proposal, PullRequest)>;

/// Asks GitHub what was proposed already, of one kind or of all, and keeps it.
async fn seen(ctx: &Ctx<Parts>, client: &Client, repo: &Repo, only: Option<Kind>) -> Result<Seen, ToolError> {
    let mut seen = Seen::new();
    let kinds = Kind::ALL.into_iter();
    for kind in kinds.filter(|kind| only.is_none_or(|only| only == *kind)) {
        if let Some(pull) = latest(client, repo, kind).await? {
            let now = ctx.clock.now();
            let proposal = Proposal::of(repo, kind, &pull, now);
            ledger::keep(ctx.parts.store.as_ref(), &proposal, now).await?;
            seen.insert(kind, (proposal, pull));
        }
    }
    Ok(seen)
}

/// The pull request from a kind's branch: the open one, else the newest.
pub(super) async fn latest(
    client: &Client,
    repo: &Repo,
    kind: Kind,
) -> Result<Option<PullRequest>, ToolError> {
    let filter = PullFilter {
        state: Some("all"),
        head: Some(format!("{}:{}", repo.owner(), kind.branch())),
        base: None,
    };
    let mut pulls = client.pull_requests(repo, &filter, PULLS_MAX, 1).await?.items;
    // A branch of that name in somebody's copy of the repository is somebody else's. One that was deleted has no repository.
    pulls.retain(|pull| {
        let ours = pull
            .head
            .repo
            .as_deref()
            .is_none_or(|home| home.eq_ignore_ascii_case(repo.as_str()));
        ours && pull.head.reference == kind.branch()
    });
    let open = pulls.iter().position(|pull| pull.state == "open");
    Ok(match open {
        Some(open) => Some(pulls.swap_remove(open)),
        None => pulls.into_iter().max_by_key(|pull| pull.number),
    })
}

/// The answer with a pull request that is there.
fn done(repo: &Repo, proposal: &Proposal, outcome: &'static str, why: String) -> Proposed {
    Proposed {
        number: Some(proposal.number),
        html_url: Some(proposal.html_url.clone()),
        branch: Some(proposal.kind.branch()),
        ..nothing(repo, outcome, Some(proposal.kind), why)
    }
}

/// The answer of a call that is made again after its answer was lost: its own pull request.
fn by_this_call(ctx: &Ctx<Parts>, args: &ProposeArgs, seen: &Seen) -> Option<Proposed> {
    let key = ctx.key.as_deref()?;
    let (proposal, _) = seen
        .values()
        .find(|(_, pull)| carries(pull.body.as_deref(), key))?;
    Some(done(
        &args.repo,
        proposal,
        "opened",
        "this call opened it".to_owned(),
    ))
}

/// The answer where GitHub has it already: a pull request of the wanted kind, or as many as may be open.
fn answered(args: &ProposeArgs, seen: &Seen) -> Option<Proposed> {
    if let Some(kind) = args.kind {
        let (proposal, _) = seen.get(&kind)?;
        let outcome = match proposal.state {
            State::Open => "open",
            State::Merged => "merged",
            State::Rejected => "rejected",
        };
        return Some(done(&args.repo, proposal, outcome, proposal.why_not()));
    }
    let open: Vec<String> = seen
        .values()
        .filter(|(proposal, _)| proposal.state == State::Open)
        .map(|(proposal, _)| format!("#{}", proposal.number))
        .collect();
    let most = args.open_max.unwrap_or(OPEN_MAX) as usize;
    (open.len() >= most).then(|| {
        let why = format!(
            "{} of ours are open, and nothing more is proposed until they are decided",
            open.join(", ")
        );
        nothing(&args.repo, "nothing", None, why)
    })
}

fn nothing(repo: &Repo, outcome: &'static str, kind: Option<Kind>, why: String) -> Proposed {
    Proposed {
        repo: repo.to_string(),
        outcome,
        kind,
        number: None,
        html_url: None,
        branch: None,
        files: Vec::new(),
        why,
        passed_over: Vec::new(),
    }
}

/// Proposes the first that can be made; says of the others why not.
async fn choose(
    ctx: &Ctx<Parts>,
    client: &Client,
    args: &ProposeArgs,
    facts: &Facts,
    candidates: Vec<Candidate>,
    seen: Seen,
) -> Result<Effect<Proposed>, ToolError> {
    let fared = ledger::fared(&ledger::all(ctx.parts.store.as_ref(), ctx.clock.now()).await?);
    let wanted: Vec<Kind> = candidates
        .iter()
        .map(|one| one.kind)
        .filter(|kind| args.kind.is_none_or(|only| only == *kind))
        .collect();
    let wishes = Wishes {
        license: args.license.as_deref(),
        health_path: args.health_path.as_deref(),
    };
    let mut passed_over = Vec::new();
    for kind in ledger::ranked(&wanted, &fared) {
        if let Some((proposal, _)) = seen.get(&kind) {
            let why = proposal.why_not();
            passed_over.push(PassedOver { kind, why });
            continue;
        }
        let Some(candidate) = candidates.iter().find(|one| one.kind == kind) else {
            continue;
        };
        let known = ask::ask(client, &args.repo, facts, kind, &wishes).await?;
        let change = match made::make(kind, facts, &known) {
            Ok(change) => change,
            Err(why) if args.kind.is_some() => return Err(ToolError::new(ErrorClass::Conflict, why)),
            Err(why) => {
                passed_over.push(PassedOver { kind, why });
                continue;
            }
        };
        let draft = Draft {
            repo: &args.repo,
            facts,
            kind,
            body: body(facts, &candidate.finding, kind, &change, ctx.key.as_deref()),
            change,
        };
        if ctx.dry_run {
            return Ok(Effect::WouldSend(draft.shown()?));
        }
        let pull = draft.open(client, ctx.key.as_deref()).await?;
        let now = ctx.clock.now();
        ledger::keep(
            ctx.parts.store.as_ref(),
            &Proposal::of(&args.repo, kind, &pull, now),
            now,
        )
        .await?;
        return Ok(Effect::Done(Proposed {
            number: Some(pull.number),
            html_url: Some(pull.html_url),
            branch: Some(kind.branch()),
            files: draft.change.files.into_keys().collect(),
            passed_over,
            ..nothing(&args.repo, "opened", Some(kind), ledger::reason(kind, &fared))
        }));
    }
    let why = match passed_over.len() {
        0 => "nothing that can be proposed is missing".to_owned(),
        _ => "what is missing was proposed before, or cannot be made".to_owned(),
    };
    Ok(Effect::Done(Proposed {
        passed_over,
        ..nothing(&args.repo, "nothing", None, why)
    }))
}
