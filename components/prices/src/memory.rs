//! The rates of the last moment, so that a conversion needs no statement.

use crate::book::Book;
use crate::store;
use souk_kit::{Ctx, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long they are believed. Only to convert: a quote is made from what is stored.
const BELIEVED: Duration = Duration::from_secs(1);

static KNOWN: Mutex<Option<(Instant, Arc<Book>)>> = Mutex::new(None);

/// All rates, as they are or were a moment ago.
pub async fn book(ctx: &Ctx) -> Result<Arc<Book>> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((since, book)) = known
        && since.elapsed() < BELIEVED
    {
        return Ok(book);
    }
    let asked = Instant::now();
    let book = Arc::new(store::book::read(&ctx.conn().await?).await?);
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, Arc::clone(&book)));
    Ok(book)
}

/// Forgets them: this instance has just changed some.
pub fn forget() {
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
