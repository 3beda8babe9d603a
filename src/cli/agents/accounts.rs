//! `xmrt agents login`, `logout`, `account` and `rekey`: the accounts agents act as on GitHub.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::api::{Api, segment};
use crate::cli::{Ending, Failure, print};

pub(super) async fn login(api: &Api, id: &str, web: bool, as_json: bool) -> Ending {
    if web {
        let url = format!("{}/oauth/github/start?agent={}", api.base()?, segment(id));
        match as_json {
            true => print::json(&json!({ "url": url })),
            false => print::line(&format!(
                "open {url} in a browser that is signed in to GitHub as the agent's account; the dashboard's sign-in comes first"
            )),
        }
        return Ok(());
    }
    let path = format!("/api/v1/agents/{}/login", segment(id));
    let begun = api.post(&path, &json!({})).await?;
    let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
    let scopes = begun["scopes"].as_array().cloned().unwrap_or_default();
    let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
    eprintln!(
        "signed in to GitHub as {}, open {} and type in {}",
        text("login"),
        text("verification_uri"),
        text("user_code")
    );
    eprintln!(
        "it will ask to agree to: {}; waiting, at most {} minutes",
        if scopes.is_empty() {
            "nothing but who it is".to_owned()
        } else {
            scopes.join(", ")
        },
        begun["expires_in"].as_i64().unwrap_or_default() / 60
    );
    let path = format!("{path}/{}", segment(&text("flow")));
    let mut interval = begun["interval"].as_u64().unwrap_or(5);
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        let state = api.post(&path, &json!({})).await?;
        if state["state"] == "pending" {
            interval = state["interval"].as_u64().unwrap_or(interval);
            continue;
        }
        return signed_in(&state, as_json);
    }
}

/// Fewer scopes than the role needs is something found.
fn signed_in(state: &Value, as_json: bool) -> Ending {
    if as_json {
        print::json(state);
    } else {
        print::line(&format!(
            "{} is signed in to GitHub as {} (number {})",
            print::text(state, "/agent"),
            print::text(state, "/login"),
            print::text(state, "/user_id")
        ));
        if let Some(note) = state["note"].as_str() {
            print::line(note);
        }
        missing(state);
    }
    match state["missing"]
        .as_array()
        .is_some_and(|missing| !missing.is_empty())
    {
        true => Err(Failure::Found),
        false => Ok(()),
    }
}

fn missing(state: &Value) {
    for missing in state["missing"].as_array().into_iter().flatten() {
        let tools = missing["tools"].as_array().cloned().unwrap_or_default();
        let tools: Vec<&str> = tools.iter().filter_map(Value::as_str).collect();
        print::line(&format!(
            "✗ not granted: {}; GitHub will refuse {}",
            print::text(missing, "/scope"),
            tools.join(", ")
        ));
    }
}

pub(super) async fn logout(api: &Api, id: &str, as_json: bool) -> Ending {
    let done = api
        .delete(&format!("/api/v1/agents/{}/account", segment(id)))
        .await?;
    match (as_json, done["was_signed_in"] == true) {
        (true, _) => print::json(&done),
        (false, true) => print::line(&format!("{id} is signed out of GitHub")),
        (false, false) => print::line(&format!("{id} was not signed in to GitHub")),
    }
    Ok(())
}

pub(super) async fn show(api: &Api, id: &str, check: bool, as_json: bool) -> Ending {
    let path = format!("/api/v1/agents/{}/account", segment(id));
    let shown = match check {
        true => api.post(&format!("{path}/check"), &json!({})).await?,
        false => api.get(&path).await?,
    };
    let is_signed_in = shown["account"].is_object();
    if as_json {
        print::json(&shown);
    } else if is_signed_in {
        let at = |name: &str| print::text(&shown, name);
        print::line(&format!(
            "{id} acts as {} (number {})",
            at("/account/login"),
            at("/account/user_id")
        ));
        let scopes = shown["account"]["scopes"].as_array().cloned().unwrap_or_default();
        let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
        print::line(&format!("  granted    {}", scopes.join(", ")));
        for (name, label) in [
            ("signed_in_at", "signed in"),
            ("refreshed_at", "refreshed"),
            ("expires_at", "expires"),
        ] {
            if let Some(time) = shown["account"][name].as_str() {
                print::line(&format!("  {label:<10} {time}"));
            }
        }
        missing(&shown);
    } else if shown["github_login"].is_null() {
        print::line(&format!(
            "{id} has no `github_login`: it acts as the program does"
        ));
    } else {
        print::line(&format!(
            "{id} is not signed in to GitHub as {}: `xmrt agents login {id}`",
            print::text(&shown, "/github_login")
        ));
    }
    match is_signed_in || shown["github_login"].is_null() {
        true => Ok(()),
        false => Err(Failure::Found),
    }
}

pub(super) async fn rekey(api: &Api, as_json: bool) -> Ending {
    let done = api.post("/api/v1/vault/rekey", &json!({})).await?;
    let failed = done["failed"].as_array().cloned().unwrap_or_default();
    if as_json {
        print::json(&done);
    } else {
        print::line(&format!(
            "{} tokens are sealed with key {} now",
            print::text(&done, "/sealed"),
            print::text(&done, "/key")
        ));
        for pair in &failed {
            print::line(&format!(
                "✗ {}: {}",
                print::text(pair, "/0"),
                print::text(pair, "/1")
            ));
        }
        if done["made"] != true && failed.is_empty() {
            print::line(
                "what was in XMRT_SECRET_KEY_2 is needed no longer, once every instance has the new key",
            );
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Found),
    }
}
