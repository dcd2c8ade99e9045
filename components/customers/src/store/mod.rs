//! The SQL.

pub mod address;

use crate::model::{Consents, Customer};
use serde_json::json;
use souk_kit::id::{CustomerId, UserId};
use souk_kit::{Conn, Currency, DbError, Language, Problem, Result, Row, Timestamp, Tx, params, words};
use std::time::Duration;

/// How long a deleted account is remembered: far longer than a token of its lives.
const DEPARTED_FOR: Duration = Duration::from_secs(24 * 3600);

const CUSTOMER: &str =
    "SELECT id, user_id, email, name, phone, language, currency, consents, groups, version, created_at, updated_at
   FROM customers";

fn customer(row: Row<'_>) -> Result<Customer, DbError> {
    Ok(Customer {
        id: row.parse("id")?,
        user_id: row.get::<Option<&str>>("user_id")?.and_then(|id| id.parse().ok()),
        email: row.get("email")?,
        name: row.get("name")?,
        phone: row.get("phone")?,
        language: row.parse("language")?,
        currency: row.parse("currency")?,
        consents: row.json("consents")?,
        groups: row.json("groups")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
    })
}

/// A customer who is not erased.
pub async fn find(conn: &Conn, id: CustomerId) -> Result<Customer> {
    let sql = format!("{CUSTOMER} WHERE id = ?1 AND erased_at IS NULL");
    conn.one(&sql, params![id], customer).await?.ok_or_else(Problem::not_found)
}

/// The customer of an account, if there is one yet.
pub async fn find_by_user(conn: &Conn, user: UserId) -> Result<Option<Customer>, DbError> {
    conn.one(&format!("{CUSTOMER} WHERE user_id = ?1"), params![user], customer).await
}

/// What is needed to insert a customer.
pub struct NewCustomer<'a> {
    pub user_id: Option<UserId>,
    pub email: &'a str,
    pub name: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub language: Language,
    pub currency: Currency,
    pub consents: Consents,
    pub groups: Vec<String>,
}

/// Adds a customer; none when the account has one, or is gone.
pub async fn insert(tx: &mut Tx, new: &NewCustomer<'_>) -> Result<Option<Customer>, DbError> {
    let (id, now) = (CustomerId::new(), Timestamp::now());
    let user = new.user_id.map(|id| id.to_string());
    let inserted = tx
        .one(
            "INSERT INTO customers (id, user_id, email, name, phone, language, currency, consents, groups, created_at, updated_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10, ?9, ?9
              WHERE NOT EXISTS (SELECT 1 FROM departed_users WHERE user_id = ?2)
             ON CONFLICT (user_id) DO NOTHING
             RETURNING id, user_id, email, name, phone, language, currency, consents, groups, version, created_at, updated_at",
            params![
                id,
                user,
                new.email,
                new.name,
                new.phone,
                new.language.code(),
                new.currency,
                json!(new.consents).to_string(),
                now,
                json!(new.groups).to_string()
            ],
            customer,
        )
        .await?;
    if inserted.is_some() {
        add_words(tx, id, &words::of_person(new.name, new.email)).await?;
    }
    Ok(inserted)
}

async fn add_words(tx: &mut Tx, id: CustomerId, words: &[String]) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO customer_words (customer_id, word) SELECT ?1, value FROM json_each(?2)",
        params![id, json!(words).to_string()],
    )
    .await
}

async fn forget_words(tx: &mut Tx, id: CustomerId) -> Result<(), DbError> {
    tx.exec("DELETE FROM customer_words WHERE customer_id = ?1", params![id]).await
}

/// Stores a changed customer.
pub async fn update(tx: &mut Tx, customer: &Customer) -> Result<(), DbError> {
    tx.exec(
        "UPDATE customers SET email = ?2, name = ?3, phone = ?4, language = ?5, currency = ?6, consents = ?7,
                version = ?8, updated_at = ?9, groups = ?10 WHERE id = ?1",
        params![
            customer.id,
            customer.email.as_str(),
            customer.name.as_deref(),
            customer.phone.as_deref(),
            customer.language.code(),
            customer.currency,
            json!(customer.consents).to_string(),
            customer.version,
            customer.updated_at,
            json!(customer.groups).to_string()
        ],
    )
    .await?;
    forget_words(tx, customer.id).await?;
    add_words(tx, customer.id, &words::of_person(customer.name.as_deref(), &customer.email)).await
}

/// Erases everything personal, and keeps the id, which orders refer to.
pub async fn erase(tx: &mut Tx, id: CustomerId) -> Result<(), DbError> {
    forget_words(tx, id).await?;
    tx.exec("DELETE FROM addresses WHERE customer_id = ?1", params![id]).await?;
    tx.exec(
        "UPDATE customers SET user_id = NULL, email = NULL, name = NULL, phone = NULL, language = 'en', currency = 'EUR',
                consents = '{}', groups = '[]', version = version + 1, updated_at = ?2, erased_at = ?2 WHERE id = ?1",
        params![id, Timestamp::now()],
    )
    .await
}

/// Which customers a list shows.
pub struct Filter<'a> {
    /// The beginnings of words of the name or of the e-mail address, all of which there must be.
    pub words: &'a [String],
    /// Exactly this e-mail address.
    pub email: Option<&'a str>,
    /// The id after which the page begins.
    pub after: Option<CustomerId>,
    /// How many at most.
    pub limit: u32,
}

/// A page of customers, oldest first. Indexes: `customers_by_email`, the primary key of `customer_words`.
pub async fn list(conn: &Conn, filter: &Filter<'_>) -> Result<Vec<Customer>, DbError> {
    let mut sql = format!("{CUSTOMER} WHERE erased_at IS NULL AND id > ?1");
    let after = filter.after.map(|id| id.to_string()).unwrap_or_default();
    let mut parameters = params![after, filter.limit];
    if let Some(email) = filter.email {
        parameters.push(email.into());
        sql += " AND email = ?3";
    }
    for word in filter.words {
        parameters.push(word.as_str().into());
        let n = parameters.len();
        sql += &format!(
            " AND id IN (SELECT customer_id FROM customer_words WHERE word >= ?{n} AND word < ?{n} || char(0x10ffff))"
        );
    }
    sql += " ORDER BY id LIMIT ?2";
    conn.all(&sql, parameters, customer).await
}

/// Remembers that an account is gone, for as long as a token of its may live.
pub async fn note_departure(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    let sql = "INSERT INTO departed_users (user_id, departed_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.exec(sql, params![user, Timestamp::now()]).await
}

/// Forgets accounts that no token can speak for any more.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let oldest = Timestamp::now().before(DEPARTED_FOR);
    conn.exec("DELETE FROM departed_users WHERE departed_at < ?1", params![oldest]).await
}
