//! In: the wish for everything on record. Out: it, line by line, as fast as it is taken. Never: the whole in memory; an
//! end that looks like one when something went wrong on the way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use hyper::body::Frame;

use super::super::Problem;
use super::super::routes::Shared;
use crate::journal::archive::Lines;

/// `GET /export`: JSON Lines.
pub(super) async fn export(State(app): Shared) -> Result<Response, Problem> {
    let export = app.reactor.store().export().await?;
    let body = Body::new(Exported(Lines::of(export)));
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], body).into_response())
}

/// The lines as an answer's body. An error breaks the connection off, so that nobody takes what came for the whole.
struct Exported(Lines);

impl hyper::body::Body for Exported {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_next(context).map(|line| {
            line.map(|line| match line {
                Ok(line) => Ok(Frame::data(Bytes::from(line))),
                Err(error) => {
                    tracing::error!("an export was broken off: {error}");
                    Err(io::Error::other(error))
                }
            })
        })
    }
}
