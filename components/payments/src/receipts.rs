//! Money that came by transfer, as merchants see it, and what they decide where the reference did not.

use crate::model::Receipt;
use crate::problem::PaymentsError;
use crate::receipt;
use crate::store::{self, Case, receipt as receipts};
use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::{AttemptId, PaymentId, TransactionId};
use souk_kit::permission::scope::{PAYMENTS_READ, PAYMENTS_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Money, Page, PageQuery, PathId, Result, Subject, Timestamp, Valid, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Money that came by transfer.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentReceipt {
    /// The ledger's transaction.
    pub id: TransactionId,
    /// How much came.
    pub amount: Money,
    /// What the sender wrote.
    pub reference: Option<String>,
    /// Whose account it came from.
    pub from_iban: Option<String>,
    /// The sender's name.
    pub name: Option<String>,
    /// The try to pay that it is for; null while that is not known.
    pub attempt_id: Option<AttemptId>,
    /// How much of it that try has.
    pub used: Money,
    /// How much is on its way back.
    pub returning: Money,
    /// How much went back.
    pub returned: Money,
    /// What nobody has a use for yet: allocate it, or send it back.
    pub left: Money,
    /// When it was told.
    pub received_at: Timestamp,
}

impl From<Receipt> for PaymentReceipt {
    fn from(it: Receipt) -> Self {
        let money = |amount| Money::new(amount, it.currency);
        Self {
            id: it.id,
            amount: money(it.amount),
            used: money(it.used),
            returning: money(it.returning),
            returned: money(it.returned),
            left: money(it.left()),
            reference: it.reference,
            from_iban: it.from_iban,
            name: it.name,
            attempt_id: it.attempt_id,
            received_at: it.received_at,
        }
    }
}

/// Which receipts to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReceiptQuery {
    /// Only those of which something is left.
    #[serde(default)]
    #[garde(skip)]
    open: bool,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List money that came by transfer, the newest first.
#[utoipa::path(get, path = "/payments/receipts", tag = "payments", params(ReceiptQuery),
    security(("bearer" = ["payments:read"])),
    responses((status = 200, description = "A page", body = Page<PaymentReceipt>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ReceiptQuery>,
) -> Result<Page<PaymentReceipt>> {
    if caller.subject != Subject::Service {
        caller.needs(PAYMENTS_READ)?;
    }
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let found = receipts::list(&ctx.conn().await?, query.open, page.after()?, page.limit() + 1).await?;
    Page::new(found.into_iter().map(PaymentReceipt::from).collect(), page.limit(), |receipt| receipt.id)
}

/// What a receipt pays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"payment_id": "pay_06b8xk2m0q3v5t7w9y1z3b5d7f"}))]
pub struct Allocation {
    /// The payment; its buyer has chosen to transfer the money.
    #[garde(skip)]
    payment_id: PaymentId,
}

/// Say which payment a receipt is for, when its reference did not.
#[utoipa::path(post, path = "/payments/receipts/{id}/allocate", tag = "payments", request_body = Allocation,
    security(("bearer" = ["payments:write"])), params(("id" = TransactionId, Path, description = "The receipt")),
    responses(
        (status = 200, description = "The receipt as it is now", body = PaymentReceipt),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: no such receipt, or no such payment", body = ProblemDocument),
        (status = 409, description = "`payment-state`: the payment waits for no transfer in this currency; `receipt-spent`",
            body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn allocate(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<TransactionId>,
    Valid(wanted): Valid<Allocation>,
) -> Result<Json<PaymentReceipt>> {
    caller.needs(PAYMENTS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut found = receipts::find(&tx, id).await?;
    let Case { intent, alive } = store::find(&tx, wanted.payment_id).await?;
    let is_for_it =
        found.attempt_id.is_some() && found.attempt_id == alive.as_ref().map(|attempt| attempt.id);
    if is_for_it {
        return Ok(Json(found.into()));
    }
    // What was used once belongs to that payment: the rest of it can go back, and not to another one.
    if found.left() == 0 || found.used > 0 {
        return Err(PaymentsError::ReceiptSpent.into());
    }
    let waiting = alive.filter(|attempt| receipt::may_take(&intent, attempt, &found));
    let attempt = waiting.ok_or(PaymentsError::State(intent.state))?;
    receipt::take(&tx, intent, attempt, &mut found).await?;
    tx.commit().await?;
    Ok(Json(found.into()))
}

/// Send back what is left of a receipt, to the account that it came from. Repeating it changes nothing.
#[utoipa::path(post, path = "/payments/receipts/{id}/return", tag = "payments",
    security(("bearer" = ["payments:write"])), params(("id" = TransactionId, Path, description = "The receipt")),
    responses(
        (status = 200, description = "The receipt as it is now: what goes back is on its way", body = PaymentReceipt),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`receipt-without-sender`: nobody knows where it came from", body = ProblemDocument)))]
pub async fn give_back(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<TransactionId>,
) -> Result<Json<PaymentReceipt>> {
    caller.needs(PAYMENTS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut found = receipts::find(&tx, id).await?;
    if found.left() == 0 {
        return Ok(Json(found.into()));
    }
    if found.from_iban.is_none() {
        return Err(PaymentsError::ReceiptWithoutSender.into());
    }
    // While some of it is on its way, the rest waits: a key belongs to one sum.
    if found.returning == 0 {
        found.returning = found.left();
        receipts::save(&tx, &found).await?;
        tx.afterwards(|ctx| Box::pin(async move { receipt::give_back(&ctx).await }));
    }
    tx.commit().await?;
    Ok(Json(found.into()))
}
