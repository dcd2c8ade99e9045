//! Whose record a request is about, and whether the caller may touch it.

use crate::model::Customer;
use crate::problem::CustomersError;
use crate::store::{self, NewCustomer};
use http::{Method, StatusCode};
use serde::Deserialize;
use souk_kit::id::{CustomerId, InvalidId, UserId};
use souk_kit::permission::scope;
use souk_kit::{Caller, Ctx, Currency, Language, Problem, Result, Subject};
use std::str::FromStr;

/// Whose record it is.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// The caller's own, made when it is first asked for.
    Me,
    /// This customer's.
    Customer(CustomerId),
}

impl FromStr for Who {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "me" => Ok(Self::Me),
            id => id.parse().map(Self::Customer),
        }
    }
}

/// The record, if the caller may have it: the owner, or whoever has `others` over other people's. To everybody else it
/// is not there.
pub async fn open(ctx: &Ctx, caller: &Caller, who: Who, others: &str) -> Result<Customer> {
    if caller.subject == Subject::Anonymous {
        return Err(Problem::unauthenticated("Sign in first."));
    }
    match who {
        Who::Me => {
            caller.needs(scope::ACCOUNT)?;
            of_user(ctx, caller.user_id()?).await
        }
        Who::Customer(id) => {
            let customer = store::find(&ctx.conn().await?, id).await?;
            let is_own = caller.has(scope::ACCOUNT)
                && customer.user_id.is_some_and(|user| caller.subject == Subject::User(user));
            if is_own || caller.has(others) { Ok(customer) } else { Err(Problem::not_found()) }
        }
    }
}

/// What users say of a person.
#[derive(Deserialize)]
pub struct Person {
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    locale: Language,
}

/// Who has this account, if anybody.
pub async fn person(ctx: &Ctx, user: UserId) -> Result<Option<Person>> {
    let reply = ctx.call(Method::GET, "users", format!("/internal/persons/{user}")).send().await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => reply.json().map(Some),
    }
}

/// The customer of an account, made of what users know when there is none yet.
pub async fn of_user(ctx: &Ctx, user: UserId) -> Result<Customer> {
    if let Some(known) = store::find_by_user(&ctx.conn().await?, user).await? {
        return Ok(known);
    }
    let person = person(ctx, user).await?.ok_or_else(Problem::not_found)?;
    let mut tx = ctx.begin().await?;
    let new = NewCustomer {
        user_id: Some(user),
        email: person.email.as_deref().ok_or(CustomersError::EmailNeeded)?,
        name: person.name.as_deref(),
        phone: person.phone.as_deref(),
        language: person.locale,
        currency: Currency::EUR,
        consents: crate::model::Consents::new(),
        groups: Vec::new(),
    };
    match store::insert(&mut tx, &new).await? {
        Some(customer) => {
            tx.commit().await?;
            Ok(customer)
        }
        // Made at the same instant by another request, or the account is gone.
        None => store::find_by_user(&tx, user).await?.ok_or_else(Problem::not_found),
    }
}
