//! In: calls about databases: Postgres and Key Value. Out: them, and events of their making. Never: a database in them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::settings::{REGIONS, one_of};
use super::state::OWNER;
use super::{body, error, happen, optional_text, page, workspace};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// How long a database is being made, in milliseconds.
const MADE_IN_MS: i64 = 2_000;
/// How long a free Postgres lives.
const FREE_FOR_MS: i64 = 30 * 86_400_000;
const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys_lfu",
    "allkeys_lru",
    "allkeys_random",
    "volatile_lfu",
    "volatile_lru",
    "volatile_random",
    "volatile_ttl",
];
const KEY_VALUE_PLANS: [&str; 6] = ["free", "starter", "standard", "pro", "pro_plus", "custom"];
const POSTGRES_PLANS: [&str; 13] = [
    "free",
    "basic_256mb",
    "basic_1gb",
    "basic_4gb",
    "pro_4gb",
    "pro_8gb",
    "pro_16gb",
    "pro_32gb",
    "pro_64gb",
    "pro_128gb",
    "accelerated_16gb",
    "accelerated_32gb",
    "custom",
];

/// A Postgres database or a Key Value store.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Database {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) owner: String,
    pub(in crate::sandbox) plan: String,
    pub(in crate::sandbox) region: String,
    /// What else was given, as the API shows it.
    pub(in crate::sandbox) details: Map<String, Value>,
    pub(in crate::sandbox) created_at: Timestamp,
    /// When it can be used; `None` once it can.
    pub(in crate::sandbox) ready_at: Option<Timestamp>,
}

impl Database {
    pub(in crate::sandbox) fn new(id: String, name: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            owner: OWNER.to_owned(),
            plan: "starter".to_owned(),
            region: "oregon".to_owned(),
            details: Map::new(),
            created_at: now,
            ready_at: None,
        }
    }

    fn is_postgres(&self) -> bool {
        self.id.starts_with("dpg-")
    }
}

/// Brings databases that are being made to where they belong by now.
pub(super) fn tick(world: &mut World, now: Timestamp) {
    let due = |one: &&mut Database| one.ready_at.is_some_and(|at| at <= now);
    let ready: Vec<(String, Timestamp)> = world
        .render
        .databases
        .iter_mut()
        .filter(due)
        .filter_map(|one| Some((one.id.clone(), one.ready_at.take()?)))
        .collect();
    for (id, at) in ready {
        let kind = if id.starts_with("dpg-") {
            "postgres_available"
        } else {
            "key_value_available"
        };
        happen(world, &id, kind, None, json!({}), at);
    }
}

fn shown(one: &Database) -> Value {
    let status = if one.ready_at.is_some() {
        "creating"
    } else {
        "available"
    };
    let mut shown = json!({
        "id": one.id, "name": one.name, "plan": one.plan, "region": one.region, "status": status,
        "owner": {"id": one.owner, "name": "Sandbox", "email": "team@example.com", "type": "team"},
        "createdAt": one.created_at.to_string(), "updatedAt": one.created_at.to_string(),
        "dashboardUrl": format!("https://dashboard.render.com/d/{}", one.id), "ipAllowList": [],
    });
    let plain = one.name.replace('-', "_");
    let of_kind = if one.is_postgres() {
        json!({
            "version": "17", "databaseName": plain, "databaseUser": format!("{plain}_user"),
            "highAvailabilityEnabled": false, "readReplicas": [], "role": "primary", "suspended": "not_suspended",
            "suspenders": [], "diskSizeGB": if one.plan == "free" { 1 } else { 15 }, "diskAutoscalingEnabled": false,
        })
    } else {
        json!({"version": "8.1.4", "options": {"maxmemoryPolicy": "allkeys_lru"}})
    };
    for (name, value) in of_kind.as_object().into_iter().flatten().chain(&one.details) {
        shown[name] = value.clone();
    }
    shown
}

/// One by itself, which shows a little otherwise than in a list.
fn whole(one: &Database) -> Value {
    let mut shown = shown(one);
    if one.is_postgres() {
        shown["project"] = Value::Null;
    } else if let Some(fields) = shown.as_object_mut() {
        fields.remove("dashboardUrl");
    }
    shown
}

fn is_postgres(call: &Call) -> bool {
    call.path.starts_with("/postgres")
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let any = |name: &str, value: &str| {
        let wanted = call.queries(name);
        wanted.is_empty() || wanted.contains(&value)
    };
    let items = world
        .render
        .databases
        .iter()
        .filter(|one| one.is_postgres() == is_postgres(call))
        .filter(|one| any("name", &one.name) && any("ownerId", &one.owner) && any("region", &one.region))
        .map(|one| (one.id.clone(), shown(one)));
    let record = if is_postgres(call) { "postgres" } else { "keyValue" };
    page(call, record, items.collect())
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let id = call.param("database");
    let found = world
        .render
        .databases
        .iter()
        .find(|one| one.id == id && one.is_postgres() == is_postgres(call));
    found
        .map(|one| Answer::ok(whole(one)))
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

/// The fields that both kinds want, and a database made of them.
fn begun(
    world: &mut World,
    call: &Call,
    given: &Map<String, Value>,
    (prefix, plans): (&str, &[&str]),
) -> Result<Database, Answer> {
    let text = |field: &str| {
        optional_text(given, field)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| error(400, &format!("{field} is required")))
    };
    let (name, owner, _) = (text("name")?, text("ownerId")?, text("plan")?);
    workspace(world, &owner)?;
    let plan = one_of(given, "plan", plans)?.unwrap_or_default();
    let region = one_of(given, "region", &REGIONS)?;
    let free = |one: &&Database| one.plan == "free" && one.owner == owner && one.id.starts_with(prefix);
    if plan == "free" && world.render.databases.iter().any(|one| free(&one)) {
        return Err(error(
            400,
            "a workspace can have only one free instance of this kind",
        ));
    }
    let mut made = Database::new(world.ids.render(prefix), name, call.now);
    (made.owner, made.plan) = (owner, plan);
    made.region = region.unwrap_or(made.region);
    made.ready_at = Some(clock::after(call.now, MADE_IN_MS));
    if let Some(list) = given.get("ipAllowList") {
        made.details.insert("ipAllowList".to_owned(), list.clone());
    }
    Ok(made)
}

pub(super) fn create_postgres(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let versions = ["11", "12", "13", "14", "15", "16", "17", "18"];
    let version = one_of(&given, "version", &versions)?.ok_or_else(|| error(400, "version is required"))?;
    let mut made = begun(world, call, &given, ("dpg", &POSTGRES_PLANS))?;
    if made.plan == "free" {
        let end = clock::after(call.now, FREE_FOR_MS).to_string();
        made.details.insert("expiresAt".to_owned(), end.into());
    }
    let high = given.get("enableHighAvailability") == Some(&json!(true));
    if high && !made.plan.starts_with("pro") {
        return Err(error(
            402,
            &format!("plan {} has no high availability", made.plan),
        ));
    }
    made.details.insert("version".to_owned(), version.into());
    made.details
        .insert("highAvailabilityEnabled".to_owned(), high.into());
    for name in ["databaseName", "databaseUser", "diskSizeGB"] {
        if let Some(value) = given.get(name) {
            made.details.insert(name.to_owned(), value.clone());
        }
    }
    Ok(keep(world, made, Some("postgres_created"), call.now))
}

pub(super) fn create_key_value(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let policy = one_of(&given, "maxmemoryPolicy", &POLICIES)?;
    let mut made = begun(world, call, &given, ("red", &KEY_VALUE_PLANS))?;
    let options = json!({"maxmemoryPolicy": policy.unwrap_or_else(|| "allkeys_lru".to_owned())});
    made.details.insert("options".to_owned(), options);
    Ok(keep(world, made, None, call.now))
}

fn keep(world: &mut World, made: Database, event: Option<&str>, now: Timestamp) -> Answer {
    let (id, answer) = (made.id.clone(), whole(&made));
    world.render.databases.push(made);
    if let Some(kind) = event {
        happen(world, &id, kind, None, json!({}), now);
    }
    Answer::json(201, answer)
}
