//! What orders ask of other services.

use crate::buyer::Buyer;
use crate::model::Destination;
use crate::pricing::{Fallback, Offer, Priced, Ruled, Wanted, price};
use crate::problem::OrdersError;
use crate::store::coupon::Uses;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use souk_address::Address;
use souk_kit::client::{Reply, within};
use souk_kit::id::{AddressId, OrderId, PaymentId, UserId, VariantId};
use souk_kit::{Ctx, Currency, Language, Level, Money, Problem, Result, Timestamp, log, settings};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the shop's rules may think. They are a merchant's program: it may never answer.
const RULES_PATIENCE: Duration = Duration::from_secs(2);

/// For how long an offer is believed that was asked for before. Only to put it into a cart: what a cart shows and what an
/// order costs is always asked for anew.
const BELIEVED: Duration = Duration::from_secs(5);
/// The most offers that are remembered.
const REMEMBERED: usize = 1_000;

static KNOWN: Mutex<BTreeMap<VariantId, (Instant, Offer)>> = Mutex::new(BTreeMap::new());

/// What the catalogue offers, as it is or was a moment ago, so that units of it can be put into a cart.
pub async fn offer(ctx: &Ctx, variant: VariantId, units: u32) -> Result<Offer> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&variant).cloned();
    if let Some((_, offer)) = known.filter(|(since, _)| since.elapsed() < BELIEVED) {
        return Ok(offer);
    }
    let offer = match listed(ctx, [variant].into_iter()).await?.pop() {
        Some(offer) if offer.available => offer,
        Some(offer) if offer.sold_out => {
            return Err(OrdersError::sold_out([(variant, units)].into_iter()).into());
        }
        _ => return Err(OrdersError::NotForSale(vec![variant.to_string()]).into()),
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(variant, (Instant::now(), offer.clone()));
    Ok(offer)
}

/// The variants that the catalogue has of these, whether there is more of them or not.
pub async fn listed(ctx: &Ctx, variants: impl Iterator<Item = VariantId>) -> Result<Vec<Offer>> {
    let ids: Vec<String> = variants.map(|id| id.to_string()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("/products/variants?ids={}", ids.join(","));
    ctx.call(Method::GET, "products", path).send().await?.json()
}

/// What is to be priced, and for whom.
pub struct Basket<'a> {
    pub currency: Currency,
    pub wanted: Vec<Wanted>,
    pub coupons: &'a [String],
    /// How often each of them is in use.
    pub uses: &'a Uses,
    pub destination: Option<&'a Destination>,
    pub method: Option<&'a str>,
    pub user_id: Option<UserId>,
    /// The groups that they are in.
    pub groups: &'a [String],
}

/// What a basket costs by the shop's rules; by the fallback when they do not answer, or not with sense.
pub async fn priced(ctx: &Ctx, basket: Basket<'_>) -> Result<(Priced, bool)> {
    let Basket { currency, method, .. } = basket;
    let answer = within(RULES_PATIENCE, ruled(ctx, &basket)).await;
    let cause = match answer {
        Some(Ok(ruled)) => match price(currency, basket.wanted.clone(), ruled, method) {
            Ok(priced) => return Ok((priced, false)),
            Err(nonsense) => nonsense.0.to_owned(),
        },
        Some(Err(problem)) => problem.cause().unwrap_or(problem.detail()).to_owned(),
        None => "no answer in time".to_owned(),
    };
    log(Level::Error, "the rules failed: the fallback applies", json!({"service": "orders", "cause": cause}));
    let fallback = fallback().await?;
    let ruled = fallback.apply(currency, &basket.wanted, basket.coupons);
    let priced = price(currency, basket.wanted, ruled, method)
        .map_err(|nonsense| Problem::internal(format!("fallback: {}", nonsense.0)))?;
    Ok((priced, true))
}

async fn ruled(ctx: &Ctx, basket: &Basket<'_>) -> Result<Ruled> {
    let home;
    let destination = match basket.destination {
        Some(destination) => destination,
        None => {
            let country = settings::variable("shop_country").await?;
            home = Destination { country, region: None, postal_code: None };
            &home
        }
    };
    let lines: Vec<Value> = basket
        .wanted
        .iter()
        .map(|Wanted { line_id, quantity, offer }| {
            json!({
                "id": line_id, "variant_id": offer.variant_id, "product_id": offer.product_id,
                "categories": offer.categories, "unit_price": offer.price, "quantity": quantity,
                "weight_g": offer.weight_g.unwrap_or_default(),
            })
        })
        .collect();
    let question = json!({
        "currency": basket.currency, "country": destination.country, "region": destination.region,
        "postal_code": destination.postal_code, "customer": {"id": basket.user_id, "groups": basket.groups},
        "coupons": basket.coupons, "coupon_uses": basket.uses.all,
        "coupon_uses_by_customer": basket.uses.by_customer, "shipping_method": basket.method, "lines": lines, "now": Timestamp::now(),
    });
    ctx.call(Method::POST, "rules", "/rules/evaluate").json(&question)?.send().await?.json()
}

/// The variable `rules_fallback`; without one nothing is priced that the rules have not seen.
async fn fallback() -> Result<Fallback> {
    let text = settings::variable("rules_fallback").await?;
    if text.is_empty() {
        return Err(Problem::unavailable("the rules do not answer and there is no fallback"));
    }
    serde_json::from_str(&text)
        .map_err(|error| Problem::internal(format!("variable rules_fallback: {error}")))
}

/// Holds stock for an order. Repeating it changes nothing.
pub async fn reserve(
    ctx: &Ctx,
    order: OrderId,
    lines: impl Iterator<Item = (VariantId, u32)>,
    expires_in: Duration,
) -> Result<()> {
    let path = format!("/inventory/reservations/{order}");
    let body = json!({"lines": units(lines), "expires_in_s": expires_in.as_secs()});
    let reply = ctx.call(Method::PUT, "inventory", path).json(&body)?.send().await?;
    match reply.status.is_success() {
        true => Ok(()),
        false => Err(refused(&reply)),
    }
}

fn units(lines: impl Iterator<Item = (VariantId, u32)>) -> Vec<Value> {
    lines.map(|(variant, quantity)| json!({"variant_id": variant, "quantity": quantity})).collect()
}

/// Why stock was not held.
fn refused(reply: &Reply) -> Problem {
    if reply.status == StatusCode::CONFLICT && reply.kind().as_deref() == Some("out-of-stock") {
        let document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        return OrdersError::OutOfStock(document["lines"].clone()).into();
    }
    reply.unexpected()
}

/// Holds other stock for an order that holds some. False when that has ended, is committed, or a later `revision` came
/// first. Repeating it changes nothing.
pub async fn exchange(
    ctx: &Ctx,
    order: OrderId,
    lines: impl Iterator<Item = (VariantId, u32)>,
    revision: i64,
) -> Result<bool> {
    let path = format!("/inventory/reservations/{order}");
    let body = json!({"lines": units(lines), "revision": revision});
    let reply = ctx.call(Method::PATCH, "inventory", path).json(&body)?.send().await?;
    let is_over = reply.kind().as_deref() == Some("reservation-state");
    match reply.status {
        status if status.is_success() => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        StatusCode::CONFLICT if is_over => Ok(false),
        _ => Err(refused(&reply)),
    }
}

/// Has an order's stock held until then at least. False when it has been let go. Repeating it changes nothing.
pub async fn extend(ctx: &Ctx, order: OrderId, until: Timestamp) -> Result<bool> {
    let path = format!("/inventory/reservations/{order}/extend");
    let key = format!("{order}-{}", until.as_millis());
    let call = ctx.call(Method::POST, "inventory", path).idempotency_key(key);
    let reply = call.json(&json!({"until": until}))?.send().await?;
    match reply.status {
        status if status.is_success() => Ok(true),
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(false),
        _ => Err(reply.unexpected()),
    }
}

/// A payment that is wanted.
#[derive(Debug, Clone, Deserialize)]
pub struct Intent {
    pub id: PaymentId,
    /// With this the buyer pays: theirs alone.
    pub client_secret: String,
}

/// Wants `amount` to be paid for an order. Repeating it changes nothing.
pub async fn intent(ctx: &Ctx, order: OrderId, amount: Money, user: Option<UserId>) -> Result<Intent> {
    let path = format!("/payments/intents/by-order/{order}");
    let body = json!({"amount": amount, "customer": {"user_id": user}, "capture": "automatic"});
    ctx.call(Method::PUT, "payments", path).json(&body)?.send().await?.json()
}

/// Wants another amount for an order. False when the first is being paid or is paid, or when a later `revision` came first.
pub async fn intent_instead(
    ctx: &Ctx,
    order: OrderId,
    amount: Money,
    user: Option<UserId>,
    revision: i64,
) -> Result<bool> {
    let path = format!("/payments/intents/by-order/{order}");
    let body = json!({"amount": amount, "customer": {"user_id": user}, "capture": "automatic", "revision": revision});
    let reply = ctx.call(Method::PUT, "payments", path).json(&body)?.send().await?;
    match reply.status {
        status if status.is_success() => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        _ => Err(reply.unexpected()),
    }
}

/// Wants nothing to be paid any more. False when something was paid.
pub async fn no_intent(ctx: &Ctx, payment: PaymentId) -> Result<bool> {
    let path = format!("/payments/intents/{payment}/cancel");
    let call = ctx.call(Method::POST, "payments", path).idempotency_key(payment.to_string());
    let reply = call.send().await?;
    match reply.status {
        status if status.is_success() => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        _ => Err(reply.unexpected()),
    }
}

/// The payment of an order, if one was asked for.
pub async fn payment_of(ctx: &Ctx, order: OrderId) -> Result<Option<PaymentId>> {
    #[derive(Deserialize)]
    struct Payments {
        items: Vec<Payment>,
    }
    #[derive(Deserialize)]
    struct Payment {
        id: PaymentId,
    }
    let path = format!("/payments/intents?order={order}&limit=1");
    let found: Payments = ctx.call(Method::GET, "payments", path).send().await?.json()?;
    Ok(found.items.first().map(|payment| payment.id))
}

/// What customers knows of a person.
#[derive(Debug, Deserialize)]
pub struct Known {
    pub email: Option<String>,
    #[serde(default)]
    pub language: Option<Language>,
    #[serde(default)]
    addresses: Vec<KnownAddress>,
}

#[derive(Debug, Deserialize)]
struct KnownAddress {
    id: AddressId,
    address: Address,
}

impl Known {
    /// One of their addresses.
    pub fn address(&self, id: AddressId) -> Option<Address> {
        self.addresses.iter().find(|known| known.id == id).map(|known| known.address.clone())
    }
}

/// What customers knows of the buyer; nothing of a guest.
pub async fn customer(ctx: &Ctx, buyer: &Buyer) -> Result<Option<Known>> {
    let Some(user) = buyer.user_id() else { return Ok(None) };
    let path = format!("/internal/customers/by-user/{user}");
    let reply = ctx.call(Method::GET, "customers", path).send().await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => reply.json().map(Some),
    }
}
