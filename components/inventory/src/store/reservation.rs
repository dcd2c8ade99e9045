//! Reservations in SQL. What a statement does to allocations, stock and items is in the triggers of the schema.

use crate::model::{Allocated, Reservation, ReservedLine, State};
use crate::rules::{Units, Wanted};
use serde_json::json;
use souk_kit::id::{LocationId, OrderId, ReservationId, VariantId};
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

/// Reservations that one statement ends because their time has come.
const EXPIRED_AT_ONCE: u32 = 100;

/// What became of a reservation's units of one variant at one location.
#[derive(Debug, Clone, Copy)]
pub struct Allocation {
    /// The variant.
    pub variant: VariantId,
    /// The location.
    pub location: LocationId,
    /// How many were reserved.
    pub quantity: i64,
    /// How many still are.
    pub held: i64,
    /// How many have left.
    pub shipped: i64,
    /// How many of them came back.
    pub returned: i64,
}

/// A reservation with where its units are.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub id: ReservationId,
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
    /// When it ends unless it is committed.
    pub expires_at: Option<Timestamp>,
    /// The last change of its lines.
    pub revision: i64,
    /// Ordered by variant.
    pub allocations: Vec<Allocation>,
}

/// What must be known to reserve.
#[derive(Debug)]
pub struct Look {
    /// The order's reservation, if it has one that has not ended.
    pub existing: Option<Stored>,
    /// What is free of what is wanted.
    pub free: Vec<Units>,
    /// Whether anything at all could expire.
    pub some_are_due: bool,
}

/// What a change of a reservation did.
#[derive(Debug)]
pub struct Changed {
    /// The reservation as it is now.
    pub stored: Stored,
    /// Whether something should be published of its variants.
    pub is_news: bool,
}

const ALLOCATIONS: &str =
    "(SELECT json_group_array(json_array(variant_id, location_id, quantity, held, shipped, returned))
        FROM allocation WHERE reservation_id = reservation.id)";
const IS_NEWS: &str = "EXISTS (SELECT 1 FROM item WHERE is_news = 1)";

type AllocationRow = (VariantId, LocationId, i64, i64, i64, i64);

fn allocations(rows: Vec<AllocationRow>) -> Vec<Allocation> {
    let read = |(variant, location, quantity, held, shipped, returned)| Allocation {
        variant,
        location,
        quantity,
        held,
        shipped,
        returned,
    };
    rows.into_iter().map(read).collect()
}

fn read(row: &Row<'_>) -> Result<Stored, DbError> {
    Ok(Stored {
        id: row.parse("id")?,
        order: row.parse("order_id")?,
        state: row.parse("state")?,
        expires_at: row.get("expires_at")?,
        revision: row.get("revision")?,
        allocations: allocations(row.json("allocations")?),
    })
}

fn changed(row: &Row<'_>) -> Result<Changed, DbError> {
    Ok(Changed { stored: read(row)?, is_news: row.get("is_news")? })
}

/// Looks at everything that matters to a reservation, in one statement and without a lock.
pub async fn look(conn: &Conn, order: OrderId, wanted: &Wanted, now: Timestamp) -> Result<Look, DbError> {
    let sql = format!(
        "SELECT reservation.id, order_id, state, expires_at, revision, {ALLOCATIONS} AS allocations,
                (SELECT json_group_array(json_array(s.variant_id, s.location_id, s.on_hand - s.reserved))
                   FROM json_each(?2) wanted
                   CROSS JOIN stock s ON s.variant_id = wanted.value
                   CROSS JOIN location l ON l.id = s.location_id AND l.active = 1) AS free,
                EXISTS (SELECT 1 FROM reservation WHERE state = 'open' AND expires_at <= ?3) AS some_are_due
           FROM (SELECT 1) LEFT JOIN reservation ON order_id = ?1 AND ended = 0"
    );
    let variants: Vec<&VariantId> = wanted.keys().collect();
    let look = conn
        .one(&sql, params![order, json!(variants).to_string(), now], |row| {
            let existing = match row.get::<Option<&str>>("id")? {
                Some(_) => Some(read(&row)?),
                None => None,
            };
            Ok(Look { existing, free: row.json("free")?, some_are_due: row.get("some_are_due")? })
        })
        .await?;
    look.ok_or_else(|| DbError::Column("a look gave no row".into()))
}

/// Reserves units where they were seen. The schema refuses it when they are not there any more (`never_oversold`), or when
/// the order has got a reservation meanwhile (`reservation.order_id`).
pub async fn hold(
    conn: &Conn,
    order: OrderId,
    plan: &[Units],
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<Changed, DbError> {
    let sql = format!(
        "INSERT INTO reservation (id, order_id, state, plan, expires_at, created_at, updated_at)
         VALUES (?1, ?2, 'open', ?3, ?4, ?5, ?5) RETURNING {IS_NEWS} AS is_news"
    );
    let id = ReservationId::new();
    let is_news = conn
        .one(&sql, params![id, order, json!(plan).to_string(), expires_at, now], |row| row.get("is_news"))
        .await?;
    let allocations = plan.iter().map(held).collect();
    let expires_at = Some(expires_at);
    let stored = Stored { id, order, state: State::Open, expires_at, revision: 0, allocations };
    Ok(Changed { stored, is_news: is_news.unwrap_or_default() })
}

/// Holds this instead of what the reservation held, as its change number `revision`.
pub async fn hold_instead(
    tx: &Tx,
    stored: &mut Stored,
    plan: &[Units],
    (revision, now): (i64, Timestamp),
) -> Result<(), DbError> {
    let units = json!(plan).to_string();
    // What goes gives its units free first: the triggers count them.
    let gone = "reservation_id = ?1 AND NOT EXISTS (SELECT 1 FROM json_each(?2) u
                 WHERE u.value ->> 0 = variant_id AND u.value ->> 1 = location_id)";
    tx.exec(&format!("UPDATE allocation SET held = 0 WHERE {gone}"), params![stored.id, units.as_str()])
        .await?;
    tx.exec(&format!("DELETE FROM allocation WHERE {gone}"), params![stored.id, units.as_str()]).await?;
    tx.exec(
        "INSERT INTO allocation (reservation_id, variant_id, location_id, quantity, held)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 2 FROM json_each(?2) WHERE true
         ON CONFLICT DO UPDATE SET quantity = excluded.quantity, held = excluded.held",
        params![stored.id, units.as_str()],
    )
    .await?;
    tx.exec(
        "UPDATE reservation SET plan = ?2, revision = ?3, updated_at = ?4 WHERE id = ?1",
        params![stored.id, units.as_str(), revision, now],
    )
    .await?;
    stored.revision = revision;
    stored.allocations = plan.iter().map(held).collect();
    stored.allocations.sort_by_key(|it| (it.variant, it.location));
    Ok(())
}

const fn held(Units(variant, location, quantity): &Units) -> Allocation {
    Allocation {
        variant: *variant,
        location: *location,
        quantity: *quantity,
        held: *quantity,
        shipped: 0,
        returned: 0,
    }
}

/// Has the order's open reservation end no earlier than `until`; nothing if it has none whose time has not come.
pub async fn extend(
    conn: &Conn,
    order: OrderId,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Stored>, DbError> {
    let sql = format!(
        "UPDATE reservation SET expires_at = max(expires_at, ?3), updated_at = ?2
          WHERE order_id = ?1 AND ended = 0 AND state = 'open' AND expires_at > ?2
         RETURNING id, order_id, state, expires_at, revision, {ALLOCATIONS} AS allocations"
    );
    conn.one(&sql, params![order, now, until], |row| read(&row)).await
}

/// Makes the order's open reservation last; nothing if it has none.
pub async fn commit(conn: &Conn, order: OrderId, now: Timestamp) -> Result<Option<Stored>, DbError> {
    let sql = format!(
        "UPDATE reservation SET state = 'committed', expires_at = NULL, updated_at = ?2
          WHERE order_id = ?1 AND ended = 0 AND state = 'open'
         RETURNING id, order_id, state, expires_at, revision, {ALLOCATIONS} AS allocations"
    );
    conn.one(&sql, params![order, now], |row| read(&row)).await
}

/// Gives up what the order's reservation still holds; nothing if it holds nothing.
pub async fn release(conn: &Conn, order: OrderId, now: Timestamp) -> Result<Option<Changed>, DbError> {
    let sql = format!(
        "UPDATE reservation SET state = 'released', ended = 1, expires_at = NULL, updated_at = ?2
          WHERE order_id = ?1 AND ended = 0 AND state <> 'shipped'
         RETURNING id, order_id, state, expires_at, revision, {ALLOCATIONS} AS allocations, {IS_NEWS} AS is_news"
    );
    conn.one(&sql, params![order, now], |row| changed(&row)).await
}

/// Ends reservations whose time has come, the oldest first; how many.
pub async fn expire(conn: &Conn, now: Timestamp) -> Result<usize, DbError> {
    let ended = conn
        .all(
            "UPDATE reservation SET state = 'expired', ended = 1, expires_at = NULL, updated_at = ?1
              WHERE id IN (SELECT id FROM reservation WHERE state = 'open' AND expires_at <= ?1
                            ORDER BY expires_at LIMIT ?2)
             RETURNING id",
            params![now, EXPIRED_AT_ONCE],
            |_| Ok(()),
        )
        .await?;
    Ok(ended.len())
}

/// The order's reservation: the one that has not ended, else the one that ended last.
pub async fn find(conn: &Conn, order: OrderId) -> Result<Option<Stored>, DbError> {
    let columns = format!("id, order_id, state, expires_at, revision, {ALLOCATIONS} AS allocations");
    let sql = format!("SELECT {columns} FROM reservation WHERE order_id = ?1 AND ended = 0");
    if let Some(found) = conn.one(&sql, params![order], |row| read(&row)).await? {
        return Ok(Some(found));
    }
    let sql = format!(
        "SELECT {columns} FROM reservation WHERE order_id = ?1 AND ended = 1 ORDER BY id DESC LIMIT 1"
    );
    conn.one(&sql, params![order], |row| read(&row)).await
}

/// Notes that units have left, and where the reservation stands now.
pub async fn ship(tx: &Tx, stored: &Stored, units: &[Units], now: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "UPDATE allocation SET held = held - (u.value ->> 2), shipped = shipped + (u.value ->> 2)
           FROM json_each(?2) u
          WHERE reservation_id = ?1 AND variant_id = u.value ->> 0 AND location_id = u.value ->> 1",
        params![stored.id, json!(units).to_string()],
    )
    .await?;
    tx.exec(
        "UPDATE reservation SET state = ?2, updated_at = ?3 WHERE id = ?1",
        params![stored.id, stored.state.name(), now],
    )
    .await
}

/// Notes that units came back.
pub async fn take_back(tx: &Tx, stored: &Stored, units: &[Units]) -> Result<(), DbError> {
    tx.exec(
        "UPDATE allocation SET returned = returned + (u.value ->> 2)
           FROM json_each(?2) u
          WHERE reservation_id = ?1 AND variant_id = u.value ->> 0 AND location_id = u.value ->> 1",
        params![stored.id, json!(units).to_string()],
    )
    .await
}

impl From<Stored> for Reservation {
    fn from(stored: Stored) -> Self {
        let mut lines: Vec<ReservedLine> = Vec::new();
        let mut allocations = stored.allocations;
        allocations.sort_by_key(|it| (it.variant, it.location));
        for it in allocations {
            if lines.last().is_none_or(|line| line.variant_id != it.variant) {
                let (variant_id, allocations) = (it.variant, Vec::new());
                lines.push(ReservedLine { variant_id, quantity: 0, shipped: 0, returned: 0, allocations });
            }
            if let Some(line) = lines.last_mut() {
                line.quantity += it.quantity;
                line.shipped += it.shipped;
                line.returned += it.returned;
                line.allocations.push(Allocated { location_id: it.location, quantity: it.quantity });
            }
        }
        let Stored { id, order, state, expires_at, .. } = stored;
        Self { id, order_id: order, state, lines, expires_at }
    }
}
