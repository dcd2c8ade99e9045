//! The SQL of wallets.

use crate::siwe::{Address, Nonce, Proven};
use crate::wallet::Wallet;
use souk_kit::id::UserId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

fn wallet(row: Row<'_>) -> Result<Wallet, DbError> {
    Ok(Wallet {
        address: row.get("address")?,
        chain_id: row.get("chain_id")?,
        linked_at: row.get("linked_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

/// Somebody's wallets, in the order in which they were linked.
pub async fn list(conn: &Conn, id: UserId) -> Result<Vec<Wallet>, DbError> {
    let sql = "SELECT * FROM wallets WHERE user_id = ?1 ORDER BY linked_at, address";
    conn.all(sql, params![id], wallet).await
}

/// Whose a wallet is.
pub async fn owner(conn: &Conn, address: Address) -> Result<Option<UserId>, DbError> {
    let sql = "SELECT user_id FROM wallets WHERE address = ?1";
    conn.one(sql, params![address.to_string()], |row| row.parse("user_id")).await
}

/// Links a wallet that is nobody's.
pub async fn link(tx: &mut Tx, id: UserId, proven: &Proven) -> Result<(), DbError> {
    let chain_id = i64::try_from(proven.chain_id).unwrap_or(i64::MAX);
    tx.exec(
        "INSERT INTO wallets (address, user_id, chain_id, linked_at, last_used_at) VALUES (?1, ?2, ?3, ?4, ?4)",
        params![proven.address.to_string(), id, chain_id, Timestamp::now()],
    )
    .await
}

/// Notes that somebody came in with a wallet.
pub async fn touch(tx: &mut Tx, address: Address) -> Result<(), DbError> {
    let sql = "UPDATE wallets SET last_used_at = ?2 WHERE address = ?1";
    tx.exec(sql, params![address.to_string(), Timestamp::now()]).await
}

/// Unlinks a wallet of somebody's. Whether there was one.
pub async fn unlink(tx: &mut Tx, id: UserId, address: Address) -> Result<bool, DbError> {
    let sql = "DELETE FROM wallets WHERE address = ?1 AND user_id = ?2 RETURNING 1 AS gone";
    Ok(tx.one(sql, params![address.to_string(), id], |row| row.get::<i64>("gone")).await?.is_some())
}

/// Whether anything but these wallets opens the account.
pub async fn has_password(conn: &Conn, id: UserId) -> Result<bool, DbError> {
    let sql = "SELECT password_hash IS NOT NULL AS known FROM users WHERE id = ?1";
    Ok(conn.one(sql, params![id], |row| row.get::<i64>("known")).await? == Some(1))
}

/// Makes everything that was begun before belong to the past, and answers by which version.
pub async fn supersede_sessions(tx: &mut Tx, id: UserId) -> Result<i64, DbError> {
    let sql =
        "UPDATE users SET password_version = password_version + 1 WHERE id = ?1 RETURNING password_version";
    let version = tx.one(sql, params![id], |row| row.get("password_version")).await?;
    version.ok_or_else(|| DbError::Other("an account went away in its own transaction".into()))
}

/// Spends a nonce; false when it was spent before.
pub async fn use_nonce(tx: &mut Tx, nonce: &Nonce) -> Result<bool, DbError> {
    let spent = tx
        .one(
            "INSERT INTO used_nonces (nonce, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING 1 AS spent",
            params![nonce.to_string(), nonce.expires_at()],
            |row| row.get::<i64>("spent"),
        )
        .await?;
    Ok(spent.is_some())
}

/// Forgets nonces that have expired: they are refused for that.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    conn.exec("DELETE FROM used_nonces WHERE expires_at <= ?1", params![Timestamp::now()]).await
}
