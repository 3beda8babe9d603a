//! In: calls about a service's own domains. Out: them, and whether their DNS leads to the service. Never: DNS itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Parts, Server};
use crate::hub::{Doubt, ToolError};
use crate::integrations::ApiError;
use crate::integrations::render::{self, Client, Domain};
use crate::tools::toolbox::{Ctx, Effect, Look, reads, writes};

/// A service with more domains than this is not read on, in pages of a hundred.
const PAGES_MAX: usize = 10;
/// What there is left to do once a domain is added.
const POINT: &str = "Point the domain's DNS at the service's onrender.com address, then call render.verify_custom_domain; \
                     until it is verified it has no certificate.";

/// Adds the tools to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_custom_domains",
                "List custom domains",
                "A service's own domains: whether their DNS leads to it (verified), and which of them only redirect.",
            )
            .answers(list),
        )
        .with(
            writes(
                "add_custom_domain",
                "Add a custom domain",
                "Adds a domain to a web service or a static site. Render adds www. beside a root domain. Refused when another \
                 service has it.",
                Doubt::GoalState,
            )
            .acts(add_domain)
            .looks(look_added),
        )
        .with(
            writes(
                "verify_custom_domain",
                "Verify a custom domain",
                "Makes Render look at the domain's DNS now; list_custom_domains shows what came of it.",
                Doubt::Idempotent,
            )
            .acts(verify),
        )
        .with(
            writes(
                "delete_custom_domain",
                "Delete a custom domain",
                "Takes a domain from a service: nothing answers there any more.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(delete)
            .looks(look_deleted),
        )
}

/// Whose domains.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDomainsArgs {
    /// srv-….
    service_id: String,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of domains.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DomainList {
    domains: Vec<Domain>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Which domain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainArgs {
    /// srv-….
    service_id: String,
    /// As in www.example.com.
    name: String,
}

/// What became of a domain.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DomainChanged {
    service_id: String,
    name: String,
    /// What was added, or is there; none when it is gone.
    domains: Vec<Domain>,
    /// It is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    /// What there is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl DomainArgs {
    fn told(self, domains: Vec<Domain>, note: Option<&str>) -> DomainChanged {
        DomainChanged {
            service_id: self.service_id,
            name: self.name,
            deleted: false,
            domains,
            note: note.map(str::to_owned),
        }
    }

    fn gone(self) -> DomainChanged {
        DomainChanged {
            deleted: true,
            ..self.told(Vec::new(), None)
        }
    }

    /// The domain, and what redirects to it.
    async fn there(&self, client: &Client) -> Result<Vec<Domain>, ApiError> {
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = client
                .domains(&self.service_id, &[], 100, cursor.as_deref())
                .await?;
            found.extend(page.items);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let is = |name: &str| name.eq_ignore_ascii_case(&self.name);
        if !found.iter().any(|domain| is(&domain.name)) {
            return Ok(Vec::new());
        }
        found.retain(|domain| is(&domain.name) || is(&domain.redirect_for));
        Ok(found)
    }
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListDomainsArgs) -> Result<DomainList, ToolError> {
    let limit = args.limit.unwrap_or(20) as usize;
    let page = ctx
        .parts
        .client()?
        .domains(&args.service_id, &[], limit, args.cursor.as_deref())
        .await?;
    Ok(DomainList {
        domains: page.items,
        cursor: page.cursor,
    })
}

pub(super) async fn add_domain(
    ctx: Ctx<Parts>,
    args: DomainArgs,
) -> Result<Effect<DomainChanged>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::add_domain(&args.service_id, &args.name)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let added: Vec<Domain> = client.answer(&request).await?;
    Ok(Effect::Done(args.told(added, Some(POINT))))
}

pub(super) async fn look_added(ctx: Ctx<Parts>, args: DomainArgs) -> Result<Look<DomainChanged>, ToolError> {
    let there = args.there(ctx.parts.client()?).await?;
    Ok(if there.is_empty() {
        Look::Absent
    } else {
        Look::Found(args.told(there, Some(POINT)))
    })
}

pub(super) async fn verify(ctx: Ctx<Parts>, args: DomainArgs) -> Result<Effect<DomainChanged>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::verify_domain(&args.service_id, &args.name)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    // Render has taken it on; whether it has looked by now is not said, and no reason to ask again.
    let there = args.there(client).await.unwrap_or_default();
    let verified = there.iter().all(|domain| domain.verification == "verified");
    let note = (!verified).then_some("Not verified yet: ask render.list_custom_domains again in a while.");
    Ok(Effect::Done(args.told(there, note)))
}

pub(super) async fn delete(ctx: Ctx<Parts>, args: DomainArgs) -> Result<Effect<DomainChanged>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::delete_domain(&args.service_id, &args.name)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await?;
    Ok(Effect::Done(args.gone()))
}

pub(super) async fn look_deleted(
    ctx: Ctx<Parts>,
    args: DomainArgs,
) -> Result<Look<DomainChanged>, ToolError> {
    let there = args.there(ctx.parts.client()?).await?;
    Ok(if there.is_empty() {
        Look::Found(args.gone())
    } else {
        Look::Absent
    })
}
