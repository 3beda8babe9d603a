//! In: nothing. Out: every variable that the program reads, with what it means. Never: a value; the reader has those.

/// A variable of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is about: the heading it stands under.
    pub about: &'static str,
    /// What may hold it instead, or besides.
    pub also: Also,
    /// What it means, and what holds without it.
    pub help: &'static str,
}

/// Other variables for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    /// None.
    Nothing,
    /// `<name>_FILE`, the path of a file that holds it.
    File,
    /// `<name>_FILE` with a line for each, and `<name>_2`, `<name>_3`: all of them are good at once.
    Several,
}

const fn plain(about: &'static str, name: &'static str, help: &'static str) -> Variable {
    Variable {
        name,
        about,
        also: Also::Nothing,
        help,
    }
}

const fn secret(about: &'static str, name: &'static str, help: &'static str) -> Variable {
    Variable {
        name,
        about,
        also: Also::File,
        help,
    }
}

const fn rotating(about: &'static str, name: &'static str, help: &'static str) -> Variable {
    Variable {
        name,
        about,
        also: Also::Several,
        help,
    }
}

/// All of them, by what they are about.
pub const VARIABLES: &[Variable] = &[
    plain(
        "The process",
        "XMRT_LISTEN",
        "where to listen, as `<IP address>:<port>`",
    ),
    plain(
        "The process",
        "PORT",
        "listen on this port of all addresses, as platforms say it; `XMRT_LISTEN` wins",
    ),
    plain(
        "The process",
        "XMRT_DATA_DIR",
        "where the embedded store lives; beside it the lock file, generated tokens and keys",
    ),
    plain("The process", "XMRT_RULES", "the rules folder"),
    plain(
        "The process",
        "XMRT_CONFIG",
        "the settings file; the default one may be missing",
    ),
    secret(
        "The process",
        "XMRT_ADMIN_TOKEN",
        "the bearer of the API, and the sign-in to the dashboard; without it one is made and kept in the data directory",
    ),
    rotating(
        "The process",
        "XMRT_SECRET_KEY",
        "32 bytes in base64, with which agents' tokens are sealed; without it a key is made and kept in the data directory. Needed with `REDIS_URL` where agents have accounts of their own",
    ),
    secret(
        "The process",
        "XMRT_NOTIFY_URLS",
        "where `xmrt.notify` posts: `name=url,name=url`",
    ),
    plain(
        "The process",
        "RENDER_EXTERNAL_HOSTNAME",
        "set by Render: the public name of this service, one of `[http] hosts`",
    ),
    secret(
        "The journal",
        "REDIS_URL",
        "`redis://user:password@host:6379/0`, `rediss://` with TLS; for a Cluster `redis+cluster://user:password@host:6379,host:6379` or `rediss+cluster://`. The journal is there and not in the data directory",
    ),
    plain("The journal", "XMRT_REDIS_PREFIX", "how all keys begin there"),
    plain(
        "The journal",
        "XMRT_ALLOW_VOLATILE_REDIS",
        "`1`: accept a server that forgets what it has acknowledged, for trying things out",
    ),
    secret(
        "GitHub",
        "GITHUB_TOKEN",
        "the token that rules act with; without it, and without an App, GitHub is not configured",
    ),
    plain(
        "GitHub",
        "GITHUB_APP_ID",
        "act as this App instead: its App ID or Client ID",
    ),
    secret(
        "GitHub",
        "GITHUB_APP_PRIVATE_KEY",
        "the App's private key, in PEM",
    ),
    rotating(
        "GitHub",
        "GITHUB_WEBHOOK_SECRET",
        "what GitHub signs its deliveries with; without it they are answered 503",
    ),
    plain(
        "GitHub",
        "GITHUB_CLIENT_ID",
        "the App that agents, and people who see the dashboard, sign in with",
    ),
    secret(
        "GitHub",
        "GITHUB_CLIENT_SECRET",
        "its secret; without it agents sign in by device only, and people not at all",
    ),
    plain(
        "GitHub",
        "GITHUB_API_URL",
        "the REST API, on a GitHub Enterprise Server `https://<host>/api/v3`",
    ),
    plain(
        "GitHub",
        "GITHUB_URL",
        "where the sign-in pages are; beside the API unless said",
    ),
    secret(
        "Render",
        "RENDER_API_KEY",
        "the key that rules act with; without it Render is not configured",
    ),
    rotating(
        "Render",
        "RENDER_WEBHOOK_SECRET",
        "what Render signs its deliveries with; without it they are answered 503",
    ),
    secret(
        "Render",
        "RENDER_DEPLOY_HOOKS",
        "deploy hooks of services, `name=url,name=url`",
    ),
    plain("Render", "RENDER_API_URL", "the REST API, `/v1` included"),
    plain(
        "Telemetry",
        "XMRT_LOG",
        "how much is logged: `off`, `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `warn,xmrt=debug`",
    ),
    plain(
        "Telemetry",
        "XMRT_LOG_FORMAT",
        "`text`, or `json` with an object a line",
    ),
    plain(
        "Telemetry",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "a collector's base address, to which spans are sent",
    ),
    plain(
        "Telemetry",
        "OTEL_TRACES_SAMPLER_ARG",
        "the share of traces that are sent, 0 to 1",
    ),
    plain(
        "Telemetry",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "as OpenTelemetry defines it",
    ),
    plain(
        "Telemetry",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "as OpenTelemetry defines it",
    ),
    plain(
        "Telemetry",
        "OTEL_SERVICE_NAME",
        "as OpenTelemetry defines it; `xmrt` unless said",
    ),
    plain(
        "Telemetry",
        "OTEL_RESOURCE_ATTRIBUTES",
        "as OpenTelemetry defines it",
    ),
];
