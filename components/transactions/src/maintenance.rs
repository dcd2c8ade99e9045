//! What must happen without anybody asking: holds end, dated transfers are made, clearing goes on, roots are made.

use crate::store::{hold, transaction};
use crate::{clearing, ledger};
use serde_json::json;
use souk_kit::{Ctx, Level, Result, Timestamp, log};
use std::time::Duration;

/// How long an intention is remembered: longer than a repetition is answered.
const REMEMBERED: Duration = Duration::from_secs(3 * 24 * 3600);

/// One round. What fails waits for the next, and holds nothing else up.
pub async fn run(ctx: Ctx) -> Result<()> {
    let now = Timestamp::now();
    hold::expire(&ctx.conn().await?, now).await?;
    let due = transaction::due(&ctx.conn().await?, now).await?;
    for id in due {
        if let Err(problem) = clearing::go_on(&ctx, id).await {
            let cause = problem.cause().unwrap_or(problem.detail());
            let fields = json!({"service": "transactions", "transaction.id": id, "cause": cause});
            log(Level::Warn, "maintenance of one transaction failed; it is tried again", fields);
        }
    }
    ledger::make_roots(&ctx.conn().await?).await?;
    let oldest = now.before(REMEMBERED);
    Ok(transaction::forget_intentions(&ctx.conn().await?, oldest).await?)
}
