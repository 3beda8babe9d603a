//! In: arguments. Out: what to measure. Never: a word that is not understood.

use std::path::PathBuf;

use super::receivers::{KINDS, Kind};
use super::setting::Setting;

pub(super) const USAGE: &str = "\
scripts/bench                     every receiver under every load: about 12 minutes
scripts/bench --short             a short form that fails on ratios that are far off
scripts/bench --soak MINUTES      at 60 % of the peak for so long
scripts/bench --growth            cost against rules, payload size, replicas
scripts/bench --stored EVENTS     the journal's operations against stored events, open runs, a long queue
scripts/bench --pages EVENTS      the dashboard's pages with so many deliveries on record
scripts/bench --large             bodies of 25 MiB, many at once
scripts/bench --calls             tools/call over MCP, 16 at once, beside the SDK's bare server
scripts/bench --idle              latency and memory with nothing else to do, start, size
scripts/bench --compare OLD NEW   how the ratios of two files of results differ
  --only NAME,NAME    these receivers only
  --rounds N  --seconds S  --connections N|N-fresh,…
  --against PROGRAM   another build of xmrt, measured in the same run
  --variable NAME=VALUE   for the program
  --out FOLDER        where results go";

/// What to measure.
pub(super) enum Mode {
    Throughput,
    Short,
    Soak(f64),
    Calls,
    Growth,
    Stored(u64),
    Pages(u64),
    Idle,
    Large,
    Compare(String, String),
}

impl Mode {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Short => "short",
            Self::Soak(_) => "soak",
            Self::Calls => "calls",
            Self::Growth => "growth",
            Self::Stored(_) => "stored",
            Self::Pages(_) => "pages",
            Self::Idle => "idle",
            Self::Large => "large",
            Self::Compare(..) => "compare",
        }
    }
}

/// How.
pub(super) struct Options {
    pub(super) mode: Mode,
    pub(super) kinds: Vec<Kind>,
    pub(super) rounds: usize,
    pub(super) warm: f64,
    pub(super) seconds: f64,
    /// How many connections, and whether each delivery has one of its own.
    pub(super) connections: Vec<(usize, bool)>,
    pub(super) out: PathBuf,
    /// Another build of the program.
    pub(super) against: Option<PathBuf>,
    /// Variables for the program.
    pub(super) variables: Vec<(String, String)>,
}

impl Options {
    /// The program, on the chosen stores; without a choice on its own one.
    pub(super) fn products(&self) -> Vec<Kind> {
        let chosen: Vec<Kind> = self
            .kinds
            .iter()
            .copied()
            .filter(|kind| kind.is_product())
            .collect();
        if self.kinds.len() >= KINDS.len() {
            vec![Kind::Embedded]
        } else {
            chosen
        }
    }

    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            mode: Mode::Throughput,
            kinds: KINDS.to_vec(),
            rounds: 5,
            warm: 1.0,
            seconds: 4.0,
            connections: vec![(16, false), (64, false), (64, true)],
            out: PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/load")),
            against: None,
            variables: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("{word} needs a value\n{USAGE}"))
            };
            match word.as_str() {
                // Cargo says it to every bench.
                "--bench" => {}
                "--short" => {
                    options.mode = Mode::Short;
                    (options.rounds, options.warm, options.seconds) = (3, 0.5, 2.0);
                    options.connections = vec![(32, false)];
                }
                "--soak" => options.mode = Mode::Soak(parsed(&value()?)?),
                "--calls" => options.mode = Mode::Calls,
                "--growth" => options.mode = Mode::Growth,
                "--stored" => options.mode = Mode::Stored(parsed(&value()?)?),
                "--pages" => options.mode = Mode::Pages(parsed(&value()?)?),
                "--idle" => options.mode = Mode::Idle,
                "--large" => options.mode = Mode::Large,
                "--compare" => options.mode = Mode::Compare(value()?, value()?),
                "--only" => {
                    options.kinds = value()?.split(',').map(Kind::named).collect::<Result<_, _>>()?;
                }
                "--rounds" => options.rounds = parsed(&value()?)?,
                "--seconds" => options.seconds = parsed(&value()?)?,
                "--connections" => {
                    options.connections = value()?.split(',').map(connections).collect::<Result<_, _>>()?;
                }
                "--against" => options.against = Some(value()?.into()),
                "--variable" => {
                    let pair = value()?;
                    let (name, value) = pair.split_once('=').ok_or("--variable NAME=VALUE")?;
                    options.variables.push((name.to_owned(), value.to_owned()));
                }
                "--out" => options.out = value()?.into(),
                _ => return Err(format!("unknown: {word}\n{USAGE}")),
            }
        }
        if options.against.is_some() {
            let others: Vec<Kind> = options.kinds.iter().filter_map(|kind| kind.other()).collect();
            options.kinds.extend(others);
        }
        Ok(options)
    }

    /// How the program is set up.
    pub(super) fn setting(&self) -> Setting {
        Setting {
            variables: self.variables.clone(),
            other: self.against.clone(),
            ..Setting::default()
        }
    }
}

fn parsed<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn connections(word: &str) -> Result<(usize, bool), String> {
    match word.strip_suffix("-fresh") {
        Some(count) => Ok((parsed(count)?, true)),
        None => Ok((parsed(word)?, false)),
    }
}
