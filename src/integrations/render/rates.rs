//! In: a request. Out: which of Render's groups it belongs to. Never: how much is left.
//!
//! Of Render's documentation, "Rate Limiting". Each answer tells of the group of its request; the documented sizes hold
//! before the first one, and for what other replicas do meanwhile.

use reqwest::Method;

use crate::budget::{Charge, Limit};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The sizes of Render's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Reads a minute.
    pub reads_per_minute: Option<u32>,
    /// Writes a minute that have no group of their own: among them roll-backs, restarts and environment variables.
    pub writes_per_minute: Option<u32>,
    /// Deploys, changes, suspensions and deploy hooks a minute, of one service.
    pub service_per_minute: Option<u32>,
    /// New services an hour.
    pub services_per_hour: Option<u32>,
    /// Jobs an hour.
    pub jobs_per_hour: Option<u32>,
}

impl Rates {
    /// Those of the API at this address.
    pub fn of(base_url: &str) -> Self {
        let host = url::Url::parse(base_url).ok();
        match host.as_ref().and_then(url::Url::host_str) {
            Some("api.render.com") => Self::public(),
            _ => Self::default(),
        }
    }

    /// Those that Render documents.
    pub fn public() -> Self {
        Self {
            reads_per_minute: Some(400),
            writes_per_minute: Some(30),
            service_per_minute: Some(10),
            services_per_hour: Some(20),
            jobs_per_hour: Some(2_000),
        }
    }

    /// What a request uses: one of its group. `path` is below the API's base.
    pub(super) fn charge(&self, method: &Method, path: &str) -> Charge {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (name, max, window_ms) = match (method.as_str(), parts.as_slice()) {
            ("GET" | "HEAD", _) => ("reads".into(), self.reads_per_minute, MINUTE_MS),
            ("POST", ["services"]) => ("new services".into(), self.services_per_hour, HOUR_MS),
            ("POST", ["services", _, "jobs"]) => ("jobs".into(), self.jobs_per_hour, HOUR_MS),
            ("PATCH", ["services", id]) | ("POST", ["services", id, "deploys" | "suspend" | "resume"]) => {
                return self.of_service(id);
            }
            _ => ("writes".into(), self.writes_per_minute, MINUTE_MS),
        };
        Charge {
            limit: Limit {
                name,
                max,
                window_ms,
                kept: true,
            },
            cost: 1,
        }
    }

    /// What a change to a service, a deploy of it, or its deploy hook uses.
    pub(super) fn of_service(&self, id: &str) -> Charge {
        Charge {
            limit: Limit {
                name: format!("service {id}").into(),
                max: self.service_per_minute,
                window_ms: MINUTE_MS,
                kept: true,
            },
            cost: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_belongs_to_its_group() {
        let rates = Rates::public();
        for (method, path, group, max) in [
            (Method::GET, "services/srv-1/deploys?limit=1", "reads", 400),
            (Method::POST, "services", "new services", 20),
            (Method::POST, "services/srv-1/jobs", "jobs", 2_000),
            (Method::PATCH, "services/srv-1", "service srv-1", 10),
            (Method::POST, "/services/srv-1/deploys", "service srv-1", 10),
            (Method::POST, "services/srv-1/suspend", "service srv-1", 10),
            (Method::POST, "services/srv-1/rollback", "writes", 30),
            (Method::POST, "services/srv-1/restart", "writes", 30),
            (Method::PUT, "services/srv-1/env-vars/A", "writes", 30),
            (Method::POST, "services/srv-1/deploys/dep-1/cancel", "writes", 30),
        ] {
            let charge = rates.charge(&method, path);
            assert_eq!(
                (charge.limit.name.as_ref(), charge.limit.max),
                (group, Some(max)),
                "{method} {path}"
            );
        }
        let elsewhere = Rates::of("http://127.0.0.1:1/render/v1");
        assert_eq!(elsewhere.charge(&Method::GET, "services").limit.max, None);
    }
}
