//! `xmrt send`

use std::path::PathBuf;

use serde_json::{Value, json};

use super::api::{Api, Target, no_answer};
use super::{Ending, Failure, events, follow, print};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt send`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Who seems to send it
    #[arg(value_enum)]
    source: From,
    /// The event: `issues`, `deploy_ended`
    event: String,
    /// A file with the payload [default: an empty object]
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// The server [default: the one running on the data directory, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The delivery id [default: a fresh one]
    #[arg(long)]
    id: Option<String>,
    /// Wait for the runs, and say what became of them
    #[arg(long)]
    wait: bool,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum From {
    Github,
    Render,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let base = match &options.to {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => assemble::running_server(&settings).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned()),
    };
    let body = match &options.payload {
        Some(path) => assemble::read_payload(path)?,
        None => b"{}".to_vec(),
    };
    let id = options.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let request = match options.source {
        From::Github => assemble::signed_github(&settings, &options.event, &id, &body)?,
        From::Render => assemble::signed_render(&settings, &options.event, &id, &body)?,
    };
    let api = match options.wait {
        true => Some(asked(options.to.as_deref(), &settings)?),
        false => None,
    };
    let client = reqwest::Client::new();
    let mut call = client.post(format!("{base}{}", request.path)).body(request.body);
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    let answer = call.send().await.map_err(|error| no_answer(&base, &error))?;
    let status = answer.status();
    let mut value: Value = answer.json().await.unwrap_or_else(|_| json!({}));
    let runs = match &api {
        Some(api) if status.is_success() => follow::runs_of(api, &id).await?,
        _ => Vec::new(),
    };
    if options.json && options.wait {
        value["runs"] = runs.clone().into();
    }
    if options.json {
        print::json(&value);
    } else {
        println!("{} · delivery {id}", status.as_u16());
        if status.is_success() {
            if value["duplicate"] == true {
                println!("a duplicate: nothing new was started; `xmrt events replay {id}` runs it again");
            }
            match runs.is_empty() {
                true => events::decisions(&value),
                false => follow::tell(&runs),
            }
        } else {
            println!(
                "{}: {}",
                print::text(&value, "/title"),
                print::text(&value, "/detail")
            );
        }
    }
    if status.is_success() {
        Ok(())
    } else {
        Err(Failure::Found)
    }
}

/// The server that is asked about the runs. It is looked for before anything is sent: who is refused has sent nothing.
fn asked(to: Option<&str>, settings: &Settings) -> Result<Api, Failure> {
    let target = Target {
        url: to.map(str::to_owned),
    };
    Api::server_before("nothing was sent", &target, settings)?.ok_or_else(|| {
        "nothing was sent: `--wait` asks the server's API: give `--to` and XMRT_ADMIN_TOKEN, or the data directory of the server"
            .into()
    })
}
