//! Single documents, as JSON or as a page to print.

use crate::access::Sight;
use crate::html;
use crate::model::{CreditNote, Invoice};
use crate::print::Wish;
use crate::store;
use axum::response::Response;
use souk_kit::id::{CreditNoteId, InvoiceId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Ctx, PathId, Problem, Result};

/// Read an invoice: one's own, or any with the scope `billing:read`. A guest's order, and what is invoiced of it, is opened
/// by its `guest-token`.
///
/// With `Accept: text/html` it is a page to print, in English or French by `Accept-Language`, or else in the language of the
/// order.
#[utoipa::path(get, path = "/invoices/{id}", tag = "billing", security((), ("bearer" = ["account"])),
    params(("id" = InvoiceId, Path, description = "The invoice's id"),
        ("guest-token" = Option<String>, Header, description = "Opens what is a guest's"),
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((Invoice = "application/json"), (String = "text/html"))),
    (status = 404, body = ProblemDocument)))]
pub async fn invoice(ctx: Ctx, sight: Sight, PathId(id): PathId<InvoiceId>, wish: Wish) -> Result<Response> {
    let (owner, invoice) = store::invoice(&ctx.conn().await?, id).await?.ok_or_else(Problem::not_found)?;
    sight.must_cover(&owner)?;
    let language = invoice.issued.language;
    Ok(wish.answer(&invoice, language, |language| html::invoice(&invoice, language)))
}

/// Read a credit note: one's own, or any with the scope `billing:read`.
///
/// With `Accept: text/html` it is a page to print, as invoices are.
#[utoipa::path(get, path = "/credit-notes/{id}", tag = "billing", security((), ("bearer" = ["account"])),
    params(("id" = CreditNoteId, Path, description = "The credit note's id"),
        ("guest-token" = Option<String>, Header, description = "Opens what is a guest's"),
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((CreditNote = "application/json"), (String = "text/html"))),
    (status = 404, body = ProblemDocument)))]
pub async fn credit_note(
    ctx: Ctx,
    sight: Sight,
    PathId(id): PathId<CreditNoteId>,
    wish: Wish,
) -> Result<Response> {
    let (owner, note) = store::credit_note(&ctx.conn().await?, id).await?.ok_or_else(Problem::not_found)?;
    sight.must_cover(&owner)?;
    Ok(wish.answer(&note, note.issued.language, |language| html::credit_note(&note, language)))
}
