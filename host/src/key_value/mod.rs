//! Key-value stores in SQLite files, in Spin's own table, behind `spin:key-value@3.0` and `wasi:keyvalue`.

mod spin;
mod wasi;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

/// Spin's table: one file may hold several stores.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";
const READ: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
const WRITE: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (store, key) DO UPDATE SET value = ?3";
const WRITE_IF: &str = "UPDATE spin_key_value SET value = ?3 WHERE store = ?1 AND key = ?2 AND value = ?4";
const REMOVE: &str = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";
const KEYS: &str = "SELECT key FROM spin_key_value WHERE store = ?1";

/// A store behind a label. Clones share one connection to its file, opened by the first use.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    label: String,
    file: PathBuf,
    connection: Mutex<Option<Connection>>,
}

/// A compare-and-swap of one key: what it had when it was last looked at.
pub struct Swap {
    store: Store,
    key: String,
    seen: Option<Vec<u8>>,
}

type Result<T> = std::result::Result<T, String>;

impl Store {
    pub(crate) fn new(label: &str, file: PathBuf) -> Self {
        Self(Arc::new(Inner { label: label.to_owned(), file, connection: Mutex::new(None) }))
    }

    async fn get(&self, key: String) -> Result<Option<Vec<u8>>> {
        self.run(move |db, store| read(db, store, &key)).await
    }

    async fn set(&self, key: String, value: Vec<u8>) -> Result<()> {
        self.set_many(vec![(key, value)]).await
    }

    async fn delete(&self, key: String) -> Result<()> {
        self.delete_many(vec![key]).await
    }

    async fn keys(&self) -> Result<Vec<String>> {
        self.run(|db, store| db.prepare_cached(KEYS)?.query_map([store], |row| row.get(0))?.collect()).await
    }

    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>> {
        let read_all = move |db: &mut Connection, store: &str| {
            let pair = |key: String| read(db, store, &key).map(|value| (key, value));
            // Spin answers only the keys that exist.
            keys.into_iter().map(pair).filter(|pair| !matches!(pair, Ok((_, None)))).collect()
        };
        self.run(read_all).await
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<()> {
        let write_all = move |db: &mut Connection, store: &str| {
            let tx = db.transaction()?;
            for (key, value) in pairs {
                tx.prepare_cached(WRITE)?.execute(params![store, key, value])?;
            }
            tx.commit()
        };
        self.run(write_all).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let delete_all = move |db: &mut Connection, store: &str| {
            let tx = db.transaction()?;
            for key in keys {
                tx.prepare_cached(REMOVE)?.execute(params![store, key])?;
            }
            tx.commit()
        };
        self.run(delete_all).await
    }

    /// Adds to a number kept as eight little-endian bytes; an absent key is zero.
    async fn increment(&self, key: String, delta: i64) -> Result<i64> {
        let add = move |db: &mut Connection, store: &str| {
            let tx = db.transaction()?;
            let old = match read(&tx, store, &key)?.map(<[u8; 8]>::try_from) {
                None => 0,
                Some(Ok(bytes)) => i64::from_le_bytes(bytes),
                Some(Err(_)) => return Ok(Err(format!("the value of {key:?} is not a number of 8 bytes"))),
            };
            let Some(new) = old.checked_add(delta) else {
                return Ok(Err(format!("the value of {key:?} would overflow")));
            };
            tx.prepare_cached(WRITE)?.execute(params![store, key, new.to_le_bytes()])?;
            tx.commit()?;
            Ok(Ok(new))
        };
        self.run(add).await?
    }

    /// Writes `value` if the key still has what was `seen`. As in Spin, a key that was seen absent, or not looked at,
    /// is written whatever it has by then.
    async fn swap(&self, key: String, seen: Option<Vec<u8>>, value: Vec<u8>) -> Result<bool> {
        let swap = move |db: &mut Connection, store: &str| match seen {
            Some(seen) => {
                db.prepare_cached(WRITE_IF)?.execute(params![store, key, value, seen]).map(|n| n == 1)
            }
            None => db.prepare_cached(WRITE)?.execute(params![store, key, value]).map(|n| n == 1),
        };
        self.run(swap).await
    }

    /// Runs `work` on a blocking thread with the store's connection and name.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut guard = inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
            if guard.is_none() {
                let connection = Connection::open(&inner.file)?;
                connection.execute(SCHEMA, [])?;
                *guard = Some(connection);
            }
            guard.as_mut().map_or(Err(rusqlite::Error::InvalidQuery), |db| work(db, &inner.label))
        });
        done.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}

fn read(db: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached(READ)?.query_row([store, key], |row| row.get(0)).optional()
}
