//! All rates at once, in SQL.

use crate::book::Book;
use crate::decimal::Rate;
use crate::model::{Code, Standing, Times};
use serde::Deserialize;
use souk_kit::{Conn, DbError, Problem, Result, Timestamp};

#[derive(Deserialize)]
struct Rated(Code, Code, Rate, [i64; 4]);

/// Every rate and every token, by one statement: there are a few thousand at most, and it is over in a moment.
pub async fn read(conn: &Conn) -> Result<Book> {
    let sql = "SELECT
        (SELECT json_group_array(json_array(base, quote, rate, json_array(as_of, fetched_at, stale_at, refuse_at)))
           FROM rate) AS rates,
        (SELECT json_group_array(json_array(code, decimals)) FROM instrument WHERE kind = 'token') AS tokens";
    let found = conn
        .one(sql, vec![], |row| {
            Ok::<_, DbError>((row.json::<Vec<Rated>>("rates")?, row.json::<Vec<(Code, u32)>>("tokens")?))
        })
        .await?;
    let (rates, tokens) = found.ok_or_else(|| Problem::internal("no answer about rates"))?;
    let mut book = Book { tokens: tokens.into_iter().collect(), ..Book::default() };
    for Rated(base, quote, rate, times) in rates {
        let [as_of, fetched_at, stale_at, refuse_at] = times.map(Timestamp::from_millis);
        let standing = Standing { rate, times: Times { as_of, fetched_at, stale_at, refuse_at } };
        book.rates.entry(base).or_default().insert(quote, standing);
    }
    Ok(book)
}
