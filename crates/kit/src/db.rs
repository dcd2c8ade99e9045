//! The service's SQLite database: a pool of connections, transactions and rows.
//!
//! Up to 16 requests run at once in one instance, so a connection belongs to one request at a time: it is checked out
//! for a question or for the length of a transaction, and goes back only when it is clean. A transaction that is dropped
//! takes its connection with it, and SQLite rolls it back.

use crate::context::Ctx;
use crate::problem::Problem;
use crate::row::Row;
use crate::service::Service;
use crate::task::Tasks;
use crate::turn::{Turn, Turns};
// The SDK's own connection has no way to run a statement at once.
use spin_sdk::sqlite::wit::sqlite::{Connection, RowResult, Value};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A failure of the database.
///
/// `spin:sqlite` reports every failure as text; [`DbError::from`] is the one place that reads it, for SQLite's wording,
/// which libSQL repeats with a prefix.
#[derive(Debug)]
pub enum DbError {
    /// A constraint refused the row; the text names it (`users.email`, or the name of a CHECK).
    Constraint(String),
    /// Another writer held the lock for too long.
    Busy,
    /// No room is left.
    Full,
    /// A column is missing or of another type than the code expects.
    Column(String),
    /// Anything else.
    Other(String),
}

impl DbError {
    /// Whether `constraint` (a `table.column` that is UNIQUE, or the name of a CHECK) refused the row.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint(text) if text.split([' ', ',']).any(|word| word == constraint))
    }
}

impl From<spin_sdk::sqlite::Error> for DbError {
    fn from(error: spin_sdk::sqlite::Error) -> Self {
        use spin_sdk::sqlite::Error;
        match error {
            Error::DatabaseFull => Self::Full,
            Error::Io(text) if text.contains("constraint failed") => Self::Constraint(text),
            Error::Io(text) if text.contains("locked") || text.contains("busy") => Self::Busy,
            Error::Io(text) if text.contains("disk is full") => Self::Full,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::unavailable("database is busy"),
            DbError::Full => Self::unavailable("database is full"),
            DbError::Constraint(text) => Self::internal(format!("unexpected constraint: {text}")),
            DbError::Column(text) | DbError::Other(text) => Self::internal(format!("database: {text}")),
        }
    }
}

/// The parameters of a statement, in order: `params![id, now]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::value($value)),*] };
}

/// A parameter's value.
pub fn value(value: impl Into<Value>) -> Value {
    value.into()
}

/// A connection, checked out for questions and single statements.
pub struct Conn {
    connection: Option<Connection>,
    /// A statement has begun and not ended: a request that is dropped now leaves the connection unusable.
    running: AtomicBool,
    /// It has the write lock.
    in_transaction: AtomicBool,
    pool: Option<&'static Pool>,
}

/// Connections at rest, at most [`MAX_IDLE`] of them.
struct Pool {
    idle: Mutex<Vec<Connection>>,
}

/// One instance runs at most 16 requests at once; more connections than that are never needed again.
const MAX_IDLE: usize = 16;

static POOL: Pool = Pool { idle: Mutex::new(Vec::new()) };
/// Those of [`Db::relaxed`].
static RELAXED: Pool = Pool { idle: Mutex::new(Vec::new()) };

impl Pool {
    fn take(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }

    fn put(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }
}

/// How a statement runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// The instance stands still meanwhile. Ten times cheaper than letting others run and coming back, for what is over at
    /// once: a read by key, or a statement of a transaction, which has its lock.
    Quick,
    /// Other requests of the instance run meanwhile: for whatever may wait for the disk or for another writer, and for long
    /// reads. It must be this for what needs the write lock, since whoever has it may be a request of this instance.
    Patient,
}

/// Whether the database is a file of this machine. A statement that crosses a network is never quick.
static LOCAL: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_local() {
    LOCAL.store(true, Relaxed);
}

/// Runs a statement to its end: SQLite's errors come only then.
async fn collect(
    connection: &Connection,
    sql: &str,
    parameters: Vec<Value>,
    pace: Pace,
) -> Result<(Vec<String>, Vec<RowResult>), DbError> {
    if pace == Pace::Quick && LOCAL.load(Relaxed) {
        let result = connection.execute(sql, &parameters)?;
        return Ok((result.columns, result.rows));
    }
    let (columns, rows, end) = connection.execute_async(sql.to_owned(), parameters).await?;
    let rows = rows.collect().await;
    end.await?;
    Ok((columns, rows))
}

impl Conn {
    fn new(connection: Connection, pool: Option<&'static Pool>) -> Self {
        let (running, in_transaction) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { connection: Some(connection), running, in_transaction, pool }
    }

    async fn run<T>(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        pace: Pace,
        read: impl Fn(Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let connection =
            self.connection.as_ref().ok_or_else(|| DbError::Other("connection is gone".into()))?;
        self.running.store(true, Relaxed);
        let outcome = collect(connection, sql, parameters, pace).await;
        self.running.store(false, Relaxed);
        let (columns, rows) = outcome?;
        rows.iter().map(|row| read(Row { columns: &columns, values: &row.values })).collect()
    }

    /// Runs a statement of a service. One that writes on its own waits for its turn; one that is in a transaction has it.
    async fn perform<T>(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        is_short: bool,
        read: impl Fn(Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let has_lock = self.in_transaction.load(Relaxed);
        let is_read = sql.starts_with("SELECT");
        let pace = if is_short && (has_lock || is_read) { Pace::Quick } else { Pace::Patient };
        let _turn = if has_lock || is_read { None } else { WRITERS.take(PATIENCE).await };
        self.run(sql, parameters, pace, read).await
    }

    /// Every row of the answer, each read by `read`.
    pub async fn all<T>(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        read: impl Fn(Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        self.perform(sql, parameters, false, read).await
    }

    /// The first row of the answer, read by `read`. For what is found by its key: the instance stands still meanwhile.
    pub async fn one<T>(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        read: impl Fn(Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.perform(sql, parameters, true, read).await?.into_iter().next())
    }

    /// Runs a statement that answers nothing.
    pub async fn exec(&self, sql: &str, parameters: Vec<Value>) -> Result<(), DbError> {
        self.perform(sql, parameters, true, |_| Ok(())).await.map(|_| ())
    }

    /// Begins or ends a transaction: the one waits for the lock, the other for the disk.
    async fn control(&self, sql: &str) -> Result<(), DbError> {
        self.run(sql, vec![], Pace::Patient, |_| Ok(())).await.map(|_| ())
    }

    /// Gives the connection back: it is clean.
    fn release(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.running.load(Relaxed)
            && let Some(pool) = self.pool
        {
            pool.put(connection);
        }
    }

    /// Closes the connection: whatever it was doing is rolled back.
    fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.release();
    }
}

/// How many transactions of this instance are under way.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// One of them, while it lives.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Relaxed);
    }
}

/// How long long work waits at most for the transactions of others.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Waits until no request of this instance is in a transaction: to be awaited before work that takes milliseconds, such as
/// hashing a password. The requests of an instance share one thread, so such work would stop a transaction half way, with
/// the database's only write lock in its hands.
pub async fn between_transactions() {
    let started = Instant::now();
    while UNDER_WAY.load(Relaxed) > 0 && started.elapsed() < MAX_WAIT {
        spin_sdk::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A write transaction (`BEGIN IMMEDIATE`). Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    conn: Conn,
    service: &'static Service,
    open: bool,
    /// What is to follow once it is committed.
    tasks: Tasks,
    _under_way: UnderWay,
    /// The next one of this instance begins when this one has ended: its connection is given back before.
    _turn: Option<Turn>,
}

/// Writers of one instance. They would queue for the write lock anyway, which SQLite asks for again and again at growing
/// intervals.
static WRITERS: Turns = Turns::new();
/// Whoever has waited so long for a turn asks for the lock without.
const PATIENCE: Duration = Duration::from_secs(5);

impl Tx {
    /// Makes everything done in this transaction durable.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.conn.control("COMMIT").await?;
        self.conn.in_transaction.store(false, Relaxed);
        self.open = false;
        self.tasks.may_begin();
        Ok(())
    }

    /// Has a task done as soon as this transaction is committed and its request answered. A crash loses it: what must be
    /// done is in the database as well, where the maintenance route finds it [`GRACE`](crate::GRACE) later.
    pub fn afterwards<F>(&self, task: impl FnOnce(Ctx) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        self.tasks.add(task);
    }

    /// Undoes everything done in this transaction, and keeps the connection.
    pub async fn rollback(mut self) -> Result<(), DbError> {
        self.conn.control("ROLLBACK").await?;
        self.conn.in_transaction.store(false, Relaxed);
        self.open = false;
        Ok(())
    }

    /// The service whose transaction this is.
    pub fn service(&self) -> &'static Service {
        self.service
    }
}

impl std::ops::Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            self.conn.discard();
        }
    }
}

/// The service's database.
#[derive(Clone, Copy)]
pub struct Db {
    service: &'static Service,
    label: &'static str,
}

impl Db {
    pub(crate) fn of(service: &'static Service) -> Result<Self, DbError> {
        let label = service.database.as_ref().map(|database| database.label);
        let label = label.ok_or_else(|| DbError::Other(format!("{} has no database", service.name)))?;
        Ok(Self { service, label })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that opens them, for the pool")]
    async fn open(&self) -> Result<Connection, DbError> {
        Ok(Connection::open_async(self.label.to_owned()).await?)
    }

    /// A connection for questions, or for one statement that stands alone.
    pub async fn conn(&self) -> Result<Conn, DbError> {
        let connection = match POOL.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(Conn::new(connection, Some(&POOL)))
    }

    /// A connection whose writes a power cut may lose (never a crash of ours), so that they need not wait for the disk: for
    /// counters, and for noting that something is done that can be done again.
    pub async fn relaxed(&self) -> Result<Conn, DbError> {
        if let Some(connection) = RELAXED.take() {
            return Ok(Conn::new(connection, Some(&RELAXED)));
        }
        let conn = Conn::new(self.open().await?, Some(&RELAXED));
        // libSQL refuses the statement and decides for itself.
        let _ = conn.exec("PRAGMA synchronous = NORMAL", vec![]).await;
        Ok(conn)
    }

    /// A write transaction. It holds the database's only write lock: nothing slow belongs inside.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let turn = WRITERS.take(PATIENCE).await;
        let conn = self.conn().await?;
        // Until BEGIN has answered the connection's state is unknown: `open` makes a drop close it.
        let tx = Tx {
            conn,
            service: self.service,
            open: true,
            tasks: Tasks::default(),
            _under_way: UnderWay::begin(),
            _turn: turn,
        };
        tx.conn.control("BEGIN IMMEDIATE").await?;
        tx.conn.in_transaction.store(true, Relaxed);
        Ok(tx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violated_constraint_is_told_by_its_name() {
        let sqlite =
            DbError::from(spin_sdk::sqlite::Error::Io("UNIQUE constraint failed: users.email".into()));
        assert!(
            sqlite.violates("users.email") && !sqlite.violates("users.id") && !sqlite.violates("users.e")
        );
        let libsql =
            spin_sdk::sqlite::Error::Io("SQLite error: CHECK constraint failed: positive_price".into());
        assert!(DbError::from(libsql).violates("positive_price"));
        let both =
            spin_sdk::sqlite::Error::Io("UNIQUE constraint failed: variants.shop, variants.sku".into());
        assert!(DbError::from(both).violates("variants.sku"));
    }

    #[test]
    fn a_locked_database_is_busy() {
        let locked = spin_sdk::sqlite::Error::Io("database is locked".into());
        assert!(matches!(DbError::from(locked), DbError::Busy));
    }
}
