//! Searching the log, for administrators.

use super::{Act, email_hash, store};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use souk_kit::id::{AuditId, UserId};
use souk_kit::permission::scope;
use souk_kit::{Caller, Ctx, Page, PageQuery, Result, Timestamp, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Which entries to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// About this account.
    #[garde(skip)]
    user: Option<UserId>,
    /// Of this kind.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<Act>,
    /// About this client.
    #[garde(inner(length(min = 1, max = 64)))]
    client: Option<String>,
    /// From this address.
    #[garde(inner(length(min = 1, max = 64)))]
    address: Option<String>,
    /// About attempts to sign in with this e-mail address, whether it is somebody's or not.
    #[garde(inner(length(min = 1, max = 1000)))]
    email: Option<String>,
    /// Noted from this instant on.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Noted before this instant.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// The same, ready to be looked up.
pub struct Filter {
    pub user: Option<String>,
    pub kind: Option<Act>,
    pub client: Option<String>,
    pub address: Option<String>,
    pub email: Option<Vec<u8>>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub before: Option<AuditId>,
    pub limit: u32,
}

/// An entry of the audit log. What is not known is absent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct Record {
    pub id: AuditId,
    /// When it happened, the first time.
    pub at: Timestamp,
    /// When it last did, within the same minute.
    pub last_at: Timestamp,
    /// How often within that minute. More than once only for what anybody can cause.
    pub times: i64,
    pub kind: Act,
    /// The account that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The client that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The session that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who did it: the id of a person or a client, `anonymous`, or `service` for the suite itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What they used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The request, for the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Facts beside.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Search the audit log: who did what, and from where. The newest entry comes first.
#[utoipa::path(get, path = "/auth/audit", tag = "auth", params(AuditQuery), security(("bearer" = ["audit:read"])),
    responses((status = 200, body = Page<Record>)))]
pub async fn search(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<AuditQuery>,
) -> Result<Page<Record>> {
    caller.needs(scope::AUDIT_READ)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let email = match &query.email {
        Some(email) => Some(email_hash(email).await?),
        None => None,
    };
    let filter = Filter {
        user: query.user.map(|id| id.to_string()),
        kind: query.kind,
        client: query.client,
        address: query.address,
        email,
        from: query.from,
        to: query.to,
        before: page.after()?,
        limit: page.limit() + 1,
    };
    let records = store::list(&ctx.conn().await?, &filter).await?;
    Page::new(records, page.limit(), |record| record.id)
}
