//! Money that moved: noted once, and never changed.

use crate::model::MovementKind;
use crate::movement::Moved;
use souk_kit::id::{MovementId, PaymentId};
use souk_kit::{Conn, DbError, Tx, params};

/// How much is known to have been captured of a payment, in minor units. Index: `movements_by_payment`.
pub async fn captured(conn: &Conn, payment: PaymentId) -> Result<i64, DbError> {
    let sql = "SELECT coalesce(sum(amount), 0) AS captured FROM movements
        WHERE payment_id = ?1 AND kind = 'captured'";
    let captured = conn.one(sql, params![payment], |row| row.get("captured")).await?;
    Ok(captured.unwrap_or_default())
}

/// Notes a movement, unless it is a refund that is known.
pub async fn move_once(tx: &Tx, kind: MovementKind, moved: &Moved<'_>) -> Result<(), DbError> {
    let sql = "INSERT INTO movements (id, order_id, payment_id, kind, provider, currency, amount, refund_id, refund_key, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let (id, refund) = (MovementId::new(), moved.refund);
    let parameters = params![
        id,
        moved.order,
        moved.payment,
        kind.name(),
        moved.provider,
        moved.amount.currency,
        moved.amount.amount,
        refund.map(|(id, _)| id),
        refund.map(|(_, key)| key),
        moved.at
    ];
    tx.exec(sql, parameters).await
}
