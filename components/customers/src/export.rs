//! The export of everything that is held on a person.

use crate::access::{self, Who};
use crate::model::{Customer, Entry};
use crate::store;
use axum::Json;
use axum::response::{IntoResponse, Response};
use futures::future::try_join_all;
use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use souk_kit::id::UserId;
use souk_kit::permission::scope::CUSTOMERS_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Result, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The services that hold something on a person: each answers `GET /internal/persons/{user_id}` to this one, and must be
/// named in `allowed_outbound_hosts`.
const ASKED: &[&str] = &["users", "orders", "payments", "billing", "prices", "transactions"];

/// Everything that is held on a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// When it was put together.
    exported_at: Timestamp,
    /// The customer.
    customer: Customer,
    /// All addresses.
    addresses: Vec<Entry>,
    /// What other services hold on the account, by service. A guest has no account: nothing there is tied to a person.
    services: BTreeMap<&'static str, Value>,
}

/// Export everything that is held on a customer: one's own, or any with the scope `customers:read`.
///
/// All services that hold something are asked. When one does not answer there is no export, rather than part of one.
#[utoipa::path(get, path = "/customers/{id}/export", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`")),
    responses((status = 200, body = Export, headers(("content-disposition" = String))), (status = 404, body = ProblemDocument),
    (status = 503, body = ProblemDocument, description = "`unavailable`: a service does not answer")))]
pub async fn export(ctx: Ctx, caller: Caller, PathId(who): PathId<Who>) -> Result<Response> {
    let customer = access::open(&ctx, &caller, who, CUSTOMERS_READ).await?;
    let addresses = store::address::all(&ctx.conn().await?, customer.id).await?;
    let services = match customer.user_id {
        Some(user) => {
            let asked = ASKED.iter().map(|service| ask(&ctx, service, user));
            try_join_all(asked).await?.into_iter().collect()
        }
        None => BTreeMap::new(),
    };
    let disposition = format!("attachment; filename=\"{}.json\"", customer.id);
    let headers =
        [(header::CONTENT_DISPOSITION, disposition), (header::CACHE_CONTROL, "no-store".to_owned())];
    let export = Export { exported_at: Timestamp::now(), customer, addresses, services };
    Ok((headers, Json(export)).into_response())
}

/// What a service holds on a person: null when it does not know them.
async fn ask(ctx: &Ctx, service: &'static str, user: UserId) -> Result<(&'static str, Value)> {
    let reply = ctx.call(Method::GET, service, format!("/internal/persons/{user}")).send().await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok((service, Value::Null)),
        _ => Ok((service, reply.json()?)),
    }
}
