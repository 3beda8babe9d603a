//! `xmrt backup`

use std::path::PathBuf;

use super::{Ending, Failure};
use crate::assemble;
use crate::config::Settings;

/// Options of `xmrt backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The file to make, complete once it is there; what was there is replaced
    file: PathBuf,
}

pub(super) async fn run(options: Options, settings: Settings) -> Ending {
    if settings.redis.is_some() {
        return Err(Failure::CouldNot(
            "this journal is in Redis, which has its own way: copy its append-only file or snapshot (docs/state.md), or \
             use `xmrt export`"
                .into(),
        ));
    }
    let file = options.file.clone();
    let copied = tokio::task::spawn_blocking(move || assemble::back_up(&settings, &file)).await?;
    copied?;
    println!("{}: the whole journal, and sound", options.file.display());
    Ok(())
}
