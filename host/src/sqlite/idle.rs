//! Connections at rest. Opening one reads the whole schema, and each has a page cache of two megabytes: what one guest
//! has let go of serves the next. A guest sees no difference: a connection that still bears a guest's mark is closed.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Connections to one database that are kept at rest.
const KEPT_CONNECTIONS: usize = 8;
/// Prepared statements that a connection keeps: about what one service has.
const KEPT_STATEMENTS: usize = 128;

/// How long a statement waits for another writer: Spin's own patience.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// An open connection.
pub(super) struct Open {
    pub connection: rusqlite::Connection,
    /// What it had changed before its present guest: until that grows, the guest's counters are zero.
    changed_before: u64,
    /// A guest has changed more than the database: a setting, or something temporary.
    marked: Arc<AtomicBool>,
    /// How much longer the statement that runs now may; below zero without end.
    patience: Arc<AtomicI32>,
}

/// SQLite's virtual machine is looked at after so many of its instructions, some 100 microseconds.
const STEP: i32 = 5_000;
/// So many times until a read in a hurry is given up.
const STEPS: i32 = 10;

/// While it lives, a statement of its connection is interrupted when it takes long.
pub(super) struct Hurry<'a>(&'a AtomicI32);

impl Hurry<'_> {
    /// Whether a statement was interrupted.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.store(-1, Ordering::Relaxed);
    }
}

/// The connections of one database that nobody uses.
#[derive(Clone, Default)]
pub(crate) struct Idle(Arc<Mutex<Vec<Open>>>);

impl Idle {
    pub(super) fn take(&self) -> Option<Open> {
        self.held().pop()
    }

    /// Keeps a connection, if the next guest cannot tell it from a new one; else gives it back to be closed.
    pub(super) fn keep(&self, mut open: Open) -> Option<Open> {
        let clean = open.connection.is_autocommit() && !open.marked.load(Ordering::Relaxed);
        let mut held = self.held();
        if !clean || held.len() >= KEPT_CONNECTIONS {
            return Some(open);
        }
        open.changed_before = open.connection.total_changes();
        held.push(open);
        None
    }

    fn held(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    pub fn new(file: &std::path::Path) -> rusqlite::Result<Self> {
        let mut connection = rusqlite::Connection::open(file)?;
        connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        connection.busy_timeout(LOCK_PATIENCE)?;
        let patience = Arc::new(AtomicI32::new(-1));
        let left = patience.clone();
        let is_over = move || match left.load(Ordering::Relaxed) {
            0 => true,
            steps if steps > 0 => left.fetch_sub(1, Ordering::Relaxed) == 1,
            _ => false,
        };
        connection.progress_handler(STEP, Some(is_over))?;
        let marked = Arc::new(AtomicBool::new(false));
        let mark = marked.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| match context.action {
            // A component must not reach other files. VACUUM attaches a temporary database ("") by itself.
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => Authorization::Deny,
            AuthAction::Attach { .. }
            | AuthAction::Pragma { pragma_value: Some(_), .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. } => {
                mark.store(true, Ordering::Relaxed);
                Authorization::Allow
            }
            _ => Authorization::Allow,
        }))?;
        Ok(Self { connection, changed_before: 0, marked, patience })
    }

    /// Begins a transaction, unless that would have to wait for another one.
    pub fn begin(&self, sql: &str) -> bool {
        // A guest may have said how long it waits.
        let is_plain = !self.marked.load(Ordering::Relaxed) && self.connection.is_autocommit();
        if !is_plain || self.connection.busy_timeout(Duration::ZERO).is_err() {
            return false;
        }
        let begun = self.connection.prepare_cached(sql).and_then(|mut begin| begin.raw_execute()).is_ok();
        _ = self.connection.busy_timeout(LOCK_PATIENCE);
        begun
    }

    /// Has a read that takes long interrupted.
    pub fn hurry(&self) -> Hurry<'_> {
        self.patience.store(STEPS, Ordering::Relaxed);
        Hurry(&self.patience)
    }

    /// What the connection answers about its changes; nothing when its present guest has made none.
    pub fn ask<T>(&self, ask: fn(&rusqlite::Connection) -> T) -> Option<T> {
        (self.connection.total_changes() != self.changed_before).then(|| ask(&self.connection))
    }
}
