//! `xmrt pause` and `xmrt resume`

use serde_json::{Value, json};

use super::api::{Api, Target, segment};
use super::{Ending, print};
use crate::config::Settings;

/// Options of `xmrt pause`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// `all`, a rule, `agent:<id>` or `group:<name>` [default: list what is paused]
    what: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Options of `xmrt resume`.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeOptions {
    /// `all`, a rule, `agent:<id>` or `group:<name>`, as it was paused
    what: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn pause(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let answer = match &options.what {
        Some(what) => api.post("/api/v1/pauses", &json!({ "what": what })).await?,
        None => api.get("/api/v1/pauses").await?,
    };
    show(&answer, options.json);
    Ok(())
}

pub(super) async fn resume(options: ResumeOptions, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let path = format!("/api/v1/pauses/{}", segment(&options.what));
    show(&api.delete(&path).await?, options.json);
    Ok(())
}

fn show(answer: &Value, as_json: bool) {
    if as_json {
        print::json(answer);
        return;
    }
    let pauses = answer["pauses"].as_array().cloned().unwrap_or_default();
    if pauses.is_empty() {
        println!("nothing is paused");
    }
    for pause in pauses {
        let at = |name: &str| pause[name].as_str().unwrap_or_default().to_owned();
        println!("paused: {} (by {} since {})", at("what"), at("who"), at("since"));
    }
}
