//! Beneficiaries in SQL.

use crate::beneficiary::Beneficiary;
use souk_kit::id::{BeneficiaryId, UserId};
use souk_kit::{Conn, DbError, Row, Tx, params};

fn read(row: &Row<'_>) -> Result<Beneficiary, DbError> {
    Ok(Beneficiary {
        id: row.parse("id")?,
        iban: row.parse("iban")?,
        name: row.get("name")?,
        label: row.get("label")?,
        created_at: row.get("created_at")?,
    })
}

/// Somebody's beneficiaries among these.
pub async fn find(conn: &Conn, owner: UserId, ids: &[BeneficiaryId]) -> Result<Vec<Beneficiary>, DbError> {
    let sql = "SELECT * FROM beneficiaries WHERE id IN (SELECT value FROM json_each(?2)) AND owner = ?1";
    conn.all(sql, params![owner, serde_json::json!(ids).to_string()], |row| read(&row)).await
}

/// Up to `limit` of somebody's beneficiaries after one, oldest first.
pub async fn list(
    conn: &Conn,
    owner: UserId,
    after: Option<String>,
    limit: u32,
) -> Result<Vec<Beneficiary>, DbError> {
    let sql = "SELECT * FROM beneficiaries WHERE owner = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    conn.all(sql, params![owner, after.unwrap_or_default(), limit], |row| read(&row)).await
}

/// How many somebody has.
pub async fn count_of(conn: &Conn, owner: UserId) -> Result<i64, DbError> {
    let sql = "SELECT count(*) AS n FROM beneficiaries WHERE owner = ?1";
    Ok(conn.one(sql, params![owner], |row| row.get("n")).await?.unwrap_or_default())
}

/// Adds one; a number that is there already gets the new name.
pub async fn save(tx: &Tx, owner: UserId, new: &Beneficiary) -> Result<Beneficiary, DbError> {
    let sql = "INSERT INTO beneficiaries (id, owner, iban, name, label, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (owner, iban) DO UPDATE SET name = excluded.name, label = excluded.label RETURNING *";
    let (name, label) = (new.name.as_str(), new.label.as_deref());
    let parameters = params![new.id, owner, new.iban.as_str(), name, label, new.created_at];
    let saved = tx.one(sql, parameters, |row| read(&row)).await?;
    saved.ok_or_else(|| DbError::Column("a beneficiary gave no row".into()))
}

/// Removes one; whether it was there.
pub async fn remove(conn: &Conn, owner: UserId, id: BeneficiaryId) -> Result<bool, DbError> {
    let sql = "DELETE FROM beneficiaries WHERE id = ?1 AND owner = ?2 RETURNING id";
    Ok(conn.one(sql, params![id, owner], |_| Ok(())).await?.is_some())
}

/// Removes all that somebody has. Index: `beneficiaries_by_owner`.
pub async fn forget_of(tx: &Tx, owner: &str) -> Result<(), DbError> {
    tx.exec("DELETE FROM beneficiaries WHERE owner = ?1", params![owner]).await
}
