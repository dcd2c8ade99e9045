//! The list of invoices.

use crate::access::{Named, Sight};
use crate::model::{InvoiceSummary, Status};
use crate::store::{self, Filter};
use garde::Validate;
use serde::Deserialize;
use souk_kit::id::OrderId;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Ctx, Page, PageQuery, Result, Timestamp, ValidQuery};
use utoipa::IntoParams;

/// Which invoices to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Of this order.
    #[garde(skip)]
    order: Option<OrderId>,
    /// Of this customer: a user's or a customer's id, or the e-mail address of a guest.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    customer: Option<Named>,
    /// Paid so far.
    #[garde(skip)]
    #[param(inline)]
    status: Option<Status>,
    /// Issued then or later.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Issued before.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List invoices, newest first: one's own, what a `guest-token` opens, or everybody's with the scope `billing:read`.
#[utoipa::path(get, path = "/invoices", tag = "billing", security((), ("bearer" = ["account"])), params(ListQuery,
        ("guest-token" = Option<String>, Header, description = "Opens what is a guest's")),
    responses((status = 200, body = Page<InvoiceSummary>),
    (status = 404, body = ProblemDocument, description = "`not-found`: no such customer"), (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn list(
    ctx: Ctx,
    sight: Sight,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Page<InvoiceSummary>> {
    let ListQuery { order, customer, status, from, to, limit, cursor } = query;
    let page = PageQuery { limit, cursor };
    let customer = match customer {
        Some(named) => Some(named.customer(&ctx).await?),
        None => None,
    };
    let filter = Filter { order, customer, status, from, to };
    let invoices = store::page(&ctx.conn().await?, &sight, &filter, page.after()?, page.limit() + 1).await?;
    Page::new(invoices, page.limit(), |invoice| (invoice.issued_at, invoice.id))
}
