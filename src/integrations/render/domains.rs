//! In: what is asked of Render about a service's own domains. Out: them, and unsent writes. Never: DNS.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::calls::{Page, parse_page, segment};
use crate::integrations::{ApiError, Failure, Request};

/// A domain of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Domain {
    /// Its id.
    pub id: String,
    /// As in `www.example.com`.
    #[serde(default)]
    pub name: String,
    /// `apex` or `subdomain`.
    #[serde(
        default,
        rename(deserialize = "domainType", serialize = "type"),
        skip_serializing_if = "String::is_empty"
    )]
    pub kind: String,
    /// `verified` once its DNS leads to the service, until then `unverified`.
    #[serde(default, rename(deserialize = "verificationStatus"))]
    pub verification: String,
    /// It only redirects to this domain.
    #[serde(
        default,
        rename(deserialize = "redirectForName"),
        skip_serializing_if = "String::is_empty"
    )]
    pub redirect_for: String,
    /// When it was added.
    #[serde(
        default,
        rename(deserialize = "createdAt"),
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
}

impl Client {
    /// One page of a service's domains. Source: `GET /services/{id}/custom-domains`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn domains(
        &self,
        service_id: &str,
        filters: &[(&str, String)],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Domain>, ApiError> {
        let page = self
            .page(&path(service_id)?, filters.to_vec(), limit, cursor)
            .await?;
        parse_page(page, "customDomain", serde_json::from_value)
    }
}

fn path(service_id: &str) -> Result<String, ApiError> {
    Ok(format!(
        "services/{}/custom-domains",
        segment("service_id", service_id)?
    ))
}

/// A domain's name as a path segment: labels of letters, digits and dashes; the first may be `*`.
fn domain(name: &str) -> Result<&str, ApiError> {
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if labels.contains('.') && labels.split('.').all(label) && name.len() <= 253 {
        return Ok(name);
    }
    Err(
        ApiError::new(Failure::Invalid, "`name` is not the name of a domain")
            .with_remedy("as in www.example.com, without https:// and without a path"),
    )
}

/// `POST /services/{id}/custom-domains`, unsent.
///
/// # Errors
/// [`Failure::Invalid`] for an id or a name that is none, here and below.
pub fn add_domain(service_id: &str, name: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: path(service_id)?,
        body: Some(json!({ "name": domain(name)? })),
    })
}

/// `DELETE /services/{id}/custom-domains/{name}`, unsent.
///
/// # Errors
/// For an id or a name that is none.
pub fn delete_domain(service_id: &str, name: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "DELETE",
        path: format!("{}/{}", path(service_id)?, domain(name)?),
        body: None,
    })
}

/// `POST /services/{id}/custom-domains/{name}/verify`, unsent.
///
/// # Errors
/// For an id or a name that is none.
pub fn verify_domain(service_id: &str, name: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "POST",
        path: format!("{}/{}/verify", path(service_id)?, domain(name)?),
        body: None,
    })
}
