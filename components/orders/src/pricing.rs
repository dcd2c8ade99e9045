//! What lines cost: the catalogue's prices, and what the shop's rules make of them. The sums, without any I/O.

use crate::model::{Coupon, Discount, Line, Shipping, ShippingMethod, Tax, Texts, Totals};
use serde::{Deserialize, Serialize};
use souk_kit::id::{LineId, ProductId, VariantId};
use souk_kit::{Currency, Money};

/// A variant as the catalogue offers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Offer {
    pub variant_id: VariantId,
    pub product_id: ProductId,
    pub sku: String,
    pub title: Texts,
    pub options: Texts,
    pub price: Money,
    #[serde(default)]
    pub weight_g: Option<u32>,
    #[serde(default)]
    pub categories: Vec<String>,
    pub available: bool,
    /// It is offered, and there is none at the moment.
    #[serde(default)]
    pub sold_out: bool,
}

/// Units of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub line_id: LineId,
    pub quantity: u32,
    pub offer: Offer,
}

/// What the rules say of a line. Amounts are in minor units of the cart's currency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RuledLine {
    pub id: LineId,
    #[serde(default)]
    pub discounts: Vec<Discount>,
    #[serde(default)]
    pub taxes: Vec<Tax>,
}

/// What the rules say of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ruled {
    pub lines: Vec<RuledLine>,
    pub shipping_methods: Vec<ShippingMethod>,
    #[serde(default)]
    pub coupons: Vec<Coupon>,
}

/// What a cart costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    pub lines: Vec<Line>,
    pub shipping: Option<Shipping>,
    pub shipping_methods: Vec<ShippingMethod>,
    pub coupons: Vec<Coupon>,
    pub totals: Totals,
}

impl Priced {
    /// What nothing costs.
    pub const fn empty(currency: Currency) -> Self {
        let none = Money::new(0, currency);
        let totals = Totals { subtotal: none, discount: none, shipping: none, tax: none, total: none };
        Self { lines: Vec::new(), shipping: None, shipping_methods: Vec::new(), coupons: Vec::new(), totals }
    }
}

/// The rules' answer, or the catalogue's, does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonsense(pub &'static str);

/// Sums that never wrap and never mix currencies.
struct Sum(Money);

impl Sum {
    const fn new(currency: Currency) -> Self {
        Self(Money::new(0, currency))
    }

    fn add(&mut self, amount: Money) -> Result<(), Nonsense> {
        self.0 = self.0.checked_add(amount).ok_or(Nonsense("amounts do not add up"))?;
        Ok(())
    }
}

fn negative(amount: Money) -> Money {
    Money::new(-amount.amount, amount.currency)
}

fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, Nonsense> {
    let mut sum = Sum::new(currency);
    for amount in amounts {
        if amount.amount < 0 {
            return Err(Nonsense("a discount, price or tax is negative"));
        }
        sum.add(amount)?;
    }
    Ok(sum.0)
}

fn added(taxes: &[Tax]) -> impl Iterator<Item = Money> {
    taxes.iter().filter(|tax| !tax.included).map(|tax| tax.amount)
}

/// What these units cost by these rules, sent by `method` if one is chosen and there is such a one.
pub fn price(
    currency: Currency,
    wanted: Vec<Wanted>,
    mut ruled: Ruled,
    method: Option<&str>,
) -> Result<Priced, Nonsense> {
    let (mut subtotal, mut discount) = (Sum::new(currency), Sum::new(currency));
    let (mut tax, mut total) = (Sum::new(currency), Sum::new(currency));
    let mut lines = Vec::with_capacity(wanted.len());
    for one in wanted {
        let place = ruled.lines.iter().position(|line| line.id == one.line_id);
        let rule = place.map(|place| ruled.lines.swap_remove(place)).ok_or(Nonsense("a line is missing"))?;
        let line = line(currency, one, rule)?;
        subtotal
            .add(line.unit_price.checked_times(line.quantity).ok_or(Nonsense("a line costs too much"))?)?;
        discount.add(sum(currency, line.discounts.iter().map(|discount| discount.amount))?)?;
        tax.add(sum(currency, line.taxes.iter().map(|tax| tax.amount))?)?;
        total.add(line.total)?;
        lines.push(line);
    }
    let chosen = ruled.shipping_methods.iter().find(|it| Some(it.code.as_str()) == method);
    let shipping = chosen.map(|method| shipping(currency, method)).transpose()?;
    if let Some(shipping) = &shipping {
        tax.add(sum(currency, shipping.taxes.iter().map(|tax| tax.amount))?)?;
        total.add(shipping.total)?;
    }
    let sent = shipping.as_ref().map_or(Money::new(0, currency), |shipping| shipping.price);
    let totals =
        Totals { subtotal: subtotal.0, discount: discount.0, shipping: sent, tax: tax.0, total: total.0 };
    Ok(Priced { lines, shipping, shipping_methods: ruled.shipping_methods, coupons: ruled.coupons, totals })
}

fn line(currency: Currency, wanted: Wanted, rule: RuledLine) -> Result<Line, Nonsense> {
    let Wanted { line_id, quantity, offer } = wanted;
    let full = offer.price.checked_times(quantity).ok_or(Nonsense("a line costs too much"))?;
    let off = sum(currency, rule.discounts.iter().map(|discount| discount.amount))?;
    if off.amount > full.amount {
        return Err(Nonsense("a discount is larger than the price"));
    }
    let mut total = Sum(full);
    total.add(negative(off))?;
    total.add(sum(currency, added(&rule.taxes))?)?;
    Ok(Line {
        id: line_id,
        variant_id: offer.variant_id,
        product_id: offer.product_id,
        sku: offer.sku,
        title: offer.title,
        options: offer.options,
        quantity,
        unit_price: offer.price,
        discounts: rule.discounts,
        taxes: rule.taxes,
        total: total.0,
    })
}

fn shipping(currency: Currency, method: &ShippingMethod) -> Result<Shipping, Nonsense> {
    let mut total = Sum(sum(currency, [method.price])?);
    total.add(sum(currency, added(&method.taxes))?)?;
    Ok(Shipping {
        code: method.code.clone(),
        label: method.label.clone(),
        price: method.price,
        taxes: method.taxes.clone(),
        total: total.0,
    })
}

/// What applies while the shop's rules do not answer: one tax, one price for sending, no discounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// In basis points.
    pub tax_bp: u32,
    /// Whether prices include it.
    pub tax_included: bool,
    /// The name of the tax.
    pub tax_label: String,
    /// What sending costs, in minor units of whatever the cart's currency is.
    pub shipping: i64,
    /// What the buyer is told of it.
    pub shipping_label: String,
}

/// The code of the fallback's one shipping method.
pub const FALLBACK_METHOD: &str = "standard";

impl Fallback {
    /// What the rules would say, if these were they.
    pub fn apply(&self, currency: Currency, wanted: &[Wanted], coupons: &[String]) -> Ruled {
        let lines = wanted.iter().map(|one| {
            let amount = one.offer.price.amount.saturating_mul(one.quantity.into());
            RuledLine { id: one.line_id, discounts: Vec::new(), taxes: self.tax(amount, currency) }
        });
        let method = ShippingMethod {
            code: FALLBACK_METHOD.into(),
            label: self.shipping_label.clone(),
            price: Money::new(self.shipping, currency),
            taxes: self.tax(self.shipping, currency),
            min_days: None,
            max_days: None,
        };
        let coupons = coupons.iter().map(|code| Coupon {
            code: code.clone(),
            status: "not_applicable".into(),
            detail: Some("Coupons cannot be checked at present.".into()),
        });
        Ruled { lines: lines.collect(), shipping_methods: vec![method], coupons: coupons.collect() }
    }

    fn tax(&self, amount: i64, currency: Currency) -> Vec<Tax> {
        if self.tax_bp == 0 {
            return Vec::new();
        }
        let rate = i128::from(self.tax_bp);
        let whole = if self.tax_included { 10_000 + rate } else { 10_000 };
        let tax = half_even(i128::from(amount) * rate, whole);
        vec![Tax {
            label: self.tax_label.clone(),
            rate_bp: self.tax_bp,
            amount: Money::new(i64::try_from(tax).unwrap_or(i64::MAX), currency),
            included: self.tax_included,
        }]
    }
}

/// `dividend / divisor`, rounded to the nearest, and halves to the even neighbour (IEEE 754 roundTiesToEven).
fn half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn euros(amount: i64) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn wanted(price: i64, quantity: u32) -> Wanted {
        let offer = Offer {
            variant_id: VariantId::new(),
            product_id: ProductId::new(),
            sku: "LAMP-1".into(),
            title: Texts::new(),
            options: Texts::new(),
            price: euros(price),
            weight_g: None,
            categories: Vec::new(),
            available: true,
            sold_out: false,
        };
        Wanted { line_id: LineId::new(), quantity, offer }
    }

    fn plain(wanted: &[Wanted]) -> Ruled {
        let lines =
            wanted.iter().map(|one| RuledLine { id: one.line_id, discounts: Vec::new(), taxes: Vec::new() });
        Ruled { lines: lines.collect(), shipping_methods: Vec::new(), coupons: Vec::new() }
    }

    fn discount(amount: i64) -> Discount {
        Discount { code: None, label: "Sale".into(), amount: euros(amount) }
    }

    fn tax(amount: i64, included: bool) -> Tax {
        Tax { label: "VAT".into(), rate_bp: 2000, amount: euros(amount), included }
    }

    #[test]
    fn a_tax_that_is_included_does_not_raise_the_total_and_one_that_is_added_does() {
        for (included, total) in [(true, 900), (false, 1080)] {
            let lines = vec![wanted(500, 2)];
            let mut ruled = plain(&lines);
            ruled.lines[0].discounts = vec![discount(100)];
            ruled.lines[0].taxes = vec![tax(180, included)];
            let totals = price(Currency::EUR, lines, ruled, None).unwrap().totals;
            assert_eq!((totals.subtotal, totals.discount), (euros(1000), euros(100)));
            assert_eq!((totals.tax, totals.total), (euros(180), euros(total)));
        }
    }

    #[test]
    fn shipping_counts_once_a_method_is_chosen() {
        let lines = vec![wanted(500, 1)];
        let fallback = Fallback {
            tax_bp: 2000,
            tax_included: true,
            tax_label: "VAT".into(),
            shipping: 600,
            shipping_label: "Standard".into(),
        };
        let ruled = fallback.apply(Currency::EUR, &lines, &["SPRING".into()]);
        let without = price(Currency::EUR, lines.clone(), ruled.clone(), None).unwrap();
        let with = price(Currency::EUR, lines, ruled, Some(FALLBACK_METHOD)).unwrap();
        assert_eq!((without.totals.total, with.totals.total), (euros(500), euros(1100)));
        assert_eq!((without.totals.tax, with.totals.tax), (euros(83), euros(183)));
        assert_eq!(with.coupons[0].status, "not_applicable");
    }

    #[test]
    fn what_does_not_add_up_is_nonsense() {
        let lines = vec![wanted(500, 1)];
        let with = |discounts: Vec<Discount>, taxes: Vec<Tax>| {
            let mut ruled = plain(&lines);
            ruled.lines[0].discounts = discounts;
            ruled.lines[0].taxes = taxes;
            price(Currency::EUR, lines.clone(), ruled, None)
        };
        assert!(with(vec![discount(501)], vec![]).is_err());
        assert!(with(vec![discount(-1)], vec![]).is_err());
        assert!(with(vec![], vec![tax(-1, true)]).is_err());
        let mut other = plain(&lines);
        other.lines[0].id = LineId::new();
        assert!(price(Currency::EUR, lines.clone(), other, None).is_err());
        assert!(price("JPY".parse().unwrap(), lines.clone(), plain(&lines), None).is_err());
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let halves: Vec<_> = [1, 3, 5, 7].map(|n| half_even(n, 2)).into();
        assert_eq!(halves, [0, 2, 2, 4]);
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_what_is_shown(
            prices in proptest::collection::vec((0i64..1_000_000, 1u32..999), 1..20),
            tax_bp in 0u32..3000, included: bool, shipping in 0i64..10_000,
        ) {
            let lines: Vec<_> = prices.into_iter().map(|(price, quantity)| wanted(price, quantity)).collect();
            let fallback = Fallback {
                tax_bp, tax_included: included, tax_label: "VAT".into(), shipping, shipping_label: "Standard".into(),
            };
            let ruled = fallback.apply(Currency::EUR, &lines, &[]);
            let priced = price(Currency::EUR, lines, ruled, Some(FALLBACK_METHOD)).unwrap();
            let shown: i64 = priced.lines.iter().map(|line| line.total.amount).sum::<i64>()
                + priced.shipping.unwrap().total.amount;
            prop_assert_eq!(priced.totals.total.amount, shown);
            let Totals { subtotal, discount, shipping, tax, total } = priced.totals;
            let tax_on_top = if included { 0 } else { tax.amount };
            prop_assert_eq!(total.amount, subtotal.amount - discount.amount + shipping.amount + tax_on_top);
        }
    }
}
