//! Signing in, tokens, sessions, keys.

use souk_tests::Suite;

#[tokio::test]
async fn a_person_signs_in_with_the_right_password_only() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.signs_in_as(ana.email(), "not her password").await.is_refused(401, "wrong-credentials");
    let answer = ana.signs_in_as(ana.email(), &ana.password()).await.is(200);
    assert_eq!(answer.text("/token_type"), "Bearer");
    ana.reads_profile().await.is(200).accept();
}
