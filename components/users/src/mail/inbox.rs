//! The mails of the last 30 days, for administrators. Where no mail API is set up, with what they say.

use super::{Kind, Letter, State, text};
use crate::store;
use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::{MailId, UserId};
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Language, Page, PageQuery, PathId, Result, Timestamp, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Which mails to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailQuery {
    /// The address that they are for.
    #[garde(inner(length(max = 254)))]
    to: Option<String>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// A mail to somebody.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mail {
    id: MailId,
    user_id: UserId,
    /// Why it was written.
    kind: Kind,
    /// Whom it is for.
    #[schema(example = "ana@example.com")]
    to: String,
    language: Language,
    /// What has become of it.
    state: State,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
    /// How often it was tried to deliver it.
    attempts: u32,
    /// Why the last attempt failed.
    last_error: Option<String>,
    /// What stands above it; like its text told only where no mail API is set up, since a link in it opens an account.
    subject: Option<String>,
    /// What it says.
    text: Option<String>,
    /// The same as HTML.
    html: Option<String>,
}

async fn view(letter: Letter) -> Result<Mail> {
    let written = match letter.state {
        State::Kept => Some(text::compose(&letter).await?),
        State::Waiting | State::Sent | State::Failed => None,
    };
    let (subject, text, html) = match written {
        Some(written) => (Some(written.subject), Some(written.text), Some(written.html)),
        None => (None, None, None),
    };
    let Letter { id, user_id, kind, recipient: to, language, state, created_at, attempts, .. } = letter;
    let (last_error, sent_at) = (letter.last_error, letter.sent_at);
    Ok(Mail {
        id,
        user_id,
        kind,
        to,
        language,
        state,
        created_at,
        sent_at,
        attempts,
        last_error,
        subject,
        text,
        html,
    })
}

/// List the mails of the last 30 days, the newest first.
///
/// Where the variable `mail_url` is empty, mails are not sent and can be read here, links and all: for development.
#[utoipa::path(get, path = "/users/mail", tag = "users", params(MailQuery), security(("bearer" = ["suite"])),
    responses((status = 200, body = Page<Mail>)))]
pub async fn list(ctx: Ctx, caller: Caller, ValidQuery(query): ValidQuery<MailQuery>) -> Result<Page<Mail>> {
    caller.needs(scope::SUITE)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let to = query.to.map(|to| to.trim().to_lowercase());
    let limit = page.limit();
    let letters = store::mail::list(&ctx.conn().await?, to.as_deref(), page.after()?, limit + 1).await?;
    let mut mails = Vec::with_capacity(letters.len());
    for letter in letters {
        mails.push(view(letter).await?);
    }
    Page::new(mails, limit, |mail| mail.id)
}

/// Read a mail.
#[utoipa::path(get, path = "/users/mail/{id}", tag = "users", params(("id" = MailId, Path, description = "The mail")),
    security(("bearer" = ["suite"])), responses((status = 200, body = Mail), (status = 404, body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(id): PathId<MailId>) -> Result<Json<Mail>> {
    caller.needs(scope::SUITE)?;
    Ok(Json(view(store::mail::find(&ctx.conn().await?, id).await?).await?))
}
