//! What the tools ask and what the sandbox answers, held against the descriptions that GitHub and Render publish of their APIs:
//! a client and a stand-in by the same hands could otherwise share a wrong belief. `scripts/generate-contracts` makes the tables.

mod spec;
mod witness;

pub use witness::Witness;

use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};
use spec::{Contract, Exchange};

pub static GITHUB: LazyLock<Contract> =
    LazyLock::new(|| Contract::new(include_str!("contract/github.json"), "basic-error"));
pub static RENDER: LazyLock<Contract> =
    LazyLock::new(|| Contract::new(include_str!("contract/render.json"), "error"));

/// What is wrong with an exchange with GitHub.
fn wrong(method: &Method, path: &str, query: &str, body: Value, status: u16, answer: Value) -> Vec<String> {
    let text = |value: Value| {
        if value.is_null() {
            String::new()
        } else {
            value.to_string()
        }
    };
    GITHUB.breaches(&Exchange {
        method,
        path,
        query,
        body: text(body).as_bytes(),
        status,
        answer: text(answer).as_bytes(),
        answer_is_json: true,
    })
}

#[test]
fn what_keeps_the_contract_passes_and_each_way_to_break_it_is_named() {
    let label = json!({
        "id": 1, "node_id": "L", "url": "https://api.example/labels/bug", "name": "bug", "description": null, "color": "ff0000",
        "default": false,
    });
    let path = "/repos/acme/api/labels/bug";
    assert_eq!(
        wrong(&Method::GET, path, "", Value::Null, 200, label.clone()),
        [""; 0]
    );

    let mut unknown = label.clone();
    unknown["shade"] = json!("dark");
    let mut lacking = label.clone();
    lacking.as_object_mut().unwrap().remove("color");
    let cases = [
        (
            wrong(
                &Method::GET,
                "/repos/acme/api/labelz",
                "",
                Value::Null,
                200,
                label.clone(),
            ),
            "no such call",
        ),
        (
            wrong(&Method::GET, path, "per_page=3", Value::Null, 200, label.clone()),
            "`per_page`",
        ),
        (
            wrong(&Method::GET, path, "", json!({ "name": "x" }), 200, label.clone()),
            "takes no body",
        ),
        (wrong(&Method::GET, path, "", Value::Null, 200, unknown), "shade"),
        (wrong(&Method::GET, path, "", Value::Null, 200, lacking), "color"),
        (
            wrong(&Method::GET, path, "", Value::Null, 202, label.clone()),
            "status 202",
        ),
        (
            wrong(&Method::GET, path, "", Value::Null, 404, json!({ "error": "no" })),
            "404",
        ),
        (
            wrong(
                &Method::POST,
                "/repos/acme/api/labels",
                "",
                Value::Null,
                201,
                label.clone(),
            ),
            "wants a body",
        ),
        (
            wrong(
                &Method::POST,
                "/repos/acme/api/labels",
                "",
                json!({ "title": "bug" }),
                201,
                label,
            ),
            "name",
        ),
        (
            wrong(
                &Method::GET,
                "/repos/acme/api/labels",
                "per_page=many",
                Value::Null,
                200,
                json!([]),
            ),
            "per_page",
        ),
    ];
    for (found, words) in cases {
        assert_eq!(found.len(), 1, "{words}: {found:#?}");
        assert!(found[0].contains(words), "{words}: {found:?}");
    }
}
