//! The SQL.

pub mod receipt;

use crate::model::{AttemptState, Capture, CardTrace, Intent, Kind, Notes, Transfer, Try};
use souk_kit::id::{AttemptId, OrderId, PaymentId, UserId};
use souk_kit::{Conn, Currency, DbError, Money, Problem, Result, Row, Timestamp, Tx, params};

fn intent(row: &Row<'_>) -> Result<Intent, DbError> {
    Ok(Intent {
        id: row.parse("id")?,
        order_id: row.parse("order_id")?,
        user_id: row.optional("user_id")?,
        currency: row.parse::<Currency>("currency")?,
        amount: row.get("amount")?,
        capture: row.parse("capture")?,
        return_url: row.get("return_url")?,
        revision: row.get("revision")?,
        state: row.parse("state")?,
        authorized: row.get("authorized")?,
        capturing: row.get("capturing")?,
        captured: row.get("captured")?,
        released: row.get("released")?,
        refunding: row.get("refunding")?,
        refunded: row.get("refunded")?,
        declines: row.get("declines")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// An intent, and its try that may cost money.
pub struct Case {
    pub intent: Intent,
    pub alive: Option<Try>,
}

/// The intent with its living try beside it. Index: `attempts_alive`.
const CASE: &str =
    "SELECT i.*, a.id AS a_id, a.provider AS a_provider, a.brand AS a_brand, a.last4 AS a_last4,
        a.notes AS a_notes, a.amount AS a_amount, a.state AS a_state, a.code AS a_code, a.ask_at AS a_ask_at,
        a.asked_by AS a_asked_by, a.created_at AS a_created_at
   FROM intents i LEFT JOIN attempts a ON a.intent_id = i.id
    AND a.state IN ('pending', 'requires_action', 'processing', 'authorized', 'captured')";

fn trace(brand: Option<String>, last4: Option<String>) -> Option<CardTrace> {
    brand.zip(last4).map(|(brand, last4)| CardTrace { brand, last4 })
}

fn notes(json: &str) -> Result<Notes, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::Column(format!("notes: {error}")))
}

fn case(row: Row<'_>) -> Result<Case, DbError> {
    let intent = intent(&row)?;
    let alive = match row.get::<Option<&str>>("a_id")? {
        None => None,
        Some(_) => Some(Try {
            id: row.parse("a_id")?,
            intent_id: intent.id,
            provider: row.get("a_provider")?,
            card: trace(row.get("a_brand")?, row.get("a_last4")?),
            notes: notes(row.get("a_notes")?)?,
            amount: row.get("a_amount")?,
            state: row.parse("a_state")?,
            code: row.get("a_code")?,
            ask_at: row.get("a_ask_at")?,
            asked_by: row.get("a_asked_by")?,
            created_at: row.get("a_created_at")?,
        }),
    };
    Ok(Case { intent, alive })
}

/// An intent.
pub async fn find(conn: &Conn, id: PaymentId) -> Result<Case> {
    let sql = format!("{CASE} WHERE i.id = ?1");
    conn.one(&sql, params![id], case).await?.ok_or_else(Problem::not_found)
}

/// The intent of an order.
pub async fn of_order(conn: &Conn, order: OrderId) -> Result<Case> {
    let sql = format!("{CASE} WHERE i.order_id = ?1");
    conn.one(&sql, params![order], case).await?.ok_or_else(Problem::not_found)
}

/// What an order wants.
pub struct Wanted {
    pub order_id: OrderId,
    pub user_id: Option<UserId>,
    pub amount: Money,
    pub capture: Capture,
    pub return_url: Option<String>,
    pub revision: i64,
}

/// Adds the intent of an order; nothing when it has one.
pub async fn insert(conn: &Conn, wanted: &Wanted) -> Result<Option<Intent>, DbError> {
    conn.one(
        "INSERT INTO intents (id, order_id, user_id, currency, amount, capture, return_url, state, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'requires_method', ?8, ?8) ON CONFLICT (order_id) DO NOTHING RETURNING *",
        params![
            PaymentId::new(),
            wanted.order_id,
            wanted.user_id,
            wanted.amount.currency,
            wanted.amount.amount,
            wanted.capture.name(),
            wanted.return_url.as_deref(),
            Timestamp::now(),
        ],
        |row| intent(&row),
    )
    .await
}

/// Stores everything about an intent that changes.
pub async fn save(tx: &Tx, intent: &Intent) -> Result<(), DbError> {
    tx.exec(
        "UPDATE intents SET state = ?2, authorized = ?3, capturing = ?4, captured = ?5, refunding = ?6, refunded = ?7,
                declines = ?8, updated_at = ?9, released = ?10, return_url = ?11 WHERE id = ?1",
        params![
            intent.id,
            intent.state.name(),
            intent.authorized,
            intent.capturing,
            intent.captured,
            intent.refunding,
            intent.refunded,
            intent.declines,
            Timestamp::now(),
            intent.released,
            intent.return_url.as_deref(),
        ],
    )
    .await
}

/// Stores what the order wants instead, and that nothing has been tried for it.
pub async fn replace(tx: &Tx, id: PaymentId, wanted: &Wanted) -> Result<(), DbError> {
    tx.exec(
        "UPDATE intents SET amount = ?2, currency = ?3, capture = ?4, user_id = ?5, return_url = ?6,
                state = 'requires_method', revision = ?8, updated_at = ?7 WHERE id = ?1",
        params![
            id,
            wanted.amount.amount,
            wanted.amount.currency,
            wanted.capture.name(),
            wanted.user_id,
            wanted.return_url.as_deref(),
            Timestamp::now(),
            wanted.revision,
        ],
    )
    .await
}

/// Notes that the order wants the same once more, so that what it wanted in between changes nothing.
pub async fn note_revision(tx: &Tx, id: PaymentId, revision: i64) -> Result<(), DbError> {
    tx.exec("UPDATE intents SET revision = ?2 WHERE id = ?1", params![id, revision]).await
}

/// Adds a try, or stores where it stands by now.
pub async fn save_try(tx: &Tx, attempt: &Try) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO attempts (id, intent_id, provider, brand, last4, amount, state, code, ask_at, created_at, updated_at,
           asked_by, notes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET
           state = excluded.state, code = excluded.code, ask_at = excluded.ask_at, updated_at = excluded.updated_at,
           asked_by = excluded.asked_by, notes = excluded.notes",
        params![
            attempt.id,
            attempt.intent_id,
            attempt.provider.as_str(),
            attempt.card.as_ref().map(|card| card.brand.as_str()),
            attempt.card.as_ref().map(|card| card.last4.as_str()),
            attempt.amount,
            attempt.state.name(),
            attempt.code.as_deref(),
            attempt.ask_at,
            attempt.created_at,
            Timestamp::now(),
            attempt.asked_by.as_deref(),
            serde_json::json!(attempt.notes).to_string(),
        ],
    )
    .await
}

fn attempt(row: &Row<'_>) -> Result<Try, DbError> {
    Ok(Try {
        id: row.parse("id")?,
        intent_id: row.parse("intent_id")?,
        provider: row.get("provider")?,
        card: trace(row.get("brand")?, row.get("last4")?),
        notes: notes(row.get("notes")?)?,
        amount: row.get("amount")?,
        state: row.parse("state")?,
        code: row.get("code")?,
        ask_at: row.get("ask_at")?,
        asked_by: row.get("asked_by")?,
        created_at: row.get("created_at")?,
    })
}

/// A try, whatever became of it.
pub async fn find_try(conn: &Conn, id: AttemptId) -> Result<Try> {
    let sql = "SELECT * FROM attempts WHERE id = ?1";
    conn.one(sql, params![id], |row| attempt(&row)).await?.ok_or_else(Problem::not_found)
}

/// The try that a provider, or who transfers money, calls by this reference. Index: `attempts_by_reference`.
pub async fn try_by_reference(conn: &Conn, provider: &str, reference: &str) -> Result<Option<Try>, DbError> {
    let sql = "SELECT * FROM attempts WHERE provider = ?1 AND reference = ?2";
    conn.one(sql, params![provider, reference], |row| attempt(&row)).await
}

/// Whether a try may still cost money: it was not given up.
pub async fn may_cost(conn: &Conn, id: AttemptId) -> Result<bool, DbError> {
    let sql = "SELECT state NOT IN ('voiding', 'voided', 'declined') AS alive FROM attempts WHERE id = ?1";
    let alive = conn.one(sql, params![id], |row| row.get::<i64>("alive")).await?;
    Ok(alive == Some(1))
}

/// Since when a try stands as it does.
pub async fn stands_since(conn: &Conn, id: AttemptId) -> Result<Timestamp> {
    let sql = "SELECT updated_at FROM attempts WHERE id = ?1";
    conn.one(sql, params![id], |row| row.get("updated_at")).await?.ok_or_else(Problem::not_found)
}

/// Every try of these intents, the first first. Index: `attempts_by_intent`.
pub async fn tries(conn: &Conn, intents: &[Intent]) -> Result<Vec<Try>, DbError> {
    let sql = "SELECT * FROM attempts WHERE intent_id IN (SELECT value FROM json_each(?1)) ORDER BY id";
    conn.all(sql, params![ids(intents)], |row| attempt(&row)).await
}

fn ids(intents: &[Intent]) -> String {
    serde_json::json!(intents.iter().map(|intent| intent.id).collect::<Vec<_>>()).to_string()
}

/// The try for which this request asked last. Index: `attempts_by_intent`.
pub async fn try_of(conn: &Conn, intent: PaymentId, request: &str) -> Result<Option<Try>, DbError> {
    let sql = "SELECT * FROM attempts WHERE intent_id = ?1 AND asked_by = ?2";
    conn.one(sql, params![intent, request], |row| attempt(&row)).await
}

/// Tries that the provider must be asked about; for a while nobody else asks. Index: `attempts_to_ask`.
pub async fn tries_to_ask(conn: &Conn, until: Timestamp, limit: u32) -> Result<Vec<Try>, DbError> {
    conn.all(
        "UPDATE attempts SET ask_at = ?2 WHERE id IN (
           SELECT id FROM attempts WHERE ask_at <= ?1 ORDER BY ask_at LIMIT ?3) RETURNING *",
        params![Timestamp::now(), until, limit],
        |row| attempt(&row),
    )
    .await
}

fn transfer(row: &Row<'_>) -> Result<Transfer, DbError> {
    Ok(Transfer {
        id: row.get("id")?,
        intent_id: row.parse("intent_id")?,
        kind: row.parse("kind")?,
        key: row.get("key")?,
        amount: row.get("amount")?,
        reason: row.get("reason")?,
        state: row.parse("state")?,
        ask_at: row.get("ask_at")?,
        created_at: row.get("created_at")?,
    })
}

/// Adds a transfer, or stores where it stands by now.
pub async fn save_transfer(tx: &Tx, transfer: &Transfer) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO transfers (id, intent_id, kind, key, amount, reason, state, ask_at, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (id) DO UPDATE SET
           state = excluded.state, ask_at = excluded.ask_at, updated_at = excluded.updated_at",
        params![
            transfer.id.as_str(),
            transfer.intent_id,
            transfer.kind.name(),
            transfer.key.as_str(),
            transfer.amount,
            transfer.reason.as_deref(),
            transfer.state.name(),
            transfer.ask_at,
            transfer.created_at,
            Timestamp::now(),
        ],
    )
    .await
}

/// A transfer.
pub async fn find_transfer(conn: &Conn, id: &str) -> Result<Transfer> {
    let sql = "SELECT * FROM transfers WHERE id = ?1";
    conn.one(sql, params![id], |row| transfer(&row)).await?.ok_or_else(Problem::not_found)
}

/// The transfer that was asked for with this key. Index: the key on `intent_id, kind, key`.
pub async fn transfer_by_key(
    conn: &Conn,
    intent: PaymentId,
    kind: Kind,
    key: &str,
) -> Result<Option<Transfer>, DbError> {
    let sql = "SELECT * FROM transfers WHERE intent_id = ?1 AND kind = ?2 AND key = ?3";
    conn.one(sql, params![intent, kind.name(), key], |row| transfer(&row)).await
}

/// Every transfer of these intents, the first first. Index: the key on `intent_id, kind, key`.
pub async fn transfers(conn: &Conn, intents: &[Intent]) -> Result<Vec<Transfer>, DbError> {
    let sql = "SELECT * FROM transfers WHERE intent_id IN (SELECT value FROM json_each(?1)) ORDER BY created_at, id";
    conn.all(sql, params![ids(intents)], |row| transfer(&row)).await
}

/// Transfers that the provider must be asked about; for a while nobody else asks. Index: `transfers_to_ask`.
pub async fn transfers_to_ask(conn: &Conn, until: Timestamp, limit: u32) -> Result<Vec<Transfer>, DbError> {
    conn.all(
        "UPDATE transfers SET ask_at = ?2 WHERE id IN (
           SELECT id FROM transfers WHERE ask_at <= ?1 ORDER BY ask_at LIMIT ?3) RETURNING *",
        params![Timestamp::now(), until, limit],
        |row| transfer(&row),
    )
    .await
}

/// The try that was authorized, to which transfers belong.
pub async fn authorized_try(conn: &Conn, intent: PaymentId) -> Result<Try> {
    let sql = "SELECT * FROM attempts WHERE intent_id = ?1 AND state IN (?2, ?3)";
    let states = [AttemptState::Authorized.name(), AttemptState::Captured.name()];
    let found = conn.one(sql, params![intent, states[0], states[1]], |row| attempt(&row)).await?;
    found.ok_or_else(|| Problem::internal(format!("{intent} has sums and no attempt")))
}

/// Which intents a list shows.
#[derive(Default)]
pub struct Filter {
    pub order_id: Option<OrderId>,
    pub user_id: Option<UserId>,
    pub state: Option<&'static str>,
    pub before: Option<PaymentId>,
    pub limit: u32,
}

/// Intents, the newest first. Indexes: the primary key, `intents_by_state`, `intents_by_user`, the key on `order_id`.
pub async fn list(conn: &Conn, filter: &Filter) -> Result<Vec<Intent>, DbError> {
    let mut sql = "SELECT * FROM intents WHERE true".to_owned();
    let mut parameters = params![filter.limit];
    let mut only = |condition: &str, value: Option<spin_sdk::sqlite::Value>| {
        if let Some(value) = value {
            parameters.push(value);
            sql += &format!(" AND {condition} ?{}", parameters.len());
        }
    };
    only("order_id =", filter.order_id.map(Into::into));
    only("user_id =", filter.user_id.map(Into::into));
    only("state =", filter.state.map(|state| state.to_owned().into()));
    only("id <", filter.before.map(Into::into));
    sql += " ORDER BY id DESC LIMIT ?1";
    conn.all(&sql, parameters, |row| intent(&row)).await
}

/// Notes a webhook; false when it was noted before.
pub async fn note_webhook(tx: &Tx, provider: &str, event: &str) -> Result<bool, DbError> {
    let noted = tx
        .one(
            "INSERT INTO webhook_events (provider, event_id, received_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING RETURNING 1 AS noted",
            params![provider, event, Timestamp::now()],
            |row| row.get::<i64>("noted"),
        )
        .await?;
    Ok(noted.is_some())
}

/// Forgets webhooks that nobody repeats any more.
pub async fn forget_webhooks(conn: &Conn, oldest: Timestamp) -> Result<(), DbError> {
    conn.exec("DELETE FROM webhook_events WHERE received_at < ?1", params![oldest]).await
}
