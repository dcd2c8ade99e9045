//! Shipping: by where the goods go, what they weigh and what they cost.

use crate::bindings::exports::souk::rules::shipping::{Method, Offer, Parcel};
use crate::config::{self, Price, Zone};

/// The ways that a parcel can go, in the order of the configuration.
pub fn quote(zones: &[Zone], parcel: Parcel) -> Offer {
    let weight_g: u64 =
        parcel.items.iter().map(|item| u64::from(item.quantity) * u64::from(item.weight_g)).sum();
    let total: i64 = parcel.items.iter().map(|item| item.amount).fold(0, i64::saturating_add);
    let offered = |method: &config::Method| {
        let fits = |price: &&Price| price.fits(&parcel.currency, weight_g, total);
        let price = method.prices.iter().find(fits)?;
        Some(Method {
            code: method.code.clone(),
            label: method.label.clone(),
            price: price.price.amount,
            min_days: method.min_days,
            max_days: method.max_days,
        })
    };
    let zone = zones.iter().find(|zone| zone.reaches(&parcel.country, parcel.region.as_deref()));
    let methods = zone.map(|zone| zone.methods.iter().filter_map(offered).collect()).unwrap_or_default();
    Offer { currency: parcel.currency, methods }
}

impl Price {
    fn fits(&self, currency: &str, weight_g: u64, total: i64) -> bool {
        self.price.currency == currency
            && self.up_to_g.is_none_or(|most| weight_g <= most)
            && self.from_total.as_ref().is_none_or(|least| total >= least.amount)
    }
}

impl Zone {
    fn reaches(&self, country: &str, region: Option<&str>) -> bool {
        let is_here = |to: &str| match to.split_once('-') {
            Some((of, named)) => of == country && Some(named) == region,
            None => to == country || to == "*",
        };
        self.to.iter().any(|to| is_here(to))
    }
}
