//! Whether the suite is ready, and the housekeeping of all of it.

use crate::access::services;
use axum::Json;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Map, json};
use souk_kit::service::MAINTENANCE;
use souk_kit::{Ctx, Problem, Result};

/// Calls every service at once; which of them answered with a success.
async fn ask_all(ctx: &Ctx, method: Method, path: &str) -> Vec<(&'static str, bool)> {
    let ask = |service| {
        let call = ctx.call(method.clone(), service, path);
        async move { (service, call.send().await.is_ok_and(|reply| reply.status.is_success())) }
    };
    join_all(services().into_iter().map(ask)).await
}

/// `GET /ready`: whether every service is.
pub async fn ready(ctx: Ctx) -> Response {
    let answers = ask_all(&ctx, Method::GET, "/ready").await;
    let all = answers.iter().all(|(_, ready)| *ready);
    let state = |ready: bool| if ready { "ready" } else { "not ready" };
    let services: Map<_, _> =
        answers.iter().map(|(name, ready)| ((*name).into(), json!(state(*ready)))).collect();
    if !all {
        let down: Vec<_> = answers.iter().filter(|(_, ready)| !ready).map(|(name, _)| *name).collect();
        return unready(&down).into_response();
    }
    (StatusCode::OK, Json(json!({"status": state(all), "services": services}))).into_response()
}

/// Who operates the suite learns which service to look at.
fn unready(down: &[&str]) -> Problem {
    let services = down.join(", ");
    let detail = format!("Not ready: {services}. The logs of each say why.");
    Problem::unavailable(format!("not ready: {services}")).with_detail(detail)
}

/// Has every service do its housekeeping: what the embedded host does by itself, cron asks for on Spin.
pub async fn maintain_all(ctx: Ctx) -> Result<()> {
    let answers = ask_all(&ctx, Method::POST, MAINTENANCE).await;
    let failed: Vec<_> = answers.iter().filter(|(_, done)| !done).map(|(name, _)| *name).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Problem::unavailable(format!("maintenance of {}", failed.join(", "))))
    }
}
