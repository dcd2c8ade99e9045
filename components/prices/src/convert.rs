//! Conversion: what an amount is worth in another instrument, right now.

use crate::book::Leg;
use crate::memory;
use crate::model::{Amount, Code, TOO_LARGE, Units};
use crate::rate::must_know;
use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Ctx, FieldError, Problem, Result, Timestamp, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// What is to be converted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConvertQuery {
    /// How many smallest units: of money minor units.
    #[garde(skip)]
    #[param(value_type = String, example = "1999")]
    amount: Units,
    /// Of what.
    #[garde(skip)]
    #[param(value_type = String, example = "EUR")]
    from: Code,
    /// Into what.
    #[garde(skip)]
    #[param(value_type = String, example = "USD")]
    to: Code,
}

/// How amounts are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest unit; from half way between two, to the even one.
    HalfEven,
}

/// What an amount is worth.
#[derive(Debug, Serialize, ToSchema)]
pub struct Converted {
    /// What was converted.
    pub from: Amount,
    /// What it is worth.
    pub to: Amount,
    /// So many of the one for one of the other, with at most 18 significant digits where it is derived.
    #[schema(example = "1.0944")]
    pub rate: String,
    /// How the amount was rounded, once, at the end.
    #[schema(inline)]
    pub rounding: Rounding,
    /// When the oldest of the rates was so.
    pub as_of: Timestamp,
    /// How old that is, in seconds.
    pub age_s: i64,
    /// Whether it is older than it should be.
    pub stale: bool,
    /// The rates that were used, exactly.
    pub path: Vec<Leg>,
}

/// What an amount is worth in another instrument, by the rates of the last second. It is a price that nobody promises: ask
/// for a quote to have one that holds.
#[utoipa::path(get, path = "/prices/convert", tag = "prices", security((), ("bearer" = [])), params(ConvertQuery),
    responses(
        (status = 200, body = Converted),
        (status = 409, description = "`rate-missing`, `rate-stale`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`: also of amounts that are too large, before or after",
            body = ProblemDocument)))]
pub async fn convert(ctx: Ctx, ValidQuery(query): ValidQuery<ConvertQuery>) -> Result<Json<Converted>> {
    let ConvertQuery { amount: Units(units), from, to } = query;
    let book = memory::book(&ctx).await?;
    let decimals = (must_know(&book, &from, "from")?, must_know(&book, &to, "to")?);
    if from == to {
        return Err(invalid("to", "is what it is converted from"));
    }
    let from = Amount::new(units, from).ok_or_else(|| invalid("amount", TOO_LARGE))?;
    if from.is_zero() {
        return Err(invalid("amount", "must be above zero"));
    }
    let now = Timestamp::now();
    let way = book.usable(&from.currency, &to, now)?;
    let worth = way.ratio().convert(&from.amount, decimals);
    let to = Amount::new(worth, to).ok_or_else(|| invalid("amount", "comes to more than there can be"))?;
    Ok(Json(Converted {
        from,
        to,
        rate: way.rate(),
        rounding: Rounding::HalfEven,
        as_of: way.times.as_of,
        age_s: way.age_s(now),
        stale: way.is_stale(now),
        path: way.legs,
    }))
}

fn invalid(parameter: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::parameter(parameter, detail)])
}
