//! Following an order as it happens: server-sent events (WHATWG HTML, section 9.2).

use crate::buyer::Buyer;
use crate::store::order;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, header};
use serde_json::json;
use souk_kit::id::OrderId;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Ctx, PathId, Result};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// How often the order is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// How long one answer goes on; the browser then comes again, with the last event's id.
const LASTS: Duration = Duration::from_secs(60);
/// A comment at least this often keeps the connection from being taken for a dead one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How many milliseconds a browser waits before it comes again.
const COME_AGAIN_MS: u32 = 1000;

/// Follow an order: its history so far, then every change as it happens.
///
/// An `EventSource` of a browser goes on by itself where it stopped (`Last-Event-ID`).
#[utoipa::path(get, path = "/orders/{id}/events", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order"),
    ("Last-Event-ID" = Option<String>, Header, description = "Where to go on")), security((), ("bearer" = ["account"])),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 404, body = ProblemDocument)))]
pub async fn follow(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<OrderId>,
    headers: HeaderMap,
) -> Result<Response> {
    let stored = order::find(&ctx.conn().await?, id).await?;
    buyer.must_see(&stored.owner)?;
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let follower = Follower {
        ctx,
        id,
        after,
        until: Instant::now() + LASTS,
        quiet_since: Instant::now(),
        greeted: false,
    };
    let body = Body::from_stream(stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    }));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

struct Follower {
    ctx: Ctx,
    id: OrderId,
    after: u32,
    until: Instant,
    quiet_since: Instant,
    greeted: bool,
}

impl Follower {
    /// What is sent next; nothing when it is time to come again.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            return Some(Bytes::from(format!("retry: {COME_AGAIN_MS}\n\n")));
        }
        while Instant::now() < self.until {
            if let Some(news) = self.news().await {
                self.quiet_since = Instant::now();
                return Some(news);
            }
            if self.quiet_since.elapsed() >= SIGN_OF_LIFE {
                self.quiet_since = Instant::now();
                return Some(Bytes::from_static(b": still here\n\n"));
            }
            spin_sdk::time::sleep(EVERY).await;
        }
        None
    }

    /// What has happened since; a database that is busy is asked again.
    async fn news(&mut self) -> Option<Bytes> {
        let conn = self.ctx.conn().await.ok()?;
        let entries = order::history(&conn, self.id, self.after).await.ok()?;
        self.after = entries.last()?.number;
        let events = entries.iter().map(|entry| {
            format!("id: {}\nevent: {}\ndata: {}\n\n", entry.number, entry.state.name(), json!(entry))
        });
        Some(Bytes::from(events.collect::<String>()))
    }
}
