//! Auth alone, with a stand-in where users would be: what it makes of users' answers and events, in whatever order they
//! come, and whose word it takes. Here the test holds the key that services trust one another by.

use serde_json::{Value, json};
use souk_tests::standin::{Seen, StandIn};
use souk_tests::token::{Jwt, Key, now, signed_hs256};
use souk_tests::{Answer, Person, Suite, components, root, unique};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

const ANA: &str = "usr_06gzth8z0ssnb43t4fv629t6y8";

/// Auth, open to the test, and users, who say that every password is Ana's, of the version that the test names.
struct Auth {
    shop: Suite,
    version: Arc<AtomicI64>,
    _users: StandIn,
    _folder: tempfile::TempDir,
}

impl Auth {
    async fn stands() -> Option<Self> {
        drop(Suite::own().await?); // What the whole suite documents is learned from a whole suite.
        let version = Arc::new(AtomicI64::new(1));
        let said = Arc::clone(&version);
        let users = StandIn::start(move |_: &Seen| {
            (200, json!({"user_id": ANA, "roles": ["customer"], "password_version": said.load(Relaxed)}))
        });
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let manifest = folder.path().join("spin.toml");
        std::fs::write(&manifest, auth_alone(&users.authority())).expect("a manifest");
        let service_url = format!("http://{}", users.authority());
        let shop = Suite::own_from(&manifest, &[("service_url", &service_url)]).await?;
        Some(Self { shop, version, _users: users, _folder: folder })
    }

    fn person(&self) -> Person {
        self.shop.stranger()
    }

    /// An assertion for auth of `service`, acting for itself, still open to changes.
    fn claims(service: &str) -> Jwt {
        let claims = Key::new("any").access_token(service, "service", "");
        claims.with_claim("aud", "auth").with_claim("exp", now() + 60).with_header("typ", "JWT")
    }

    fn signed(&self, claims: &Jwt) -> String {
        signed_hs256(claims, self.shop.keys().identity.as_bytes())
    }

    async fn posts(&self, path: &str, body: &Value, assertion: &str) -> Answer {
        self.person().post(path, body).header("souk-identity", assertion).await
    }

    /// Ana signs in while her password is of this version.
    async fn is_signed_in_to(&self, version: i64) -> Answer {
        self.version.store(version, Relaxed);
        let anonymous = self.signed(&Self::claims("gateway").with_claim("sub", "anonymous"));
        self.posts("/auth/login", &json!({"email": "ana@example.com", "password": "hers"}), &anonymous).await
    }

    async fn refreshes(&self, tokens: &Answer) -> Answer {
        let anonymous = self.signed(&Self::claims("gateway").with_claim("sub", "anonymous"));
        self.posts("/auth/refresh", &json!({"refresh_token": tokens.text("/refresh_token")}), &anonymous)
            .await
    }

    /// `service` tells what happened to Ana.
    async fn hears(&self, service: &str, kind: &str, data: Value) -> Answer {
        let event = json!({
            "specversion": "1.0", "id": unique("evt"), "source": format!("/{service}"), "type": kind, "subject": ANA,
            "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json", "data": data,
        });
        self.posts("/internal/events", &event, &self.signed(&Self::claims(service))).await
    }

    async fn hears_of_password(&self, version: i64, keep: Option<&str>) {
        let data = json!({"keep_session": keep, "password_version": version});
        self.hears("users", "souk.user.password_changed", data).await.is(204).accept();
    }
}

fn session_of(tokens: &Answer) -> String {
    Jwt::read(tokens.text("/access_token")).claims["sid"].as_str().expect("a session").to_owned()
}

/// `spin.toml` with auth alone, open to everybody, which may reach the stand-in.
fn auth_alone(authority: &str) -> String {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    let (_, source) = components().into_iter().find(|(id, _)| id == "auth").expect("there is auth");
    let all = manifest["component"].as_table_mut().expect("components");
    all.retain(|id, _| id == "auth");
    let auth = all["auth"].as_table_mut().expect("auth");
    auth.insert("source".into(), source.to_string_lossy().into_owned().into());
    auth.insert("allowed_outbound_hosts".into(), vec![format!("http://{authority}")].into());
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    triggers.retain(|trigger| trigger["component"].as_str() == Some("auth"));
    triggers[0].as_table_mut().expect("a route").insert("route".into(), "/...".into());
    manifest.to_string()
}

#[tokio::test]
async fn a_sign_in_under_way_does_not_survive_a_password_change() {
    let Some(auth) = Auth::stands().await else { return };
    auth.hears_of_password(2, None).await;
    auth.is_signed_in_to(1).await.is_refused(401, "wrong-credentials");
    let tokens = auth.is_signed_in_to(2).await.is(200);
    auth.refreshes(&tokens).await.is(200).accept();
}

#[tokio::test]
async fn news_of_a_password_change_that_come_late_end_older_sessions_alone() {
    let Some(auth) = Auth::stands().await else { return };
    let (before, kept) = (auth.is_signed_in_to(1).await.is(200), auth.is_signed_in_to(1).await.is(200));
    let after = auth.is_signed_in_to(2).await.is(200);
    auth.hears_of_password(2, Some(&session_of(&kept))).await;
    auth.refreshes(&before).await.is_refused(401, "invalid-refresh-token");
    let kept = auth.refreshes(&kept).await.is(200);
    let after = auth.refreshes(&after).await.is(200);
    // Told again, perhaps in another order, it changes nothing.
    auth.hears_of_password(2, None).await;
    auth.hears_of_password(1, None).await;
    auth.refreshes(&kept).await.is(200).accept();
    let after = auth.refreshes(&after).await.is(200);
    auth.hears_of_password(3, None).await;
    auth.refreshes(&after).await.is_refused(401, "invalid-refresh-token");
}

#[tokio::test]
async fn a_sign_in_under_way_does_not_survive_the_account() {
    let Some(auth) = Auth::stands().await else { return };
    let before = auth.is_signed_in_to(1).await.is(200);
    auth.hears("users", "souk.user.deleted", json!({})).await.is(204).accept();
    auth.refreshes(&before).await.is_refused(401, "invalid-refresh-token");
    auth.is_signed_in_to(7).await.is_refused(401, "wrong-credentials");
}

#[tokio::test]
async fn only_users_can_tell_of_people() {
    let Some(auth) = Auth::stands().await else { return };
    let tokens = auth.is_signed_in_to(1).await.is(200);
    auth.hears("products", "souk.user.deleted", json!({})).await.is_refused(403, "forbidden");
    let change = json!({"keep_session": null, "password_version": 9});
    auth.hears("gateway", "souk.user.password_changed", change).await.is_refused(403, "forbidden");
    auth.refreshes(&tokens).await.is(200).accept();
}

#[tokio::test]
async fn an_assertion_is_believed_as_long_as_it_says_and_by_whom_it_is_for() {
    let Some(auth) = Auth::stands().await else { return };
    let good = Auth::claims("gateway").with_claim("sub", "anonymous");
    let with = |name: &str, value: Value| good.clone().with_claim(name, value);
    let wrong = [
        with("exp", json!(now() - 10)).with_claim("iat", now() - 70),
        with("exp", json!(now() + 3600)),
        with("iat", json!(now() + 600)).with_claim("exp", now() + 660),
        with("aud", json!("users")),
        with("sub", json!("the king")),
        good.clone().without_claim("exp"),
        good.clone().without_claim("iss"),
    ];
    let body = json!({"refresh_token": "srt_x"});
    for claims in wrong {
        auth.posts("/auth/refresh", &body, &auth.signed(&claims)).await.is_refused(401, "unauthenticated");
    }
    let forged = signed_hs256(&good, "another key, of the same length.".as_bytes());
    auth.posts("/auth/refresh", &body, &forged).await.is_refused(401, "unauthenticated");
    auth.posts("/auth/refresh", &body, &auth.signed(&good)).await.is_refused(401, "invalid-refresh-token");
}
