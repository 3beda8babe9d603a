//! The accounts agents act as on GitHub: from settings to live parts, and where keys are kept that nobody gave us.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::files;
use crate::accounts::{Accounts, KeyFile, Lent, SignIn, needed};
use crate::agents::{Directory, Vault, Who, new_key};
use crate::clock::Clock;
use crate::config::Settings;
use crate::hub::Hub;
use crate::integrations::github::{Client, OauthApp};
use crate::journal::Store;

/// A file with the keys, one a line, readable by the owner only.
#[derive(Debug)]
struct KeysInFile(PathBuf);

impl KeyFile for KeysInFile {
    fn keep(&self, keys: &[SecretString]) -> Result<(), String> {
        files::keep_secret_lines(&self.0, keys)
    }

    fn kept(&self) -> Result<Vec<SecretString>, String> {
        Ok(files::secret_lines(&self.0)?.unwrap_or_default())
    }
}

/// Where the App that people sign in with is: at GitHub, or in a sandbox at this address.
pub(super) fn accounts(
    settings: &Settings,
    sandbox: Option<&str>,
    directory: Arc<Directory>,
    store: Arc<dyn Store>,
    clock: Clock,
) -> Result<Accounts, String> {
    let (web, api) = match sandbox {
        Some(url) => (url, url),
        None => (settings.github_url.as_str(), settings.github_api_url.as_str()),
    };
    let Some(oauth) = settings.github_oauth.clone() else {
        let why = "set GITHUB_CLIENT_ID, and for browsers GITHUB_CLIENT_SECRET, from the settings page of your OAuth App";
        return Ok(Accounts::new(directory, store, clock, Err(why.into()), None));
    };
    let app = OauthApp::new(web, api, &oauth.client_id, oauth.client_secret.clone())?;
    let (keys, file) = keys(settings)?;
    let vault = Vault::new(&keys).map_err(|error| format!("XMRT_SECRET_KEY: {error}"))?;
    let sign_in = Ok(SignIn { app, vault });
    Ok(Accounts::new(directory, store, clock, sign_in, file))
}

type Keys = (Vec<SecretString>, Option<Arc<dyn KeyFile>>);

/// The configured keys; without any, those in the data directory, of which the first is made now if there is none.
fn keys(settings: &Settings) -> Result<Keys, String> {
    if !settings.secret_keys.is_empty() {
        return Ok((settings.secret_keys.clone(), None));
    }
    let file = KeysInFile(settings.secret_key_file());
    let mut keys = file.kept()?;
    if keys.is_empty() {
        keys.push(new_key().map_err(|error| error.to_string())?);
        file.keep(&keys)?;
        tracing::info!(
            "a key to seal agents' tokens with was made and is kept in {}: back it up apart from the journal",
            file.0.display()
        );
    }
    Ok((keys, Some(Arc::new(file))))
}

/// A client for each agent that acts as an account of its own.
pub(super) fn clients(
    api: &str,
    directory: &Directory,
    accounts: &Accounts,
) -> Result<BTreeMap<String, Client>, String> {
    let own = directory.agents().filter(|agent| agent.github_login.is_some());
    own.map(|agent| {
        let lent = Arc::new(Lent::new(accounts.clone(), &agent.id));
        let client = Client::of_lender(api, lent).map_err(|error| error.to_string())?;
        Ok((agent.id.clone(), client))
    })
    .collect()
}

/// Tells what each agent's role needs, now that the tools are known.
pub(super) fn ask_for(accounts: &Accounts, hub: &Hub) {
    let (facts, directory) = (hub.facts(), hub.directory());
    let asked = directory.agents().map(|agent| {
        let who = Who::Agent(agent.id.clone());
        let usable = facts.keys().filter(|tool| directory.may_use(&who, tool));
        (agent.id.clone(), needed(usable.map(String::as_str)))
    });
    accounts.ask_for(asked.collect());
}

/// Where browsers reach a server that listens at `address`.
pub(super) fn base(settings: &Settings, address: std::net::SocketAddr) -> Result<String, String> {
    if let Some(host) = settings.hosts().first() {
        return Ok(format!("https://{host}"));
    }
    if address.ip().is_loopback() {
        return Ok(format!("http://127.0.0.1:{}", address.port()));
    }
    Err("browsers do not know under which name this server is reached: put it into `[http] hosts` of xmrt.toml"
        .into())
}
