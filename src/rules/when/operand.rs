//! In: one operator's operand. Out: its compiled form, or why there is none. Never: places in a file.

use std::net::IpAddr;

use regex::RegexBuilder;
use serde_json::{Number, Value};

use crate::rules::glob;
use crate::rules::pattern::{Check, Order, fold};
use crate::rules::syntax::Node;

/// Largest compiled form of one regular expression or glob, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;
/// Longest regular expression or glob, in bytes.
const REGEX_SOURCE_BYTES_MAX: usize = 8 * 1024;

pub(crate) fn order(operator: &str) -> Order {
    match operator {
        "lt" => Order::Less,
        "lte" => Order::LessEqual,
        "gt" => Order::Greater,
        "gte" => Order::GreaterEqual,
        _ => Order::Equal,
    }
}

pub(crate) fn number(node: &Node) -> Option<Number> {
    match node.json() {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

pub(crate) fn text_check(operator: &str, text: &str, ignore_case: bool) -> Result<Check, String> {
    let folded = || if ignore_case { fold(text) } else { text.to_owned() };
    Ok(match operator {
        "prefix" => Check::Prefix(folded()),
        "suffix" => Check::Suffix(folded()),
        "contains" => Check::Contains(folded()),
        "glob" => Check::Regex(regex(&glob::to_regex(text)?, ignore_case)?),
        "regex" => Check::Regex(regex(text, ignore_case)?),
        "cidr" => Check::Cidr(cidr(text)?),
        _ => Check::Semver(
            semver::VersionReq::parse(text)
                .map_err(|error| format!("`{text}` is not a range of versions: {error}"))?,
        ),
    })
}

fn cidr(text: &str) -> Result<ipnet::IpNet, String> {
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| format!("`{text}` is not a range of addresses such as `10.0.0.0/8`"))
}

fn regex(source: &str, ignore_case: bool) -> Result<regex::Regex, String> {
    if source.len() > REGEX_SOURCE_BYTES_MAX {
        return Err(format!(
            "a pattern may be at most {REGEX_SOURCE_BYTES_MAX} bytes long"
        ));
    }
    RegexBuilder::new(source)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "this pattern becomes too large when compiled".to_owned(),
            other => {
                let text = other.to_string();
                let last = text.lines().next_back().unwrap_or_default();
                format!(
                    "this is not a regular expression: {}",
                    last.trim_start_matches("error: ")
                )
            }
        })
}
