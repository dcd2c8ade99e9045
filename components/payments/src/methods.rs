//! The methods that this shop offers.

use crate::method::MethodKind;
use crate::provider;
use axum::Json;
use serde::Serialize;
use souk_kit::Result;
use utoipa::ToSchema;

/// The methods that a buyer may choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentMethods {
    /// Each with who carries it out.
    items: Vec<PaymentMethod>,
}

/// A method that a buyer may choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentMethod {
    /// What `method.type` of a confirmation says.
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: MethodKind,
    /// Who carries it out.
    #[schema(example = "card-simulator")]
    provider: &'static str,
}

/// List the methods that this shop offers.
#[utoipa::path(get, path = "/payments/methods", tag = "payments",
    responses((status = 200, description = "The methods", body = PaymentMethods)))]
pub async fn list() -> Result<Json<PaymentMethods>> {
    let offered = provider::offered().await?.into_iter();
    let items = offered.map(|provider| PaymentMethod { kind: provider.method(), provider: provider.name() });
    Ok(Json(PaymentMethods { items: items.collect() }))
}
