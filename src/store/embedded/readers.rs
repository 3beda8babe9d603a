//! In: questions from many tasks. Out: their answers, each from one consistent view. Never: a write.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema;
use super::writer::unavailable;
use crate::journal::StoreError;

/// How many questions are answered at once; the others wait.
const READERS_MAX: usize = 4;

/// Connections that only read, opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Arc::default(),
            free: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Answers a question on a thread that may block.
    pub(super) async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let gone = || StoreError::Unavailable("its readers have stopped".into());
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| gone())?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = waiting.map_or_else(|| schema::reader(&path), Ok)?;
            // One transaction, so that a question of several statements sees one state.
            conn.execute_batch("BEGIN")?;
            let answer = question(&conn);
            // A connection that cannot end its transaction is dropped rather than handed on.
            if conn.execute_batch("COMMIT").is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            }
            drop(permit);
            answer
        });
        answer
            .await
            .map_err(|_| gone())?
            .map_err(|error: rusqlite::Error| unavailable(&error))
    }
}
