//! In: an address and headers. Out: a transport to the MCP server there. Never: a redirect to another origin, or a secret
//! over a line that others can read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// How long it may take to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many redirects within one origin are followed.
const REDIRECTS_MAX: usize = 3;
/// How many requests are under way at once.
const REQUESTS_MAX: usize = 64;

/// Whether an address may be used: HTTPS, or this machine. `plain` allows HTTP elsewhere, too.
pub(super) fn check(url: &str, plain: bool) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("`{url}` is not a URL ({error})"))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("its URL holds a user or a password; put them into `headers`, from a variable".into());
    }
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if plain || is_loopback(&parsed) => Ok(parsed),
        "http" => Err(format!(
            "`{url}` is plain HTTP to another machine, which anybody on the way can read and change; use https, or set \
             `plain_http = true`"
        )),
        other => Err(format!("`{url}` begins with `{other}:`; write https://…")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// The transport. Connects with the first message.
pub(super) fn transport(
    url: &str,
    headers: &[(String, SecretString)],
    plain: bool,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    let url = check(url, plain)?;
    let origin = url.origin();
    let within = Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS_MAX {
            attempt.error("too many redirects")
        } else if attempt.url().origin() == origin {
            attempt.follow()
        } else {
            attempt.error("it redirects to another origin, which is not followed")
        }
    });
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(within);
    if is_loopback(&url) {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| error.to_string())?;
    let mut custom = HashMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| format!("the value of the header `{name}` holds signs that no header can"))?;
        value.set_sensitive(true);
        custom.insert(header, value);
    }
    let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(custom)
        .max_concurrent_requests(REQUESTS_MAX);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn an_address_is_https_or_this_machine_unless_said_otherwise() {
        for fine in [
            "https://mcp.example.com/mcp",
            "http://127.0.0.1:9/mcp",
            "http://localhost/mcp",
            "http://[::1]:9/mcp",
        ] {
            assert!(check(fine, false).is_ok(), "{fine}");
        }
        for bad in [
            "http://mcp.example.com/mcp",
            "http://169.254.169.254/mcp",
            "http://localhost.example.com/mcp",
            "ftp://127.0.0.1/mcp",
            "https://user:word@example.com/mcp",
            "mcp.example.com",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
        assert!(check("http://mcp.internal/mcp", true).is_ok());
    }
}
