//! Instruments: currencies, which are there from the start, and tokens.

use crate::memory;
use crate::model::{Code, Instrument, Kind, Sources};
use crate::problem::Refused;
use crate::store::instrument as store;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::permission::scope::PRICES_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{
    Caller, Conn, Ctx, Currency, FieldError, IfMatch, Page, PageQuery, PathId, Problem, Result, Tagged,
    Valid, ValidQuery,
};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The most instruments that can be set.
const MOST: i64 = 500;

/// Which instruments are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstrumentQuery {
    /// Of this kind.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<Kind>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// An instrument as it is set.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "token", "name": "Ether", "decimals": 18, "sources": {"coingecko": "ethereum",
    "chainlink": [{"quote": "USD", "feed": "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"}]}}))]
pub struct InstrumentSetting {
    /// `fiat` for a code of ISO 4217, `token` for all others.
    #[garde(skip)]
    kind: Kind,
    /// Its name.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    name: String,
    /// How many decimals its amounts have; of a currency those of ISO 4217.
    #[garde(range(max = 30))]
    decimals: u32,
    /// By what names providers know it.
    #[garde(dive)]
    #[serde(default)]
    sources: Sources,
}

/// List instruments, by their codes: every currency of ISO 4217, and the tokens.
#[utoipa::path(get, path = "/prices/instruments", tag = "prices", security((), ("bearer" = [])),
    params(InstrumentQuery),
    responses(
        (status = 200, body = Page<Instrument>),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(ctx: Ctx, ValidQuery(query): ValidQuery<InstrumentQuery>) -> Result<Page<Instrument>> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let after: Option<String> = page.after()?;
    let mut all: BTreeMap<Code, Instrument> =
        Currency::all().map(Instrument::of_iso).map(|one| (one.code.clone(), one)).collect();
    all.extend(store::all(&ctx.conn().await?).await?.into_iter().map(|one| (one.code.clone(), one)));
    let wanted = all.into_values().filter(|one| {
        query.kind.is_none_or(|kind| one.kind == kind)
            && after.as_deref().is_none_or(|after| one.code.as_str() > after)
    });
    let found = wanted.take(page.limit() as usize + 1).collect();
    Page::new(found, page.limit(), |one: &Instrument| one.code.clone())
}

/// Add a token, or say by what names providers know an instrument. What exists keeps its kind and its decimals.
#[utoipa::path(put, path = "/prices/instruments/{code}", tag = "prices", request_body = InstrumentSetting,
    security(("bearer" = ["prices:write"])),
    params(("code" = Code, Path, description = "Its code"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses(
        (status = 200, description = "Set", body = Instrument, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`instrument-fixed`, `too-many-instruments`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn put(
    ctx: Ctx,
    caller: Caller,
    PathId(code): PathId<Code>,
    expected: IfMatch,
    Valid(setting): Valid<InstrumentSetting>,
) -> Result<Tagged<Instrument>> {
    caller.needs(PRICES_WRITE)?;
    let tx = ctx.begin().await?;
    let errors = errors(&tx, &code, &setting).await?;
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let known = store::find(&tx, &code).await?;
    let version = known.as_ref().map_or(0, |known| known.version);
    expected.check(version)?;
    match known {
        Some(known) if known.decimals != setting.decimals => return Err(Refused::InstrumentFixed.into()),
        None if store::count(&tx).await? >= MOST => return Err(Refused::TooManyInstruments.into()),
        Some(_) | None => {}
    }
    let InstrumentSetting { kind, name, decimals, sources } = setting;
    let instrument = Instrument { code, kind, name, decimals, sources, version: version + 1 };
    store::put(&tx, &instrument).await?;
    tx.commit().await?;
    memory::forget();
    Ok(Tagged::new(instrument.version, instrument))
}

/// What is wrong with a setting that no single field shows.
async fn errors(conn: &Conn, code: &Code, setting: &InstrumentSetting) -> Result<Vec<FieldError>> {
    let mut errors = Vec::new();
    match (setting.kind, code.currency()) {
        (Kind::Fiat, None) => {
            errors.push(FieldError::at("/kind", "must be token: no currency of ISO 4217 has this code"))
        }
        (Kind::Token, Some(_)) => {
            errors.push(FieldError::at("/kind", "must be fiat: a currency of ISO 4217 has this code"))
        }
        (Kind::Fiat, Some(currency)) if currency.decimals() != setting.decimals => {
            errors.push(FieldError::at(
                "/decimals",
                format!("must be {}, as ISO 4217 has it", currency.decimals()),
            ));
        }
        _ => {}
    }
    for (number, feed) in setting.sources.chainlink.iter().enumerate() {
        let detail = match &feed.quote {
            quote if quote == code => "is the instrument itself",
            quote if setting.sources.chainlink[..number].iter().any(|it| it.quote == *quote) => {
                "has a feed already"
            }
            quote if quote.currency().is_none() && store::find(conn, quote).await?.is_none() => {
                "is no known instrument"
            }
            _ => continue,
        };
        errors.push(FieldError::at(format!("/sources/chainlink/{number}/quote"), detail));
    }
    Ok(errors)
}

/// Delete a token with its rates; its history and the quotes that are out stay. Of a currency, forget what was set: the
/// currency stays.
#[utoipa::path(delete, path = "/prices/instruments/{code}", tag = "prices", security(("bearer" = ["prices:write"])),
    params(("code" = Code, Path, description = "Its code"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is deleted")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: nothing was set", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument)))]
pub async fn delete(
    ctx: Ctx,
    caller: Caller,
    PathId(code): PathId<Code>,
    expected: IfMatch,
) -> Result<StatusCode> {
    caller.needs(PRICES_WRITE)?;
    let tx = ctx.begin().await?;
    let known = store::find(&tx, &code).await?.ok_or_else(Problem::not_found)?;
    expected.check(known.version)?;
    store::delete(&tx, &code).await?;
    if known.kind == Kind::Token {
        store::forget_rates(&tx, &code).await?;
    }
    tx.commit().await?;
    memory::forget();
    Ok(StatusCode::NO_CONTENT)
}
