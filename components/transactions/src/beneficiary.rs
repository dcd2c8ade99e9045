//! Beneficiaries: those whom somebody sends money to more than once.

use crate::rules::iban::Iban;
use crate::store::beneficiary as store;
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use souk_kit::id::BeneficiaryId;
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, Page, PageQuery, PathId, Problem, Result, Submit, Timestamp, ValidQuery,
};
use utoipa::ToSchema;

/// Beneficiaries of one person.
const MAX_BENEFICIARIES: i64 = 500;

/// Somebody whom money is sent to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Beneficiary {
    /// Its id.
    pub id: BeneficiaryId,
    /// The account.
    pub iban: Iban,
    /// Whose it is.
    pub name: String,
    /// What they are called by the one who sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When they were added.
    pub created_at: Timestamp,
}

/// Somebody to be added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBeneficiary {
    /// The account.
    #[garde(skip)]
    iban: Iban,
    /// Whose it is.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    name: String,
    /// What they are called by the one who sends.
    #[garde(length(chars, max = 100), custom(text::optional_line))]
    #[serde(default)]
    label: Option<String>,
}

/// Add a beneficiary. A number that is there already gets the new name.
#[utoipa::path(post, path = "/beneficiaries", tag = "transactions", request_body = NewBeneficiary,
    security(("bearer" = ["account"])),
    responses(
        (status = 201, description = "Added", body = Beneficiary),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`: only people have beneficiaries", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn add(ctx: Ctx, caller: Caller, request: Submit<NewBeneficiary>) -> Result<Response> {
    let owner = caller.user_id()?;
    let (new, once) = (request.body, request.once);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    if store::count_of(&tx, owner).await? >= MAX_BENEFICIARIES {
        return Err(Problem::invalid(vec![FieldError::at(
            "",
            "you have as many beneficiaries as anybody may",
        )]));
    }
    let new = Beneficiary {
        id: BeneficiaryId::new(),
        iban: new.iban,
        name: new.name,
        label: new.label.filter(|label| !label.is_empty()),
        created_at: Timestamp::now(),
    };
    let saved = store::save(&tx, owner, &new).await?;
    once.commit(tx, (StatusCode::CREATED, axum::Json(saved))).await
}

/// List one's beneficiaries, oldest first.
#[utoipa::path(get, path = "/beneficiaries", tag = "transactions", params(PageQuery), security(("bearer" = ["account"])),
    responses(
        (status = 200, body = Page<Beneficiary>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`: only people have beneficiaries", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Page<Beneficiary>> {
    let owner = caller.user_id()?;
    let after: Option<BeneficiaryId> = page.after()?;
    let after = after.map(|id| id.to_string());
    let found = store::list(&ctx.conn().await?, owner, after, page.limit() + 1).await?;
    Page::new(found, page.limit(), |it| it.id)
}

/// Remove a beneficiary.
#[utoipa::path(delete, path = "/beneficiaries/{id}", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = BeneficiaryId, Path, description = "The beneficiary")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`: only people have beneficiaries", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn remove(ctx: Ctx, caller: Caller, PathId(id): PathId<BeneficiaryId>) -> Result<StatusCode> {
    let owner = caller.user_id()?;
    match store::remove(&ctx.conn().await?, owner, id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
