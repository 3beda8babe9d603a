//! `xmrt journal`

use super::api::{Api, Target};
use super::{Ending, print};
use crate::config::Settings;

/// Options of `xmrt journal`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let api = Api::connect(&options.target, &settings).await?;
    let journal = api.get("/api/v1/journal").await?;
    if options.json {
        print::json(&journal);
        return Ok(());
    }
    println!("journal {}", print::text(&journal, "/epoch/id"));
    println!("since   {}", print::text(&journal, "/epoch/created_at"));
    let bytes = |pointer: &str| journal.pointer(pointer).and_then(serde_json::Value::as_u64);
    let size = bytes("/size/bytes").unwrap_or_default();
    match bytes("/retention/size_bytes_max") {
        Some(max) => println!("size    {} of {}", readable(size), readable(max)),
        None => println!("size    {}, without a bound ([retention] size)", readable(size)),
    }
    let free = bytes("/size/free_bytes").unwrap_or_default();
    if free > 0 {
        println!("free    {} in the file, to be used next", readable(free));
    }
    println!();
    let shares = journal["shares"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = shares
        .iter()
        .map(|share| {
            vec![
                print::text(share, "/kind"),
                print::text(share, "/count"),
                readable(share["bytes"].as_u64().unwrap_or_default()),
            ]
        })
        .collect();
    print::table(&["KIND", "COUNT", "SIZE"], &rows);
    Ok(())
}

/// A number of bytes with its unit.
fn readable(bytes: u64) -> String {
    let mut unit = "B";
    let mut tenths = bytes.saturating_mul(10);
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}
