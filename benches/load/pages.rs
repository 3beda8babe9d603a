//! In: how many deliveries are on record. Out: how large each page of the dashboard is, and how long it takes. Never: a page that
//! was not asked for over HTTP, by somebody who signed in.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client as Http, RequestBuilder, Response, redirect};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::client::{Client, Load};
use super::deliveries::{self, Mix};
use super::receivers::{Kind, Receiver};
use super::report::Spread;
use super::setting::Setting;

/// How many deliver at once.
const AT_ONCE: u64 = 16;
/// How often each page is asked for.
const TIMES: usize = 15;
const TOKEN: &str = "of the bench, and good for nothing else";
/// A page's size, in bytes, and its time, in milliseconds.
const BYTES_MAX: usize = 100 * 1000;
const MS_MAX: f64 = 100.0;

/// All pages, with so much on record.
pub(super) fn measure(kind: Kind, events: u64) -> Result<Value, String> {
    let setting = Setting {
        variables: vec![("XMRT_ADMIN_TOKEN".into(), TOKEN.into())],
        ..Setting::default()
    };
    let receiver = Receiver::start(kind, &setting)?;
    let begun = Instant::now();
    deliver(&receiver, events)?;
    println!(
        "\n{}: {events} deliveries on record after {:.0} s",
        kind.name(),
        begun.elapsed().as_secs_f64()
    );
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let found = runtime.block_on(read(&receiver, events))?;
    let over: Vec<&String> = found
        .iter()
        .filter(|(_, page)| {
            let ms = page["ms"]["median"].as_f64().unwrap_or(f64::MAX);
            page["bytes"]
                .as_u64()
                .is_none_or(|bytes| bytes > BYTES_MAX as u64)
                || ms > MS_MAX
        })
        .map(|(path, _)| path)
        .collect();
    match over[..] {
        [] => Ok(Value::Object(found)),
        _ => Err(format!(
            "larger than {BYTES_MAX} bytes or slower than {MS_MAX} ms: {over:?}"
        )),
    }
}

fn deliver(receiver: &Receiver, events: u64) -> Result<(), String> {
    let mix = Arc::new(Mix::realistic()?);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE)
            .map(|place| {
                let load = Load {
                    mix: Arc::clone(&mix),
                    connections: 1,
                    fresh: false,
                    warm: 0.0,
                    seconds: 0.0,
                    rate: None,
                    from: 1,
                };
                let mut client = Client::new(receiver.address, receiver.kind.path(), load);
                scope.spawn(move || -> Result<(), String> {
                    for number in (1 + place..=events).step_by(AT_ONCE as usize) {
                        client.prepare(number);
                        match client.deliver()?.as_str() {
                            "202" => {}
                            other => return Err(format!("answered {other}")),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| "a client died".to_owned())?)
    })
}

async fn read(receiver: &Receiver, events: u64) -> Result<Map<String, Value>, String> {
    let mut person = Person::sign_in(format!("http://{}", receiver.address)).await?;
    let run = person
        .first_link("/runs?state=succeeded", "/runs/")
        .await?
        .ok_or("no run has ended")?;
    let mut paths: Vec<String> = [
        "/",
        "/events",
        "/runs",
        "/rules",
        "/approvals",
        "/agents",
        "/insights",
        "/audit",
    ]
    .map(str::to_owned)
    .into();
    paths.extend([
        "/events?q=github.pull_request".into(),
        "/events?q=acme%2Fnothing%231".into(),
        "/runs?state=dead".into(),
        "/runs?rule=rule-0".into(),
        "/rules/rule-0".into(),
        format!("/events/{}", deliveries::id(1)),
        format!("/events/{}", deliveries::id(events)),
        run,
    ]);
    let mut found = Map::new();
    for path in paths {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let begun = Instant::now();
            let page = person.get(&path).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            bytes = page.len();
        }
        let ms = Spread::of(times);
        println!("{path:<44} {bytes:>7} bytes   {ms} ms");
        found.insert(path, json!({ "bytes": bytes, "ms": ms }));
    }
    Ok(found)
}

/// Somebody with a browser.
struct Person {
    http: Http,
    at: String,
    cookie: String,
}

impl Person {
    async fn sign_in(at: String) -> Result<Self, String> {
        let http = Http::builder().redirect(redirect::Policy::none()).build();
        let mut person = Self {
            http: http.map_err(|error| error.to_string())?,
            at,
            cookie: String::new(),
        };
        let form = person.get("/sign-in").await?;
        let mark = "name=\"csrf\" value=\"";
        let csrf = form.split_once(mark).and_then(|(_, rest)| rest.split('"').next());
        let fields = [
            ("csrf", csrf.ok_or("the sign-in has no form")?),
            ("next", "/"),
            ("token", TOKEN),
        ];
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let sent = person
            .http
            .post(format!("{}/sign-in", person.at))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = person.ask(sent).await?;
        match answer.headers().get(LOCATION) {
            Some(place) if place == "/" => Ok(person),
            _ => Err(format!("not signed in: {}", answer.status())),
        }
    }

    async fn ask(&mut self, request: RequestBuilder) -> Result<Response, String> {
        let request = request.header("accept", "text/html").header(COOKIE, &self.cookie);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let given = answer
            .headers()
            .get(SET_COOKIE)
            .and_then(|given| given.to_str().ok());
        if let Some(pair) = given.and_then(|given| given.split(';').next()) {
            self.cookie = pair.to_owned();
        }
        Ok(answer)
    }

    async fn get(&mut self, path: &str) -> Result<String, String> {
        let answer = self.ask(self.http.get(format!("{}{path}", self.at))).await?;
        match answer.status().as_u16() {
            200 => answer.text().await.map_err(|error| error.to_string()),
            status => Err(format!("{path} answered {status}")),
        }
    }

    /// Where the first link of a page that begins so leads.
    async fn first_link(&mut self, page: &str, begins: &str) -> Result<Option<String>, String> {
        let page = self.get(page).await?;
        let mark = format!("href=\"{begins}");
        let found = page
            .split_once(&mark)
            .and_then(|(_, rest)| rest.split('"').next());
        Ok(found.map(|rest| format!("{begins}{rest}")))
    }
}
