//! Migrations: the scripts in `sql/`, each run once per database, in order, under its write lock.
//!
//! `spin:sqlite` runs only the first statement of a string, so a script is split first.

use crate::db::{self, Conn, Db, DbError};
use crate::params;
use crate::service::Database;
use crate::time::Timestamp;

/// The tables of the kit itself, in every service's database.
const KIT: &[(&str, &str)] = &[("kit/0001_kit", include_str!("../../../sql/kit/0001_kit.sql"))];

/// Brings the database up to the newest script. Two questions when there is nothing to do.
pub(crate) async fn run(db: Db, database: &Database) -> Result<(), DbError> {
    // libSQL refuses this: it is elsewhere, and has its own journal.
    let journal = "PRAGMA journal_mode";
    if db.conn().await?.one(journal, vec![], |row| row.get::<String>("journal_mode")).await.is_ok() {
        db::is_local();
    }
    let scripts = || KIT.iter().chain(database.migrations);
    let done = applied(&db.conn().await?).await;
    if done.is_ok_and(|done| scripts().all(|(name, _)| done.iter().any(|it| it == name))) {
        return Ok(());
    }
    // WAL lasts in the file.
    let _ = db.conn().await?.exec("PRAGMA journal_mode = WAL", vec![]).await;
    let tx = db.begin().await?;
    tx.exec(
        "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT",
        vec![],
    )
    .await?;
    let done = applied(&tx).await?;
    for (name, script) in scripts().filter(|(name, _)| !done.iter().any(|it| it == name)) {
        for statement in statements(script) {
            tx.exec(statement, vec![])
                .await
                .map_err(|error| DbError::Other(format!("migration {name}: {error:?} in: {statement}")))?;
        }
        tx.exec("INSERT INTO migration (name, applied_at) VALUES (?1, ?2)", params![*name, Timestamp::now()])
            .await?;
    }
    tx.commit().await
}

async fn applied(conn: &Conn) -> Result<Vec<String>, DbError> {
    conn.all("SELECT name FROM migration", vec![], |row| row.get("name")).await
}

/// The statements of a script, without their semicolons. A trigger's body is part of its statement.
fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at, mut depth, mut trigger) = (0, 0, 0_usize, false);
    let bytes = script.as_bytes();
    while at < bytes.len() {
        let rest = &script[at..];
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let quote @ ('\'' | '"') = rest.chars().next().unwrap_or(' ') {
            at += 1 + rest[1..].find(quote).map_or(rest.len() - 1, |end| end + 1);
        } else if bytes[at].is_ascii_alphabetic() || bytes[at] == b'_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            match rest[..end].to_ascii_uppercase().as_str() {
                "TRIGGER" => trigger = true,
                "BEGIN" | "CASE" if trigger => depth += 1,
                "END" if trigger => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += end;
        } else if bytes[at] == b';' && depth == 0 {
            found.push(&script[start..at]);
            at += 1;
            (start, trigger) = (at, false);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found.push(&script[start..]);
    found.into_iter().map(str::trim).filter(|statement| !is_blank(statement)).collect()
}

/// Whether nothing but comments and white space is there.
fn is_blank(statement: &str) -> bool {
    statement.lines().all(|line| line.trim().is_empty() || line.trim().starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_script_is_split_at_its_semicolons_alone() {
        let script = "CREATE TABLE a (b TEXT DEFAULT ';'); -- one; two\nCREATE INDEX i ON a (b); /* ; */ SELECT 'it''s;é';";
        assert_eq!(statements(script).len(), 3);
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let script = "CREATE TRIGGER t AFTER INSERT ON a BEGIN
            UPDATE a SET b = CASE WHEN b > 1 THEN 1 ELSE 2 END; DELETE FROM c; END;
            CREATE TABLE d (e);";
        let found = statements(script);
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with("END") && found[1].starts_with("CREATE TABLE d"));
    }
}
