//! In: a doubt about the database itself. Out: whether it is sound; a bound to its size, for tests. Never: a row.

use super::Embedded;
use crate::journal::StoreError;

impl Embedded {
    /// Reads the whole database for damage; `Ok(None)` when it is sound, otherwise what is wrong. Takes its time.
    pub async fn quick_check(&self) -> Result<Option<String>, StoreError> {
        self.readers
            .read(|conn| conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)))
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
