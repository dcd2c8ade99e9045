//! The rules that come with Souk: discounts, shipping and taxes by one JSON text, the variable `rules_config`.
//!
//! Keeps: whole-number arithmetic only, every amount rounded half to even once per line; no discount takes a line below
//! zero; the same question gets the same answer.
//!
//! `config` says what can be configured, `default.json` is what holds where nothing is.

mod config;
mod discount;
mod round;
mod shipping;
mod tax;

#[cfg(test)]
mod tests;

use bindings::exports::souk::rules::{discount as discounts, shipping as methods, tax as taxes};
use config::Config;
use std::cell::RefCell;
use std::rc::Rc;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "plugin", pub_export_macro: true });
}

struct Plugin;

// The names of the exports are none that a linker for this machine would take.
#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);

impl discounts::Guest for Plugin {
    fn apply(config: String, basket: discounts::Basket) -> Result<discounts::Discounts, String> {
        Ok(discount::apply(&read(config)?.discounts, basket))
    }
}

impl methods::Guest for Plugin {
    fn quote(config: String, parcel: methods::Parcel) -> Result<methods::Offer, String> {
        Ok(shipping::quote(&read(config)?.shipping, parcel))
    }
}

impl taxes::Guest for Plugin {
    fn assess(config: String, sale: taxes::Sale) -> Result<taxes::Taxes, String> {
        Ok(tax::assess(&read(config)?.taxes, sale))
    }
}

type Known = (String, Result<Rc<Config>, String>);

/// The configuration, read once per instance: it is the same text every time.
fn read(text: String) -> Result<Rc<Config>, String> {
    thread_local! {
        static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    }
    KNOWN.with_borrow_mut(|known| match known {
        Some((of, config)) if *of == text => config.clone(),
        _ => {
            let config = Config::read(&text).map(Rc::new);
            *known = Some((text, config.clone()));
            config
        }
    })
}
