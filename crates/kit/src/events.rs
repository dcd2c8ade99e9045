//! Events between services: CloudEvents 1.0, delivered at least once.
//!
//! [`Tx::emit`] writes an event for each of its subscribers in the transaction that makes it true (outbox). Delivery
//! follows after the response, and again on the maintenance route until the subscriber answers 2xx. The subscriber notes
//! the event's id in the transaction of its own change (inbox), so a repeated delivery changes nothing.

use crate::caller::Caller;
use crate::context::Ctx;
use crate::db::{DbError, Tx};
use crate::id::EventId;
use crate::params;
use crate::problem::{Problem, Result};
use crate::task::GRACE;
use crate::time::Timestamp;
use crate::valid::Valid;
use garde::Validate;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Where a service takes events in.
pub const PATH: &str = "/internal/events";

/// The most events that one round delivers.
const BATCH: u32 = 50;
/// How long a round has an event for itself.
const LEASE: Duration = Duration::from_secs(30);
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// How long an event's id is remembered: far longer than any delivery is repeated.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Something that happened, in the structured JSON form of CloudEvents 1.0.
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
pub struct Event {
    /// Always `1.0`.
    #[garde(custom(version_1))]
    pub specversion: String,
    /// Unique; a repeated delivery has the same.
    #[garde(length(min = 1, max = 64))]
    pub id: String,
    /// Which service says so.
    #[garde(length(min = 1, max = 64))]
    pub source: String,
    /// What happened, such as `souk.user.deleted`.
    #[serde(rename = "type")]
    #[garde(length(min = 1, max = 128))]
    pub kind: String,
    /// The id of what it happened to.
    #[garde(length(min = 1, max = 128))]
    pub subject: String,
    /// When.
    #[garde(skip)]
    pub time: Timestamp,
    /// Media type of `data`.
    #[garde(length(max = 128))]
    pub datacontenttype: String,
    /// The facts.
    #[garde(skip)]
    pub data: Value,
}

impl Event {
    /// The facts, as the type that the publisher documents.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.data.clone())
            .map_err(|error| Problem::internal(format!("event {} {}: {error}", self.kind, self.id)))
    }
}

impl Tx {
    /// Tells whoever subscribes to `kind` that it happened to `subject`, once this transaction commits.
    pub async fn emit(&self, kind: &str, subject: impl ToString, data: impl Serialize) -> Result<()> {
        let service = self.service();
        let now = Timestamp::now();
        let event = Event {
            specversion: "1.0".into(),
            id: EventId::new().to_string(),
            source: format!("/{}", service.name),
            kind: kind.into(),
            subject: subject.to_string(),
            time: now,
            datacontenttype: "application/json".into(),
            data: serde_json::to_value(data)
                .map_err(|error| Problem::internal(format!("event data: {error}")))?,
        };
        let json =
            serde_json::to_string(&event).map_err(|error| Problem::internal(format!("event: {error}")))?;
        for subscription in service.subscriptions.iter().filter(|subscription| subscription.event == kind) {
            self.exec(
                "INSERT INTO outbox (event_id, subscriber, event, created_at, next_attempt_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![event.id.as_str(), subscription.subscriber, json.as_str(), now, now.after(GRACE)],
            )
            .await?;
            let (event_id, subscriber) = (event.id.clone(), subscription.subscriber.to_owned());
            let due = Due { event_id, subscriber, event: json.clone(), attempts: 1 };
            self.afterwards(async move |ctx| attempt(&ctx, due).await);
        }
        Ok(())
    }
}

struct Due {
    event_id: String,
    subscriber: String,
    event: String,
    attempts: u32,
}

/// Delivers what is due, one batch.
pub(crate) async fn deliver(ctx: &Ctx) -> Result<()> {
    let now = Timestamp::now();
    let due = ctx
        .conn()
        .await?
        .all(
            "UPDATE outbox SET next_attempt_at = ?2, attempts = attempts + 1
              WHERE (event_id, subscriber) IN (
                SELECT event_id, subscriber FROM outbox WHERE next_attempt_at <= ?1 ORDER BY next_attempt_at LIMIT ?3)
             RETURNING event_id, subscriber, event, attempts",
            params![now, now.after(LEASE), BATCH],
            |row| {
                let (event_id, subscriber) = (row.get("event_id")?, row.get("subscriber")?);
                Ok(Due { event_id, subscriber, event: row.get("event")?, attempts: row.get("attempts")? })
            },
        )
        .await?;
    for due in due {
        attempt(ctx, due).await?;
    }
    Ok(())
}

async fn attempt(ctx: &Ctx, due: Due) -> Result<()> {
    match hand_over(ctx, &due).await {
        Ok(()) => Ok(forget(ctx, &due).await?),
        Err(problem) => Ok(postpone(ctx, &due, problem.cause().unwrap_or(problem.detail())).await?),
    }
}

async fn hand_over(ctx: &Ctx, due: &Due) -> Result<()> {
    let subscriptions = ctx.service().subscriptions;
    let Some(known) = subscriptions.iter().find(|subscription| subscription.subscriber == due.subscriber)
    else {
        return Ok(()); // Nobody subscribes any more.
    };
    let reply = ctx
        .call(Method::POST, known.subscriber, PATH)
        .idempotency_key(&due.event_id)
        .raw_json(due.event.clone())
        .send()
        .await?;
    if reply.status.is_success() { Ok(()) } else { Err(reply.unexpected()) }
}

/// Forgets a delivered event. What a power cut brings back is delivered again, and changes nothing.
async fn forget(ctx: &Ctx, due: &Due) -> Result<(), DbError> {
    let sql = "DELETE FROM outbox WHERE event_id = ?1 AND subscriber = ?2";
    ctx.relaxed().await?.exec(sql, params![due.event_id.as_str(), due.subscriber.as_str()]).await
}

/// Notes when to try again.
async fn postpone(ctx: &Ctx, due: &Due, error: &str) -> Result<(), DbError> {
    let pause = Duration::from_secs(1 << due.attempts.min(16)).min(MAX_PAUSE);
    let (id, subscriber) = (due.event_id.as_str(), due.subscriber.as_str());
    ctx.conn()
        .await?
        .exec(
            "UPDATE outbox SET next_attempt_at = ?3, attempts = ?4, last_error = ?5 WHERE event_id = ?1 AND subscriber = ?2",
            params![id, subscriber, Timestamp::now().after(pause), due.attempts, error],
        )
        .await
}

/// Takes an event in, once.
pub(crate) async fn receive(ctx: Ctx, caller: Caller, Valid(event): Valid<Event>) -> Result<StatusCode> {
    caller.must_be_service(event.source.trim_start_matches('/'))?;
    let Some(on_event) = ctx.service().on_event else { return Ok(StatusCode::NO_CONTENT) };
    let mut tx = ctx.begin().await?;
    let news = tx
        .one(
            "INSERT INTO inbox (event_id, received_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING 1 AS news",
            params![event.id.as_str(), Timestamp::now()],
            |row| row.get::<i64>("news"),
        )
        .await?;
    if news.is_none() {
        tx.rollback().await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    on_event(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets the ids of events that nobody delivers any more.
pub(crate) async fn purge(ctx: &Ctx) -> Result<(), DbError> {
    let oldest = Timestamp::now().before(REMEMBERED);
    ctx.conn().await?.exec("DELETE FROM inbox WHERE received_at < ?1", params![oldest]).await
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn version_1(version: &str, (): &()) -> garde::Result {
    if version == "1.0" { Ok(()) } else { Err(garde::Error::new("must be 1.0")) }
}
