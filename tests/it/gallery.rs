//! Broken rule files as people write them, with all that `xmrt check` says about each. Whoever changes a message reads it here
//! aloud: does it teach somebody who has never seen the product?

mod conditions;
mod events;
mod expressions;
mod form;
mod habits;
mod items;
mod newcomers;
mod slips;
mod steps;
mod tools;
mod words;

use crate::rule_tools::{folder, out, xmrt};

/// What the terminal shows for a rules folder with this one file.
fn told(name: &str, text: &str) -> String {
    let folder = folder(&[(&format!("rules/{name}"), text)]);
    out(&xmrt(folder.path(), &["check"]))
}
