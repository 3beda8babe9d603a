//! `xmrt call`

use serde_json::{Map, Value, json};

use super::api::Target;
use super::{Ending, Failure, print, start_logging};
use crate::assemble::{self, Asked};
use crate::config::Settings;

/// Options of `xmrt call`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The tool, as `github.create_issue`; `xmrt tools` lists them
    tool: String,
    /// Its arguments, a JSON object; `@FILE` reads them from a file
    #[arg(long, value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// Show the requests that a writing tool would send, and send none
    #[arg(long)]
    dry_run: bool,
    /// For a tool that may destroy or interrupt something: the name of the thing, once more
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// A name for this call: made again under it, a tool that leaves a mark finds what it did instead of doing it twice
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    start_logging(&settings)?;
    let mut arguments = arguments(&options.arguments)?;
    if options.dry_run {
        arguments.insert("dry_run".into(), true.into());
    }
    if let Some(name) = &options.confirm {
        arguments.insert("confirm".into(), json!(name));
    }
    let asked = Asked {
        tool: options.tool.clone(),
        arguments,
        key: options.key,
        server: options.target.url,
    };
    let result = assemble::call_tool(&settings, asked).await?;
    let failed = result.is_error == Some(true);
    if options.json {
        print::json(
            &result
                .structured_content
                .clone()
                .unwrap_or_else(|| json!(result.content)),
        );
    } else {
        let texts = result.content.iter().filter_map(|block| block.as_text());
        let text = texts
            .map(|block| block.text.as_str())
            .collect::<Vec<_>>()
            .join("\n");
        if failed {
            return Err(Failure::CouldNot(format!("{}: {text}", options.tool)));
        }
        println!("{}", text.trim_end());
    }
    if failed { Err(Failure::Found) } else { Ok(()) }
}

fn arguments(given: &str) -> Result<Map<String, Value>, Failure> {
    let text = match given.strip_prefix('@') {
        Some(path) => {
            let bytes = assemble::read_payload(std::path::Path::new(path))?;
            String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?
        }
        None => given.to_owned(),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Failure::CouldNot(
            "--arguments is one JSON object, such as '{\"repo\": \"acme/api\", \"number\": 1}'".into(),
        )),
        Err(error) => Err(Failure::CouldNot(format!(
            "--arguments is not JSON: {error}; quote it for the shell: --arguments '{{\"repo\": \"acme/api\"}}'"
        ))),
    }
}
