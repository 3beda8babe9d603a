//! `xmrt coverage`

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{Api, Target};
use super::{Ending, Failure, print};
use crate::clock::Clock;
use crate::config::Settings;

/// Options of `xmrt coverage`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Compare now with what the providers delivered, and admit what is missing
    Recover {
        /// Look again from here on, and admit also what is older than this journal: `3d`, `12h`, or RFC 3339
        #[arg(long, value_name = "AGE|TIME")]
        since: Option<String>,
        /// Let rules act on recovered events of up to this age, as `2d`, unless they have a `max_age` of their own
        #[arg(long, value_name = "AGE")]
        max_age: Option<String>,
    },
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let Some(Action::Recover { since, max_age }) = options.action else {
        let api = Api::connect(&options.target, &settings).await?;
        let coverage = api.get("/api/v1/coverage").await?;
        if options.json {
            print::json(&coverage);
        } else {
            show(&coverage);
        }
        return match is_whole(&coverage) {
            true => Ok(()),
            false => Err(Failure::Found),
        };
    };
    let now = Clock::system().now();
    let since = since.map(|text| time(&text, now)).transpose()?;
    let max_age = max_age.map(|text| age("--max-age", &text)).transpose()?;
    let body = json!({ "since": since, "max_age_ms": max_age.map(|age| age.as_secs() * 1_000) });
    let api = Api::connect(&options.target, &settings).await?;
    let recovered = api.post("/api/v1/coverage/recover", &body).await?;
    if options.json {
        print::json(&recovered);
        return Ok(());
    }
    for (provider, why) in recovered["unwatched"].as_object().into_iter().flatten() {
        println!(
            "{provider} was not compared: {}",
            why.as_str().unwrap_or_default()
        );
    }
    let count = |name: &str| recovered["found"][name].as_u64().unwrap_or_default();
    println!(
        "{} in the journal already, {} recovered ({} of them too old for a rule), {} cannot be had any more",
        count("ok"),
        count("recovered"),
        count("stale"),
        count("unreachable"),
    );
    if count("before_epoch") > 0 {
        println!(
            "{} are older than this journal: `xmrt coverage recover --since 3d` admits them",
            count("before_epoch")
        );
    }
    Ok(())
}

/// A time, or how long ago.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    match text.parse() {
        Ok(time) => Ok(time),
        Err(_) => Ok(now.saturating_sub(age("--since", text)?)?),
    }
}

fn age(option: &str, text: &str) -> Result<SignedDuration, Failure> {
    let wrong = || {
        Failure::CouldNot(format!(
            "{option} `{text}` is neither an age like `3d` nor a time in RFC 3339"
        ))
    };
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let seconds = number
        .checked_mul(seconds)
        .filter(|seconds| *seconds <= 366 * 86_400);
    Ok(SignedDuration::from_secs(seconds.ok_or_else(wrong)?))
}

/// Whether nothing is known to be missing, and nothing kept us from looking.
fn is_whole(coverage: &Value) -> bool {
    let sources = coverage["sources"].as_array().into_iter().flatten();
    let unwatched = coverage["unwatched"]
        .as_object()
        .is_some_and(|list| !list.is_empty());
    let whole = |source: &Value| {
        let mut ranges = source["ranges"].as_array().into_iter().flatten();
        source["state"] == "watched" && ranges.all(|range| range["whole"] == true)
    };
    !unwatched && sources.into_iter().all(whole)
}

fn show(coverage: &Value) {
    let at = |name: &str| print::text(coverage, &format!("/{name}"));
    println!(
        "this journal began {}, compared {}",
        at("journal_since"),
        at("compared_at")
    );
    for (provider, why) in coverage["unwatched"].as_object().into_iter().flatten() {
        println!("{provider} is not compared: {}", why.as_str().unwrap_or_default());
    }
    let sources = coverage["sources"].as_array().cloned().unwrap_or_default();
    if sources.is_empty() {
        println!(
            "no webhook that leads here is known; `[coverage]` in xmrt.toml names repositories and organizations"
        );
        return;
    }
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    print::table(
        &[
            "SOURCE",
            "STATE",
            "VERIFIED UNTIL",
            "OK",
            "RECOVERED",
            "BEFORE THE JOURNAL",
            "LOST",
        ],
        &rows,
    );
    for source in &sources {
        let name = print::text(source, "/source");
        if let Some(why) = source["why"].as_str() {
            println!("{name}: {why}");
        }
        for hole in holes(source) {
            println!("{name}: not compared: {hole}");
        }
        for one in source["unreachable"].as_array().into_iter().flatten() {
            let text = |field: &str| print::text(one, &format!("/{field}"));
            println!(
                "{name}: delivery {} of {} is lost: {}",
                text("id"),
                text("at"),
                text("why")
            );
        }
    }
}

fn row(source: &Value) -> Vec<String> {
    let count = |name: &str| source["found"][name].as_u64().unwrap_or_default().to_string();
    vec![
        print::text(source, "/source"),
        print::text(source, "/state"),
        print::text(source, "/verified_until"),
        count("ok"),
        count("recovered"),
        count("before_epoch"),
        count("unreachable"),
    ]
}

/// The times between the ranges.
fn holes(source: &Value) -> Vec<String> {
    let ranges = source["ranges"].as_array().cloned().unwrap_or_default();
    ranges
        .windows(2)
        .filter(|pair| pair[0]["until"] != pair[1]["from"])
        .map(|pair| {
            format!(
                "{} to {}",
                print::text(&pair[0], "/until"),
                print::text(&pair[1], "/from")
            )
        })
        .collect()
}
