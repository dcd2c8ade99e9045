//! What must happen without anybody asking: providers are asked, rates that others have overtaken give way, and what is old
//! goes.

use crate::store::{history, quote, rate};
use crate::{memory, options, refresh, settle};
use souk_kit::{Ctx, Result, Timestamp};
use std::time::Duration;

/// Pairs that one round looks at again.
const PAIRS: u32 = 100;
/// Rows of a sort that one round forgets.
const FORGOTTEN: u32 = 500;
/// For how long it is still said of a quote that it has expired.
const EXPIRED_FOR: Duration = Duration::from_secs(24 * 3600);

/// One round.
pub async fn run(ctx: Ctx) -> Result<()> {
    refresh::due(&ctx).await?;
    overtake(&ctx).await?;
    let (now, kept) = (Timestamp::now(), options::days("history_days").await?);
    let conn = ctx.conn().await?;
    history::thin(&conn, now.before(kept), FORGOTTEN).await?;
    Ok(quote::purge(&conn, now.before(EXPIRED_FOR), now.before(kept), FORGOTTEN).await?)
}

/// Decides anew on rates that have become stale although some source has told a newer one: what they depended on has gone
/// silent, or what was set by hand holds no more.
async fn overtake(ctx: &Ctx) -> Result<()> {
    let now = Timestamp::now();
    let pairs = rate::overtaken(&ctx.conn().await?, now, PAIRS).await?;
    if pairs.is_empty() {
        return Ok(());
    }
    let tx = ctx.begin().await?;
    settle::pairs(&tx, &pairs, now).await?;
    tx.commit().await?;
    memory::forget();
    Ok(())
}
