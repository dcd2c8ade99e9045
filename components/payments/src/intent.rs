//! What orders want paid: made, read, listed, called off.

use crate::event;
use crate::model::{Capture, Intent, State};
use crate::problem::PaymentsError;
use crate::store::{self, Case, Filter, Wanted};
use crate::transfer::{self, is_amount, must_run_payments};
use crate::view::{self, Payment};
use crate::{provider, rules, secret, settle};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use souk_kit::id::{OrderId, PaymentId, UserId};
use souk_kit::permission::scope::PAYMENTS_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Money, Page, PageQuery, PathId, Result, Subject, Valid, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// The longest list of one person's payments.
const MAX_OF_PERSON: u32 = 10_000;

/// What an order wants paid.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentRequest {
    /// How much.
    #[garde(custom(is_amount))]
    amount: Money,
    /// Who pays.
    #[serde(default)]
    #[garde(skip)]
    customer: PayingCustomer,
    /// When the money is taken.
    #[serde(default = "automatic")]
    #[garde(skip)]
    #[schema(inline)]
    capture: Capture,
    /// Where the buyer goes on afterwards.
    #[serde(default)]
    #[garde(inner(length(max = 2000), url, custom(is_web_address)))]
    return_url: Option<String>,
    /// Grows whenever the order wants something else: an older one than the last replaces nothing.
    #[serde(default)]
    #[garde(range(min = 0))]
    revision: i64,
}

/// Who pays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PayingCustomer {
    /// Their account; none for a guest.
    user_id: Option<UserId>,
}

/// Refuses what a browser does not open.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn is_web_address(url: &str, (): &()) -> garde::Result {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web { Ok(()) } else { Err(garde::Error::new("must begin with http:// or https://")) }
}

const fn automatic() -> Capture {
    Capture::Automatic
}

/// What orders hands to the buyer, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntentAnswer {
    /// The payment.
    id: PaymentId,
    /// What lets the buyer pay it.
    client_secret: String,
    /// Where it stands.
    #[schema(inline)]
    state: State,
    /// What is to be paid.
    amount: Money,
    /// What is taken.
    captured: Money,
    /// What is given back.
    refunded: Money,
}

impl IntentAnswer {
    async fn of(intent: &Intent) -> Result<Self> {
        Ok(Self {
            id: intent.id,
            client_secret: secret::of(intent.id).await?,
            state: intent.state,
            amount: intent.money(intent.amount),
            captured: intent.money(intent.captured),
            refunded: intent.money(intent.refunded),
        })
    }
}

/// Which payments to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The payment of this order.
    #[garde(skip)]
    order: Option<OrderId>,
    /// Payments of this person.
    #[garde(skip)]
    user: Option<UserId>,
    /// Payments in this state.
    #[garde(skip)]
    #[param(inline)]
    state: Option<State>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// Say what an order wants paid. The same again gives the same payment; another amount replaces the first until something is
/// authorized, unless a later `revision` came before it.
#[utoipa::path(put, path = "/payments/intents/by-order/{order_id}", tag = "payments", request_body = IntentRequest,
    params(("order_id" = OrderId, Path, description = "The order")),
    responses((status = 200, body = IntentAnswer), (status = 201, body = IntentAnswer),
        (status = 409, body = ProblemDocument, description = "`payment-state`")))]
pub async fn put(
    ctx: Ctx,
    caller: Caller,
    PathId(order_id): PathId<OrderId>,
    Valid(request): Valid<IntentRequest>,
) -> Result<Response> {
    caller.must_be_service("orders")?;
    let IntentRequest { amount, customer, capture, return_url, revision } = request;
    let wanted = Wanted { order_id, user_id: customer.user_id, amount, capture, return_url, revision };
    if let Some(intent) = store::insert(&ctx.conn().await?, &wanted).await? {
        return Ok((StatusCode::CREATED, Json(IntentAnswer::of(&intent).await?)).into_response());
    }
    let tx = ctx.begin().await?;
    let Case { mut intent, alive } = store::of_order(&tx, order_id).await?;
    if intent.money(intent.amount) != amount {
        if !rules::may_change(intent.state) || revision < intent.revision {
            return Err(PaymentsError::State(intent.state).into());
        }
        if let Some(mut left) = alive {
            settle::give_up(&tx, &intent, &mut left).await?;
        }
        store::replace(&tx, intent.id, &wanted).await?;
        intent = store::find(&tx, intent.id).await?.intent;
    } else if revision > intent.revision {
        store::note_revision(&tx, intent.id, revision).await?;
    }
    tx.commit().await?;
    Ok(Json(IntentAnswer::of(&intent).await?).into_response())
}

/// Read a payment: with its client secret, or with the scope `payments:read`.
#[utoipa::path(get, path = "/payments/intents/{id}", tag = "payments", security((), ("bearer" = ["payments:read"])),
    params(("id" = PaymentId, Path, description = "The payment"),
        ("client-secret" = Option<String>, Header, description = "What orders gave the buyer")),
    responses((status = 200, description = "The payment", body = Payment),
        (status = 404, description = "`not-found`: no such payment, or none that the caller may see", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<PaymentId>,
) -> Result<Json<Payment>> {
    if caller.subject != Subject::Service && !caller.has(PAYMENTS_READ) {
        secret::must_be_in(&headers, id).await?;
    }
    let conn = ctx.conn().await?;
    let intent = store::find(&conn, id).await?.intent;
    Ok(Json(view::payment(&conn, intent).await?))
}

/// List payments, the newest first.
#[utoipa::path(get, path = "/payments/intents", tag = "payments", params(ListQuery),
    security(("bearer" = ["payments:read"])),
    responses((status = 200, description = "A page", body = Page<Payment>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Page<Payment>> {
    if caller.subject != Subject::Service {
        caller.needs(PAYMENTS_READ)?;
    }
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let filter = Filter {
        order_id: query.order,
        user_id: query.user,
        state: query.state.map(State::name),
        before: page.after()?,
        limit: page.limit() + 1,
    };
    Page::new(shown(&ctx, &filter).await?, page.limit(), |payment| payment.id)
}

async fn shown(ctx: &Ctx, filter: &Filter) -> Result<Vec<Payment>> {
    let conn = ctx.conn().await?;
    let intents = store::list(&conn, filter).await?;
    view::payments(&conn, intents).await
}

/// Everything that is held on a person's payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentsOfPerson {
    /// The newest first.
    payments: Vec<Payment>,
}

/// Tell customers what is held on a person.
#[utoipa::path(get, path = "/internal/persons/{user_id}", tag = "payments",
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, body = PaymentsOfPerson), (status = 403, body = ProblemDocument)))]
pub async fn of_person(
    ctx: Ctx,
    caller: Caller,
    PathId(user): PathId<UserId>,
) -> Result<Json<PaymentsOfPerson>> {
    caller.must_be_service("customers")?;
    let filter = Filter { user_id: Some(user), limit: MAX_OF_PERSON, ..Filter::default() };
    Ok(Json(PaymentsOfPerson { payments: shown(&ctx, &filter).await? }))
}

/// Call a payment off: what is held is let go. Once a part was taken, only the rest is let go, and the payment is captured.
/// Repeating it changes nothing.
#[utoipa::path(post, path = "/payments/intents/{id}/cancel", tag = "payments",
    security(("bearer" = ["payments:write"])), params(("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The payment as it is now", body = Payment),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`payment-state`: all of it was taken; refund it", body = ProblemDocument)))]
pub async fn cancel(ctx: Ctx, caller: Caller, PathId(id): PathId<PaymentId>) -> Result<Json<Payment>> {
    must_run_payments(&caller)?;
    let tx = ctx.begin().await?;
    let Case { mut intent, mut alive } = store::find(&tx, id).await?;
    if matches!(intent.state, State::Cancelled | State::Failed) {
        return Ok(Json(view::payment(&tx, intent).await?));
    }
    if !rules::may_cancel(&intent) {
        if rules::held(&intent) == 0 && intent.released == 0 {
            return Err(PaymentsError::State(intent.state).into());
        }
        let tx = transfer::release(&ctx, tx, &mut intent).await?;
        let payment = view::payment(&tx, intent).await?;
        tx.commit().await?;
        return Ok(Json(payment));
    }
    let must_tell = match &mut alive {
        Some(attempt) => settle::give_up(&tx, &intent, attempt).await?,
        None => false,
    };
    (intent.state, intent.authorized, intent.released) = (State::Cancelled, 0, 0);
    store::save(&tx, &intent).await?;
    event::emit(&tx, event::CANCELLED, &intent, event::About::Intent).await?;
    tx.commit().await?;
    if let Some(attempt) = alive.filter(|_| must_tell) {
        // If nobody answers, maintenance tells the provider again.
        let charge = settle::charge(&intent, &attempt);
        let answer = provider::of(&attempt.provider)?.cancel(&ctx, &charge).await;
        if let Ok(standing) = answer {
            let tx = ctx.begin().await?;
            settle::latest(&tx, attempt.id, &standing.into()).await?;
            tx.commit().await?;
        }
    }
    let conn = ctx.conn().await?;
    let intent = store::find(&conn, id).await?.intent;
    Ok(Json(view::payment(&conn, intent).await?))
}
