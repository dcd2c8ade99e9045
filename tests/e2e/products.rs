//! The catalogue: adding, changing, removing, searching.

use souk_tests::{Suite, lamp};

#[tokio::test]
async fn a_person_finds_a_product_that_a_merchant_added() {
    let shop = Suite::start().await;
    let lamp = shop.merchant().await.adds_product(lamp()).await;
    let ana = shop.sign_up("ana").await;
    ana.searches(lamp.slug()).await.finds(&lamp);
    ana.reads(&lamp).await.is(200).accept();
}
