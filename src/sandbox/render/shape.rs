//! In: the state. Out: JSON objects as Render's API shows them.
//! Never: changes to anything.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{Deploy, Event, Log, Service};

pub(super) fn service(service: &Service) -> Value {
    let automatic = service.auto_deploy_trigger != "off";
    let mut shown = json!({
        "id": service.id, "name": service.name, "slug": service.name, "ownerId": service.owner, "type": service.kind,
        "branch": service.branch, "rootDir": service.root_dir, "autoDeploy": if automatic { "yes" } else { "no" },
        "autoDeployTrigger": service.auto_deploy_trigger,
        "suspended": if service.suspended { "suspended" } else { "not_suspended" },
        "suspenders": if service.suspended { json!(["user"]) } else { json!([]) },
        "notifyOnFail": "default",
        "dashboardUrl": format!("https://dashboard.render.com/web/{}", service.id),
        "createdAt": service.created_at.to_string(), "updatedAt": service.updated_at.to_string(),
        "serviceDetails": details(service),
    });
    if let Some(repo) = &service.repo {
        shown["repo"] = repo.clone().into();
    }
    if let Some(image) = &service.image {
        shown["imagePath"] = image.clone().into();
    }
    shown
}

fn details(service: &Service) -> Value {
    if service.kind == "static_site" {
        return site(service);
    }
    let mut specific = match service.runtime.as_str() {
        "docker" | "image" => {
            json!({"dockerCommand": "", "dockerContext": ".", "dockerfilePath": "./Dockerfile"})
        }
        _ => json!({"buildCommand": "make", "startCommand": "./start"}),
    };
    let mut details = json!({
        "env": service.runtime, "runtime": service.runtime, "plan": service.plan,
        "region": service.region, "buildPlan": "starter",
    });
    if service.kind != "cron_job" {
        details["numInstances"] = service.instances.into();
        details["pullRequestPreviewsEnabled"] = "no".into();
        details["previews"] = json!({"generation": "off"});
    }
    match service.kind.as_str() {
        "cron_job" => details["schedule"] = "0 0 * * *".into(),
        "web_service" => {
            details["healthCheckPath"] = service.health_check_path.clone().into();
            details["url"] = format!("https://{}.onrender.com", service.name).into();
            details["openPorts"] = json!([{"port": 10_000, "protocol": "TCP"}]);
            details["maintenanceMode"] = json!({"enabled": false, "uri": ""});
            details["maxShutdownDelaySeconds"] = 30.into();
        }
        _ => {}
    }
    if let Some(autoscaling) = &service.autoscaling {
        details["autoscaling"] = autoscaling.clone();
    }
    for (name, value) in &service.details {
        match (name.as_str(), value) {
            // Here Render shows a service's own commands, and a pre-deploy command among them.
            ("envSpecificDetails", Value::Object(fields)) => {
                for (name, value) in fields {
                    specific[name] = value.clone();
                }
            }
            ("preDeployCommand", command) => specific["preDeployCommand"] = command.clone(),
            _ => details[name] = value.clone(),
        }
    }
    details["envSpecificDetails"] = specific;
    details
}

fn site(service: &Service) -> Value {
    let mut details = json!({
        "buildCommand": "make", "publishPath": "public", "url": format!("https://{}.onrender.com", service.name),
        "buildPlan": "starter", "pullRequestPreviewsEnabled": "no", "previews": {"generation": "off"},
    });
    for (name, value) in &service.details {
        details[name] = value.clone();
    }
    details
}

pub(super) fn deploy(deploy: &Deploy) -> Value {
    let mut shown = json!({
        "id": deploy.id, "status": deploy.status, "trigger": deploy.trigger,
        "createdAt": deploy.created_at.to_string(), "updatedAt": deploy.updated_at.to_string(),
    });
    if let Some(commit) = &deploy.commit {
        shown["commit"] =
            json!({"id": commit.id, "message": commit.message, "createdAt": commit.at.to_string()});
    }
    if let Some(image) = &deploy.image {
        shown["image"] = json!({"ref": image, "sha": "sha256:0", "registryCredential": ""});
    }
    let mut time = |name: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            shown[name] = at.to_string().into();
        }
    };
    time("startedAt", deploy.started_at);
    time("finishedAt", deploy.finished_at);
    shown
}

pub(super) fn event(event: &Event) -> Value {
    json!({
        "id": event.id, "timestamp": event.at.to_string(), "serviceId": event.service, "type": event.kind,
        "details": event.details,
    })
}

pub(super) fn log(log: &Log) -> Value {
    let label = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({
        "id": log.id, "message": log.message, "timestamp": log.at.to_string(),
        "labels": [
            label("resource", &log.service), label("instance", &format!("{}-abcde", log.service)),
            label("level", &log.level), label("type", &log.kind),
        ],
    })
}

/// `trigger` in the details of an event about a deploy or its build.
pub(super) fn trigger(deploy: &Deploy, first: bool) -> Value {
    let mut shown = json!({
        "firstBuild": first, "envUpdated": deploy.trigger == "service_updated",
        "manual": deploy.trigger == "manual" || deploy.trigger == "api",
        "deployedByRender": deploy.trigger == "deployed_by_render", "clearCache": deploy.clear_cache,
        "rollback": deploy.rollback_of.is_some(),
    });
    if let Some(target) = &deploy.rollback_of {
        shown["rollbackTargetDeployId"] = target.clone().into();
    }
    if let Some(commit) = deploy.commit.as_ref().filter(|_| deploy.trigger == "new_commit") {
        shown["newCommit"] = commit.id.clone().into();
    }
    shown
}
