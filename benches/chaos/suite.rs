//! The fault suite. In: the arguments. Out: a report, and 0 only if nothing was lost and nothing was done twice.
//! Never: code of the reactor; the suite knows it as its users do, by HTTP, processes and files.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own: it reads the clock, makes files and starts processes"
)]

mod account;
mod campaign;
mod crew;
mod dice;
mod fleet;
mod journal;
mod options;
mod plant;
mod process;
mod proxy;
mod recovery;
mod report;
mod rolling;
mod resources;
mod scenarios;
mod schedule;
mod sender;
mod witness;
mod work;
mod world;

use account::Account;
use options::{HELP, Options};
use world::World;

/// Nothing lost, nothing doubled, nothing else wrong.
pub(crate) const HOLDS: u8 = 0;
/// Something is.
pub(crate) const FOUND: u8 = 1;
/// The suite could not be run.
pub(crate) const BROKEN: u8 = 2;

/// Runs the suite with `arguments` on the `xmrt` at `program`: the code to end with, and what there is to say.
pub(crate) async fn run(program: &str, arguments: &[String]) -> (u8, String) {
    if arguments.iter().any(|argument| argument == "--help") {
        return (HOLDS, HELP.to_owned());
    }
    let options = match Options::parse(program, arguments) {
        Ok(options) => options,
        Err(why) => return (BROKEN, why),
    };
    match all(&options).await {
        Ok((account, mut told)) => {
            told.push_str(&report::verdict(&account));
            let written = options.report.as_ref().map(|file| std::fs::write(file, &told));
            match written {
                Some(Err(error)) => (BROKEN, format!("{told}\nthe report cannot be written: {error}")),
                _ if account.holds() => (HOLDS, told),
                _ => (FOUND, told),
            }
        }
        Err(why) => (BROKEN, why),
    }
}

async fn all(options: &Options) -> Result<(Account, String), String> {
    let (mut account, mut told) = (Account::default(), String::new());
    for &backend in &options.backends {
        let folder = tempfile::Builder::new()
            .prefix(&format!("chaos-{}-", backend.name()))
            .tempdir()
            .map_err(|error| error.to_string())?;
        let mut world = World::new(options, backend, folder.path()).await?;
        let outcome = campaign::run(options, backend, &mut world).await;
        let outcome = outcome.map_err(|why| format!("{}: {why}", backend.name()))?;
        drop(world);
        told.push_str(&report::of(backend, options, &outcome));
        account.add(outcome.account);
        if options.scenarios {
            let (found, lines) = Box::pin(scenarios::run(options, backend, folder.path())).await?;
            for line in lines {
                told.push_str(&format!("- {line}\n"));
            }
            told.push('\n');
            account.add(found);
        }
        if options.keep {
            told.push_str(&format!("kept: {}\n\n", folder.keep().display()));
        }
    }
    Ok((account, told))
}
