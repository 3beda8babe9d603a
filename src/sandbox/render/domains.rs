//! In: calls about a service's own domains. Out: them, and whether their DNS leads here. Never: DNS; a seed says which names
//! lead here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{body, error, optional_text, page, service};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// A domain of a service.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Domain {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) service: String,
    pub(in crate::sandbox) verified: bool,
    /// Its DNS leads here: it will be verified when somebody asks.
    pub(in crate::sandbox) leads_here: bool,
    redirect_for: String,
    created_at: Timestamp,
}

impl Domain {
    pub(in crate::sandbox) fn new(id: String, name: String, service: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            service,
            verified: false,
            leads_here: false,
            redirect_for: String::new(),
            created_at: now,
        }
    }

    fn is_apex(&self) -> bool {
        self.name.matches('.').count() == 1
    }
}

fn shown(domain: &Domain) -> Value {
    let suffix = domain.name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    json!({
        "id": domain.id, "name": domain.name, "publicSuffix": suffix, "redirectForName": domain.redirect_for,
        "domainType": if domain.is_apex() { "apex" } else { "subdomain" },
        "verificationStatus": if domain.verified { "verified" } else { "unverified" },
        "createdAt": domain.created_at.to_string(), "server": {"id": domain.service, "name": domain.service},
    })
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    let names = call.queries("name");
    let items = world
        .render
        .domains
        .iter()
        .filter(|one| one.service == id && (names.is_empty() || names.contains(&one.name.as_str())))
        .map(|one| (one.id.clone(), shown(one)));
    page(call, "customDomain", items.collect())
}

pub(super) fn add(world: &mut World, call: &Call) -> Outcome {
    let service = service(world, call)?;
    if !["web_service", "static_site"].contains(&service.kind.as_str()) {
        return Err(error(
            400,
            &format!("custom domains are not supported for {}", service.kind),
        ));
    }
    let id = service.id.clone();
    let name = optional_text(&body(call)?, "name")?
        .map(|name| name.to_ascii_lowercase())
        .filter(|name| name.contains('.') && !name.contains(['/', ' ', ':']))
        .ok_or_else(|| error(400, "name must be a domain"))?;
    if name.ends_with(".onrender.com") {
        return Err(error(400, "onrender.com domains cannot be added"));
    }
    if world.render.domains.iter().any(|one| one.name == name) {
        return Err(error(409, &format!("{name} is in use by a service already")));
    }
    let mut added = vec![Domain::new(
        world.ids.render("cdm"),
        name.clone(),
        id.clone(),
        call.now,
    )];
    let www = format!("www.{name}");
    if added[0].is_apex() && !world.render.domains.iter().any(|one| one.name == www) {
        let mut beside = Domain::new(world.ids.render("cdm"), www, id, call.now);
        beside.redirect_for = name;
        added.push(beside);
    }
    let answer = added.iter().map(shown).collect();
    world.render.domains.extend(added);
    Ok(Answer::json(201, answer))
}

fn place(world: &World, call: &Call) -> Result<usize, Answer> {
    let (service, wanted) = (service(world, call)?.id.clone(), call.param("domain"));
    world
        .render
        .domains
        .iter()
        .position(|one| one.service == service && (one.id == wanted || one.name == wanted))
        .ok_or_else(|| error(404, &format!("not found: {wanted}")))
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let place = place(world, call)?;
    Ok(Answer::ok(shown(&world.render.domains[place])))
}

pub(super) fn verify(world: &mut World, call: &Call) -> Outcome {
    let place = place(world, call)?;
    let domain = &mut world.render.domains[place];
    domain.verified = domain.verified || domain.leads_here;
    Ok(Answer::empty(202))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let place = place(world, call)?;
    world.render.domains.remove(place);
    Ok(Answer::empty(204))
}
