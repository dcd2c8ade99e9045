//! The database scripts, judged by the schema that SQLite makes of them.

use rusqlite::{Connection, OpenFlags};
use souk_tests::{Suite, components, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The services that have scripts; the kit's tables stand in all of their databases.
fn services() -> Vec<String> {
    let folders = fs::read_dir(root().join("sql")).expect("sql/ is there").flatten();
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "kit").collect();
    names.sort();
    assert!(!names.is_empty(), "no service has scripts");
    names
}

fn scripts(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("sql").join(folder)).expect("a folder of scripts").flatten();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// A service's database as its scripts make it.
fn database(service: &str) -> Connection {
    let connection = Connection::open_in_memory().expect("a database in memory");
    connection.pragma_update(None, "foreign_keys", true).expect("foreign keys are on");
    for file in ["kit", service].into_iter().flat_map(scripts) {
        let script = fs::read_to_string(&file).expect("a script can be read");
        connection.execute_batch(&script).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    connection
}

fn texts(connection: &Connection, sql: &str, of: &[&str]) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a question to the schema");
    let rows = statement.query_map(rusqlite::params_from_iter(of), |row| row.get(0)).expect("an answer");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// What we create ourselves: neither SQLite's own tables nor those behind a virtual one.
const OUR_TABLES: &str = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'";

#[test]
fn every_table_is_strict() {
    for service in services() {
        let lax = texts(&database(&service), &format!("{OUR_TABLES} AND NOT strict"), &[]);
        assert!(lax.is_empty(), "sql/{service}: {lax:?} must be STRICT");
    }
}

#[test]
fn every_foreign_key_has_an_index() {
    for service in services() {
        let database = database(&service);
        for table in texts(&database, OUR_TABLES, &[]) {
            let keys = "SELECT group_concat(\"from\", ',') FROM pragma_foreign_key_list(?1) GROUP BY id";
            for key in texts(&database, keys, &[&table]) {
                assert!(
                    is_indexed(&database, &table, &key),
                    "sql/{service}: no index of {table} begins with {key}"
                );
            }
        }
    }
}

/// Whether the first columns of some index are those of the key, in any order.
fn is_indexed(database: &Connection, table: &str, key: &str) -> bool {
    let wanted: BTreeSet<&str> = key.split(',').collect();
    // A primary key that is one integer is the table's own order and has no index beside it.
    if texts(database, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0", &[table]) == [key] {
        return true;
    }
    let indexes = texts(database, "SELECT name FROM pragma_index_list(?1) WHERE NOT partial", &[table]);
    indexes.iter().any(|index| {
        let columns =
            texts(database, "SELECT coalesce(name, '') FROM pragma_index_info(?1) ORDER BY seqno", &[index]);
        columns.iter().take(wanted.len()).map(String::as_str).collect::<BTreeSet<_>>() == wanted
    })
}

#[test]
fn scripts_are_numbered_without_gaps() {
    for folder in services().iter().map(String::as_str).chain(["kit"]) {
        for (number, file) in (1..).zip(scripts(folder)) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            assert!(
                name.starts_with(&format!("{number:04}_")),
                "sql/{folder}/{name} should begin with {number:04}_"
            );
            assert!(name.ends_with(".sql"), "sql/{folder}/{name} is no script");
        }
    }
}

#[test]
fn every_folder_of_scripts_belongs_to_a_component() {
    let components = components();
    for service in services() {
        assert!(components.iter().any(|(id, _)| *id == service), "there is no component {service}");
    }
}

#[tokio::test]
async fn a_running_suite_has_the_schema_of_its_scripts() {
    let Some(shop) = Suite::own().await else { return };
    // Every service has been asked something, so every database is there.
    shop.stranger().get("/ready").await.is(200).accept();
    let schema =
        "SELECT coalesce(sql, name) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'migration'
                   ORDER BY name";
    for service in services() {
        let file = shop.state().join(format!("{service}.db"));
        let live =
            Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("its database");
        assert_eq!(
            texts(&live, schema, &[]),
            texts(&database(&service), schema, &[]),
            "{service}'s database"
        );
    }
}
