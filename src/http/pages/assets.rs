//! In: a name. Out: the style, the script and the icon of the pages, as they were compiled in. Never: a file.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;
use sha2::{Digest, Sha256};

use super::super::Problem;

const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("style.css")),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_str!("live.js"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// Changes when one of them does, so that browsers can keep them for ever.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for (_, _, text) in ASSETS {
        all.update(text);
    }
    hex::encode(&all.finalize()[..4])
});

/// Where a page finds one.
pub(super) fn place(name: &str) -> String {
    format!("/assets/{name}?{}", *EDITION)
}

/// `GET /assets/{name}`: open to everybody; there is nothing of anybody in them.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, text)) => {
            let headers = [
                (header::CONTENT_TYPE, *kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, *text).into_response()
        }
        None => Problem::not_found(format!("there is nothing at /assets/{name}")).into_response(),
    }
}
