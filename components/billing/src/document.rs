//! Single documents, as JSON or as a page to print.

use crate::access::Sight;
use crate::html;
use crate::model::{CreditNote, Invoice};
use crate::print::Wish;
use crate::store;
use axum::response::Response;
use souk_kit::id::{CreditNoteId, InvoiceId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result};

/// Read an invoice: one's own, or any with the scope `billing:read`.
///
/// With `Accept: text/html` it is a page to print, in English or French by `Accept-Language`, or else in the language of the
/// order.
#[utoipa::path(get, path = "/invoices/{id}", tag = "billing", security(("bearer" = [])),
    params(("id" = InvoiceId, Path, description = "The invoice's id"),
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((Invoice = "application/json"), (String = "text/html"))),
    (status = 404, body = ProblemDocument)))]
pub async fn invoice(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<InvoiceId>,
    wish: Wish,
) -> Result<Response> {
    let sight = Sight::of(&caller)?;
    let invoice = store::invoice(&ctx.conn().await?, id).await?.ok_or_else(Problem::not_found)?;
    sight.must_cover(invoice.issued.buyer.user_id)?;
    let language = invoice.issued.language;
    Ok(wish.answer(&invoice, language, |language| html::invoice(&invoice, language)))
}

/// Read a credit note: one's own, or any with the scope `billing:read`.
///
/// With `Accept: text/html` it is a page to print, as invoices are.
#[utoipa::path(get, path = "/credit-notes/{id}", tag = "billing", security(("bearer" = [])),
    params(("id" = CreditNoteId, Path, description = "The credit note's id"),
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((CreditNote = "application/json"), (String = "text/html"))),
    (status = 404, body = ProblemDocument)))]
pub async fn credit_note(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<CreditNoteId>,
    wish: Wish,
) -> Result<Response> {
    let sight = Sight::of(&caller)?;
    let note = store::credit_note(&ctx.conn().await?, id).await?.ok_or_else(Problem::not_found)?;
    sight.must_cover(note.buyer.user_id)?;
    Ok(wish.answer(&note, note.language, |language| html::credit_note(&note, language)))
}
