//! Suites with a door into a private service, for tests that play another service.

use crate::answer::Answer;
use crate::project::{components, root, unique};
use crate::suite::Suite;
use crate::token::{Key, now, signed_hs256};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// A whole suite, of which some services answer the test too.
pub struct Opened {
    /// The suite.
    pub shop: Suite,
    _folder: TempDir,
}

impl Opened {
    /// Starts one in which each of these components also answers these routes from outside.
    pub async fn starts(doors: &[(&str, &str)]) -> Option<Self> {
        Self::starts_with(doors, &[]).await
    }

    /// The same with some variables of `spin.toml` set.
    pub async fn starts_with(doors: &[(&str, &str)], variables: &[(&str, &str)]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let manifest = folder.path().join("spin.toml");
        std::fs::write(&manifest, opened(doors)).expect("a manifest");
        Some(Self { shop: Suite::own_from(&manifest, variables).await?, _folder: folder })
    }

    /// What lets `service`, acting for itself, into `audience`.
    pub fn assertion(&self, service: &str, audience: &str) -> String {
        let claims = Key::new("any").access_token(service, "service", "");
        let claims = claims.with_claim("aud", audience).with_claim("exp", now() + 60);
        signed_hs256(&claims.with_header("typ", "JWT"), self.shop.keys().identity.as_bytes())
    }

    /// `service` reads something of `audience`.
    pub async fn asks(&self, service: &str, audience: &str, path: &str) -> Answer {
        let stranger = self.shop.stranger();
        stranger.get(path).header("souk-identity", self.assertion(service, audience)).await
    }

    /// `service` tells `audience` of an event. What comes back need not be an answer, since the suite may die.
    pub async fn tells(
        &self,
        service: &str,
        audience: &str,
        event: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let stranger = self.shop.stranger();
        let request = stranger.post("/internal/events", event);
        request.header("souk-identity", self.assertion(service, audience)).attempt().await
    }
}

/// An event as the kit of `service` would send it.
pub fn event(service: &str, kind: &str, subject: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": unique("evt"), "source": format!("/{service}"), "type": kind, "subject": subject,
        "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json", "data": data,
    })
}

/// An id of this kind that nothing else has.
pub fn id(prefix: &str) -> String {
    // Hexadecimal digits are digits of ids too.
    let digits = [unique(""), unique("")].concat().replace('-', "");
    format!("{prefix}_{digits:0<26}")
}

fn opened(doors: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    let sources: BTreeMap<_, _> = components().into_iter().collect();
    for (id, component) in manifest["component"].as_table_mut().expect("components") {
        let source = sources[id].to_string_lossy().into_owned();
        component.as_table_mut().expect("a component").insert("source".into(), source.into());
    }
    for (component, route) in doors {
        let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
        let trigger = triggers.iter_mut().find(|it| it["component"].as_str() == Some(component));
        let trigger = trigger.unwrap_or_else(|| panic!("there is no {component}"));
        trigger.as_table_mut().expect("a trigger").insert("route".into(), (*route).into());
    }
    manifest.to_string()
}
