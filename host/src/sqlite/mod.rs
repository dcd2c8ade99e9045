//! `spin:sqlite@3.1`: databases in files, one SQLite connection per connection that a component opens.
//!
//! A statement that is sure to be short (a read, or a change within a transaction) runs where it is asked for: going to
//! another thread and back costs more than it does. Everything that may wait for the disk or for another writer runs on
//! tokio's blocking threads. A small result comes back at once, with the columns; a large one is streamed in batches
//! while it is read.

mod idle;
mod interface;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio::sync::{mpsc, oneshot};

use crate::bindings::spin::sqlite::sqlite::{Error, RowResult, Value};
use crate::faults::{Faults, SqliteFault};

pub(crate) use idle::Idle;
use idle::Open;

/// Rows that go to the guest at once.
const BATCH_ROWS: usize = 256;
/// Batches of a large result that wait for the guest.
const WAITING_BATCHES: usize = 2;
/// Spin's limit for what the host buffers of one row.
const MAX_ROW_BYTES: usize = 128 << 20;

/// A database behind a label.
#[derive(Clone)]
pub(crate) struct Database {
    pub label: Arc<str>,
    pub file: Arc<PathBuf>,
    pub faults: Faults,
    pub idle: Idle,
}

/// A connection of a guest. The file is opened by the first statement, as in Spin.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    database: Database,
    connection: Mutex<Option<Open>>,
}

/// What a statement gives: at first hand when it is short, else the rest is still to come.
pub(crate) struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<RowResult>,
    pub rest: Rest,
}

/// How a result goes on after its first rows.
pub(crate) enum Rest {
    Ended(Result<(), Error>),
    Streams { batches: mpsc::Receiver<Vec<RowResult>>, end: oneshot::Receiver<Result<(), Error>> },
}

impl Database {
    pub fn connect(&self) -> Connection {
        Connection(Arc::new(Inner { database: self.clone(), connection: Mutex::new(None) }))
    }

    /// Runs a script of several statements: for `--sqlite`.
    pub fn run_script(&self, sql: &str) -> rusqlite::Result<()> {
        self.connect().0.with(|connection| connection.execute_batch(sql))
    }
}

impl Connection {
    /// Whether the guest is to trap at this statement.
    pub fn traps(&self) -> bool {
        self.0.database.faults.traps(&self.0.database.label)
    }

    /// Runs the first statement of `sql`; what follows it is ignored, as Spin does.
    pub async fn execute(&self, sql: String, parameters: Vec<Value>) -> Answer {
        if let Some(fault) = self.0.database.faults.database(&self.0.database.label) {
            let text = match fault {
                SqliteFault::Busy => "database is locked",
                SqliteFault::Full => "database or disk is full",
            };
            return Answer::failed(Error::Io(text.to_owned()));
        }
        if let Some(answer) = self.0.at_once(&sql, &parameters) {
            return answer;
        }
        let (head, answer) = oneshot::channel();
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut head = Some(head);
            // The answer has a place for its own failure; what fails before is the connection.
            if let Err(e) = inner.with(|connection| query(connection, &sql, &parameters, &mut head))
                && let Some(head) = head.take()
            {
                _ = head.send(Answer::failed(io(e)));
            }
        });
        let stopped = || Answer::failed(Error::Io("the host is stopping".to_owned()));
        answer.await.unwrap_or_else(|_| stopped())
    }

    /// The same, complete: rows are collected.
    pub async fn execute_whole(
        &self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<(Vec<String>, Vec<RowResult>), Error> {
        let Answer { columns, mut rows, rest } = self.execute(sql, parameters).await;
        match rest {
            Rest::Ended(end) => end?,
            Rest::Streams { mut batches, end } => {
                while let Some(batch) = batches.recv().await {
                    rows.extend(batch);
                }
                ended(end).await?;
            }
        }
        Ok((columns, rows))
    }

    pub async fn changes(&self) -> u64 {
        self.ask(|connection| connection.changes()).await.unwrap_or(0)
    }

    pub async fn last_insert_rowid(&self) -> i64 {
        self.ask(|connection| connection.last_insert_rowid()).await.unwrap_or(0)
    }

    /// A question about the connection, which may be busy with a statement that still streams.
    async fn ask<T: Send + 'static>(&self, ask: fn(&rusqlite::Connection) -> T) -> Option<T> {
        let inner = self.0.clone();
        if let Ok(guard) = inner.connection.try_lock() {
            return guard.as_ref().and_then(|open| open.ask(ask));
        }
        let waiting = tokio::task::spawn_blocking(move || {
            let guard = inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
            guard.as_ref().and_then(|open| open.ask(ask))
        });
        waiting.await.ok().flatten()
    }
}

/// How a streamed result ended; a statement that vanished has failed.
pub(crate) async fn ended(end: oneshot::Receiver<Result<(), Error>>) -> Result<(), Error> {
    end.await.unwrap_or_else(|_| Err(Error::Io("the host is stopping".to_owned())))
}

impl Answer {
    fn empty() -> Self {
        Self { columns: Vec::new(), rows: Vec::new(), rest: Rest::Ended(Ok(())) }
    }

    fn failed(error: Error) -> Self {
        Self { columns: Vec::new(), rows: Vec::new(), rest: Rest::Ended(Err(error)) }
    }
}

impl Inner {
    /// The answer of a statement that is short; `None` when it may not be, and then nothing has happened.
    fn at_once(&self, sql: &str, parameters: &[Value]) -> Option<Answer> {
        let guard = self.connection.try_lock().ok()?;
        let open = guard.as_ref()?;
        let kind = Kind::of(sql)?;
        if kind == Kind::Begin {
            return open.begin(sql).then(Answer::empty);
        }
        if kind == Kind::Change && open.connection.is_autocommit() {
            return None; // It waits for the lock and for the disk.
        }
        let mut statement = open.connection.prepare_cached(sql).ok()?;
        if kind == Kind::Read && !statement.readonly() {
            return None;
        }
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        // A read that turns out to be long is begun anew elsewhere; a change is not: SQLite would undo the transaction.
        let hurry = (kind == Kind::Read).then(|| open.hurry());
        let most = if hurry.is_some() { BATCH_ROWS } else { usize::MAX };
        let mut rows = statement.query(rusqlite::params_from_iter(parameters.iter().map(Bound))).ok()?;
        let (rows, end) = take_rows(&mut rows, columns.len(), most);
        match end? {
            Err(_) if hurry.is_some_and(|hurry| hurry.is_over()) => None,
            end => Some(Answer { columns, rows, rest: Rest::Ended(end) }),
        }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut guard = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(self.database.idle.take().map_or_else(|| Open::new(&self.database.file), Ok)?);
        }
        guard.as_ref().map_or(Err(rusqlite::Error::InvalidQuery), |open| work(&open.connection))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let open = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(open) = open.and_then(|open| self.database.idle.keep(open)) else { return };
        // Closing may checkpoint the write-ahead log, which must not hold up the runtime.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(open));
        }
    }
}

/// Runs one statement and sends its answer through `head`; an error before that is returned.
fn query(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: &[Value],
    head: &mut Option<oneshot::Sender<Answer>>,
) -> rusqlite::Result<()> {
    let (mut cached, mut first);
    let statement: &mut rusqlite::Statement<'_> = match connection.prepare_cached(sql) {
        Ok(prepared) => {
            cached = prepared;
            &mut cached
        }
        // rusqlite refuses several statements, and whatever is wrong with those after the first.
        Err(e) if sql.contains(';') => {
            first = rusqlite::Batch::new(connection, sql).next()?.ok_or(e)?;
            &mut first
        }
        Err(e) => return Err(e),
    };
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters.iter().map(Bound)))?;
    let (head_rows, end) = take_rows(&mut rows, width, BATCH_ROWS);
    let Some(head) = head.take() else { return Ok(()) };
    if let Some(end) = end {
        _ = head.send(Answer { columns, rows: head_rows, rest: Rest::Ended(end) });
        return Ok(());
    }
    let (send_batch, batches) = mpsc::channel(WAITING_BATCHES);
    let (send_end, end) = oneshot::channel();
    _ = head.send(Answer { columns, rows: head_rows, rest: Rest::Streams { batches, end } });
    _ = send_end.send(stream(&mut rows, width, &send_batch));
    Ok(())
}

/// Rows, `most` at most, and how they ended if they did.
fn take_rows(
    rows: &mut rusqlite::Rows<'_>,
    width: usize,
    most: usize,
) -> (Vec<RowResult>, Option<Result<(), Error>>) {
    let mut taken = Vec::new();
    while taken.len() < most {
        match next_row(rows, width) {
            Ok(Some(row)) => taken.push(row),
            Ok(None) => return (taken, Some(Ok(()))),
            Err(e) => return (taken, Some(Err(e))),
        }
    }
    (taken, None)
}

/// Sends the remaining rows. It ends early when the guest no longer listens.
fn stream(
    rows: &mut rusqlite::Rows<'_>,
    width: usize,
    batches: &mpsc::Sender<Vec<RowResult>>,
) -> Result<(), Error> {
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    let end = loop {
        match next_row(rows, width) {
            Ok(Some(row)) => batch.push(row),
            Ok(None) => break Ok(()),
            Err(e) => break Err(e),
        }
        if batch.len() == BATCH_ROWS && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    };
    if !batch.is_empty() {
        _ = batches.blocking_send(batch);
    }
    end
}

fn next_row(rows: &mut rusqlite::Rows<'_>, width: usize) -> Result<Option<RowResult>, Error> {
    let Some(row) = rows.next().map_err(io)? else { return Ok(None) };
    let mut bytes = 0;
    let mut values = Vec::with_capacity(width);
    for column in 0..width {
        let value = match row.get_ref(column).map_err(io)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => Value::Text(
                String::from_utf8(text.to_vec())
                    .map_err(|_| Error::Io(format!("column {column} is not UTF-8")))?,
            ),
            ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
        };
        bytes += match &value {
            Value::Text(text) => text.len(),
            Value::Blob(blob) => blob.len(),
            _ => 0,
        };
        values.push(value);
    }
    if bytes > MAX_ROW_BYTES {
        return Err(Error::Io(format!("query result exceeds limit of {MAX_ROW_BYTES} bytes")));
    }
    Ok(Some(RowResult { values }))
}

/// A parameter as SQLite takes it.
struct Bound<'a>(&'a Value);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

/// What a statement does that may be short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Begin,
    Read,
    Change,
}

impl Kind {
    /// By its first word. `COMMIT` is none of them: it waits for the disk.
    fn of(sql: &str) -> Option<Self> {
        let sql = sql.trim_start();
        let word = sql.split(|c: char| !c.is_ascii_alphabetic()).next()?;
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        match () {
            () if sql.contains(';') => None,
            () if is(&["SELECT", "WITH", "VALUES"]) => Some(Self::Read),
            () if is(&["INSERT", "UPDATE", "DELETE", "REPLACE"]) => Some(Self::Change),
            () if is(&["BEGIN"]) => Some(Self::Begin),
            () => None,
        }
    }
}

fn io(error: rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}
