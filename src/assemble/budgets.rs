//! In: what `xmrt.toml` says of the providers' limits, and a journal. Out: clients within budgets that its replicas share.
//! Never: how a budget is kept.

use std::sync::Arc;

use super::providers::Providers;
use crate::budget::Budgets;
use crate::clock::Clock;
use crate::config::Settings;
use crate::integrations::{github, render};
use crate::journal::Store;

/// The budgets that everybody on the journal shares.
pub(super) fn shared(store: &Arc<dyn Store>, clock: &Clock) -> Budgets {
    Budgets::shared(Arc::clone(store), clock.clone())
}

/// The providers' clients, within `budgets` and the limits of the settings.
pub(super) fn within(providers: &mut Providers, budgets: &Budgets, settings: &Settings) {
    providers.github = providers
        .github
        .take()
        .map(|client| of_github(client, budgets, settings));
    providers.render = providers.render.take().map(|client| {
        let rates = render_rates(client.rates().clone(), settings);
        client.within_budgets(budgets).with_rates(rates)
    });
}

/// A client of GitHub, within `budgets` and the limits of the settings.
pub(super) fn of_github(client: github::Client, budgets: &Budgets, settings: &Settings) -> github::Client {
    let rates = github_rates(client.rates().clone(), settings);
    client.within_budgets(budgets).with_rates(rates)
}

/// What the settings say; 0 is no limit, and nothing said leaves what the address has.
fn set(said: Option<u32>, known: Option<u32>) -> Option<u32> {
    match said {
        Some(0) => None,
        Some(limit) => Some(limit),
        None => known,
    }
}

fn github_rates(known: github::Rates, settings: &Settings) -> github::Rates {
    let said = &settings.file.budget.github;
    github::Rates {
        points_per_minute: set(said.points_per_minute, known.points_per_minute),
        graphql_points_per_minute: set(said.graphql_points_per_minute, known.graphql_points_per_minute),
        content_per_minute: set(said.content_per_minute, known.content_per_minute),
        content_per_hour: set(said.content_per_hour, known.content_per_hour),
        at_once: set(said.at_once, known.at_once),
    }
}

fn render_rates(known: render::Rates, settings: &Settings) -> render::Rates {
    let said = &settings.file.budget.render;
    render::Rates {
        reads_per_minute: set(said.reads_per_minute, known.reads_per_minute),
        writes_per_minute: set(said.writes_per_minute, known.writes_per_minute),
        service_per_minute: set(said.service_per_minute, known.service_per_minute),
        services_per_hour: set(said.services_per_hour, known.services_per_hour),
        jobs_per_hour: set(said.jobs_per_hour, known.jobs_per_hour),
    }
}
