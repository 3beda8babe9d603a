//! In: calls about databases: Postgres and Key Value. Out: them, without a way in. Never: a connection string; a plan that
//! nobody named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::create::owner;
use super::deploys::CLOCK_SKEW_MS;
use super::{Parts, Server};
use crate::clock;
use crate::hub::{Doubt, ToolError};
use crate::integrations::Request;
use crate::integrations::render::{self, Allowed, Client, Database, DatabaseKind as Kind};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid, reads, writes};

/// The release of Postgres that is made unless a call says otherwise.
const POSTGRES_VERSION: &str = "17";
/// A new database may take so long until its list shows it, in milliseconds.
const SETTLES_MS: i64 = 5_000;
/// How long Render may take to announce a database, in milliseconds.
const ANNOUNCED_MS: i64 = 15 * 60_000;

/// Adds the tools to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_postgres",
                "List Postgres databases",
                "The Postgres databases of the workspaces the key can see: status, plan, region, version, disk. Filter by \
                 exact name or workspace.",
            )
            .answers(list_postgres),
        )
        .with(
            reads(
                "get_postgres",
                "Get a Postgres database",
                "One Postgres database: status, plan, version, disk, who reaches it. How to connect is not given.",
            )
            .answers(get_postgres),
        )
        .with(
            writes(
                "create_postgres",
                "Create a Postgres database",
                "Makes a Postgres database. Every plan but free costs money from now on, by the month and the GB; the plan \
                 must be named. Nobody reaches it from outside Render unless ip_allow_list says so.",
                Doubt::Evidence,
            )
            .settles_in_ms(SETTLES_MS)
            .announced_as(&["render.postgres_created:{result.id}", "render.postgres_available:{result.id}"])
            .announced_within_ms(ANNOUNCED_MS)
            .told_apart_by(&["postgres {name}/{id}"])
            .acts(create_postgres)
            .looks(look_postgres),
        )
        .with(
            reads(
                "list_key_value",
                "List Key Value stores",
                "The Key Value stores (Redis-compatible) of the workspaces the key can see: status, plan, region, version. \
                 Filter by exact name or workspace.",
            )
            .answers(list_key_value),
        )
        .with(
            reads(
                "get_key_value",
                "Get a Key Value store",
                "One Key Value store: status, plan, what it evicts, who reaches it. How to connect is not given.",
            )
            .answers(get_key_value),
        )
        .with(
            writes(
                "create_key_value",
                "Create a Key Value store",
                "Makes a Key Value store (Redis-compatible). Every plan but free costs money from now on, by the month; the \
                 plan must be named. Use maxmemory_policy = noeviction for queues and state. Nobody reaches it from outside \
                 Render unless ip_allow_list says so.",
                Doubt::Evidence,
            )
            .settles_in_ms(SETTLES_MS)
            .announced_as(&["render.key_value_available:{result.id}"])
            .announced_within_ms(ANNOUNCED_MS)
            .told_apart_by(&["key value {name}/{id}"])
            .acts(create_key_value)
            .looks(look_key_value),
        )
}

/// Which databases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDataArgs {
    /// Only those of exactly this name.
    name: Option<String>,
    /// Only those of this workspace (tea-…).
    owner_id: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of databases.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DataList {
    databases: Vec<Database>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Which Postgres database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresArgs {
    /// dpg-….
    postgres_id: String,
}

/// Which Key Value store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyValueArgs {
    /// red-….
    key_value_id: String,
}

/// What Postgres database to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePostgresArgs {
    /// Its name.
    #[schemars(length(min = 1))]
    name: String,
    /// What it costs: free (1 GB, gone after 30 days), basic_256mb, basic_1gb, basic_4gb, pro_4gb, …
    #[schemars(length(min = 1))]
    plan: String,
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
    /// Release: 11 to 18 (17).
    version: Option<String>,
    /// oregon (default), ohio, virginia, frankfurt or singapore: that of the services which use it.
    region: Option<String>,
    /// The database's name; default: made of the name.
    database_name: Option<String>,
    /// Its user; default: made of the name.
    database_user: Option<String>,
    /// Its disk, in GB; it can only grow.
    #[schemars(range(min = 1, max = 16384))]
    disk_gb: Option<u32>,
    /// Whether another instance stands by; only on larger plans.
    #[serde(default)]
    high_availability: bool,
    /// Who reaches it from outside Render; none: nobody.
    #[serde(default)]
    ip_allow_list: Vec<Allowed>,
}

/// What Key Value store to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKeyValueArgs {
    /// Its name.
    #[schemars(length(min = 1))]
    name: String,
    /// What it costs: free (in memory only, one for each workspace), starter, standard, pro, pro_plus.
    #[schemars(length(min = 1))]
    plan: String,
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
    /// oregon (default), ohio, virginia, frankfurt or singapore: that of the services which use it.
    region: Option<String>,
    /// What goes when it is full: noeviction, allkeys_lru, allkeys_lfu, allkeys_random, volatile_lru, volatile_lfu,
    /// volatile_random, volatile_ttl.
    maxmemory_policy: Option<String>,
    /// Who reaches it from outside Render; none: nobody.
    #[serde(default)]
    ip_allow_list: Vec<Allowed>,
}

pub(super) async fn list_postgres(ctx: Ctx<Parts>, args: ListDataArgs) -> Result<DataList, ToolError> {
    list(ctx, args, Kind::Postgres).await
}

pub(super) async fn list_key_value(ctx: Ctx<Parts>, args: ListDataArgs) -> Result<DataList, ToolError> {
    list(ctx, args, Kind::KeyValue).await
}

async fn list(ctx: Ctx<Parts>, args: ListDataArgs, kind: Kind) -> Result<DataList, ToolError> {
    let limit = args.limit.unwrap_or(20) as usize;
    let mut filters = Vec::new();
    filters.extend(args.name.map(|name| ("name", name)));
    filters.extend(args.owner_id.map(|owner| ("ownerId", owner)));
    let page = ctx
        .parts
        .client()?
        .databases(kind, &filters, limit, args.cursor.as_deref())
        .await?;
    Ok(DataList {
        databases: page.items,
        cursor: page.cursor,
    })
}

pub(super) async fn get_postgres(ctx: Ctx<Parts>, args: PostgresArgs) -> Result<Database, ToolError> {
    let client = ctx.parts.client()?;
    Ok(client.database(Kind::Postgres, &args.postgres_id).await?)
}

pub(super) async fn get_key_value(ctx: Ctx<Parts>, args: KeyValueArgs) -> Result<Database, ToolError> {
    let client = ctx.parts.client()?;
    Ok(client.database(Kind::KeyValue, &args.key_value_id).await?)
}

/// Addresses as Render takes them; what is none is named here, because Render's own words do not say which it is.
fn allowed(list: &[Allowed]) -> Result<Value, ToolError> {
    for entry in list {
        let (address, bits) = entry.cidr.split_once('/').unwrap_or((&entry.cidr, ""));
        let most = match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => 0,
        };
        if !bits.parse::<u8>().is_ok_and(|bits| bits <= most && most > 0) {
            return Err(invalid(
                "ip_allow_list",
                format!("holds no range of addresses: \"{}\"", entry.cidr),
            )
            .with_remedy("as in 203.0.113.0/24; 0.0.0.0/0 is everybody"));
        }
    }
    Ok(list
        .iter()
        .map(|entry| json!({"cidrBlock": entry.cidr, "description": entry.description}))
        .collect())
}

/// A body of what is there.
fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let there = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

async fn send(client: &Client, dry_run: bool, request: Request) -> Result<Effect<Database>, ToolError> {
    if dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    Ok(Effect::Done(client.create_database(&request).await?))
}

pub(super) async fn create_postgres(
    ctx: Ctx<Parts>,
    args: CreatePostgresArgs,
) -> Result<Effect<Database>, ToolError> {
    let client = ctx.parts.client()?;
    let allow_list = allowed(&args.ip_allow_list)?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let version = args.version.unwrap_or_else(|| POSTGRES_VERSION.to_owned());
    let body = body([
        ("name", Some(json!(args.name))),
        ("ownerId", Some(json!(owner_id))),
        ("plan", Some(json!(args.plan))),
        ("version", Some(json!(version))),
        ("region", args.region.map(Value::from)),
        ("databaseName", args.database_name.map(Value::from)),
        ("databaseUser", args.database_user.map(Value::from)),
        ("diskSizeGB", args.disk_gb.map(Value::from)),
        (
            "enableHighAvailability",
            args.high_availability.then_some(json!(true)),
        ),
        ("ipAllowList", Some(allow_list)),
    ]);
    send(client, ctx.dry_run, render::create_database(Kind::Postgres, body)).await
}

pub(super) async fn create_key_value(
    ctx: Ctx<Parts>,
    args: CreateKeyValueArgs,
) -> Result<Effect<Database>, ToolError> {
    let client = ctx.parts.client()?;
    let allow_list = allowed(&args.ip_allow_list)?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let body = body([
        ("name", Some(json!(args.name))),
        ("ownerId", Some(json!(owner_id))),
        ("plan", Some(json!(args.plan))),
        ("region", args.region.map(Value::from)),
        ("maxmemoryPolicy", args.maxmemory_policy.map(Value::from)),
        ("ipAllowList", Some(allow_list)),
    ]);
    send(client, ctx.dry_run, render::create_database(Kind::KeyValue, body)).await
}

pub(super) async fn look_postgres(
    ctx: Ctx<Parts>,
    args: CreatePostgresArgs,
) -> Result<Look<Database>, ToolError> {
    look(ctx, Kind::Postgres, (args.name, args.plan, args.owner_id)).await
}

pub(super) async fn look_key_value(
    ctx: Ctx<Parts>,
    args: CreateKeyValueArgs,
) -> Result<Look<Database>, ToolError> {
    look(ctx, Kind::KeyValue, (args.name, args.plan, args.owner_id)).await
}

/// Databases of that name and plan that are as young as the intent and no other call's.
async fn look(
    ctx: Ctx<Parts>,
    kind: Kind,
    (name, plan, owner_id): (String, String, Option<String>),
) -> Result<Look<Database>, ToolError> {
    let client = ctx.parts.client()?;
    let filters = [
        ("name", name.clone()),
        ("ownerId", owner(client, owner_id.as_deref()).await?),
    ];
    let earliest = clock::after(ctx.since, -CLOCK_SKEW_MS);
    let mut fresh = client.databases(kind, &filters, 100, None).await?.items;
    fresh.retain(|one| {
        let is_young = one.created_at.is_none_or(|at| at >= earliest);
        one.name == name && one.plan == plan && is_young && !ctx.taken.contains(&one.id)
    });
    Ok(match (fresh.pop(), fresh.len()) {
        (None, _) => Look::Absent,
        (Some(one), 0) => Look::Found(one),
        (Some(one), more) => Look::Ambiguous(format!(
            "{} and {more} more of that name and plan were made since the intent",
            one.id
        )),
    })
}
