-- The tables that the service kit keeps in every service's database.

-- Answers of writes that came with an Idempotency-Key, so that a repetition gets the same answer.
CREATE TABLE idempotency (
  caller TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  status INTEGER NOT NULL,
  headers TEXT NOT NULL CHECK (json_valid(headers)),
  -- NULL once the person whose data it had is forgotten: it was done, and cannot be told again.
  body BLOB,
  -- Whose data the answer has, if not the caller's.
  person TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (caller, operation, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX idempotency_by_person ON idempotency (person) WHERE person IS NOT NULL;

-- Events that a subscriber has not acknowledged yet; written in the transaction that makes them true.
CREATE TABLE outbox (
  event_id TEXT NOT NULL,
  subscriber TEXT NOT NULL,
  event TEXT NOT NULL CHECK (json_valid(event)),
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at INTEGER NOT NULL,
  last_error TEXT,
  PRIMARY KEY (event_id, subscriber)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_due ON outbox (next_attempt_at);

-- Events that were taken in, so that a repeated delivery changes nothing.
CREATE TABLE inbox (
  event_id TEXT PRIMARY KEY,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_by_age ON inbox (received_at);

-- Prometheus series, summed over all instances.
CREATE TABLE metric (
  series TEXT PRIMARY KEY,
  value REAL NOT NULL
) STRICT, WITHOUT ROWID;
