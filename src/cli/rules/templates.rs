//! What a new rule can start from: a few small rules, and all that are shipped. A test compares the list with the
//! folder `rules/`.

/// A whole rule file.
#[derive(Debug)]
pub(in crate::cli) struct Template {
    /// What `--from` takes.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) text: &'static str,
}

impl Template {
    /// The `description` of the file.
    pub(in crate::cli) fn description(&self) -> &'static str {
        self.text
            .lines()
            .find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'))
            .unwrap_or_default()
    }
}

macro_rules! small {
    ($name:literal) => {
        Template {
            name: $name,
            text: include_str!(concat!("templates/", $name, ".toml")),
        }
    };
}

macro_rules! shipped {
    ($name:literal) => {
        Template {
            name: $name,
            text: include_str!(concat!("../../../rules/", $name, ".toml")),
        }
    };
}

const SMALL: &[Template] = &[
    small!("on-issue"),
    small!("on-pull-request"),
    small!("on-push"),
    small!("on-deploy"),
];

/// All rules that are shipped.
pub(in crate::cli) const SHIPPED: &[Template] = &[
    shipped!("approve-production-deploy"),
    shipped!("daily-ecosystem-health"),
    shipped!("deploy-status-to-commit"),
    shipped!("diagnose-failed-deploy"),
    shipped!("label-pull-request-by-paths"),
    shipped!("learn-from-improvements"),
    shipped!("propose-improvements"),
    shipped!("redeploy-on-green-main"),
    shipped!("rerun-flaky-workflow"),
    shipped!("restart-unhealthy-service"),
    shipped!("rollback-unhealthy-deploy"),
    shipped!("security-alert-to-issue"),
    shipped!("stale-issues"),
    shipped!("thank-new-star"),
    shipped!("triage-new-issue"),
    shipped!("triage-new-pull-request"),
    shipped!("weekly-insights"),
    shipped!("welcome-first-contributor"),
];

/// All there is to start from.
pub(super) fn all() -> impl Iterator<Item = &'static Template> {
    SMALL.iter().chain(SHIPPED)
}
