//! What makes the ledger evident to tampering: its entries with their hashes, the roots over them, proofs.

use crate::access::Who;
use crate::config;
use crate::store::chain;
use crate::transaction::visible;
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::header;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::id::TransactionId;
use souk_kit::permission::scope::TRANSACTIONS_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Conn, Ctx, Page, PageQuery, PathId, Problem, Result, Timestamp, ValidQuery};
use souk_ledger::{Proof, Proven, Record, Root, path, root};
use utoipa::IntoParams;

/// Entries of one part of the export.
const MAX_ENTRIES: u32 = 10_000;
/// Roots that one round of maintenance makes.
const ROOTS_AT_ONCE: usize = 100;

/// Prove that a transaction is in the ledger: its entries, and what leads from each to its root (RFC 6962). Entries that
/// are not under a root yet have none.
#[utoipa::path(get, path = "/transactions/{id}/proof", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = TransactionId, Path, description = "The transaction")),
    responses(
        (status = 200, description = "`transaction_id`, and `entries` of `entry`, `root`, `path`", body = Value),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`: or it has no entries", body = ProblemDocument)))]
pub async fn proof(ctx: Ctx, caller: Caller, PathId(id): PathId<TransactionId>) -> Result<Json<Value>> {
    let who = Who::of(&caller)?;
    let conn = ctx.conn().await?;
    let (found, _) = visible(&conn, &who, id).await?;
    let (first, last) = found.entries.ok_or_else(Problem::not_found)?;
    let count = u32::try_from(last - first + 1).unwrap_or(MAX_ENTRIES);
    let mut entries = Vec::new();
    let mut tree: Option<(Root, Vec<souk_ledger::Hash>)> = None;
    for entry in chain::entries(&conn, first - 1, count).await? {
        let seq = entry.facts.seq;
        if tree.as_ref().is_none_or(|(root, _)| root.last_seq < seq) {
            tree = match chain::root_over(&conn, seq).await? {
                Some(root) => {
                    let leaves = chain::hashes(&conn, root.first_seq, root.last_seq).await?;
                    Some((root, leaves))
                }
                None => None,
            };
        }
        entries.push(match &tree {
            Some((root, leaves)) => {
                let index = usize::try_from(seq - root.first_seq).unwrap_or_default();
                Proven { entry, root: Some(root.clone()), path: path(leaves, index) }
            }
            None => Proven { entry, root: None, path: Vec::new() },
        });
    }
    Ok(Json(json!(Proof { transaction_id: id.to_string(), entries })))
}

/// List the roots, oldest first. Needs the scope `transactions:read`.
#[utoipa::path(get, path = "/ledger/roots", tag = "transactions", params(PageQuery),
    security(("bearer" = ["transactions:read"])),
    responses(
        (status = 200, description = "`items` of `number`, `first_seq`, `last_seq`, `root`, `at_ms`", body = Page<Value>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn roots(ctx: Ctx, caller: Caller, ValidQuery(page): ValidQuery<PageQuery>) -> Result<Page<Value>> {
    caller.needs(TRANSACTIONS_READ)?;
    let after = page.after()?.unwrap_or(0);
    let found = chain::roots(&ctx.conn().await?, after, page.limit() + 1).await?;
    let page = Page::new(found, page.limit(), |it| it.number)?;
    Ok(Page { items: page.items.iter().map(|it| json!(it)).collect(), next_cursor: page.next_cursor })
}

/// Which entries are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// After the entry with this `seq`; from the first if absent.
    #[garde(inner(range(min = 0)))]
    after: Option<i64>,
    /// How many at most: 1 to 10,000, which is so if it is absent.
    #[garde(inner(range(min = 1, max = MAX_ENTRIES)))]
    limit: Option<u32>,
}

/// Export the ledger, part by part, as JSON lines: each entry, and each root after its last entry. What comes together is
/// what `cargo xtask verify-ledger` checks. Needs the scope `transactions:read`.
#[utoipa::path(get, path = "/ledger/entries", tag = "transactions", params(ExportQuery),
    security(("bearer" = ["transactions:read"])),
    responses(
        (status = 200, description = "The next entries; nothing when there are no more",
            content((String = "application/x-ndjson"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn export(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ExportQuery>,
) -> Result<Response> {
    caller.needs(TRANSACTIONS_READ)?;
    let conn = ctx.conn().await?;
    let after = query.after.unwrap_or(0);
    let entries = chain::entries(&conn, after, query.limit.unwrap_or(MAX_ENTRIES)).await?;
    let last = entries.last().map_or(after, |entry| entry.facts.seq);
    let mut roots = chain::roots_between(&conn, after + 1, last).await?.into_iter().peekable();
    let mut text = String::new();
    let mut write = |record: &Record| {
        text += &json!(record).to_string();
        text.push('\n');
    };
    for entry in entries {
        let seq = entry.facts.seq;
        write(&Record::Entry(entry));
        while let Some(root) = roots.next_if(|root| root.last_seq <= seq) {
            write(&Record::Root(root));
        }
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// Makes the roots that are due: of as many entries as a root covers, or of those that have waited long enough.
pub async fn make_roots(conn: &Conn) -> Result<()> {
    let config = config::load().await?;
    let Some(waiting) = chain::uncovered(conn).await? else { return Ok(()) };
    let (now, mut first_seq, mut made) = (Timestamp::now(), waiting.first_seq, Vec::new());
    let is_old = waiting.since.after(config.root_interval) <= now;
    for number in (waiting.number..).take(ROOTS_AT_ONCE) {
        let full = first_seq + config.root_entries - 1;
        let last_seq = match full <= waiting.last_seq {
            true => full,
            // The rest, which may be younger than the first that waited: its root is only made earlier.
            false if is_old && first_seq <= waiting.last_seq => waiting.last_seq,
            false => break,
        };
        let leaves = chain::hashes(conn, first_seq, last_seq).await?;
        made.push(Root { number, first_seq, last_seq, root: root(&leaves), at_ms: now.as_millis() });
        first_seq = last_seq + 1;
    }
    if made.is_empty() {
        return Ok(());
    }
    Ok(chain::write_roots(conn, &made).await?)
}
