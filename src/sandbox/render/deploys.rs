//! In: calls about deploys. Out: answers from state; what then happens is `progress`'s.
//! Never: two deploys of one service at the same time; the second queues.

use jiff::Timestamp;

use super::progress::finish;
use super::state::{Commit, Deploy};
use super::{begin, body, error, optional_text, page, service, shape, time};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let id = service(world, call)?.id.clone();
    let statuses = call.queries("status");
    let (created_before, created_after) = (time(call, "createdBefore")?, time(call, "createdAfter")?);
    let (updated_before, updated_after) = (time(call, "updatedBefore")?, time(call, "updatedAfter")?);
    let (finished_before, finished_after) = (time(call, "finishedBefore")?, time(call, "finishedAfter")?);
    let within = |at: Option<Timestamp>, before: Option<Timestamp>, after: Option<Timestamp>| {
        before.is_none_or(|before| at.is_some_and(|at| at < before))
            && after.is_none_or(|after| at.is_some_and(|at| at > after))
    };
    let fits = |deploy: &&Deploy| {
        (statuses.is_empty() || statuses.contains(&deploy.status.as_str()))
            && within(Some(deploy.created_at), created_before, created_after)
            && within(Some(deploy.updated_at), updated_before, updated_after)
            && within(deploy.finished_at, finished_before, finished_after)
    };
    let found = world.render.deploys_of(&id).into_iter().filter(fits);
    page(
        call,
        "deploy",
        found
            .map(|deploy| (deploy.id.clone(), shape::deploy(deploy)))
            .collect(),
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(shape::deploy(&one(world, call)?)))
}

fn one(world: &World, call: &Call) -> Result<Deploy, Answer> {
    let (service, id) = (service(world, call)?, call.param("deploy"));
    let deploy = world
        .render
        .deploy(id)
        .filter(|deploy| deploy.service == service.id);
    deploy
        .cloned()
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

pub(super) fn trigger(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let found = service(world, call)?;
    let (id, suspended, cron) = (found.id.clone(), found.suspended, found.kind == "cron_job");
    let cache = optional_text(&given, "clearCache")?;
    let commit = optional_text(&given, "commitId")?;
    let image = optional_text(&given, "imageUrl")?;
    let mode = optional_text(&given, "deployMode")?;
    let artifact = optional_text(&given, "artifactId")?;
    if cache
        .as_deref()
        .is_some_and(|cache| !["clear", "do_not_clear"].contains(&cache))
    {
        return Err(error(400, "clearCache must be one of clear, do_not_clear"));
    }
    if mode
        .as_deref()
        .is_some_and(|mode| !["build_and_deploy", "deploy_only"].contains(&mode))
    {
        return Err(error(
            400,
            "deployMode must be one of build_and_deploy, deploy_only",
        ));
    }
    if mode.is_some() && (cache.is_some() || commit.is_some() || image.is_some() || artifact.is_some()) {
        return Err(error(400, "deployMode cannot be combined with other options"));
    }
    if artifact.is_some() && (commit.is_some() || image.is_some()) {
        return Err(error(
            400,
            "artifactId cannot be combined with commitId or imageUrl",
        ));
    }
    if commit.is_some() && cron {
        return Err(error(400, "commitId is not supported for cron jobs"));
    }
    if suspended {
        return Err(error(400, "service is suspended"));
    }
    let mut deploy = plan(world, &id, "api", commit.as_deref(), call.now);
    deploy.clear_cache = cache.as_deref() == Some("clear");
    if mode.as_deref() == Some("deploy_only") {
        deploy.builds = false;
        deploy.commit = world
            .render
            .live(&id)
            .and_then(|live| live.commit.clone())
            .or(deploy.commit);
    }
    if image.is_some() {
        deploy.image = image;
        deploy.commit = None;
    }
    let deploy = begin(world, deploy);
    // A deploy that has to wait is answered with an empty 202: the caller is not told its id.
    Ok(if deploy.status == "queued" {
        Answer::empty(202)
    } else {
        Answer::json(201, shape::deploy(&deploy))
    })
}

/// `POST /deploy/{id}?key=…`: whoever knows the key deploys, without an API key.
pub(super) fn by_hook(world: &mut World, call: &Call) -> Outcome {
    let found = service(world, call)?;
    if found.deploy_hook.is_none() || found.deploy_hook.as_deref() != call.query("key") {
        return Err(error(401, "Unauthorized"));
    }
    let (id, suspended) = (found.id.clone(), found.suspended);
    let name = |image: &str| image.split(['@', ':']).next().unwrap_or_default().to_owned();
    let image = call.query("imgURL").map(str::to_owned);
    if let Some(image) = &image
        && found.image.as_deref().map(name) != Some(name(image))
    {
        return Err(error(400, "imgURL does not match the service's image"));
    }
    if suspended {
        return Err(error(400, "service is suspended"));
    }
    let mut deploy = plan(world, &id, "deploy_hook", call.query("ref"), call.now);
    deploy.image = image.or(deploy.image);
    let deploy = begin(world, deploy);
    Ok(Answer::ok(serde_json::json!({"deploy": {"id": deploy.id}})))
}

/// A deploy of a service's branch (or of one commit), not yet begun; takes the service's script with it.
pub(in crate::sandbox) fn plan(
    world: &mut World,
    service: &str,
    trigger: &str,
    commit: Option<&str>,
    now: Timestamp,
) -> Deploy {
    let known = world.render.services.get_mut(service);
    let script = known.and_then(|service| service.script.take());
    let found = world.render.services.get(service);
    let image = found.and_then(|service| service.image.clone());
    let full_name = found
        .and_then(|service| service.repo.as_deref())
        .map(|repo| repo.trim_start_matches("https://github.com/"));
    let branch = found.map_or("main", |service| service.branch.as_str());
    let head = full_name
        .and_then(|name| world.github.repo(name))
        .map(|repo| repo.head_of(branch));
    let newest = world
        .render
        .deploys_of(service)
        .into_iter()
        .find_map(|deploy| deploy.commit.clone());
    let same = newest.filter(|newest| {
        commit
            .or(head.as_deref())
            .is_none_or(|wanted| wanted == newest.id)
    });
    let commit = same.unwrap_or_else(|| Commit {
        id: commit
            .map(str::to_owned)
            .or(head)
            .unwrap_or_else(|| world.ids.sha()),
        message: "Update".to_owned(),
        at: now,
    });
    Deploy {
        id: world.ids.render("dep"),
        service: service.to_owned(),
        build: world.ids.render("bld"),
        commit: image.is_none().then_some(commit),
        image,
        status: "created".to_owned(),
        trigger: trigger.to_owned(),
        builds: true,
        clear_cache: false,
        rollback_of: None,
        created_at: now,
        started_at: None,
        updated_at: now,
        finished_at: None,
        next_at: None,
        script,
        was_live: false,
    }
}

/// A deploy of the past that an event speaks of and nobody seeded.
pub(super) fn made_up(world: &mut World, service: &str, status: &str, at: Timestamp) -> Deploy {
    let mut deploy = plan(world, service, "new_commit", None, at);
    if status.is_empty() { "live" } else { status }.clone_into(&mut deploy.status);
    deploy.was_live = deploy.status == "live";
    deploy.started_at = Some(at);
    deploy.finished_at = Some(at);
    world.render.deploys.push(deploy.clone());
    deploy
}

pub(super) fn cancel(world: &mut World, call: &Call) -> Outcome {
    if service(world, call)?.kind == "cron_job" {
        return Err(error(400, "deploys of cron jobs cannot be canceled"));
    }
    let deploy = one(world, call)?;
    if !deploy.is_running() && deploy.status != "queued" {
        return Err(error(
            400,
            &format!("deploy is not in progress, its status is {}", deploy.status),
        ));
    }
    finish(world, &deploy, "canceled", serde_json::Value::Null, call.now);
    Ok(Answer::ok(shape::deploy(&one(world, call)?)))
}

pub(super) fn rollback(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let id = service(world, call)?.id.clone();
    let target = optional_text(&given, "deployId")?.ok_or_else(|| error(400, "deployId is required"))?;
    let found = world
        .render
        .deploy(&target)
        .filter(|deploy| deploy.service == id)
        .cloned();
    let Some(found) = found else {
        return Err(error(404, &format!("not found: {target}")));
    };
    if !found.was_live {
        return Err(error(400, "cannot roll back to a deploy that was never live"));
    }
    // What the service was told about its next build does not concern a rollback: it builds nothing.
    let script = world
        .render
        .services
        .get_mut(&id)
        .and_then(|service| service.script.take());
    let mut deploy = plan(world, &id, "rollback", None, call.now);
    if let Some(service) = world.render.services.get_mut(&id) {
        service.script = script;
    }
    deploy.commit = found.commit;
    deploy.image = found.image;
    deploy.builds = false;
    deploy.rollback_of = Some(target);
    let deploy = begin(world, deploy);
    Ok(Answer::json(201, shape::deploy(&deploy)))
}
