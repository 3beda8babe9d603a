//! `xmrt man`

use std::path::PathBuf;

use clap::Command;

use super::{Ending, Failure, print};

/// Options of `xmrt man`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Write a page for every command into this folder, as `xmrt.1`, `xmrt-serve.1`, … [default: print that of `xmrt`]
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

pub(super) fn run(options: &Options, command: Command) -> Ending {
    match &options.into {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            print::line(String::from_utf8_lossy(&page).trim_end());
        }
        Some(folder) => {
            let failed = |error: std::io::Error| Failure::CouldNot(format!("{}: {error}", folder.display()));
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(command, folder).map_err(failed)?;
            println!("man --local-file {}", folder.join("xmrt.1").display());
        }
    }
    Ok(())
}
