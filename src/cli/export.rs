//! `xmrt export`
#![expect(
    clippy::disallowed_methods,
    reason = "the command line writes the file it is told to"
)]

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::api::{Api, Target, a_journal_is_there};
use super::{Ending, Failure};
use crate::assemble::Bare;
use crate::config::Settings;
use crate::journal::archive::{Lines, Reader};

/// How many bytes go out between two words about the progress.
const TOLD_EVERY_BYTES: u64 = 64 * 1024 * 1024;

/// Options of `xmrt export`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Write into this file, which is complete once it is there [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    let Some(path) = &options.to else {
        let mut out = Progress::new(BufWriter::new(std::io::stdout().lock()));
        write_to(&mut out, &options.target, &settings).await?;
        return Ok(out.to.flush()?);
    };
    let draft = path.with_added_extension("part");
    let written = write_file(&draft, &options.target, &settings).await;
    if written.is_err() {
        // Half of an archive helps nobody; that there is none says what happened.
        let _ = std::fs::remove_file(&draft);
    }
    written?;
    std::fs::rename(&draft, path).map_err(|error| unwritable(path, &error))?;
    let (records, one_moment) = look_through(path)?;
    let moment = if one_moment {
        ""
    } else {
        "; the journal was at work meanwhile: each event with its runs is of one moment, the whole is not"
    };
    eprintln!("{records} records in {}{moment}", path.display());
    Ok(())
}

async fn write_file(draft: &Path, target: &Target, settings: &Settings) -> Ending {
    // What webhooks bring is nobody else's business.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .map_err(|error| unwritable(draft, &error))?;
    let mut out = Progress::new(BufWriter::new(file));
    write_to(&mut out, target, settings).await?;
    let file = out
        .to
        .into_inner()
        .map_err(|error| unwritable(draft, error.error()))?;
    file.sync_all().map_err(|error| unwritable(draft, &error))?;
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::CouldNot(format!("{}: cannot be written: {error}", path.display()))
}

/// From the server where one runs, else from the store itself.
async fn write_to(out: &mut Progress<impl Write>, target: &Target, settings: &Settings) -> Ending {
    if let Some(server) = Api::server(target, settings)? {
        return server
            .stream("/api/v1/export", |bytes| Ok(out.write(bytes)?))
            .await;
    }
    a_journal_is_there(settings)?;
    let bare = Bare::open(settings, false).await?;
    let mut lines = Lines::of(bare.store().export().await?);
    while let Some(line) = lines.next().await {
        out.write(&line?)?;
    }
    Ok(())
}

/// Reads the file once more: that it is whole is known, not assumed.
fn look_through(path: &Path) -> Result<(u64, bool), Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::CouldNot(format!("{} is not a whole export: {what}", path.display()))
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let (_, mut reader) = Reader::open(std::io::BufReader::new(file)).map_err(|error| wrong(&error))?;
    while reader.next_record().map_err(|error| wrong(&error))?.is_some() {}
    let end = reader.end().ok_or_else(|| wrong(&"its last line is missing"))?;
    Ok((end.records, end.one_moment))
}

/// Writes, and says now and then how much.
struct Progress<W> {
    to: W,
    bytes: u64,
    told: u64,
}

impl<W: Write> Progress<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            bytes: 0,
            told: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.to.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        if self.bytes - self.told >= TOLD_EVERY_BYTES && std::io::stderr().is_terminal() {
            self.told = self.bytes;
            eprintln!("{} MiB so far", self.bytes >> 20);
        }
        Ok(())
    }
}
