//! Taxes: by where the goods go and what they are, in the price already or on top, rounded half to even per item.

use crate::bindings::exports::souk::rules::tax::{Item, Kind, Levy, Sale, Taxes};
use crate::config::{Tax, WHOLE_BP};
use crate::round::half_even;
use std::collections::BTreeMap;

/// The taxes of everything that is sold, and of every way of shipping.
pub fn assess(tables: &BTreeMap<String, Vec<Tax>>, sale: Sale) -> Taxes {
    let region = sale.region.as_ref().and_then(|region| tables.get(&format!("{}-{region}", sale.country)));
    let taxes = region.or_else(|| tables.get(&sale.country)).map(Vec::as_slice).unwrap_or_default();
    let mut levies = Vec::with_capacity(sale.items.len() * taxes.len());
    for (item, place) in sale.items.iter().zip(0..) {
        levy(taxes, item, place, &mut levies);
    }
    Taxes { currency: sale.currency, levies }
}

/// Taxes that the price has in it are taken out of it together; those on top are of what remains.
fn levy(taxes: &[Tax], item: &Item, place: u32, levies: &mut Vec<Levy>) {
    let rates = || taxes.iter().map(|tax| (tax, tax.rate_on(item))).filter(|(_, rate_bp)| *rate_bp > 0);
    let within: u64 = rates().filter(|(tax, _)| tax.included).map(|(_, rate_bp)| u64::from(rate_bp)).sum();
    let mut net = item.amount;
    let mut add = |tax: &Tax, rate_bp, amount| {
        levies.push(Levy { item: place, label: tax.label.clone(), rate_bp, amount, included: tax.included });
    };
    for (tax, rate_bp) in rates().filter(|(tax, _)| tax.included) {
        let amount = half_even(item.amount, rate_bp.into(), WHOLE_BP + within);
        net -= amount;
        add(tax, rate_bp, amount);
    }
    for (tax, rate_bp) in rates().filter(|(tax, _)| !tax.included) {
        add(tax, rate_bp, half_even(net, rate_bp.into(), WHOLE_BP));
    }
}

impl Tax {
    fn rate_on(&self, item: &Item) -> u32 {
        match item.kind {
            Kind::Shipping => self.shipping_bp.unwrap_or(self.standard_bp),
            Kind::Goods => {
                let special = item.categories.iter().find_map(|category| self.categories.get(category));
                special.copied().unwrap_or(self.standard_bp)
            }
        }
    }
}
