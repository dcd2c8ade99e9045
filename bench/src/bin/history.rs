//! `souk-bench-history`: gives a shop a past. Copies the newest order that is paid and invoiced, with all that orders,
//! payments, billing and inventory keep of it, as many times as asked, straight into the databases of a suite that has
//! nothing to do meanwhile. Buying as many would take days; what is measured afterwards meets tables and indexes as large.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Statement, params, params_from_iter};

/// Orders that one transaction adds.
const AT_ONCE: u64 = 10_000;

/// Copy an order many times, straight into a suite's databases.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Folder of the databases
    #[arg(long)]
    state: PathBuf,
    /// How many orders to add
    #[arg(long)]
    orders: u64,
}

/// What belongs to an order: databases, and in each its tables with what finds the order's rows (`?1` is its id).
const KEPT: &[(&str, &[(&str, &str)])] = &[
    ("orders", &[("orders", "id = ?1"), ("order_history", "order_id = ?1"), ("carts", "order_id = ?1")]),
    (
        "payments",
        &[
            ("intents", "order_id = ?1"),
            ("attempts", "intent_id = (SELECT id FROM intents WHERE order_id = ?1)"),
        ],
    ),
    (
        "billing",
        &[
            ("invoices", "order_id = ?1"),
            ("invoice_payments", "invoice_id = (SELECT id FROM invoices WHERE order_id = ?1)"),
            ("movements", "order_id = ?1"),
        ],
    ),
    (
        "inventory",
        &[
            ("reservation", "order_id = ?1"),
            ("allocation", "reservation_id = (SELECT id FROM reservation WHERE order_id = ?1)"),
        ],
    ),
];

/// A row to be copied: how it is stored, and what stands in it.
struct Template {
    sql: String,
    values: Vec<Value>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let orders = open(&cli.state, "orders")?;
    let order = newest(&orders)?;
    let names = names(&cli.state, &order)?;
    for (service, tables) in KEPT {
        let mut database = open(&cli.state, service)?;
        let templates = templates(&database, tables, &order)?;
        let triggers = put_triggers_aside(&database)?;
        let mut number = 0;
        while number < cli.orders {
            let until = (number + AT_ONCE).min(cli.orders);
            copy(&mut database, &templates, &names, number..until)?;
            number = until;
        }
        database.execute_batch(&triggers)?;
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE")?;
        eprintln!("{service}: {} orders of {} rows each", cli.orders, templates.len());
    }
    Ok(())
}

fn open(state: &Path, service: &str) -> Result<Connection> {
    let file = state.join(format!("{service}.db"));
    ensure!(file.exists(), "there is no {}", file.display());
    let database = Connection::open(&file)?;
    database.busy_timeout(std::time::Duration::from_secs(30))?;
    Ok(database)
}

/// The newest order that is paid and has its invoice.
fn newest(orders: &Connection) -> Result<String> {
    let sql = "SELECT id FROM orders WHERE state = 'paid' AND document ->> 'invoice' IS NOT NULL ORDER BY id DESC LIMIT 1";
    let found = orders.query_row(sql, [], |row| row.get(0)).optional()?;
    found.context("no order is paid and invoiced")
}

/// Every id and number that no other order may have.
fn names(state: &Path, order: &str) -> Result<Vec<String>> {
    let questions = [
        ("orders", "SELECT number FROM orders WHERE id = ?1"),
        ("orders", "SELECT id FROM carts WHERE order_id = ?1"),
        ("payments", "SELECT id FROM intents WHERE order_id = ?1"),
        (
            "payments",
            "SELECT id FROM attempts WHERE intent_id = (SELECT id FROM intents WHERE order_id = ?1)",
        ),
        ("billing", "SELECT id FROM invoices WHERE order_id = ?1"),
        ("billing", "SELECT number FROM invoices WHERE order_id = ?1"),
        ("billing", "SELECT id FROM movements WHERE order_id = ?1"),
        ("inventory", "SELECT id FROM reservation WHERE order_id = ?1"),
    ];
    let mut names = vec![order.to_owned()];
    for (service, sql) in questions {
        let database = open(state, service)?;
        let mut statement = database.prepare(sql)?;
        let found = statement.query_map(params![order], |row| row.get(0))?;
        names.extend(found.collect::<Result<Vec<String>, _>>()?);
    }
    Ok(names)
}

fn templates(database: &Connection, tables: &[(&str, &str)], order: &str) -> Result<Vec<Template>> {
    let mut templates = Vec::new();
    for (table, condition) in tables {
        let mut columns = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let columns: Vec<String> =
            columns.query_map(params![table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut rows =
            database.prepare(&format!("SELECT {} FROM {table} WHERE {condition}", columns.join(", ")))?;
        let rows =
            rows.query_map(params![order], |row| (0..columns.len()).map(|at| row.get(at)).collect())?;
        let places: Vec<_> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
        let sql = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        for values in rows {
            templates.push(Template { sql: sql.clone(), values: values? });
        }
    }
    ensure!(!templates.is_empty(), "there is nothing of the order");
    Ok(templates)
}

/// Drops the triggers, which count what is copied; the statements that make them again.
fn put_triggers_aside(database: &Connection) -> Result<String> {
    let mut statement = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let triggers = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut again = String::new();
    for trigger in triggers.collect::<Result<Vec<_>, _>>()? {
        database.execute_batch(&format!("DROP TRIGGER {}", trigger.0))?;
        again += &format!("{};\n", trigger.1);
    }
    Ok(again)
}

fn copy(
    database: &mut Connection,
    templates: &[Template],
    names: &[String],
    numbers: std::ops::Range<u64>,
) -> Result<()> {
    let transaction = database.transaction()?;
    {
        let mut statements: Vec<Statement<'_>> =
            templates.iter().map(|it| transaction.prepare(&it.sql)).collect::<Result<_, _>>()?;
        for number in numbers {
            for (statement, template) in statements.iter_mut().zip(templates) {
                let values = template.values.iter().map(|value| renamed(value, names, number));
                statement.execute(params_from_iter(values))?;
            }
        }
    }
    Ok(transaction.commit()?)
}

/// A value of a copy: with names of its own, as long as the first ones, and older.
fn renamed(value: &Value, names: &[String], number: u64) -> Value {
    let Value::Text(text) = value else { return value.clone() };
    let mut text = text.clone();
    for name in names {
        if text.contains(name.as_str()) {
            text = text.replace(name.as_str(), &another(name, number));
        }
    }
    Value::Text(text)
}

/// `ord_06b8…` becomes `ord_0000…17`, and `INV-2026-000001` becomes `INV-17`: nothing that the suite would give.
fn another(name: &str, number: u64) -> String {
    match name.split_once('_') {
        Some((prefix, rest)) => format!("{prefix}_{number:0width$}", width = rest.len()),
        None => format!("{}-{number}", name.split('-').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_names_of_its_own() {
        let names = ["ord_06b8xk2m0q3v5t7w9y1z3b5d7f".to_owned(), "INV-2026-000001".to_owned()];
        let value = Value::Text(r#"{"id":"ord_06b8xk2m0q3v5t7w9y1z3b5d7f","n":"INV-2026-000001"}"#.into());
        let expected = r#"{"id":"ord_00000000000000000000000017","n":"INV-17"}"#;
        assert_eq!(renamed(&value, &names, 17), Value::Text(expected.into()));
        assert_eq!(renamed(&Value::Integer(3), &names, 17), Value::Integer(3));
    }
}
