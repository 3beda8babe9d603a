//! Settings: precedence, secrets, and what is said about wrong ones.

mod people;
mod servers;

use std::collections::BTreeSet;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use tempfile::TempDir;
use xmrt::config::{self, Environment, Flags, Settings};

fn load(environment: &[(&str, &str)]) -> Result<Settings, String> {
    load_with(&Flags::default(), environment)
}

fn load_with(flags: &Flags, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let environment: Environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    config::load(flags, &environment).map_err(|error| error.to_string())
}

fn folder_with(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The settings with an `xmrt.toml` that says this.
fn with_file(text: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let (_folder, config) = folder_with("xmrt.toml", text);
    let flags = Flags {
        config: Some(config),
        ..Flags::default()
    };
    load_with(&flags, environment)
}

#[test]
fn everything_has_a_default() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.data_dir, PathBuf::from("./.xmrt"));
    assert_eq!(settings.github_api_url, "https://api.github.com");
    assert_eq!(settings.render_api_url, "https://api.render.com/v1");
    assert!(settings.github_token.is_none() && settings.github_webhook_secrets.is_empty());
    assert!(
        settings.origins.iter().all(|row| row.origin == "default"),
        "{:?}",
        settings.origins
    );
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_platform_port() {
    let environment = [("PORT", "10000")];
    assert_eq!(load(&environment).unwrap().listen.to_string(), "0.0.0.0:10000");
    let environment = [("PORT", "10000"), ("XMRT_LISTEN", "127.0.0.1:9000")];
    assert_eq!(load(&environment).unwrap().listen.to_string(), "127.0.0.1:9000");
    let flags = Flags {
        listen: Some("127.0.0.1:7000".into()),
        ..Flags::default()
    };
    assert_eq!(
        load_with(&flags, &environment).unwrap().listen.to_string(),
        "127.0.0.1:7000"
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let settings = load(&[("GITHUB_TOKEN", ""), ("XMRT_LISTEN", "")]).unwrap();
    assert!(settings.github_token.is_none());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn a_secret_can_live_in_a_file_but_not_in_two_places() {
    let (_folder, path) = folder_with("token", "the token\n");
    let file = path.to_str().unwrap();
    let settings = load(&[("GITHUB_TOKEN_FILE", file)]).unwrap();
    assert_eq!(settings.github_token.unwrap().expose_secret(), "the token");
    let error = load(&[("GITHUB_TOKEN_FILE", file), ("GITHUB_TOKEN", "another")]).unwrap_err();
    assert!(error.contains("GITHUB_TOKEN and GITHUB_TOKEN_FILE"), "{error}");
    let error = load(&[("GITHUB_TOKEN_FILE", "/nowhere/at/all")]).unwrap_err();
    assert!(
        error.contains("/nowhere/at/all") && error.contains("cannot be read"),
        "{error}"
    );
}

#[test]
fn several_webhook_secrets_hold_at_once_for_rotation() {
    let environment = [
        ("GITHUB_WEBHOOK_SECRET", "old one"),
        ("GITHUB_WEBHOOK_SECRET_2", "new one"),
    ];
    let secrets = load(&environment).unwrap().github_webhook_secrets;
    assert_eq!(
        secrets
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect::<Vec<_>>(),
        ["old one", "new one"]
    );
    let (_folder, path) = folder_with("secrets", "first line\nsecond line\n\n");
    let secrets = load(&[("RENDER_WEBHOOK_SECRET_FILE", path.to_str().unwrap())])
        .unwrap()
        .render_webhook_secrets;
    assert_eq!(
        secrets
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect::<Vec<_>>(),
        ["first line", "second line"]
    );
}

#[test]
fn no_secret_is_shown_by_config_or_debug() {
    let secret = "a-rather-long-secret-value";
    let environment = [
        ("GITHUB_TOKEN", secret),
        ("GITHUB_WEBHOOK_SECRET", secret),
        ("RENDER_API_KEY", secret),
        ("XMRT_ADMIN_TOKEN", secret),
        (
            "XMRT_NOTIFY_URLS",
            "oncall=https://hooks.example/a-rather-long-secret-value",
        ),
        (
            "RENDER_DEPLOY_HOOKS",
            "prod=https://api.example/deploy/srv-a?key=a-rather-long-secret-value",
        ),
        ("XMRT_SECRET_KEY", secret),
        ("GITHUB_CLIENT_ID", "the App's own"),
        ("GITHUB_CLIENT_SECRET", secret),
    ];
    let settings = load(&environment).unwrap();
    assert!(settings.deploy_hooks.contains_key("prod"));
    let shown = format!(
        "{settings:?} {}",
        serde_json::to_string(&settings.origins).unwrap()
    );
    assert!(!shown.contains(secret), "{shown}");
    assert!(
        settings
            .origins
            .iter()
            .any(|row| row.name == "GITHUB_TOKEN" && row.value == "a-***** (26 characters)")
    );
}

#[test]
fn where_spans_go_is_shown_without_what_lets_them_in() {
    let shown = |environment: &[(&str, &str)]| {
        let rows = load(environment).unwrap().origins;
        let of_spans = rows.into_iter().filter(|row| row.name.starts_with("OTEL_"));
        of_spans.map(|row| (row.name, row.value)).collect::<Vec<_>>()
    };
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let unset = [
        row("OTEL_EXPORTER_OTLP_ENDPOINT", "(not set)"),
        row("OTEL_TRACES_SAMPLER_ARG", "1"),
    ];
    assert_eq!(shown(&[]), unset);
    let set = shown(&[
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://me:a-password@otel.example:4318",
        ),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer a-token"),
        ("OTEL_SERVICE_NAME", "blue"),
    ]);
    assert_eq!(
        set,
        [
            row(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://me:*****@otel.example:4318/"
            ),
            row("OTEL_TRACES_SAMPLER_ARG", "0.1"),
            row("OTEL_EXPORTER_OTLP_HEADERS", "au***** (28 characters)"),
            row("OTEL_SERVICE_NAME", "blue"),
        ]
    );
    let wrong = [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "grpc://me:a-password@otel.example:4317",
        ),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ];
    let error = load(&wrong).unwrap_err();
    for part in ["is not an http(s) URL", "between 0 and 1"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert!(!error.contains("a-password"), "{error}");
}

#[test]
fn every_problem_is_reported_at_once_with_its_remedy() {
    let error = load(&[
        ("XMRT_LISTEN", "everywhere"),
        ("GITHUB_API_URL", "api.github.com"),
        ("XMRT_LOG_FORMAT", "xml"),
        ("XMRT_NOTIFY_URLS", "oncall"),
        ("REDIS_URL", "memcached://localhost"),
        ("XMRT_REDIS_PREFIX", "{a}"),
        ("XMRT_ALLOW_VOLATILE_REDIS", "yes"),
    ])
    .unwrap_err();
    for part in [
        "`everywhere`",
        "`api.github.com`",
        "text or json",
        "name=url",
        "REDIS_URL begins with `memcached:`",
        "XMRT_REDIS_PREFIX is `{a}`",
        "XMRT_ALLOW_VOLATILE_REDIS is `yes`",
    ] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn the_address_of_redis_is_shown_without_its_password() {
    let url = "rediss://worker:p%40ss-word@redis.example:6380/2?token=p%40ss-word";
    let settings = load(&[("REDIS_URL", url), ("XMRT_REDIS_PREFIX", "blue")]).unwrap();
    let redis = settings.redis.as_ref().unwrap();
    assert_eq!(redis.url.expose_secret(), url);
    assert_eq!((redis.prefix.as_str(), redis.allow_volatile), ("blue", false));
    let row = settings
        .origins
        .iter()
        .find(|row| row.name == "REDIS_URL")
        .unwrap();
    assert_eq!(row.value, "rediss://worker:*****@redis.example:6380/2");
    let shown = format!(
        "{settings:?} {}",
        serde_json::to_string(&settings.origins).unwrap()
    );
    assert!(!shown.contains("ss-word"), "{shown}");
}

#[test]
fn the_nodes_of_a_cluster_are_shown_without_the_password() {
    let url = "redis+cluster://worker:p,ss-word@one:7000,two:7001";
    let settings = load(&[("REDIS_URL", url)]).unwrap();
    assert_eq!(settings.redis.as_ref().unwrap().url.expose_secret(), url);
    let shown = |name: &str| {
        settings
            .origins
            .iter()
            .find(|row| row.name == name)
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(
        shown("REDIS_URL"),
        "redis+cluster://worker:*****@one:7000,two:7001"
    );
}

#[test]
fn an_address_of_redis_that_cannot_be_meant_is_refused_without_repeating_it() {
    for (url, said) in [
        ("localhost:6379", "begins with `localhost:`"),
        ("http://:the-password@localhost", "begins with `http:`"),
        (
            "redis://:the-password@localhost/journal",
            "names the database `journal`",
        ),
        ("rediss+cluster://:the-password@", "is not a URL"),
        ("the-password@localhost", "is not a URL"),
    ] {
        let error = load(&[("REDIS_URL", url)]).unwrap_err();
        assert!(error.contains("REDIS_URL") && error.contains(said), "{error}");
        assert!(
            error.contains("redis://") && !error.contains("the-password"),
            "{error}"
        );
    }
    assert!(load(&[]).unwrap().redis.is_none());
}

#[test]
fn the_file_is_checked_as_strictly() {
    let check = |text: &str| with_file(text, &[]).map(|settings| settings.file);
    let settings = check("[vars]\nteam = \"ops\"\n[limits]\nconcurrency = 3\n").unwrap();
    assert_eq!(settings.vars["team"], "ops");
    assert_eq!(settings.limits.concurrency, 3);
    assert!(
        check("[limits]\nconcurency = 3\n")
            .unwrap_err()
            .contains("unknown field `concurency`")
    );
    let settings = check("[retention]\nevents = \"12h\"\nsize = \"4GiB\"\n").unwrap();
    assert_eq!(settings.retention.events.ms, 12 * 3_600_000);
    assert_eq!(settings.retention.runs.ms, 90 * 86_400_000);
    assert_eq!(settings.retention.size.unwrap().bytes, 4 << 30);
    // Nothing could be taken, or kept, below that.
    let wrong = check("[retention]\nsize = \"1KiB\"\n").unwrap_err();
    assert!(wrong.contains("2MiB or more"), "{wrong}");
    let wrong = check("[retention]\nevents = 30\n").unwrap_err();
    assert!(wrong.contains("expected a string"), "{wrong}");
    let wrong = check("[retention]\nruns = \"90\"\n").unwrap_err();
    assert!(wrong.contains("is not a length of time"), "{wrong}");
    assert!(
        check("[limits]\nconcurrency = 0\n")
            .unwrap_err()
            .contains("1 to 1024")
    );
    assert!(
        check("[[agent]]\nid = \"eliza\"\n")
            .unwrap_err()
            .contains("missing field `role`")
    );
    assert!(check("this is not toml").unwrap_err().contains("xmrt.toml"));
    let flags = Flags {
        config: Some("/nowhere/xmrt.toml".into()),
        ..Flags::default()
    };
    assert!(load_with(&flags, &[]).unwrap_err().contains("/nowhere/xmrt.toml"));
}

#[test]
fn what_cannot_be_meant_about_coverage_is_refused_with_what_can() {
    let check = |text: &str| {
        let (_folder, path) = folder_with("xmrt.toml", &format!("[coverage]\n{text}\n"));
        let flags = Flags {
            config: Some(path),
            ..Flags::default()
        };
        load_with(&flags, &[]).map(|settings| settings.file.coverage)
    };
    let usual = check("").unwrap();
    assert_eq!(
        (usual.every_ms, usual.stale_ms, usual.stale_destructive_ms),
        (600_000, 21_600_000, 900_000)
    );
    assert_eq!(check("every_ms = 0").unwrap().every_ms, 0);
    for (text, said) in [
        ("every_ms = 5", "0, or 1000 to"),
        ("grace_ms = -1", "`coverage.grace_ms` is -1"),
        ("stale_ms = 99999999999", "0 to 2592000000"),
        ("pages = 1", "2 to 1000"),
        ("repositories = [\"acme\"]", "write owner/name"),
        ("organizations = [\"acme/api\"]", "write the login alone"),
        ("repos = []", "unknown field `repos`"),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.contains(said), "{said} is missing in: {error}");
    }
}

#[test]
fn every_variable_that_is_read_is_in_the_reference() {
    // Everything set that shows only where it is set; what belongs together is taken in turns.
    let set = [
        ("RENDER_EXTERNAL_HOSTNAME", "xmrt.onrender.com"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_SERVICE_NAME", "xmrt"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b"),
        ("PORT", "10000"),
    ];
    let read: BTreeSet<String> = load(&set)
        .unwrap()
        .origins
        .into_iter()
        .map(|row| row.name)
        .collect();
    let told: BTreeSet<String> = config::VARIABLES
        .iter()
        .map(|variable| variable.name.to_owned())
        .collect();
    assert_eq!(read, told);
    // What may come from a file, or several at once, is said of each.
    for variable in config::VARIABLES {
        let file = format!("{}_FILE", variable.name);
        let refused = load(&[(&file, "/nowhere/at/all")]).is_err();
        assert_eq!(refused, variable.also != config::Also::Nothing, "{file}");
        let second = format!("{}_2", variable.name);
        let taken = load(&[(&second, "another")]).unwrap();
        let shown = taken.origins.iter().any(|row| row.origin.contains(&second));
        assert_eq!(shown, variable.also == config::Also::Several, "{second}");
    }
}
