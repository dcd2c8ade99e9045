//! The rules, as the service orders asks them: the whole suite, with a door to `rules` and any plugin.

use crate::answer::Answer;
use crate::contract;
use crate::person::Person;
use crate::project::{component, components, root};
use crate::suite::Suite;
use crate::token::{Jwt, Key, now, signed_hs256};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the plugins come from that the tests know.
#[derive(Debug, Clone, Copy)]
pub enum Plugin {
    /// The one that `spin.toml` names.
    Default,
    /// `tests/fixtures/rules-js`, in JavaScript.
    JavaScript,
    /// The same for shipping alone, and the default for the rest.
    JavaScriptForShipping,
    /// `tests/fixtures/rules-mischief`, which does what no plugin should.
    Mischief,
}

/// A suite whose rules can be asked from outside.
pub struct Rules {
    /// All of it.
    pub shop: Suite,
    _folder: TempDir,
}

impl Rules {
    /// A suite with this plugin and this text as its configuration.
    pub async fn stand(plugin: Plugin, config: &str) -> Option<Self> {
        if !contract::is_learnt() {
            drop(Suite::own().await?); // What the whole suite documents is learned from a whole suite.
        }
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let manifest = folder.path().join("spin.toml");
        std::fs::write(&manifest, with_a_door(plugin)).expect("a manifest");
        let shop = Suite::own_from(&manifest, &[("rules_config", config)]).await?;
        Some(Self { shop, _folder: folder })
    }

    /// Who asks, where it matters that nobody in particular does.
    pub fn person(&self) -> Person {
        self.shop.stranger()
    }

    /// An assertion for rules of a service that acts for itself.
    pub fn assertion_of(&self, service: &str) -> String {
        let claims: Jwt = Key::new("any").access_token(service, "service", "");
        let claims =
            claims.with_claim("aud", "rules").with_claim("exp", now() + 60).with_header("typ", "JWT");
        signed_hs256(&claims, self.shop.keys().identity.as_bytes())
    }

    /// Orders has a cart evaluated. The answer is judged as all are.
    pub async fn evaluate(&self, cart: &Value) -> Answer {
        let assertion = self.assertion_of("orders");
        self.person().post("/rules/evaluate", cart).header("souk-identity", assertion).await
    }

    /// The same where the answer may be the host's, since the instance fails: its status.
    pub async fn tries(&self, cart: &Value) -> u16 {
        let place = self.shop.place();
        let request = place.client.post(format!("{}/rules/evaluate", place.url())).json(cart);
        let answer = request.header("souk-identity", self.assertion_of("orders")).send().await;
        answer.expect("an answer, if not a good one").status().as_u16()
    }
}

/// A cart of these lines, each the categories, the price and the number of units, to be sent to `country`.
pub fn cart(country: &str, lines: &[(&[&str], i64, u32)]) -> Value {
    let line = |(index, (categories, price, quantity)): (usize, &(&[&str], i64, u32))| {
        json!({"id": format!("lin_{index}"), "variant_id": format!("var_{index}"), "product_id": format!("prd_{index}"),
               "categories": categories, "unit_price": euros(*price), "quantity": quantity, "weight_g": 400})
    };
    let lines: Vec<_> = lines.iter().enumerate().map(line).collect();
    json!({"currency": "EUR", "country": country, "customer": {"groups": []}, "coupons": [], "coupon_uses": {},
           "lines": lines, "now": "2026-11-21T12:00:00Z"})
}

/// An amount of euros, in cents.
pub fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// `spin.toml` with one more route, to the rules, and with another plugin.
fn with_a_door(plugin: Plugin) -> String {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    for (id, source) in components() {
        manifest["component"][&id]["source"] = source.to_string_lossy().into_owned().into();
    }
    manifest["component"]["rules"]["dependencies"] = dependencies(plugin).into();
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    let door = [("route", "/rules/..."), ("component", "rules")];
    let door: toml::Table = door.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    triggers.push(door.into());
    manifest.to_string()
}

/// What fulfils the imports of `rules`.
fn dependencies(plugin: Plugin) -> toml::Table {
    let from = |key: &str, value: String| toml::Table::from_iter([(key.to_owned(), value.into())]);
    let default = || from("component", "rules-default".to_owned());
    let built = |name: &str| {
        let file = component(name);
        assert!(file.exists(), "{} is missing: run `cargo xtask build --fixtures`", file.display());
        from("path", file.to_string_lossy().into_owned())
    };
    let whole = |dependency| vec![("souk:rules@1.0.0", dependency)];
    let chosen = match plugin {
        Plugin::Default => whole(default()),
        Plugin::JavaScript => whole(built("rules_js")),
        Plugin::Mischief => whole(built("rules_mischief")),
        Plugin::JavaScriptForShipping => vec![
            ("souk:rules/discount@1.0.0", default()),
            ("souk:rules/shipping@1.0.0", built("rules_js")),
            ("souk:rules/tax@1.0.0", default()),
        ],
    };
    chosen.into_iter().map(|(name, dependency)| (name.to_owned(), dependency.into())).collect()
}
