//! In: calls below `/_sandbox`. Out: what the sandbox knows, and a hand on everything it does.
//! Never: a token; whoever reaches the port may do all this, so it listens on loopback.

use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::render::Pace;
use super::{Sandbox, act, faults, webhooks};
use crate::clock;

/// Answers one control call.
pub(super) async fn answer(sandbox: &Sandbox, call: &Call) -> Answer {
    let body = match body(call) {
        Ok(body) => body,
        Err(what) => return wrong(&what),
    };
    match (call.method.as_str(), call.path.trim_matches('/')) {
        ("GET", "" | "state") => Answer::ok(state(sandbox)),
        ("GET", "effects") => tell(after(call).map(|n| json!({"effects": sandbox.effects_after(n)}))),
        ("GET", "arrivals") => Answer::ok(json!({ "arrivals": sandbox.world().arrivals })),
        ("GET", "requests") => tell(after(call).map(|n| json!({"requests": sandbox.requests_after(n)}))),
        ("GET", "deliveries") => Answer::ok(json!({"deliveries": sandbox.deliveries()})),
        ("GET", "faults") => Answer::ok(faults::listed(&sandbox.world().faults)),
        ("DELETE", "faults") => {
            sandbox.world().faults.clear();
            Answer::ok(faults::listed(&sandbox.world().faults))
        }
        ("POST", "faults") => tell(sandbox.add_faults(&body).map(|count| json!({"added": count}))),
        ("POST", "seed") => tell(sandbox.seed(&body).map(|()| json!({"seeded": true}))),
        ("POST", "seed_from_payload") => {
            sandbox.seed_from_payload(body["source"].as_str().unwrap_or_default(), &body["payload"]);
            Answer::ok(json!({"seeded": true}))
        }
        ("POST", "deliver_to") => deliver_to(sandbox, &body),
        ("POST", "pace") => pace(sandbox, &body),
        ("POST", "limits") => tell(limits(sandbox, &body)),
        ("POST", "tick") => tick(sandbox, &body),
        ("POST", "emit") => emit(sandbox, &body).await,
        ("POST", "oauth") => tell(oauth(sandbox, &body)),
        ("POST", "act") => tell(act::perform(sandbox, &body).await),
        (method, path) => Answer::json(
            404,
            json!({"message": format!(
                "{method} /_sandbox/{path} is unknown; known are GET state, effects, arrivals, requests, deliveries, faults; \
                 POST seed, seed_from_payload, faults, deliver_to, pace, limits, tick, emit, oauth, act; DELETE faults"
            )}),
        ),
    }
}

fn body(call: &Call) -> Result<Value, String> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    serde_json::from_slice(&call.body).map_err(|error| format!("the body is not JSON: {error}"))
}

/// The number in `?after=`, from which a log goes on; all of it without one.
fn after(call: &Call) -> Result<u64, String> {
    call.query("after").map_or(Ok(0), |n| {
        n.parse()
            .map_err(|_| format!("after is the number of an entry, not \"{n}\""))
    })
}

/// `{"expires_in": 28800 | null, "callback": "https://…"}` and `{"scopes": ["repo"] | null}` (of the account's own token; `null`:
/// it is of a kind of which that is not told) from now on; `{"revoke": "<login>"}` now.
fn oauth(sandbox: &Sandbox, body: &Value) -> Result<Value, String> {
    if let Some(login) = body["revoke"].as_str() {
        let revoked = super::github::revoke(&mut sandbox.world(), login);
        sandbox.announce();
        return Ok(revoked);
    }
    sandbox.world().github.oauth.set(body)
}

fn tell(outcome: Result<Value, String>) -> Answer {
    outcome.map_or_else(|what| wrong(&what), Answer::ok)
}

fn wrong(what: &str) -> Answer {
    Answer::json(400, json!({"message": what}))
}

/// A summary; the providers' own routes show the details.
fn state(sandbox: &Sandbox) -> Value {
    sandbox.tick();
    let world = sandbox.world();
    let repos = world.github.repos().map(|repo| {
        let number = |count: usize| Value::from(count);
        json!({
            "full_name": repo.full_name, "default_branch": repo.default_branch, "issues": number(repo.issues.len()),
            "pulls": number(repo.pulls.len()), "comments": number(repo.comments.len()), "runs": number(repo.runs.len()),
        })
    });
    let services = world.render.services.values().map(|service| {
        let deploys = world.render.deploys_of(&service.id).into_iter().map(|deploy| {
            json!({"id": deploy.id, "status": deploy.status, "trigger": deploy.trigger,
                   "commit": deploy.commit.as_ref().map(|commit| commit.id.clone())})
        });
        json!({
            "id": service.id, "name": service.name, "type": service.kind, "suspended": service.suspended,
            "auto_deploy_trigger": service.auto_deploy_trigger, "deploys": deploys.collect::<Vec<_>>(),
        })
    });
    json!({
        "now": world.now().to_string(),
        "deliver_to": world.outbox.target,
        "bot_login": world.options.bot_login,
        "github": {"url": world.github_base(), "repos": repos.collect::<Vec<_>>()},
        "render": {"url": format!("{}/render/v1", world.base), "services": services.collect::<Vec<_>>()},
        "effects": world.effects.len(),
    })
}

fn deliver_to(sandbox: &Sandbox, body: &Value) -> Answer {
    match &body["url"] {
        Value::Null => sandbox.deliver_to(None),
        Value::String(url) if url.starts_with("http://") || url.starts_with("https://") => {
            sandbox.deliver_to(Some(url))
        }
        other => return wrong(&format!("url must be an http URL or null, not {other}")),
    }
    Answer::ok(json!({"deliver_to": body["url"]}))
}

fn pace(sandbox: &Sandbox, body: &Value) -> Answer {
    let known = sandbox.world().render.pace;
    let ms = |name: &str, known: i64| body[name].as_i64().map_or(known, |ms| ms.max(0));
    let pace = Pace {
        queue_ms: ms("queue_ms", known.queue_ms),
        build_ms: ms("build_ms", known.build_ms),
        update_ms: ms("update_ms", known.update_ms),
    };
    sandbox.set_pace(pace);
    Answer::ok(json!({"queue_ms": pace.queue_ms, "build_ms": pace.build_ms, "update_ms": pace.update_ms}))
}

/// `{"github": 60, "render_reads": 60, "render_writes": 60, "seconds": 10}`: from now on no more calls in so many seconds.
fn limits(sandbox: &Sandbox, body: &Value) -> Result<Value, String> {
    const KEYS: [&str; 4] = ["github", "render_reads", "render_writes", "seconds"];
    let given = body.as_object().ok_or("limits are an object")?;
    if let Some(other) = given.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!(
            "there is no limit {other}; there are {}",
            KEYS.join(", ")
        ));
    }
    let seconds = body["seconds"].as_i64().unwrap_or(60).max(1);
    let mut world = sandbox.world();
    let world = &mut *world;
    for (name, rate) in [
        ("github", &mut world.github.rate),
        ("render_reads", &mut world.render.rates.0),
        ("render_writes", &mut world.render.rates.1),
    ] {
        if let Some(limit) = body[name].as_u64() {
            rate.enforce(limit, seconds);
        }
    }
    Ok(body.clone())
}

/// Brings deploys up to date; `advance_ms` moves a virtual clock first.
fn tick(sandbox: &Sandbox, body: &Value) -> Answer {
    let clock = &sandbox.0.clock;
    if let Some(ms) = body["advance_ms"].as_i64() {
        clock.advance_to(clock::after(clock.now(), ms));
    }
    sandbox.tick();
    Answer::ok(json!({"now": clock.now().to_string()}))
}

async fn emit(sandbox: &Sandbox, body: &Value) -> Answer {
    let posted = webhooks::emit(&mut sandbox.world(), body);
    match posted {
        Err(what) => wrong(&what),
        Ok(id) => {
            sandbox.announce();
            webhooks::settled(sandbox).await;
            let delivery = sandbox.world().outbox.find(&id);
            Answer::ok(json!({"id": id, "delivery": delivery}))
        }
    }
}
