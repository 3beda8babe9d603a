//! Deliveries as the providers would sign them, for `xmrt send`.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::files;
use crate::clock::Clock;
use crate::config::Settings;
use crate::receive::{GithubSecret, StandardSecret};

/// A request ready to be sent.
#[derive(Debug)]
pub struct Signed {
    /// Its path.
    pub path: &'static str,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A payload from a file.
pub fn read_payload(path: &Path) -> Result<Vec<u8>, String> {
    files::read(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
}

/// A delivery as GitHub would sign it.
pub fn signed_github(settings: &Settings, event: &str, id: &str, body: &[u8]) -> Result<Signed, String> {
    let secret = first(&settings.github_webhook_secrets, "GITHUB_WEBHOOK_SECRET")?;
    let secret = GithubSecret::new(secret.expose_secret()).map_err(|error| error.to_string())?;
    let headers = vec![
        ("content-type", "application/json".into()),
        ("user-agent", "GitHub-Hookshot/xmrt-send".into()),
        ("x-github-event", event.into()),
        ("x-github-delivery", id.into()),
        ("x-hub-signature-256", secret.sign(body)),
    ];
    Ok(Signed {
        path: "/webhooks/github",
        headers,
        body: body.to_vec(),
    })
}

/// A delivery as Render would sign it. A payload without `type` and `timestamp` gets them: Render's event name is in the
/// body, not in a header.
pub fn signed_render(settings: &Settings, event: &str, id: &str, body: &[u8]) -> Result<Signed, String> {
    let secret = first(&settings.render_webhook_secrets, "RENDER_WEBHOOK_SECRET")?;
    let secret = StandardSecret::new(secret.expose_secret())
        .map_err(|error| format!("RENDER_WEBHOOK_SECRET: {error}"))?;
    let now = Clock::system().now();
    let mut payload: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("the payload is not JSON: {error}"))?;
    let object = payload
        .as_object_mut()
        .ok_or("the payload is not a JSON object")?;
    object.entry("type").or_insert_with(|| event.into());
    object
        .entry("timestamp")
        .or_insert_with(|| now.to_string().into());
    let body = payload.to_string().into_bytes();
    let headers = vec![
        ("content-type", "application/json".into()),
        ("webhook-id", id.into()),
        ("webhook-timestamp", now.as_second().to_string()),
        ("webhook-signature", secret.sign(id, now.as_second(), &body)),
    ];
    Ok(Signed {
        path: "/webhooks/render",
        headers,
        body,
    })
}

fn first<'a>(secrets: &'a [SecretString], name: &str) -> Result<&'a SecretString, String> {
    secrets
        .first()
        .ok_or_else(|| format!(
            "{name} is not set; `xmrt send` signs with the secret the server knows. With `xmrt serve --sandbox` something \
             happens without one by `xmrt sandbox act`"
        ))
}
