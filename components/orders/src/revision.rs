//! A change of what an order costs, before it is paid: other lines, coupons, another way or country to send it.
//!
//! It is a saga like the checkout, and its one step is stored with all that it needs. First inventory holds the units of both,
//! the old lines and the new; then payments wants the new amount instead of the old one; then the order changes; then
//! inventory lets go what is not needed. Payments decides who wins when the buyer pays meanwhile: it refuses another amount
//! once something is paid, and after it took the new one nothing else can be paid. So whichever amount is captured, its lines
//! are held, and they become the order's. Every call names a revision, and what comes later than a newer one changes nothing.

use crate::ask;
use crate::buyer::Buyer;
use crate::change::OrderChange;
use crate::checkout::is_out_of_stock;
use crate::life;
use crate::model::{Destination, Line, Order, OrderLine, Shipping, Totals};
use crate::pricing::Priced;
use crate::problem::OrdersError;
use crate::saga;
use crate::state::State;
use crate::store::coupon;
use crate::store::order::{self, Stored};
use crate::store::step::{self, Due, Kind};
use crate::wish::{Asked, Quote, items, reckon};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use souk_kit::id::{OrderId, VariantId};
use souk_kit::problem::kinds;
use souk_kit::{
    Attempt, Ctx, FieldError, IfMatch, Money, Once, Problem, Refusal, Result, Tagged, Timestamp, Tx,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than a request may take: nobody else goes on with a change that somebody still works on.
const LEASE: Duration = Duration::from_secs(60);
/// How often a price is asked for again, when a coupon's uses change meanwhile.
const MAX_QUOTES: u32 = 3;

/// A change that is under way: what was asked for, and what the order becomes.
#[derive(Debug, Serialize, Deserialize)]
struct Revision {
    wish: OrderChange,
    author: String,
    lines: Vec<Line>,
    shipping: Shipping,
    coupons: Vec<String>,
    totals: Totals,
    provisional: bool,
}

impl Revision {
    fn of(step: &Due) -> Result<Self> {
        serde_json::from_value(step.body.clone())
            .map_err(|error| Problem::internal(format!("change of {}: {error}", step.order)))
    }

    /// Whether an order is what it was to become.
    fn is_made_in(&self, order: &Order) -> bool {
        self.totals == order.totals && self.lines.iter().eq(order.lines.iter().map(|line| &line.line))
    }

    /// The most units of each variant that either the order or its change has.
    fn both(&self, order: &Order) -> BTreeMap<VariantId, u32> {
        let mut both: BTreeMap<_, _> = life::wanted(order).collect();
        for line in &self.lines {
            let units = both.entry(line.variant_id).or_default();
            *units = line.quantity.max(*units);
        }
        both
    }
}

/// The number of a change.
fn number(step: &Due) -> Result<i64> {
    step.subject.parse().map_err(|_| Problem::internal(format!("change {} of {}", step.subject, step.order)))
}

/// Changes what an order costs, and answers the buyer. A repetition of what was cut off goes on with it.
pub async fn revise(
    ctx: &Ctx,
    once: &Once,
    buyer: &Buyer,
    expected: &IfMatch,
    seen: Stored,
    wish: OrderChange,
) -> Result<Response> {
    let id = seen.order.id;
    let conn = ctx.conn().await?;
    if let Some(step) = step::find(&conn, id, Kind::Change).await? {
        if Revision::of(&step)?.wish != wish || !step::seize(&conn, &step, LEASE).await? {
            return Err(OrdersError::Changing.into());
        }
        drop(conn);
        return go_on(ctx, once, &step).await;
    }
    drop(conn);
    expected.check(seen.version)?;
    if seen.order.state != State::PendingPayment {
        return Err(OrdersError::State(seen.order.state).into());
    }
    // The buyer was told how much to transfer, and has an invoice.
    if seen.order.payment_reference.is_some() {
        return Err(OrdersError::PaymentUnderWay.into());
    }
    for _ in 0..MAX_QUOTES {
        let quote = quote(ctx, &seen, &wish).await?;
        if let Some(step) = store(ctx, buyer, &seen, &wish, quote).await? {
            return go_on(ctx, once, &step).await;
        }
    }
    Err(OrdersError::CouponTaken.into())
}

/// What the order costs with the change, if that is what the buyer expects.
async fn quote(ctx: &Ctx, seen: &Stored, wish: &OrderChange) -> Result<Quote> {
    let order = &seen.order;
    let expected_total = wish.expected_total.ok_or_else(|| {
        Problem::invalid(vec![FieldError::at("/expected_total", "is required: it is reckoned anew")])
    })?;
    let held: Vec<VariantId> = order.lines.iter().map(|line| line.line.variant_id).collect();
    let lines = wish.lines.clone().unwrap_or_else(|| {
        order.lines.iter().map(|line| (line.line.variant_id, line.line.quantity).into()).collect()
    });
    let mut items = items(&lines)?;
    for item in &mut items {
        let known = order.lines.iter().find(|line| line.line.variant_id == item.variant_id);
        item.id = known.map_or(item.id, |known| known.line.id);
    }
    let address = wish.shipping_address.as_ref().or(order.shipping_address.as_ref());
    let asked = Asked {
        items: &items,
        held: &held,
        currency: order.currency,
        coupons: wish.coupons.as_ref().unwrap_or(&order.coupons),
        user_id: seen.owner.user_id,
        email: order.email.as_deref().unwrap_or_default(),
        destination: address.map(Destination::from).ok_or_else(|| Problem::internal("no address"))?,
        method: wish.shipping_method.as_ref().unwrap_or(&order.shipping.code),
        expected_total,
        order: Some(order.id),
    };
    let quote = reckon(ctx, &asked).await?;
    must_apply(wish, &quote.priced)?;
    Ok(quote)
}

/// Refuses coupons that are of no use: whoever names them expects something of them.
fn must_apply(wish: &OrderChange, priced: &Priced) -> Result<()> {
    let useless = |(index, code): (usize, &String)| {
        let coupon =
            priced.coupons.iter().find(|coupon| coupon.code == *code && coupon.status != "applied")?;
        let why = coupon.detail.clone().unwrap_or_else(|| coupon.status.replace('_', " "));
        Some(FieldError::at(format!("/coupons/{index}"), why))
    };
    let errors: Vec<_> = wish.coupons.iter().flatten().enumerate().filter_map(useless).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Problem::invalid(errors)),
    }
}

/// Stores the change with the coupons that it needs, before anything is done elsewhere. Nothing when those went to somebody
/// else since the rules were asked.
async fn store(
    ctx: &Ctx,
    buyer: &Buyer,
    seen: &Stored,
    wish: &OrderChange,
    quote: Quote,
) -> Result<Option<Due>> {
    let id = seen.order.id;
    let tx = ctx.begin().await?;
    let mut stored = order::find(&tx, id).await?;
    if stored.order.state != State::PendingPayment {
        return Err(OrdersError::State(stored.order.state).into());
    }
    if step::find(&tx, id, Kind::Change).await?.is_some() {
        return Err(OrdersError::Changing.into());
    }
    if stored.version != seen.version {
        let detail = "The order changed while this change was reckoned.";
        return Err(Problem::new(kinds::PRECONDITION_FAILED, detail));
    }
    let Quote { priced, provisional, uses, customer } = quote;
    let asked = wish.coupons.as_ref().unwrap_or(&seen.order.coupons);
    if coupon::uses(&tx, asked, Some(&customer), Some(id)).await? != uses {
        tx.rollback().await?;
        return Ok(None);
    }
    let applied = priced.coupons.into_iter().filter(|coupon| coupon.status == "applied");
    let coupons: Vec<String> = applied.map(|coupon| coupon.code).collect();
    let held = coupon::held(&tx, id).await?;
    let more: Vec<String> = coupons.iter().filter(|code| !held.contains(code)).cloned().collect();
    coupon::take(&tx, id, &customer, &more).await?;
    order::update(&tx, &mut stored).await?;
    let revision = Revision {
        wish: wish.clone(),
        author: buyer.author(),
        lines: priced.lines,
        shipping: priced.shipping.ok_or_else(|| Problem::internal("an order without shipping"))?,
        coupons,
        totals: priced.totals,
        provisional,
    };
    let (subject, body) = (stored.version.to_string(), json!(revision));
    // What an earlier change left to be done is done by this one.
    step::drop(&tx, id, Kind::Align).await?;
    step::add(&tx, id, Kind::Change, &subject, &body, Timestamp::now().after(LEASE)).await?;
    tx.commit().await?;
    Ok(Some(Due { order: id, kind: Kind::Change, subject, body, attempts: 0 }))
}

/// Brings a change to its end, and answers the buyer.
async fn go_on(ctx: &Ctx, once: &Once, step: &Due) -> Result<Response> {
    let revision = Revision::of(step)?;
    if let Err(problem) = prepare(ctx, step, &revision).await {
        match is_final(&problem) {
            true => abandon(ctx, step).await?,
            // Whoever comes next goes on with it: the buyer who repeats, or maintenance.
            false => step::again(&ctx.conn().await?, step, Timestamp::now(), problem.detail()).await?,
        }
        return Err(problem);
    }
    let tx = match once.begin(ctx).await? {
        Attempt::First(tx) => tx,
        Attempt::Repeated(answer) => return Ok(answer),
    };
    let mut stored = order::find(&tx, step.order).await?;
    if is_pending(&tx, step).await? {
        make(&tx, &mut stored, revision).await?;
    } else if !revision.is_made_in(&stored.order) {
        return Err(OrdersError::State(stored.order.state).into());
    }
    once.commit(tx, Tagged::new(stored.version, stored.order)).await
}

/// Goes on with a change that somebody left.
pub async fn resume(ctx: &Ctx, step: &Due) -> Result<()> {
    let revision = Revision::of(step)?;
    // It was taken for a shorter time than this may need.
    step::again(&ctx.conn().await?, step, Timestamp::now().after(LEASE), "").await?;
    match prepare(ctx, step, &revision).await {
        Ok(()) => {}
        Err(problem) if is_final(&problem) => return abandon(ctx, step).await,
        Err(problem) => return Err(problem),
    }
    let tx = ctx.begin().await?;
    if is_pending(&tx, step).await? {
        let mut stored = order::find(&tx, step.order).await?;
        make(&tx, &mut stored, revision).await?;
    }
    Ok(tx.commit().await?)
}

/// The steps outside: holds the units of both, then wants the new amount. Both can be repeated.
async fn prepare(ctx: &Ctx, step: &Due, revision: &Revision) -> Result<()> {
    let (id, number) = (step.order, number(step)?);
    let order = order::find(&ctx.conn().await?, id).await?.order;
    if !ask::exchange(ctx, id, revision.both(&order).into_iter(), number).await? {
        // Paid and committed meanwhile, or let go.
        return Err(OrdersError::PaymentUnderWay.into());
    }
    let total = revision.totals.total;
    let wants = match order.payment_id.filter(|_| total.amount == 0) {
        Some(payment) => ask::no_intent(ctx, payment).await?,
        None => ask::intent_instead(ctx, id, total, order.user_id, number).await?,
    };
    if wants { Ok(()) } else { Err(OrdersError::PaymentUnderWay.into()) }
}

/// Whether nothing will come of a change.
fn is_final(problem: &Problem) -> bool {
    is_out_of_stock(problem) || problem.spec() == OrdersError::PaymentUnderWay.spec()
}

async fn is_pending(tx: &Tx, step: &Due) -> Result<bool> {
    let known = step::find(tx, step.order, Kind::Change).await?;
    Ok(known.is_some_and(|known| known.subject == step.subject))
}

/// Makes the change of the order. What costs nothing is paid.
async fn make(tx: &Tx, stored: &mut Stored, revision: Revision) -> Result<()> {
    let Revision { wish, author, lines, shipping, coupons, totals, provisional } = revision;
    let order = &mut stored.order;
    let before = order.totals.total;
    order.lines = lines.into_iter().map(|line| OrderLine { line, shipped: 0, returned: 0 }).collect();
    (order.shipping, order.totals, order.provisional) = (shipping, totals, provisional);
    order.coupons.clone_from(&coupons);
    wish.put(order);
    let (id, state, total) = (order.id, order.state, order.totals.total);
    if total.amount == 0 {
        order.payment_id = None;
    }
    coupon::keep_only(tx, id, &coupons).await?;
    order::update(tx, stored).await?;
    let (now, then, currency) = (life::decimal(total), life::decimal(before), total.currency);
    order::note(tx, id, state, &author, &format!("changed: {now} {currency} instead of {then}")).await?;
    end(tx, stored).await?;
    match total.amount {
        0 => life::pay(tx, stored, "orders", "nothing to pay").await,
        _ => Ok(()),
    }
}

/// Ends a change, made or not: stock and payment follow the order.
async fn end(tx: &Tx, stored: &Stored) -> Result<()> {
    let id = stored.order.id;
    step::drop(tx, id, Kind::Change).await?;
    let subject = stored.version.to_string();
    saga::add(tx, id, Kind::Align, &subject, Value::Null).await
}

/// Nothing comes of a change: the order stays as it is.
async fn abandon(ctx: &Ctx, step: &Due) -> Result<()> {
    let tx = ctx.begin().await?;
    if is_pending(&tx, step).await? {
        let mut stored = order::find(&tx, step.order).await?;
        coupon::keep_only(&tx, step.order, &stored.order.coupons).await?;
        order::update(&tx, &mut stored).await?;
        end(&tx, &stored).await?;
    }
    Ok(tx.commit().await?)
}

/// Money was captured. If it is the amount of a change that is under way, payments had taken it, and the change is made.
pub async fn take_in(tx: &Tx, stored: &mut Stored, captured: Money) -> Result<()> {
    if captured == stored.order.totals.total || stored.order.state != State::PendingPayment {
        return Ok(());
    }
    let Some(step) = step::find(tx, stored.order.id, Kind::Change).await? else { return Ok(()) };
    let revision = Revision::of(&step)?;
    match revision.totals.total == captured {
        true => make(tx, stored, revision).await,
        false => Ok(()),
    }
}

/// Has stock and payment follow the order while it waits.
pub async fn align(ctx: &Ctx, id: OrderId) -> Result<()> {
    let Some(stored) = order::look_up(&ctx.conn().await?, id).await? else { return Ok(()) };
    if stored.order.state != State::PendingPayment {
        return Ok(());
    }
    ask::exchange(ctx, id, life::wanted(&stored.order), stored.version).await?;
    // If it is refused, it is paid, or wanted otherwise by now.
    let (total, user) = (stored.order.totals.total, stored.order.user_id);
    ask::intent_instead(ctx, id, total, user, stored.version).await.map(|_| ())
}

/// Has the stock that is held follow a paid order, before it is kept for good.
pub async fn align_stock(ctx: &Ctx, id: OrderId) -> Result<()> {
    let Some(stored) = order::look_up(&ctx.conn().await?, id).await? else { return Ok(()) };
    ask::exchange(ctx, id, life::wanted(&stored.order), stored.version).await.map(|_| ())
}
