//! Export: the whole catalogue as JSON lines or CSV, read page by page, as the import takes it.

use crate::model::Product;
use crate::sheet::{self, Column};
use crate::store;
use crate::store::list;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use garde::Validate;
use http::header;
use serde::Deserialize;
use serde_json::json;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Level, Problem, Result, ValidQuery, log};
use utoipa::{IntoParams, ToSchema};

/// Products that are read at once.
const BATCH: u32 = 200;

/// How the catalogue is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines, one product a line.
    #[default]
    Ndjson,
    /// A table, one row for each variant.
    Csv,
}

/// How the catalogue is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// JSON lines if absent.
    #[garde(skip)]
    #[serde(default)]
    #[param(inline)]
    pub format: Format,
}

/// Export every product that is not deleted, in the order they were added. The import takes the result unchanged; images
/// are not part of it. Cells that a spreadsheet would compute have an apostrophe in front.
#[utoipa::path(get, path = "/products/export", tag = "products", params(ExportQuery),
    security(("bearer" = ["products:write"])),
    responses(
        (status = 200, description = "The catalogue",
            content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn export(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ExportQuery>,
) -> Result<Response> {
    caller.needs(PRODUCTS_WRITE)?;
    let (media_type, name) = match query.format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"products.jsonl\""),
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"products.csv\""),
    };
    let columns = match query.format {
        Format::Ndjson => None,
        Format::Csv => Some(columns(&ctx).await?),
    };
    let mut head = String::new();
    if let Some(columns) = &columns {
        sheet::head(columns, &mut head);
    }
    let pages = stream::unfold(Some(Writer { ctx, columns, after: 0, text: head }), |writer| async move {
        let mut writer = writer?;
        match writer.page().await {
            Ok(Some(page)) => Some((Ok(page), Some(writer))),
            Ok(None) => None,
            // The answer has begun: breaking it off is the only way to say that it is not complete.
            Err(problem) => {
                writer.tell(&problem);
                Some((Err(std::io::Error::other("the export broke off")), None))
            }
        }
    });
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pages)).into_response())
}

async fn columns(ctx: &Ctx) -> Result<Vec<Column>> {
    let names = store::languages_and_options(&ctx.conn().await?).await?;
    let of = |kind: &str| {
        let found = names.iter().filter(|(it, _)| it == kind);
        found.map(|(_, name)| name.clone()).collect::<Vec<String>>()
    };
    Ok(Column::all(&of("title"), &of("description"), &of("option")))
}

/// An export under way.
struct Writer {
    ctx: Ctx,
    columns: Option<Vec<Column>>,
    /// The last product that was written.
    after: i64,
    text: String,
}

impl Writer {
    /// The next part; nothing when all is written.
    async fn page(&mut self) -> Result<Option<Bytes>> {
        let documents = list::documents(&self.ctx.conn().await?, self.after, BATCH).await?;
        for (number, document) in documents {
            self.after = number;
            let product: Product = serde_json::from_str(&document)
                .map_err(|error| Problem::internal(format!("product {number}: {error}")))?;
            match &self.columns {
                Some(columns) => sheet::rows(columns, &product, &mut self.text),
                None => self.text += &format!("{}\n", json!(product.input())),
            }
        }
        let text = std::mem::take(&mut self.text);
        Ok(Some(Bytes::from(text)).filter(|text| !text.is_empty()))
    }

    fn tell(&self, problem: &Problem) {
        let cause = problem.cause().unwrap_or(problem.detail());
        let fields = json!({"service": self.ctx.service().name, "request.id": self.ctx.request_id()});
        log(Level::Error, cause, fields);
    }
}
