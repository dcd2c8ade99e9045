//! The one operation.

use crate::answer::Evaluation;
use crate::question::Question;
use axum::Json;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Result, Valid, settings};

/// Evaluate a cart.
///
/// Service orders only. The plugin decides; an answer of its that does not hold together is refused. A plugin that traps
/// or never ends gives no answer at all: the caller must be ready for a 500 and for a deadline.
#[utoipa::path(post, path = "/rules/evaluate", tag = "internal", request_body = Question, responses(
    (status = 200, body = Evaluation),
    (status = 422, body = ProblemDocument, description = "`invalid-request`"),
    (status = 502, body = ProblemDocument, description = "`rules-nonsense`, `rules-failed`")))]
pub async fn evaluate(caller: Caller, Valid(question): Valid<Question>) -> Result<Json<Evaluation>> {
    caller.must_be_service("orders")?;
    let question = question.judged()?;
    let config = settings::variable("rules_config").await?;
    Evaluation::of(&question, &config).map(Json)
}
