//! In: a panic. Out: a line of the log that says what and where. Never: a second form of output among the log's lines; what looks like a
//! secret.
//!
//! No type of ours that holds a secret shows it in `Debug`. A library's may, and a panic's message is written by whoever panics.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;

use crate::agents::masked;

/// From now on a panic is told by the log.
pub(super) fn into_log() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or("?".to_owned(), ToString::to_string);
        let message = message(info);
        // There where RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        match tracing::enabled!(tracing::Level::ERROR) {
            true => tracing::error!(place, "a panic, which is a bug in xmrt: {message}{trace}"),
            // Whoever wants no log still has to learn why the program ends.
            false => {
                let _ = writeln!(
                    std::io::stderr(),
                    "a panic, which is a bug in xmrt, at {place}: {message}"
                );
            }
        }
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    // One line: what it says may be many.
    let said = info.payload_as_str().unwrap_or("(it says nothing)");
    masked(&said.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// The hook is the process's, so it is asked for its words only, and put back at once.
    #[test]
    #[expect(clippy::panic, reason = "it is what is looked at")]
    fn a_panic_is_told_without_what_looks_like_a_secret() {
        static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(|info| {
            TOLD.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(message(info));
        }));
        let secret = ["redis://:", "hunter2", "@10.0.0.1"].concat();
        let died = std::panic::catch_unwind(|| panic!("cannot open {secret}, password=hunter2"));
        std::panic::set_hook(usual);
        assert!(died.is_err());
        let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = told.iter().find(|told| told.starts_with("cannot open")).unwrap();
        assert!(!ours.contains("hunter2"), "{ours}");
        assert!(ours.contains("10.0.0.1"), "{ours}");
    }
}
