//! Movements: what came, went, or was put right, by whom and why.

use crate::item::{self, MAX_UNITS};
use crate::model::{Kind, Movement};
use crate::problem::Refused;
use crate::store::{location, movement as store};
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::id::{LocationId, MovementId, VariantId};
use souk_kit::permission::scope::{INVENTORY_READ, INVENTORY_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{
    Attempt, Caller, Conn, Ctx, DbError, FieldError, Page, PageQuery, Problem, Result, Submit, Timestamp,
    ValidQuery,
};
use utoipa::{IntoParams, ToSchema};

/// Which movements are wanted, newest first.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MovementQuery {
    /// Of this variant.
    #[garde(skip)]
    variant: Option<VariantId>,
    /// At this location.
    #[garde(skip)]
    location: Option<LocationId>,
    /// Of this kind.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<Kind>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// Why a merchant moves stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NewKind {
    /// It came in.
    Receive,
    /// It is put right, up or down.
    Adjust,
    /// It goes to another location.
    Transfer,
    /// It leaves, for no order.
    Ship,
}

/// A change of what lies at a location.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "receive", "variant_id": "var_06b8xk2m0q3v5t7w9y1z3b5d7f",
    "location_id": "loc_00000000000000000000000000", "quantity": 100, "reason": "Delivery 4711"}))]
pub struct NewMovement {
    /// Why.
    #[garde(skip)]
    kind: NewKind,
    /// Of what.
    #[garde(skip)]
    variant_id: VariantId,
    /// Where.
    #[garde(skip)]
    location_id: LocationId,
    /// How many units, above zero; of an adjustment below zero, too.
    #[garde(range(min = -MAX_UNITS, max = MAX_UNITS))]
    quantity: i64,
    /// Where a transfer goes.
    #[garde(skip)]
    #[serde(default)]
    to_location_id: Option<LocationId>,
    /// In words.
    #[garde(length(chars, min = 1, max = 200), custom(text::line))]
    reason: String,
}

impl NewMovement {
    /// What is wrong with it that no single field shows.
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match self.kind {
            NewKind::Adjust if self.quantity == 0 => {
                errors.push(FieldError::at("/quantity", "must not be zero"));
            }
            NewKind::Receive | NewKind::Transfer | NewKind::Ship if self.quantity < 1 => {
                errors.push(FieldError::at("/quantity", "must be above zero"));
            }
            _ => {}
        }
        match (self.kind, self.to_location_id) {
            (NewKind::Transfer, None) => errors.push(FieldError::at("/to_location_id", "is required")),
            (NewKind::Transfer, Some(to)) if to == self.location_id => {
                errors.push(FieldError::at("/to_location_id", "is where it lies already"));
            }
            (NewKind::Transfer, Some(_)) | (_, None) => {}
            (_, Some(_)) => errors.push(FieldError::at("/to_location_id", "belongs to a transfer")),
        }
        errors
    }

    /// The movements that it is: a transfer is two.
    fn movements(self, author: String) -> Vec<Movement> {
        let (kind, quantity) = match self.kind {
            NewKind::Receive => (Kind::Receive, self.quantity),
            NewKind::Adjust => (Kind::Adjust, self.quantity),
            NewKind::Transfer => (Kind::Transfer, -self.quantity),
            NewKind::Ship => (Kind::Ship, -self.quantity),
        };
        let first = Movement {
            id: MovementId::new(),
            kind,
            variant_id: self.variant_id,
            location_id: self.location_id,
            quantity,
            other_location_id: self.to_location_id,
            order_id: None,
            reason: self.reason,
            author,
            created_at: Timestamp::now(),
        };
        let second = self.to_location_id.map(|to| Movement {
            id: MovementId::new(),
            location_id: to,
            quantity: -quantity,
            other_location_id: Some(self.location_id),
            ..first.clone()
        });
        [first].into_iter().chain(second).collect()
    }
}

/// Move stock. Of a transfer, the movement at its beginning is answered.
#[utoipa::path(post, path = "/inventory/movements", tag = "inventory", request_body = NewMovement,
    security(("bearer" = ["inventory:write"])),
    params(("Idempotency-Key" = String, Header, description = "New for each movement: repeated, it moves nothing more")),
    responses(
        (status = 201, description = "Moved", body = Movement),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`stock-reserved`, `stock-short`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn add(ctx: Ctx, caller: Caller, request: Submit<NewMovement>) -> Result<Response> {
    caller.needs(INVENTORY_WRITE)?;
    let (new, once) = (request.body, request.once.required()?);
    let errors = new.errors();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    must_be_locations(
        &tx,
        &[("/location_id", Some(new.location_id)), ("/to_location_id", new.to_location_id)],
    )
    .await?;
    let (variant, at) = (new.variant_id, new.location_id);
    let movements = new.movements(caller.subject.to_string());
    if movements[0].quantity < 0 {
        let lying = store::lying(&tx, at, &[variant]).await?;
        let (on_hand, reserved) = lying.get(&variant).copied().unwrap_or_default();
        may_leave(-movements[0].quantity, on_hand, reserved)?;
    }
    store::write(&tx, &movements).await.map_err(too_much)?;
    item::publish(&tx).await?;
    once.commit(tx, (StatusCode::CREATED, axum::Json(&movements[0]))).await
}

/// Refuses what would break a promise, or is not there.
fn may_leave(units: i64, on_hand: i64, reserved: i64) -> Result<(), Refused> {
    match on_hand - units {
        left if left < 0 => Err(Refused::StockShort { on_hand, reserved }),
        left if left < reserved => Err(Refused::StockReserved { on_hand, reserved }),
        _ => Ok(()),
    }
}

fn too_much(error: DbError) -> Problem {
    match error.violates("bounded") {
        true => Problem::invalid(vec![FieldError::at("/quantity", "is more than a location has room for")]),
        false => error.into(),
    }
}

/// Refuses locations that are not there.
pub async fn must_be_locations(conn: &Conn, named: &[(&str, Option<LocationId>)]) -> Result<()> {
    for (field, id) in named {
        if let Some(id) = id
            && location::find(conn, *id).await?.is_none()
        {
            return Err(Problem::invalid(vec![FieldError::at(*field, "is not a location")]));
        }
    }
    Ok(())
}

/// List movements, newest first.
#[utoipa::path(get, path = "/inventory/movements", tag = "inventory", params(MovementQuery),
    security(("bearer" = ["inventory:read"])),
    responses(
        (status = 200, body = Page<Movement>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<MovementQuery>,
) -> Result<Page<Movement>> {
    caller.needs(INVENTORY_READ)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let filter = store::Filter {
        variant: query.variant,
        location: query.location,
        kind: query.kind,
        before: page.after()?,
    };
    let found = store::list(&ctx.conn().await?, &filter, page.limit() + 1).await?;
    let page = Page::new(found, page.limit(), |(number, _)| *number)?;
    let items = page.items.into_iter().map(|(_, movement)| movement).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}
