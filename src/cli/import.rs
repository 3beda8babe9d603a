//! `xmrt import`
#![expect(
    clippy::disallowed_methods,
    reason = "the command line reads the file it is told to"
)]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::{Ending, Failure, print};
use crate::assemble::{self, Bare};
use crate::clock::{Clock, in_words};
use crate::config::Settings;
use crate::journal::archive::{End, Head, Import, Reader, TurnBack};

/// How many records wait between file and store.
const PIECES: usize = 64;

/// Options of `xmrt import`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What `xmrt export` wrote
    file: PathBuf,
    /// Delete what is in the journal now
    #[arg(long)]
    replace: bool,
    /// The journal it was taken from did more afterwards: what was not at its end waits for a person
    #[arg(long)]
    went_on: bool,
    /// The clock was once ahead, and the journal's time with it: it becomes the present time, and every wait and lease goes on
    /// from there. A call that was under way meanwhile waits for a person
    #[arg(long)]
    turn_clock_back: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    if let Some(address) = assemble::running_server(&settings) {
        return Err(Failure::CouldNot(format!(
            "a server runs on this data directory, at {address}: stop it, and all others that share its journal, first"
        )));
    }
    // Once through before anything is touched: what is cut off, or changed, is not begun.
    let (mut head, end) = look_through(&options.file)?;
    let (last, went_on) = (head.last, options.went_on);
    if went_on {
        head = head.put_back();
    }
    let turned = match options.turn_clock_back {
        true => Some(turn_back(&options.file, &head)?),
        false => None,
    };
    if let Some(turned) = &turned {
        head = turned.head(head);
    }
    let bare = Bare::open(&settings, options.replace).await?;
    let (sender, records) = mpsc::channel(PIECES);
    let file = options.file.clone();
    let reading = tokio::task::spawn_blocking(move || -> Result<(), Failure> {
        let (_, mut reader) = open(&file)?;
        while let Some(mut record) = reader.next_record().map_err(|error| wrong(&file, &error))? {
            if went_on {
                record.hold(last);
            }
            if let Some(turned) = &turned {
                turned.record(&mut record);
            }
            if sender.blocking_send(record).is_err() {
                // The store has refused, and says why.
                return Ok(());
            }
        }
        Ok(())
    });
    let imported = bare
        .store()
        .import(Import {
            head: head.clone(),
            total: end.records,
            records,
            replace: options.replace,
        })
        .await;
    reading.await??;
    imported?;
    if options.json {
        print::json(&serde_json::json!({ "journal": head, "imported": end }));
    } else {
        println!("{} records imported; journal {}", end.records, head.epoch.id);
        if let Some(turned) = &turned {
            let ms = i64::try_from(turned.ahead().as_millis()).unwrap_or(i64::MAX);
            println!("its time was turned back by {}, to {}", in_words(ms), head.last);
        }
        for (kind, count) in &end.kinds {
            println!("  {kind:<12} {count}");
        }
    }
    Ok(())
}

fn turn_back(file: &Path, head: &Head) -> Result<TurnBack, Failure> {
    TurnBack::of(head, Clock::system().now()).ok_or_else(|| {
        let what = format!(
            "its time, {}, is not ahead of this machine's clock: import it without --turn-clock-back",
            head.last
        );
        wrong(file, &what)
    })
}

fn open(file: &Path) -> Result<(Head, Reader<BufReader<File>>), Failure> {
    let lines = File::open(file).map_err(|error| wrong(file, &error))?;
    Reader::open(BufReader::new(lines)).map_err(|error| wrong(file, &error))
}

fn look_through(file: &Path) -> Result<(Head, End), Failure> {
    let (head, mut reader) = open(file)?;
    while reader
        .next_record()
        .map_err(|error| wrong(file, &error))?
        .is_some()
    {}
    let end = reader.end().cloned();
    let end = end.ok_or_else(|| wrong(file, &"its last line is missing"))?;
    Ok((head, end))
}

fn wrong(file: &Path, what: &dyn std::fmt::Display) -> Failure {
    Failure::CouldNot(format!("{}: {what}", file.display()))
}
