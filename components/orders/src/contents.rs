//! What is in a cart: units that are put in, two carts that become one, and what all of it costs now.

use crate::ask::{self, Basket};
use crate::buyer::Buyer;
use crate::model::{Cart, Line, MAX_LINES, MAX_UNITS, Missing, PriceChange, Unavailable};
use crate::pricing::{Offer, Priced, Wanted};
use crate::problem::OrdersError;
use crate::store::cart::{Item, StoredCart};
use crate::store::{coupon, group};
use souk_kit::id::{LineId, VariantId};
use souk_kit::{Ctx, Currency, Money, Result};
use std::collections::BTreeMap;

/// Puts units of an offer into a cart.
pub fn put<'a>(cart: &'a mut StoredCart, offer: &Offer, quantity: u32) -> Result<&'a Item> {
    if cart.items.is_empty() {
        cart.currency = offer.price.currency;
    }
    if cart.currency != offer.price.currency {
        return Err(OrdersError::CurrencyMixed.into());
    }
    let place = cart.items.iter().position(|item| item.variant_id == offer.variant_id);
    let place = match place {
        Some(place) => place,
        None if cart.items.len() >= MAX_LINES => return Err(OrdersError::CartFull.into()),
        None => {
            let item = Item {
                id: LineId::new(),
                variant_id: offer.variant_id,
                quantity: 0,
                seen: offer.price.amount,
            };
            cart.items.push(item);
            cart.items.len() - 1
        }
    };
    let item = &mut cart.items[place];
    item.quantity =
        item.quantity.checked_add(quantity).filter(|all| *all <= MAX_UNITS).ok_or(OrdersError::CartFull)?;
    item.seen = offer.price.amount;
    Ok(item)
}

/// The most coupon codes of a cart.
pub const MAX_COUPONS: usize = 10;

/// Coupon codes as they are kept: in capitals, each once.
pub fn tidy_codes(mut codes: Vec<String>) -> Vec<String> {
    codes.iter_mut().for_each(|code| code.make_ascii_uppercase());
    codes.sort();
    codes.dedup();
    codes
}

/// Refuses what no coupon code looks like.
pub fn code(text: &str, (): &()) -> garde::Result {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        true => Ok(()),
        false => Err(garde::Error::new("must be of letters, digits, `-` and `_`")),
    }
}

/// Puts one cart into another: units of the same variant are added up, as far as a line goes.
pub fn absorb(mine: &mut StoredCart, guests: StoredCart) -> Result<()> {
    if mine.items.is_empty() {
        mine.currency = guests.currency;
    }
    if !guests.items.is_empty() && mine.currency != guests.currency {
        return Err(OrdersError::CurrencyMixed.into());
    }
    for item in guests.items {
        match mine.items.iter_mut().find(|known| known.variant_id == item.variant_id) {
            Some(known) => known.quantity = (known.quantity + item.quantity).min(MAX_UNITS),
            None => mine.items.push(item),
        }
    }
    if mine.items.len() > MAX_LINES {
        return Err(OrdersError::CartFull.into());
    }
    mine.coupons.extend(guests.coupons);
    mine.coupons.sort();
    mine.coupons.dedup();
    mine.coupons.truncate(MAX_COUPONS);
    mine.destination = guests.destination.or(mine.destination.take());
    mine.method = guests.method.or(mine.method.take());
    Ok(())
}

/// What a cart's lines are by the catalogue: those that can be bought, and those that cannot. What is in `held` is set aside
/// for this buyer already.
pub fn sort(
    items: &[Item],
    held: &[VariantId],
    currency: Currency,
    offers: Vec<Offer>,
) -> (Vec<Wanted>, Vec<Unavailable>) {
    let mut offers: BTreeMap<VariantId, Offer> =
        offers.into_iter().map(|offer| (offer.variant_id, offer)).collect();
    let (mut wanted, mut unavailable) = (Vec::new(), Vec::new());
    for &Item { id: line_id, variant_id, quantity, .. } in items {
        let offer = offers.remove(&variant_id).filter(|offer| offer.price.currency == currency);
        let sold_out = offer.as_ref().is_some_and(|offer| offer.sold_out);
        match offer.filter(|offer| offer.available || held.contains(&variant_id)) {
            Some(offer) => wanted.push(Wanted { line_id, quantity, offer }),
            None => {
                let reason = if sold_out { Missing::SoldOut } else { Missing::NotForSale };
                unavailable.push(Unavailable { line_id, variant_id, quantity, reason });
            }
        }
    }
    (wanted, unavailable)
}

/// The cart as its buyer gets it.
pub async fn view(ctx: &Ctx, buyer: &Buyer, stored: &StoredCart) -> Result<Cart> {
    let offers = ask::listed(ctx, stored.items.iter().map(|item| item.variant_id)).await?;
    let (wanted, unavailable) = sort(&stored.items, &[], stored.currency, offers);
    let (priced, provisional) = match wanted.is_empty() {
        true => (Priced::empty(stored.currency), false),
        false => {
            let user_id = stored.owner.user_id.or(buyer.user_id());
            let conn = ctx.conn().await?;
            let customer = user_id.map(|user| user.to_string());
            let uses = coupon::uses(&conn, &stored.coupons, customer.as_deref(), None).await?;
            let groups = group::of(&conn, user_id).await?;
            drop(conn);
            let basket = Basket {
                currency: stored.currency,
                wanted,
                coupons: &stored.coupons,
                uses: &uses,
                destination: stored.destination.as_ref(),
                method: stored.method.as_deref(),
                user_id,
                groups: &groups,
            };
            ask::priced(ctx, basket).await?
        }
    };
    Ok(Cart {
        id: stored.id,
        token: None,
        currency: stored.currency,
        price_changes: price_changes(&stored.items, &priced.lines),
        lines: priced.lines,
        unavailable,
        coupons: priced.coupons,
        destination: stored.destination.clone(),
        shipping: priced.shipping,
        shipping_methods: priced.shipping_methods,
        totals: priced.totals,
        provisional,
        order_id: stored.order_id,
        updated_at: stored.updated_at,
    })
}

fn price_changes(items: &[Item], lines: &[Line]) -> Vec<PriceChange> {
    let seen = |line: &Line| items.iter().find(|item| item.id == line.id).map(|item| item.seen);
    lines
        .iter()
        .filter_map(|line| {
            let before = Money::new(seen(line)?, line.unit_price.currency);
            let change = PriceChange { line_id: line.id, before, now: line.unit_price };
            (before != line.unit_price).then_some(change)
        })
        .collect()
}
