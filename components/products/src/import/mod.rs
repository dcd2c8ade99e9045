//! Import: many products in one request, as JSON lines or CSV, read as they come in and written a few hundred at a time.
//!
//! A product is added or replaced by its slug, its images stay. A line that is wrong is reported and left out. What was
//! written before a failure stays written: sending the same lines again changes only what is still missing.

mod batch;
mod known;
mod lines;
mod table;

use crate::model::ProductInput;
use crate::store::job;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use garde::Validate;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::JobId;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::{Caller, Ctx, Level, PathId, Problem, Result, ValidQuery, log};
use std::collections::VecDeque;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

use batch::Batch;
use known::Tried;

/// The longest line (or CSV row), in bytes.
pub const MAX_LINE: usize = 256 * 1024;
/// How many errors a report lists; the rest is only counted.
const MAX_ERRORS: usize = 1000;
/// How long a report can be read.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// Something that is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineError {
    /// Which line, counted from 1.
    pub line: u64,
    /// JSON pointer to the field, or `/` and the name of the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/variants/0/price/amount")]
    pub pointer: Option<String>,
    /// What is wrong.
    pub detail: String,
}

impl LineError {
    fn whole(line: u64, detail: impl Into<String>) -> Self {
        Self { line, pointer: None, detail: detail.into() }
    }

    fn at(line: u64, field: String, detail: String) -> Self {
        Self { line, pointer: Some(format!("/{field}")), detail }
    }
}

/// A line, or the rows of a product.
#[derive(Debug, PartialEq)]
pub struct Item {
    line: u64,
    product: std::result::Result<ProductInput, Vec<LineError>>,
}

/// What an import has done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Its id: the report can be read again under it for 30 days.
    pub job_id: JobId,
    /// Whether it has come to its end.
    pub finished: bool,
    /// Whether it only tried.
    pub dry_run: bool,
    /// How many products were added.
    pub created: u64,
    /// How many were replaced.
    pub updated: u64,
    /// How many were as they are already.
    pub unchanged: u64,
    /// How many were left out because something is wrong with them.
    pub failed: u64,
    /// How many lines (with CSV, products) were read.
    pub lines: u64,
    /// What is wrong, the first 1,000.
    pub errors: Vec<LineError>,
}

impl Report {
    fn fail(&mut self, errors: impl IntoIterator<Item = LineError>) {
        self.failed += 1;
        let room = MAX_ERRORS - self.errors.len().min(MAX_ERRORS);
        self.errors.extend(errors.into_iter().take(room));
    }

    fn progress(&self) -> serde_json::Value {
        json!({
            "lines": self.lines, "created": self.created, "updated": self.updated,
            "unchanged": self.unchanged, "failed": self.failed,
        })
    }
}

/// How an import is done.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only try: everything is checked and reported as if it were written, and nothing is. At most 200,000 products.
    #[garde(skip)]
    #[serde(default)]
    pub dry_run: bool,
}

/// Import products: JSON lines, one product a line as `POST /products` takes it, or CSV, one row for each variant
/// (`slug`, `status`, `brand`, `tags`, `categories`, `options`, `title.en`, `description.en`, `sku`, `price`, `currency`,
/// `compare_at_price`, `available`, `weight_g`, `barcode`, `option.colour`; lists with `|` between, amounts in minor
/// units). A product is added or replaced by its slug. With `Accept: application/x-ndjson` the answer is a line
/// `{"progress": …}` for every few hundred products and a last one `{"report": …}`.
#[utoipa::path(post, path = "/products/import", tag = "products", params(ImportQuery),
    security(("bearer" = ["products:write"])),
    request_body(content((String = "application/x-ndjson"), (String = "text/csv"))),
    responses(
        (status = 200, description = "What was done, and everything that is wrong", body = Report),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 415, description = "`unsupported-media-type`", body = ProblemDocument)))]
pub async fn import(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ImportQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    caller.needs(PRODUCTS_WRITE)?;
    let reader = Reader::for_media_type(&headers)?;
    let mut importer = Importer::new(ctx, reader, body, query.dry_run);
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains(NDJSON)) {
        return Ok(importer.into_stream());
    }
    while importer.step().await? {}
    Ok(axum::Json(importer.report).into_response())
}

/// Read the report of an import, also of one that was interrupted.
#[utoipa::path(get, path = "/products/import/{id}", tag = "products",
    security(("bearer" = ["products:write"])), params(("id" = JobId, Path, description = "Its `job_id`")),
    responses(
        (status = 200, description = "What was done", body = Report),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn report(ctx: Ctx, caller: Caller, PathId(id): PathId<JobId>) -> Result<axum::Json<Report>> {
    caller.needs(PRODUCTS_WRITE)?;
    job::read(&ctx.conn().await?, id).await?.map(axum::Json).ok_or_else(Problem::not_found)
}

/// Forgets reports that are older than promised.
pub async fn forget_old_reports(ctx: &Ctx) -> Result<()> {
    Ok(job::purge(&ctx.conn().await?, KEPT).await?)
}

/// How the bytes become products.
enum Reader {
    Lines(lines::Lines),
    Table(Box<table::Table>),
}

impl Reader {
    fn for_media_type(headers: &HeaderMap) -> Result<Self> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            NDJSON | "application/jsonl" => Ok(Self::Lines(lines::Lines::default())),
            CSV => Ok(Self::Table(Box::default())),
            _ => {
                let detail = format!("Send `{NDJSON}` or `{CSV}`.");
                Err(Problem::new(kinds::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }

    fn push(&mut self, bytes: &[u8], into: &mut Vec<Item>) {
        match self {
            Self::Lines(lines) => lines.push(bytes, into),
            Self::Table(table) => table.push(bytes, into),
        }
    }

    fn finish(&mut self, into: &mut Vec<Item>) {
        match self {
            Self::Lines(lines) => lines.finish(into),
            Self::Table(table) => table.finish(into),
        }
    }
}

/// An import under way.
struct Importer {
    ctx: Ctx,
    reader: Reader,
    body: Option<Body>,
    items: VecDeque<Item>,
    batch: Batch,
    tried: Tried,
    report: Report,
}

impl Importer {
    fn new(ctx: Ctx, reader: Reader, body: Body, dry_run: bool) -> Self {
        let report = Report {
            job_id: JobId::new(),
            finished: false,
            dry_run,
            created: 0,
            updated: 0,
            unchanged: 0,
            failed: 0,
            lines: 0,
            errors: Vec::new(),
        };
        let (batch, tried) = (Batch::default(), Tried::default());
        Self { ctx, reader, body: Some(body), items: VecDeque::new(), batch, tried, report }
    }

    /// Goes on until a batch is written; false when there is nothing more to do.
    async fn step(&mut self) -> Result<bool> {
        if self.report.finished {
            return Ok(false);
        }
        loop {
            while let Some(item) = self.items.pop_front() {
                if self.batch.must_go_before(&item) {
                    self.items.push_front(item);
                    self.write().await?;
                    return Ok(true);
                }
                self.report.lines += 1;
                match item.product {
                    Ok(input) => self.batch.add(item.line, input),
                    Err(errors) => self.report.fail(errors),
                }
            }
            if !self.read().await? {
                self.write().await?;
                self.report.finished = true;
                job::write(&self.ctx.conn().await?, &self.report).await?;
                return Ok(false);
            }
        }
    }

    async fn write(&mut self) -> Result<()> {
        match self.report.dry_run {
            true => self.batch.try_out(&self.ctx, &mut self.report, &mut self.tried).await,
            false => self.batch.write(&self.ctx, &mut self.report).await,
        }
    }

    /// Reads the next bytes; false when there are no more.
    async fn read(&mut self) -> Result<bool> {
        let Some(body) = &mut self.body else { return Ok(false) };
        let mut items = Vec::new();
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    self.reader.push(&bytes, &mut items);
                }
            }
            Some(Err(_)) => {
                return Err(Problem::new(kinds::MALFORMED_REQUEST, "The body ended before it was complete."));
            }
            None => {
                self.body = None;
                self.reader.finish(&mut items);
            }
        }
        self.items.extend(items);
        Ok(true)
    }

    /// The import as an answer that tells how it goes on.
    fn into_stream(self) -> Response {
        let lines = stream::unfold(Some(self), |importer| async move {
            let mut importer = importer?;
            let (line, next) = match importer.step().await {
                Ok(true) => (json!({"progress": importer.report.progress()}), Some(importer)),
                Ok(false) => (json!({"report": importer.report}), None),
                Err(problem) => (failure(&importer.ctx, &problem), None),
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{line}\n"))), next))
        });
        ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
    }
}

/// The last line of an import that failed. The answer has begun, so its status cannot tell.
fn failure(ctx: &Ctx, problem: &Problem) -> serde_json::Value {
    if let Some(cause) = problem.cause() {
        log(Level::Error, cause, json!({"service": ctx.service().name, "request.id": ctx.request_id()}));
    }
    let spec = problem.spec();
    json!({"problem": {
        "type": format!("/problems/{}", spec.kind), "title": spec.title, "status": spec.status,
        "detail": problem.detail(), "request_id": ctx.request_id(),
    }})
}
