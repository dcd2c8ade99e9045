-- Rates, where they come from and what became of them; and prices that were promised for a time. Rates are decimal texts,
-- amounts whole numbers of the smallest unit as text: tokens have more of them than an INTEGER holds.

-- Tokens, and what is set of the currencies of ISO 4217, which are there without a row.
CREATE TABLE instrument (
  code TEXT PRIMARY KEY CHECK (length(code) BETWEEN 2 AND 12),
  kind TEXT NOT NULL CHECK (kind IN ('fiat', 'token')),
  name TEXT NOT NULL,
  decimals INTEGER NOT NULL CHECK (decimals BETWEEN 0 AND 30),
  -- By what names providers know it.
  sources TEXT NOT NULL CHECK (json_valid(sources)),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each source said last of a pair: so many units of quote for one of base.
CREATE TABLE observation (
  base TEXT NOT NULL,
  quote TEXT NOT NULL CHECK (quote <> base),
  source TEXT NOT NULL,
  rate TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  -- From when on it is taken for stale, and from when on it counts for nothing.
  stale_at INTEGER NOT NULL,
  refuse_at INTEGER NOT NULL CHECK (refuse_at >= stale_at),
  -- Why it was not believed.
  refused TEXT,
  -- Who set it by hand.
  set_by TEXT,
  PRIMARY KEY (base, quote, source)
) STRICT, WITHOUT ROWID;

-- What is made of it: the rate that counts.
CREATE TABLE rate (
  base TEXT NOT NULL,
  quote TEXT NOT NULL CHECK (quote <> base),
  rate TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  stale_at INTEGER NOT NULL,
  refuse_at INTEGER NOT NULL CHECK (refuse_at >= stale_at),
  PRIMARY KEY (base, quote)
) STRICT, WITHOUT ROWID;

CREATE INDEX rate_by_staleness ON rate (stale_at);

-- Every rate that ever counted; of days long ago, the last one.
CREATE TABLE history (
  base TEXT NOT NULL,
  quote TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  rate TEXT NOT NULL,
  -- Whether it is the last of its day, and the only one that is left.
  daily INTEGER NOT NULL DEFAULT 0 CHECK (daily IN (0, 1)),
  PRIMARY KEY (base, quote, as_of)
) STRICT, WITHOUT ROWID;

CREATE INDEX history_to_thin ON history (as_of) WHERE daily = 0;

-- When each provider is asked next, and by whom.
CREATE TABLE provider (
  name TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL DEFAULT 0,
  -- Who asks right now: nobody else does, until that time.
  lease TEXT,
  lease_until INTEGER NOT NULL DEFAULT 0,
  -- In a row.
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  -- How often it was asked on that day, counted from 1970.
  day INTEGER NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0),
  succeeded_at INTEGER,
  last_error TEXT
) STRICT, WITHOUT ROWID;

INSERT INTO provider (name) VALUES ('ecb'), ('coingecko'), ('chainlink');

-- Prices that hold for a time, and are used once.
CREATE TABLE quote (
  id TEXT PRIMARY KEY,
  -- The id of a person, or `service/` and the name of a service.
  owner TEXT NOT NULL,
  from_code TEXT NOT NULL,
  from_units TEXT NOT NULL CHECK (from_units <> '0'),
  to_code TEXT NOT NULL CHECK (to_code <> from_code),
  to_units TEXT NOT NULL CHECK (to_units <> '0'),
  rate TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at > created_at),
  used_at INTEGER,
  used_by TEXT,
  CHECK ((used_at IS NULL) = (used_by IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX quote_by_owner ON quote (owner, expires_at);
CREATE INDEX quote_unused ON quote (expires_at) WHERE used_at IS NULL;
CREATE INDEX quote_used ON quote (used_at) WHERE used_at IS NOT NULL;
