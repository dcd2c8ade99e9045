//! The ticker: calls the private maintenance route of each component that has one.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use tokio::time::MissedTickBehavior;

use crate::allowed_hosts::INTERNAL_DOMAIN;
use crate::app::{App, Maintenance, NO_CLIENT};
use crate::phase::{Follow, Phase, reached};
use crate::problem::whole;
use crate::routes::Match;

/// One call of a maintenance route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The component that was called.
    pub component: String,
    /// What it answered.
    pub status: u16,
}

/// Calls every route each `period`, until the host stops. A component that is still at its last round is left out.
pub(crate) async fn run(app: Arc<App>, period: Duration, mut phase: Follow) {
    let mut clock = tokio::time::interval(period);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock.tick().await;
    loop {
        tokio::select! {
            biased;
            () = reached(&mut phase, Phase::Stopping) => return,
            _ = clock.tick() => {}
        }
        for (id, running) in &app.components {
            let Some(maintenance) = &running.maintenance else { continue };
            if maintenance.healthy.try_lock().is_ok() {
                let (app, id) = (app.clone(), id.clone());
                tokio::spawn(async move { one(&app, &id).await });
            }
        }
    }
}

/// One round over all components at once, after any that is under way.
pub(crate) async fn round(app: Arc<App>) -> Vec<Tick> {
    let mut ids: Vec<&String> =
        app.components.iter().filter(|(_, c)| c.maintenance.is_some()).map(|(id, _)| id).collect();
    ids.sort();
    let calls = ids.into_iter().map(|id| one(&app, id));
    futures::future::join_all(calls).await.into_iter().flatten().collect()
}

async fn one(app: &Arc<App>, id: &str) -> Option<Tick> {
    let maintenance = app.components.get(id)?.maintenance.as_ref()?;
    let mut healthy = maintenance.healthy.lock().await;
    let response = app.call(Match::direct(id, &maintenance.path), request(id, maintenance)?, NO_CLIENT).await;
    let status = response.status();
    // The component may still be at work while its answer is under way.
    let complete = response.into_body().collect().await.is_ok();
    let works = status.is_success() && complete;
    // A component that keeps failing is told of once, not at every tick.
    if works != *healthy {
        *healthy = works;
        if works {
            tracing::info!(component = id, "maintenance works again");
        } else {
            tracing::warn!(
                component = id,
                status = status.as_u16(),
                "maintenance failed with status {status}"
            );
        }
    }
    Some(Tick { component: id.to_owned(), status: status.as_u16() })
}

fn request(id: &str, maintenance: &Maintenance) -> Option<Request<wasmtime_wasi_http::WasiBody>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{id}{INTERNAL_DOMAIN}{}", maintenance.path))
        .header(header::CONTENT_LENGTH, 0);
    if let Some(authorization) = &maintenance.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request.body(whole("")).ok()
}
