//! Statements: what changed an account, with the balance after each line, as JSON or as a table for spreadsheets.

use crate::access::{self, Who};
use crate::model::{Account, Kind};
use crate::rules::iban::Iban;
use crate::rules::state::State;
use crate::store::statement::{self as store, Filter, Line};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use souk_kit::id::{AccountId, TransactionId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Money, Page, PageQuery, PathId, Result, Timestamp, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Lines of a table; its `Link` leads to the next ones.
const MAX_ROWS: u32 = 10_000;

/// Which lines are wanted, newest first.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// From this instant.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Before this instant.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// Of this kind.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<Kind>,
    /// How many at most: 1 to 100, 20 if absent. A table has up to 10,000 lines.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// A line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLine {
    /// Its entry in the ledger.
    pub seq: i64,
    /// When it was posted.
    pub at: Timestamp,
    /// The transaction.
    pub transaction_id: TransactionId,
    /// What that does.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What it was for.
    pub label: String,
    /// The account on the other side, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterparty: Option<Iban>,
    /// Whose that is said to be, outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterparty_name: Option<String>,
    /// By how much the balance changed.
    pub amount: Money,
    /// The balance after it.
    pub balance: Money,
}

impl StatementLine {
    fn new(it: &Line, account: &Account) -> Self {
        let (counterparty, counterparty_name) = match &it.outside {
            Some(outside) => (Some(outside.iban.clone()), Some(outside.name.clone())),
            None => (it.other.clone(), None),
        };
        Self {
            seq: it.seq,
            at: it.at,
            transaction_id: it.transaction,
            kind: it.kind,
            state: it.state,
            label: it.label.clone(),
            counterparty,
            counterparty_name,
            amount: account.money(account.kind.side(it.amount)),
            balance: account.money(account.kind.side(it.balance)),
        }
    }
}

/// Read what changed an account, newest first. `Accept: text/csv` gives a table; amounts in it are in minor units, and
/// cells that a spreadsheet would compute have an apostrophe in front.
#[utoipa::path(get, path = "/accounts/{id}/statement", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = AccountId, Path, description = "The account"), StatementQuery),
    responses(
        (status = 200, content((Page<StatementLine> = "application/json"), (String = "text/csv"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    ValidQuery(query): ValidQuery<StatementQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let who = Who::of(&caller)?;
    let conn = ctx.conn().await?;
    let account = access::account(&conn, &who, id).await?;
    let is_table = wants_table(&headers);
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = if is_table && page.limit.is_none() { MAX_ROWS } else { page.limit() };
    let filter = Filter { from: query.from, to: query.to, kind: query.kind, before: page.after()? };
    let found = store::lines(&conn, account.number, &filter, limit + 1).await?;
    let lines = found.iter().map(|it| StatementLine::new(it, &account)).collect();
    let page = Page::new(lines, limit, |it: &StatementLine| (it.at.as_millis(), it.seq))?;
    if !is_table {
        return Ok(page.into_response());
    }
    let text = table(&page.items);
    let mut response = page.into_response();
    let link = response.headers_mut().remove(header::LINK);
    let name = HeaderValue::from_static("attachment; filename=\"statement.csv\"");
    let mut table = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response();
    table.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    table.headers_mut().extend(link.map(|link| (header::LINK, link)));
    Ok(table)
}

fn wants_table(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|one| one.trim().starts_with("text/csv"))
}

/// The table: a line of names, and one for each entry (RFC 4180).
fn table(lines: &[StatementLine]) -> String {
    let mut text =
        "seq,at,transaction_id,kind,state,label,counterparty,counterparty_name,amount,balance,currency\r\n"
            .to_owned();
    for it in lines {
        let cells = [
            it.seq.to_string(),
            it.at.to_string(),
            it.transaction_id.to_string(),
            it.kind.name().to_owned(),
            it.state.name().to_owned(),
            cell(&it.label),
            it.counterparty.as_ref().map(ToString::to_string).unwrap_or_default(),
            cell(it.counterparty_name.as_deref().unwrap_or_default()),
            it.amount.amount.to_string(),
            it.balance.amount.to_string(),
            it.amount.currency.to_string(),
        ];
        text += &cells.join(",");
        text += "\r\n";
    }
    text
}

/// What people wrote, so that a spreadsheet shows it and computes nothing.
fn cell(text: &str) -> String {
    let text = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_text_and_nothing_else() {
        assert_eq!(cell("Lunch"), "Lunch");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@x,y"), "\"'@x,y\"");
    }
}
