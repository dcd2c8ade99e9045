//! A service: what a component says of itself, and the way every request takes through it.

use crate::caller::{Caller, IDENTITY};
use crate::context::{Ctx, REQUEST_ID, TRACEPARENT};
use crate::db::{Db, Tx};
use crate::events::{self, Event};
use crate::log::{Level, log};
use crate::metrics;
use crate::migrate;
use crate::once;
use crate::problem::{PROBLEM_JSON, Problem, Result, Spec, kinds};
use crate::settings;
use crate::task;
use crate::wire;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;
use tower_service::Service as _;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, RefOr};
use utoipa_axum::router::OpenApiRouter;

/// What a component is. Declared once, as a `static`, and handed to [`serve`].
pub struct Service {
    /// Its name in `spin.toml`.
    pub name: &'static str,
    /// What it is for, as the API documentation says it.
    pub about: &'static str,
    /// Whether requests come from outside: then no header of theirs is believed.
    pub edge: bool,
    /// Its database, if it has one.
    pub database: Option<Database>,
    /// Its route table.
    pub routes: fn() -> OpenApiRouter,
    /// What every answer goes through, those of the kit's own routes too.
    pub wrap: fn(Router) -> Router,
    /// Everything it refuses beside what the kit does.
    pub problems: &'static [Spec],
    /// Who hears of what it publishes.
    pub subscriptions: &'static [Subscription],
    /// What it does about an event, in the transaction that marks the event as taken in.
    pub on_event: Option<OnEvent>,
    /// What must happen now and then without a request: purging, resuming.
    pub maintain: Option<Maintain>,
}

/// A service's database.
pub struct Database {
    /// Its label in `spin.toml`.
    pub label: &'static str,
    /// The scripts of `sql/<service>/`, name and text, in order.
    pub migrations: &'static [(&'static str, &'static str)],
}

/// One line of the list of who hears of what.
pub struct Subscription {
    /// The event's type, such as `souk.user.deleted`.
    pub event: &'static str,
    /// The service that is told.
    pub subscriber: &'static str,
}

/// Handles one event.
pub type OnEvent = for<'a> fn(&'a mut Tx, &'a Event) -> BoxFuture<'a, Result<()>>;

/// Does a service's housekeeping.
pub type Maintain = fn(Ctx) -> BoxFuture<'static, Result<()>>;

impl Service {
    /// What every service begins from: `Service { name: "users", ..Service::BASE }`.
    pub const BASE: Self = Self {
        name: "",
        about: "",
        edge: false,
        database: None,
        routes: OpenApiRouter::new,
        wrap: |router| router,
        problems: &[],
        subscriptions: &[],
        on_event: None,
        maintain: None,
    };

    /// The service's OpenAPI document.
    pub fn openapi(&'static self) -> OpenApi {
        self.app().1
    }

    fn app(&'static self) -> (Router, OpenApi) {
        let problems: Vec<_> = kinds::ALL.iter().chain(self.problems).collect();
        let components = ComponentsBuilder::new()
            .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
            .build();
        let document = OpenApiBuilder::new()
            .info(
                InfoBuilder::new()
                    .title(self.name)
                    .version(env!("CARGO_PKG_VERSION"))
                    .description(Some(self.about)),
            )
            .components(Some(components))
            .build();
        let (router, mut document) =
            OpenApiRouter::with_openapi(document).merge((self.routes)()).split_for_parts();
        document.servers = None;
        declare_problems(&mut document);
        document.extensions = Some(ExtensionsBuilder::new().add("x-problems", json!(problems)).build());
        let router = if self.edge { router } else { router.fallback(not_found) };
        let router = router
            .route("/health", get(health))
            .route("/metrics", get(metrics::show))
            .route(MAINTENANCE, post(maintenance));
        let router = match self.edge {
            true => router,
            false => router
                .route("/ready", get(ready))
                .route("/openapi.json", get(openapi))
                .route(events::PATH, post(events::receive)),
        };
        let router = router
            .method_not_allowed_fallback(method_not_allowed)
            .route_layer(middleware::from_fn(tag_route));
        ((self.wrap)(router), document)
    }
}

/// Says of every problem document that it is one; utoipa takes all bodies for plain JSON.
fn declare_problems(document: &mut OpenApi) {
    let operations = document.paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
    });
    for (status, response) in operations.flat_map(|operation| operation.responses.responses.iter_mut()) {
        let RefOr::T(response) = response else { continue };
        let is_problem = |content: &RefOr<Content>| match content {
            RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
                schema.ref_location.ends_with("/Problem")
            }
            _ => false,
        };
        if status.starts_with(['4', '5'])
            && response.content.get("application/json").is_some_and(is_problem)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM_JSON.to_owned(), content);
        }
    }
}

/// The route that the host, cron or Kubernetes calls every few seconds, with the maintenance key as bearer token.
pub const MAINTENANCE: &str = "/internal/maintenance";

/// Answers one request: the whole of a component's `#[http_service]` function.
pub async fn serve(
    service: &'static Service,
    request: spin_sdk::http::Request,
) -> impl spin_sdk::http::IntoResponse {
    let (mut parts, body) = request.into_parts();
    if service.edge {
        parts.headers.remove(IDENTITY);
    }
    let visit = Visit::begin(service, &parts);
    let answered = answer(&visit.ctx, Request::from_parts(parts, Body::new(body))).await;
    let response = answered.unwrap_or_else(Problem::into_response);
    let (mut response, cause) = finish(&visit.ctx, &visit.method, response);
    let route = response.extensions_mut().remove::<Route>();
    visit.end(route.as_ref().map_or("unmatched", |Route(pattern)| pattern), response.status(), cause);
    wire::Outgoing(response)
}

/// What is noted of a request from its beginning to its end.
struct Visit {
    ctx: Ctx,
    method: Method,
    path: String,
    started: Instant,
}

impl Visit {
    fn begin(service: &'static Service, parts: &http::request::Parts) -> Self {
        let started = Instant::now();
        let ctx = Ctx::read(service, &parts.headers, started);
        Self { ctx, method: parts.method.clone(), path: parts.uri.path().to_owned(), started }
    }

    fn end(self, route: &str, status: StatusCode, cause: Option<String>) {
        let (ctx, status, elapsed) = (&self.ctx, status.as_u16(), self.started.elapsed());
        metrics::observe(&self.method, route, status, elapsed);
        let level = if cause.is_some() || status >= 500 { Level::Error } else { Level::Debug };
        if level.is_enabled() {
            let fields = json!({
                "service": ctx.service().name, "request.id": ctx.request_id(), "trace": ctx.traceparent(),
                "http.method": self.method.as_str(), "http.path": self.path, "http.route": route,
                "http.status": status, "duration_ms": elapsed.as_secs_f64() * 1000.0,
            });
            log(level, cause.as_deref().unwrap_or("request answered"), fields);
        }
        after_response(ctx);
    }
}

/// Makes the instance ready to answer: its settings are read and its database is migrated.
async fn prepare(ctx: &Ctx) -> Result<&Ctx> {
    static MIGRATED: AtomicBool = AtomicBool::new(false);
    let service = ctx.service();
    settings::load().await?;
    if let Some(database) = &service.database
        && !MIGRATED.load(Relaxed)
    {
        migrate::run(Db::of(service)?, database).await?;
        MIGRATED.store(true, Relaxed);
    }
    Ok(ctx)
}

async fn answer(ctx: &Ctx, mut request: Request) -> Result<Response> {
    static APP: OnceLock<Router> = OnceLock::new();
    prepare(ctx).await?;
    request.extensions_mut().insert(ctx.clone());
    let mut router = APP.get_or_init(|| ctx.service().app().0).clone();
    router.call(request).await.map_err(|never| match never {})
}

/// Renders a refusal, and adds what every answer carries. The cause of a fault comes back for the log.
fn finish(ctx: &Ctx, method: &Method, mut response: Response) -> (Response, Option<String>) {
    let mut cause = None;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        cause = problem.cause().map(str::to_owned);
        let (marker, _) = std::mem::replace(&mut response, problem.render(ctx.request_id())).into_parts();
        for (name, value) in marker.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        *response.extensions_mut() = marker.extensions;
    }
    let length = wire::length(&response);
    // RFC 9110, section 8.6: 204 must not have a length, and an answer to HEAD, or a 304, tells that of another one.
    let bodiless = *method == Method::HEAD || matches!(response.status().as_u16(), 204 | 304);
    let no_content = response.status() == StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if no_content {
        headers.remove(header::CONTENT_LENGTH);
    }
    // Without its length a response goes out in chunks, and a kept-alive client waits 40 ms for the last of them.
    if let Some(length) = length.filter(|_| !bodiless) {
        headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    stamp(ctx, headers);
    (response, cause)
}

/// Adds by what an answer is found in the logs.
fn stamp(ctx: &Ctx, headers: &mut HeaderMap) {
    for (name, value) in [(REQUEST_ID, ctx.request_id()), (TRACEPARENT, ctx.traceparent())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// Lets work that the caller does not wait for go on: deliveries and the flush of metrics.
fn after_response(ctx: &Ctx) {
    let service = ctx.service();
    if service.database.is_none() {
        return;
    }
    begin_tasks(service);
    if metrics::flush_is_due() {
        spin_sdk::wasip3::spawn(metrics::flush(Ctx::background(service)));
    }
}

/// Begins what was left to be done, and then what that leaves.
fn begin_tasks(service: &'static Service) {
    for task in task::left() {
        let task = task(Ctx::background(service));
        spin_sdk::wasip3::spawn(async move {
            report("what a request left to be done failed", service, task.await);
            begin_tasks(service);
        });
    }
}

fn report(what: &str, service: &Service, outcome: Result<()>) {
    if let Err(problem) = outcome {
        log(Level::Warn, what, json!({"service": service.name, "cause": problem.cause()}));
    }
}

/// The pattern of the route that answered, for logs and metrics. An edge service leaves it on what it passes on.
#[derive(Debug, Clone)]
pub struct Route(pub Cow<'static, str>);

async fn tag_route(route: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(route.as_str().to_owned().into()));
    response
}

async fn not_found() -> Problem {
    Problem::not_found()
}

async fn method_not_allowed() -> Problem {
    Problem::new(kinds::METHOD_NOT_ALLOWED, "The resource does not support this method.")
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

/// Ready means that the settings are there and the database answers; [`answer`] has migrated it by now.
async fn ready(ctx: Ctx) -> Result<Json<serde_json::Value>> {
    if ctx.service().database.is_some() {
        ctx.conn().await?.exec("SELECT 1", vec![]).await?;
    }
    Ok(Json(json!({"status": "ready"})))
}

async fn openapi(ctx: Ctx) -> Json<OpenApi> {
    Json(ctx.service().openapi())
}

/// Refuses a request without the maintenance key, or a service's identity.
pub fn must_be_operator(headers: &HeaderMap, caller: Option<&Caller>) -> Result<()> {
    if caller.is_some_and(|caller| caller.subject == crate::Subject::Service) {
        return Ok(());
    }
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if settings::loaded()?.maintenance_key.matches(token) {
        return Ok(());
    }
    Err(Problem::unauthenticated("This needs the maintenance key as bearer token."))
}

async fn maintenance(ctx: Ctx, caller: Option<Caller>, headers: HeaderMap) -> Result<StatusCode> {
    must_be_operator(&headers, caller.as_ref())?;
    if ctx.service().database.is_some() {
        events::deliver(&ctx).await?;
        events::purge(&ctx).await?;
        once::purge(&ctx).await?;
    }
    if let Some(maintain) = ctx.service().maintain {
        maintain(ctx).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
