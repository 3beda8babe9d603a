//! In: who asks what protects an endpoint. Out: RFC 9728 metadata. Never: the name of an issuer there is none of.

use axum::Json;
use axum::extract::{Request, State};
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::Shared;
use super::ROOT;

/// Where the metadata of a resource is: this, followed by the resource's path.
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource";

/// `GET /.well-known/oauth-protected-resource…`: tokens come from whoever runs the server, so no authorization server
/// is named.
pub(super) async fn show(State(app): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let nothing = || Problem::not_found("no agents are served here");
    let door = app.doors.agents.as_ref().ok_or_else(nothing)?;
    let base = door.places.check(request.headers(), request.uri())?;
    let path = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let path = if path.is_empty() { ROOT } else { path };
    let endpoint = door
        .endpoint(path)
        .ok_or_else(|| Problem::not_found(format!("there is no MCP server at {path}")))?;
    let name = match endpoint.name.as_str() {
        "" => "xmrt".to_owned(),
        server => format!("xmrt {server}"),
    };
    Ok(Json(json!({
        "resource": format!("{base}{path}"),
        "resource_name": name,
        "bearer_methods_supported": ["header"],
    })))
}
