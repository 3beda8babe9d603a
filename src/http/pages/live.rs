//! In: how often the journal has changed, asked once a second while anybody watches. Out: a word to their browsers that something has changed.
//! Never: what has changed; the browser asks for its page again, and gets what it may see.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use hyper::body::Frame;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use super::super::Problem;
use super::super::listen::Closing;
use super::super::routes::{App, Shared};
use super::{Failed, session};

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How many browsers are told.
const STREAMS_MAX: usize = 64;
/// A stream says something at least so often, so that nobody in between takes it for dead.
const BEAT: Duration = Duration::from_secs(15);
/// After how many beats a stream ends: the browser opens the next one, and must still be signed in.
const BEATS_MAX: u32 = 20;

/// The one who looks, for all who are told.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<watch::Sender<[u8; 32]>>>);

impl Watch {
    /// What is told of changes; begins to look if nobody does.
    fn join(&self, app: &Arc<App>) -> Result<watch::Receiver<[u8; 32]>, Problem> {
        let mut looking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looking) = looking.as_ref().filter(|looking| !looking.is_closed()) {
            return match looking.receiver_count() < STREAMS_MAX {
                true => Ok(looking.subscribe()),
                false => Err(Problem::unavailable(
                    "too many pages are open: close some, or load this one by hand",
                )),
            };
        }
        let (sender, receiver) = watch::channel([0; 32]);
        *looking = Some(sender.clone());
        tokio::spawn(look(Arc::clone(app), sender));
        Ok(receiver)
    }
}

async fn look(app: Arc<App>, changed: watch::Sender<[u8; 32]>) {
    loop {
        tokio::select! {
            () = changed.closed() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // While the journal does not answer, nothing is known to have changed.
        if let Ok(seen) = seen(&app).await {
            changed.send_if_modified(|last| std::mem::replace(last, seen) != seen);
        }
    }
}

/// What is another when a page would be: the journal, what is in force, what does not work.
async fn seen(app: &App) -> Result<[u8; 32], Problem> {
    let parts = (
        app.reactor.store().changes().await?,
        app.reactor.health().await,
        app.reactor.book().hash().to_owned(),
    );
    Ok(Sha256::digest(format!("{parts:?}")).into())
}

/// `GET /live`: server-sent events.
pub(super) async fn stream(State(app): Shared, request: Request) -> Result<Response, Failed> {
    let mut changed = app.desk.watch.join(&app)?;
    let mut closing = request
        .extensions()
        .get::<Closing>()
        .map(|closing| closing.0.clone());
    let headers = request.headers().clone();
    let (lines, body) = mpsc::channel(4);
    tokio::spawn(async move {
        changed.mark_unchanged();
        if lines.send(Bytes::from_static(b"retry: 2000\n\n")).await.is_err() {
            return;
        }
        let mut beats = 0;
        while beats < BEATS_MAX {
            let ending = async {
                match &mut closing {
                    Some(closing) => drop(closing.wait_for(|closing| *closing).await),
                    None => std::future::pending().await,
                }
            };
            let line: &'static [u8] = tokio::select! {
                () = ending => return,
                () = lines.closed() => return,
                news = changed.changed() => match news {
                    Ok(()) => b"event: changed\ndata: -\n\n",
                    Err(_) => return,
                },
                () = tokio::time::sleep(BEAT) => {
                    beats += 1;
                    b": beat\n\n"
                }
            };
            // Who has signed out, or is let in no more, is told nothing more. While the journal does not answer nobody knows.
            if let Ok(None) = session::of(&app, &headers).await {
                return;
            }
            if lines.send(Bytes::from_static(line)).await.is_err() {
                return;
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::new(Told(body))).into_response())
}

struct Told(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
