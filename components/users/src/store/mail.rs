//! The SQL of mails, and of the links in them.

use crate::mail::{Letter, State};
use souk_kit::id::{MailId, UserId};
use souk_kit::{Conn, DbError, Problem, Result, Row, Timestamp, Tx, params};
use std::time::Duration;

/// How long a mail is remembered.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const LETTER: &str =
    "SELECT id, user_id, kind, recipient, locale, about, state, created_at, attempts, last_error, sent_at
    FROM mail";

fn letter(row: Row<'_>) -> Result<Letter, DbError> {
    Ok(Letter {
        id: row.parse("id")?,
        user_id: row.parse("user_id")?,
        kind: row.parse("kind")?,
        recipient: row.get("recipient")?,
        language: row.parse("locale")?,
        about: row.get("about")?,
        state: row.parse("state")?,
        created_at: row.get("created_at")?,
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        sent_at: row.get("sent_at")?,
    })
}

/// Adds a mail. Who has written it has it for itself at first.
pub async fn insert(tx: &mut Tx, letter: &Letter) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO mail (id, user_id, kind, recipient, locale, about, state, created_at, next_attempt_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            letter.id,
            letter.user_id,
            letter.kind.name(),
            letter.recipient.as_str(),
            letter.language.code(),
            letter.about.as_deref(),
            letter.state.name(),
            letter.created_at,
            letter.created_at.after(crate::mail::LEASE)
        ],
    )
    .await
}

/// Adds what the link in a mail is known by.
pub async fn insert_link(
    tx: &mut Tx,
    letter: &Letter,
    hash: &[u8],
    expires_at: Timestamp,
) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO links (hash, user_id, purpose, email, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![hash.to_vec(), letter.user_id, letter.kind.name(), letter.recipient.as_str(), expires_at],
    )
    .await
}

/// Takes mails whose time has come, for as long as `lease`. Index: mail_due.
pub async fn take_due(conn: &Conn, limit: u32, lease: Duration) -> Result<Vec<Letter>, DbError> {
    let now = Timestamp::now();
    conn.all(
        "UPDATE mail SET next_attempt_at = ?2 WHERE id IN (
           SELECT id FROM mail WHERE state = 'waiting' AND next_attempt_at <= ?1 ORDER BY next_attempt_at LIMIT ?3)
         RETURNING *",
        params![now, now.after(lease), limit],
        letter,
    )
    .await
}

/// Notes what an attempt came to, unless the mail has gone by then; `at` is when it was sent, or when to try again.
pub async fn note(
    conn: &Conn,
    letter: &Letter,
    state: State,
    why: Option<&str>,
    at: Timestamp,
) -> Result<(), DbError> {
    conn.exec(
        "UPDATE mail SET state = ?2, attempts = max(attempts, ?3), last_error = ?4, next_attempt_at = ?5,
                sent_at = CASE ?2 WHEN 'sent' THEN ?5 END
          WHERE id = ?1 AND state = 'waiting'",
        params![letter.id, state.name(), letter.attempts, why, at],
    )
    .await
}

/// A page of mails, the newest first. Indexes: the primary key, mail_by_recipient.
pub async fn list(
    conn: &Conn,
    to: Option<&str>,
    before: Option<MailId>,
    limit: u32,
) -> Result<Vec<Letter>, DbError> {
    let which = if to.is_some() { "recipient = ?1 AND" } else { "" };
    let sql = format!("{LETTER} WHERE {which} (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3");
    conn.all(&sql, params![to, before, limit], letter).await
}

/// A mail.
pub async fn find(conn: &Conn, id: MailId) -> Result<Letter> {
    let sql = format!("{LETTER} WHERE id = ?1");
    conn.one(&sql, params![id], letter).await?.ok_or_else(Problem::not_found)
}

/// How many mails of a kind somebody has got since then.
pub async fn count_since(conn: &Conn, id: UserId, kind: &str, since: Timestamp) -> Result<i64, DbError> {
    let sql = "SELECT count(*) AS mails FROM mail WHERE user_id = ?1 AND kind = ?2 AND created_at > ?3";
    Ok(conn.one(sql, params![id, kind, since], |row| row.get("mails")).await?.unwrap_or_default())
}

/// What a link opens.
pub struct Link {
    pub user_id: UserId,
    pub email: String,
}

fn link(row: Row<'_>) -> Result<Link, DbError> {
    Ok(Link { user_id: row.parse("user_id")?, email: row.get("email")? })
}

/// A link that holds.
pub async fn find_link(conn: &Conn, hash: &[u8], purpose: &str) -> Result<Option<Link>, DbError> {
    let sql = "SELECT user_id, email FROM links WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3";
    conn.one(sql, params![hash.to_vec(), purpose, Timestamp::now()], link).await
}

/// Takes a link, with all others of its person that are for the same; nothing when somebody else has.
pub async fn take_link(tx: &mut Tx, hash: &[u8], purpose: &str) -> Result<Option<Link>, DbError> {
    let taken = tx
        .one(
            "DELETE FROM links WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3 RETURNING user_id, email",
            params![hash.to_vec(), purpose, Timestamp::now()],
            link,
        )
        .await?;
    if let Some(link) = &taken {
        forget_links(tx, link.user_id, Some(purpose)).await?;
    }
    Ok(taken)
}

/// Makes a person's links worthless; those for one purpose, if it is named.
pub async fn forget_links(tx: &Tx, id: UserId, purpose: Option<&str>) -> Result<(), DbError> {
    let sql = "DELETE FROM links WHERE user_id = ?1 AND (?2 IS NULL OR purpose = ?2)";
    tx.exec(sql, params![id, purpose]).await
}

/// Forgets all that was written to somebody.
pub async fn forget(tx: &Tx, id: UserId) -> Result<(), DbError> {
    forget_links(tx, id, None).await?;
    tx.exec("DELETE FROM mail WHERE user_id = ?1", params![id]).await
}

/// Forgets old mails, and links that have expired.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let now = Timestamp::now();
    conn.exec("DELETE FROM mail WHERE created_at <= ?1", params![now.before(KEPT)]).await?;
    conn.exec("DELETE FROM links WHERE expires_at <= ?1", params![now]).await
}
