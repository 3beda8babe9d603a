//! In: the arguments. Out: what to run. Never: anything run.

use std::path::PathBuf;

/// Where a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Sqlite,
    Redis,
}

impl Backend {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
        }
    }
}

/// A fault of the product that is made on purpose, to see that the accounting finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    /// Somebody answers one delivery 202 and forgets it.
    Lost,
    /// One effect happens a second time.
    Doubled,
    /// One task is given to two agents under one fence.
    TwoHolders,
}

/// What to run.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The `xmrt` that is to survive.
    pub(super) program: PathBuf,
    pub(super) backends: Vec<Backend>,
    pub(super) seed: u64,
    /// How many times a server is killed.
    pub(super) cycles: u64,
    /// How many different deliveries are sent.
    pub(super) events: u64,
    /// How many servers share a Redis.
    pub(super) replicas: usize,
    /// Whether the scenarios with an accounting of their own run, too.
    pub(super) scenarios: bool,
    /// When Redis makes its file safe: `always` or `everysec`.
    pub(super) sync: String,
    pub(super) plant: Option<Plant>,
    /// How long one backend may take before the suite gives up, in seconds.
    pub(super) seconds_max: u64,
    /// Where the report goes, too, as Markdown.
    pub(super) report: Option<PathBuf>,
    /// Keeps the folders of what failed.
    pub(super) keep: bool,
}

/// What `--help` says.
pub(super) const HELP: &str = "\
Breaks a running xmrt in every way there is a tool for, and holds what was sent against what happened.

scripts/chaos [--debug] [options]
  --debug             the debug build instead of the release build
  --short             30 kills and 1,500 deliveries: some two minutes a backend
  --backend <name>    sqlite or redis; both without it
  --seed <n>          which schedule (1); one seed gives one schedule
  --cycles <n>        how often a server is killed (1000)
  --events <n>        how many different deliveries (100000)
  --replicas <n>      how many servers share the Redis (3)
  --sync <when>       Redis's appendfsync: always, or everysec
  --no-scenarios      without those that have an accounting of their own: FLUSHALL, a rolling restart, a full disk, clocks that jump
  --plant <what>      lost, doubled or two-holders: makes one such fault on purpose; must be found
  --seconds-max <n>   gives up on a backend after so many seconds (1500; short 240)
  --report <file>     writes the report there, too
  --keep              leaves the folders, to look into
  --program <file>    another xmrt

Exit 0: lost 0, doubled 0, nothing else wrong. Exit 1: something is; it says what. Exit 2: could not run.";

impl Options {
    /// Reads the arguments; `program` is the `xmrt` beside this suite.
    ///
    /// # Errors
    /// What cannot be understood.
    pub(super) fn parse(program: &str, arguments: &[String]) -> Result<Self, String> {
        let short = arguments.iter().any(|argument| argument == "--short");
        let mut options = Self {
            program: program.into(),
            backends: vec![Backend::Sqlite, Backend::Redis],
            seed: 1,
            cycles: if short { 30 } else { 1_000 },
            events: if short { 1_500 } else { 100_000 },
            replicas: 3,
            scenarios: true,
            sync: "always".into(),
            plant: None,
            seconds_max: if short { 240 } else { 1_500 },
            report: None,
            keep: false,
        };
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            let mut value = || left.next().ok_or_else(|| format!("{argument} wants a value"));
            let number = |text: &String| {
                text.parse::<u64>()
                    .map_err(|_| format!("{argument} wants a number, not \"{text}\""))
            };
            match argument.as_str() {
                // Cargo gives `--bench` to every bench.
                "--short" | "--bench" => {}
                "--backend" => options.backends = vec![backend(value()?)?],
                "--seed" => options.seed = number(value()?)?,
                "--cycles" => options.cycles = number(value()?)?,
                "--events" => options.events = number(value()?)?,
                "--replicas" => {
                    options.replicas = usize::try_from(number(value()?)?.clamp(1, 8)).unwrap_or(1);
                }
                "--sync" => options.sync = sync(value()?)?,
                "--no-scenarios" => options.scenarios = false,
                "--plant" => options.plant = Some(plant(value()?)?),
                "--seconds-max" => options.seconds_max = number(value()?)?,
                "--report" => options.report = Some(value()?.into()),
                "--keep" => options.keep = true,
                "--program" => options.program = value()?.into(),
                other => return Err(format!("{other} is unknown\n\n{HELP}")),
            }
        }
        if options.events == 0 {
            return Err("--events must be at least 1".into());
        }
        Ok(options)
    }
}

fn backend(name: &str) -> Result<Backend, String> {
    match name {
        "sqlite" => Ok(Backend::Sqlite),
        "redis" => Ok(Backend::Redis),
        other => Err(format!("--backend is sqlite or redis, not \"{other}\"")),
    }
}

fn sync(name: &str) -> Result<String, String> {
    match name {
        "always" | "everysec" => Ok(name.to_owned()),
        other => Err(format!("--sync is always or everysec, not \"{other}\"")),
    }
}

fn plant(name: &str) -> Result<Plant, String> {
    match name {
        "lost" => Ok(Plant::Lost),
        "doubled" => Ok(Plant::Doubled),
        "two-holders" => Ok(Plant::TwoHolders),
        other => Err(format!(
            "--plant is lost, doubled or two-holders, not \"{other}\""
        )),
    }
}
