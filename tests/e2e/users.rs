//! Accounts: registering, the profile, passwords, roles, leaving.

use souk_tests::{Suite, user};

#[tokio::test]
async fn a_person_registers_and_reads_the_own_profile() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let profile = ana.reads_profile().await.is(200);
    assert_eq!(profile.text("/id"), ana.id());
    assert_eq!(profile.text("/email"), ana.email());
    assert_eq!(profile.text("/name"), "ana");
    assert_eq!(profile.json()["roles"], serde_json::json!(["customer"]));
}

#[tokio::test]
async fn a_person_registers_only_with_an_email_address() {
    let shop = Suite::start().await;
    let mut user = user("ana");
    user["email"] = "nowhere".into();
    shop.stranger().registers(&user).await.is_refused(422, "invalid-request").with_field("/email");
}
