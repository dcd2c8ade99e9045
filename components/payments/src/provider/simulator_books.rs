//! The card simulator's own books and its outgoing webhooks: transactions of its own, as those of somebody else would be.

use super::simulator::{WEBHOOK_KEY, Webhook};
use super::{Charge, Standing, Unanswered, signature};
use http::{HeaderMap, HeaderValue};
use souk_kit::{Ctx, Problem, Result, Timestamp, Tx, params, settings};
use std::time::Duration;

/// The most webhooks that one round sends.
const BATCH: u32 = 100;
/// How long a webhook that was not taken waits.
const RETRY: Duration = Duration::from_secs(5);

/// Makes a charge known, or tells how it stands.
pub async fn create(ctx: &Ctx, charge: &Charge) -> Result<Standing, Unanswered> {
    let tx = ctx.begin().await?;
    open(&tx, charge, "created").await?;
    let standing = standing(&tx, charge).await?;
    tx.commit().await?;
    Ok(standing)
}

async fn open(tx: &Tx, charge: &Charge, state: &str) -> Result<(), Unanswered> {
    let (amount, now) = (charge.amount, Timestamp::now());
    tx.exec(
        "INSERT INTO simulator_charges (key, amount, currency, state, known_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![charge.key, amount.amount, amount.currency, state, now],
    )
    .await?;
    Ok(())
}

async fn standing(tx: &Tx, charge: &Charge) -> Result<Standing, Unanswered> {
    let now = Timestamp::now();
    let found = tx
        .one("SELECT state, known_at FROM simulator_charges WHERE key = ?1", params![charge.key], |row| {
            let known_at: Timestamp = row.get("known_at")?;
            Ok(match row.get::<&str>("state")? {
                "created" => Standing::Created,
                "cancelled" => Standing::Cancelled,
                _ if known_at > now => Standing::Processing,
                "authorized" => Standing::Authorized,
                _ => Standing::Captured,
            })
        })
        .await?;
    Ok(found.unwrap_or(Standing::Created))
}

/// Carries a charge out, once, and queues what will be told of it, `times` times, when it is known.
pub async fn authorize(
    ctx: &Ctx,
    charge: &Charge,
    success: &Standing,
    known_at: Timestamp,
    times: usize,
) -> Result<Standing, Unanswered> {
    let state = if *success == Standing::Captured { "captured" } else { "authorized" };
    let tx = ctx.begin().await?;
    let done = tx
        .one(
            "UPDATE simulator_charges SET state = ?2, known_at = ?3 WHERE key = ?1 AND state = 'created' RETURNING 1 AS done",
            params![charge.key, state, known_at],
            |row| row.get::<i64>("done"),
        )
        .await?;
    if done.is_some() {
        let mut webhooks = vec![Webhook::of_charge(charge, success); times];
        if times > 1 && *success == Standing::Captured {
            // And the first step after the second.
            webhooks.push(Webhook::of_charge(charge, &Standing::Authorized));
        }
        queue(&tx, &webhooks, known_at).await?;
    }
    let standing = standing(&tx, charge).await?;
    tx.commit().await?;
    Ok(if standing == Standing::Cancelled { Standing::Declined("cancelled".into()) } else { standing })
}

/// Undoes a charge, and bars one that has not been made yet.
pub async fn cancel(ctx: &Ctx, charge: &Charge) -> Result<Standing, Unanswered> {
    let tx = ctx.begin().await?;
    open(&tx, charge, "cancelled").await?;
    tx.exec("UPDATE simulator_charges SET state = 'cancelled' WHERE key = ?1", params![charge.key]).await?;
    tx.commit().await?;
    Ok(Standing::Cancelled)
}

/// Queues webhooks to be sent as soon as may be.
pub async fn tell(ctx: &Ctx, webhooks: &[Webhook]) -> Result<(), Unanswered> {
    let tx = ctx.begin().await?;
    queue(&tx, webhooks, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn queue(tx: &Tx, webhooks: &[Webhook], due_at: Timestamp) -> Result<(), Unanswered> {
    for webhook in webhooks {
        let body = serde_json::to_string(webhook).map_err(|error| Unanswered(error.to_string()))?;
        let sql = "INSERT INTO simulator_webhooks (body, due_at) VALUES (?1, ?2)";
        tx.exec(sql, params![body, due_at]).await?;
    }
    Ok(())
}

/// A webhook on its way.
pub struct Outgoing {
    pub id: i64,
    pub headers: HeaderMap,
    pub body: String,
}

/// The webhooks that are due, each signed now. Those that nobody says were taken are sent again.
pub async fn due(ctx: &Ctx) -> Result<Vec<Outgoing>> {
    let key = settings::key(WEBHOOK_KEY).await?;
    let now = Timestamp::now();
    let due = ctx
        .conn()
        .await?
        .all(
            "UPDATE simulator_webhooks SET due_at = ?2 WHERE id IN (
               SELECT id FROM simulator_webhooks WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?3) RETURNING id, body",
            params![now, now.after(RETRY), BATCH],
            |row| Ok((row.get::<i64>("id")?, row.get::<String>("body")?)),
        )
        .await?;
    let signed = due.into_iter().map(|(id, body)| {
        let value = signature::sign(body.as_bytes(), now, &key)?;
        let value = HeaderValue::try_from(value).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Outgoing { id, headers: HeaderMap::from_iter([(signature::SIGNATURE, value)]), body })
    });
    signed.collect()
}

/// Forgets a webhook that was taken.
pub async fn taken(ctx: &Ctx, id: i64) -> Result<()> {
    Ok(ctx.conn().await?.exec("DELETE FROM simulator_webhooks WHERE id = ?1", params![id]).await?)
}
