//! In: a doubt about the database itself. Out: whether it is sound; a bound to its size, for tests. Never: a row.

use std::path::Path;

use super::{DATABASE, Embedded, OpenError, schema};
use crate::journal::StoreError;

const CHECK: &str = "PRAGMA quick_check(1)";

/// Reads the journal in `dir` for damage, whoever serves it: nothing when it is sound, otherwise what is wrong. Blocks for as
/// long as that takes.
pub fn damage(dir: &Path) -> Result<Option<String>, OpenError> {
    let path = dir.join(DATABASE);
    let refused = |error| schema::refused(&path, error);
    let conn = schema::reader(&path).map_err(refused)?;
    let said: String = conn.query_row(CHECK, [], |row| row.get(0)).map_err(refused)?;
    Ok((said != "ok").then_some(said))
}

impl Embedded {
    /// Reads the whole database for damage; `Ok(None)` when it is sound, otherwise what is wrong. Takes its time.
    pub async fn quick_check(&self) -> Result<Option<String>, StoreError> {
        self.readers
            .read(|conn| conn.query_row(CHECK, [], |row| row.get::<_, String>(0)))
            .await
            .map(|answer| (answer != "ok").then_some(answer))
    }

    /// Lets the database grow to so many pages and no further, as on a full disk. For tests of what happens then.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages_max: u32) -> Result<(), StoreError> {
        self.writer
            .write(move |tx| {
                tx.conn
                    .pragma_update_and_check(None, "max_page_count", pages_max, |_| Ok(()))?;
                Ok(())
            })
            .await
    }
}
