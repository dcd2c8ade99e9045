-- The ledger. Amounts are in minor units; above zero is a credit, below zero a debit, so that the entries of a transaction
-- sum to zero in each currency. Rows refer to one another by number, which is smaller than an id.

CREATE TABLE accounts (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  iban TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('asset', 'liability', 'revenue', 'expense')),
  -- What the suite itself uses it for.
  role TEXT CHECK (role IN ('clearing', 'sales', 'fees', 'conversion', 'suspense', 'collection', 'card_receivable',
    'paypal_receivable')),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  -- Whose it is; the shop's own without.
  owner TEXT,
  label TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  -- The sum of its entries. An asset or an expense has it with the other sign (`standing`).
  balance INTEGER NOT NULL DEFAULT 0,
  standing INTEGER NOT NULL GENERATED ALWAYS AS
    (CASE WHEN kind IN ('asset', 'expense') THEN -balance ELSE balance END) VIRTUAL,
  -- What its active holds set aside.
  held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
  min_balance INTEGER,
  daily_out INTEGER CHECK (daily_out >= 0),
  -- What went out on a day (days since 1970), for the limit per day.
  out_day INTEGER NOT NULL DEFAULT 0,
  out_today INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT never_below_its_limit CHECK (min_balance IS NULL OR standing - held >= min_balance),
  CONSTRAINT closed_when_empty CHECK (state = 'open' OR (balance = 0 AND held = 0)),
  CONSTRAINT exact_in_javascript CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991)
) STRICT;

CREATE INDEX accounts_by_owner ON accounts (owner, number);
CREATE UNIQUE INDEX accounts_by_role ON accounts (role, currency) WHERE role IS NOT NULL;

CREATE TABLE transactions (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('transfer', 'deposit', 'withdrawal', 'posting', 'incoming', 'capture', 'refund',
    'reversal', 'return')),
  state TEXT NOT NULL CHECK (state IN ('pending', 'posted', 'failed', 'cancelled', 'reversed')),
  -- What the next maintenance does with it, and when.
  stage TEXT CHECK (stage IN ('scheduled', 'clearing', 'returning')),
  due_at INTEGER,
  -- Where money goes from and to; none for postings.
  from_account INTEGER,
  to_account INTEGER,
  amount INTEGER,
  currency TEXT,
  -- What arrives, if it is in another currency.
  received INTEGER,
  received_currency TEXT,
  -- [[account, amount], ...]: what is posted, or is to be.
  lines TEXT NOT NULL CHECK (json_valid(lines)),
  -- Its entries stand together.
  first_seq INTEGER,
  last_seq INTEGER,
  -- What of it counts towards the limit per day, and of which day.
  counted INTEGER NOT NULL DEFAULT 0,
  counted_day INTEGER NOT NULL DEFAULT 0,
  label TEXT NOT NULL,
  note TEXT,
  metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)),
  -- The other side, when it is outside: {"iban", "name", "reference", "end_to_end_id"}.
  outside TEXT CHECK (outside IS NULL OR json_valid(outside)),
  quote_id TEXT,
  batch_id TEXT,
  -- The transaction that this one undoes, and the one that undid this one.
  reverses TEXT,
  reversed_by TEXT,
  -- Why it failed, or was reversed.
  reason TEXT,
  -- What somebody else knows it by, so that asking again moves nothing: `capture:pay_…:key`, `incoming:…`.
  key TEXT,
  -- The payment whose money it is: captures and refunds of one add up to what was taken and given back.
  payment_id TEXT,
  created_by TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  posted_at INTEGER,
  updated_at INTEGER NOT NULL,
  CONSTRAINT posted_has_entries CHECK ((state IN ('posted', 'reversed')) = (first_seq IS NOT NULL)),
  CONSTRAINT what_is_due_has_a_stage CHECK ((stage IS NULL) = (due_at IS NULL))
) STRICT;

CREATE INDEX transactions_due ON transactions (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX transactions_by_key ON transactions (key) WHERE key IS NOT NULL;
CREATE INDEX transactions_by_payment ON transactions (payment_id) WHERE payment_id IS NOT NULL;

-- Which transactions touch an account, whatever became of them.
CREATE TABLE parties (
  account INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER transaction_has_parties AFTER INSERT ON transactions BEGIN
  INSERT OR IGNORE INTO parties (account, number) SELECT value ->> 0, NEW.number FROM json_each(NEW.lines);
END;

CREATE TRIGGER transaction_counts AFTER INSERT ON transactions WHEN NEW.counted > 0 BEGIN
  UPDATE accounts SET out_today = CASE out_day WHEN NEW.counted_day THEN out_today ELSE 0 END + NEW.counted,
                      out_day = NEW.counted_day
   WHERE number = NEW.from_account;
END;

CREATE TRIGGER transaction_counts_later AFTER UPDATE OF counted ON transactions WHEN NEW.counted > OLD.counted BEGIN
  UPDATE accounts SET out_today = CASE out_day WHEN NEW.counted_day THEN out_today ELSE 0 END + NEW.counted - OLD.counted,
                      out_day = NEW.counted_day
   WHERE number = NEW.from_account;
END;

CREATE TRIGGER transaction_goes_on BEFORE UPDATE OF state ON transactions
WHEN NEW.state <> OLD.state AND NOT (OLD.state = 'pending' AND NEW.state IN ('posted', 'failed', 'cancelled')
  OR OLD.state = 'posted' AND NEW.state = 'reversed') BEGIN
  SELECT RAISE(ABORT, 'constraint failed: transaction_goes_on');
END;

CREATE TRIGGER posted_is_not_edited BEFORE UPDATE ON transactions
WHEN OLD.state <> 'pending' AND
  (NEW.id, NEW.kind, NEW.from_account, NEW.to_account, NEW.amount, NEW.currency, NEW.received, NEW.received_currency,
   NEW.lines, NEW.first_seq, NEW.last_seq, NEW.label, NEW.quote_id, NEW.reverses, NEW.posted_at) IS NOT
  (OLD.id, OLD.kind, OLD.from_account, OLD.to_account, OLD.amount, OLD.currency, OLD.received, OLD.received_currency,
   OLD.lines, OLD.first_seq, OLD.last_seq, OLD.label, OLD.quote_id, OLD.reverses, OLD.posted_at) BEGIN
  SELECT RAISE(ABORT, 'constraint failed: posted_is_not_edited');
END;

CREATE TRIGGER transactions_stay BEFORE DELETE ON transactions BEGIN
  SELECT RAISE(ABORT, 'constraint failed: transactions_stay');
END;

-- One sequence for all accounts. `hash` is SHA-256 over the entry and the hash before: crates/ledger/src/entry.rs says how.
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  account INTEGER NOT NULL REFERENCES accounts (number),
  amount INTEGER NOT NULL CHECK (amount <> 0),
  -- The sum of the account's entries, with this one.
  balance INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Times never go back, so this is the order of `seq`, too.
CREATE INDEX entries_by_account ON entries (account, at);

CREATE TRIGGER entry_moves_its_account AFTER INSERT ON entries BEGIN
  UPDATE accounts SET balance = NEW.balance
   WHERE number = NEW.account AND state = 'open' AND balance + NEW.amount = NEW.balance;
  SELECT RAISE(ABORT, 'constraint failed: entry_moves_its_account') WHERE changes() = 0;
END;

CREATE TRIGGER entries_do_not_change BEFORE UPDATE ON entries BEGIN
  SELECT RAISE(ABORT, 'constraint failed: entries_do_not_change');
END;

CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN
  SELECT RAISE(ABORT, 'constraint failed: entries_stay');
END;

-- Merkle roots (RFC 6962) over the hashes of entries.
CREATE TABLE roots (
  number INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL UNIQUE,
  root BLOB NOT NULL CHECK (length(root) = 32),
  at INTEGER NOT NULL,
  CHECK (last_seq >= first_seq)
) STRICT;

-- Each begins where the one before ended: what another instance made meanwhile stays.
CREATE TRIGGER roots_follow_one_another BEFORE INSERT ON roots
WHEN NEW.first_seq <> (SELECT coalesce(max(last_seq), 0) + 1 FROM roots)
  OR NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM roots) BEGIN
  SELECT RAISE(IGNORE);
END;

CREATE TRIGGER roots_do_not_change BEFORE UPDATE ON roots BEGIN
  SELECT RAISE(ABORT, 'constraint failed: roots_do_not_change');
END;

CREATE TRIGGER roots_stay BEFORE DELETE ON roots BEGIN
  SELECT RAISE(ABORT, 'constraint failed: roots_stay');
END;

-- Money that is set aside on an account.
CREATE TABLE holds (
  id TEXT PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts (number),
  amount INTEGER NOT NULL CHECK (amount > 0),
  captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
  state TEXT NOT NULL CHECK (state IN ('active', 'captured', 'released', 'expired')),
  -- What it still sets aside.
  remaining INTEGER NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'active' THEN amount - captured ELSE 0 END) VIRTUAL,
  purpose TEXT NOT NULL,
  -- The payment that it is for, or the number of the transaction that is in clearing.
  payment_id TEXT UNIQUE,
  number INTEGER UNIQUE,
  expires_at INTEGER,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT never_more_than_held CHECK (captured <= amount)
) STRICT;

CREATE INDEX holds_by_account ON holds (account, id);
CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'active' AND expires_at IS NOT NULL;

CREATE TRIGGER hold_is_set AFTER INSERT ON holds BEGIN
  UPDATE accounts SET held = held + NEW.remaining WHERE number = NEW.account AND state = 'open';
  SELECT RAISE(ABORT, 'constraint failed: hold_is_set') WHERE changes() = 0;
END;

CREATE TRIGGER hold_changes AFTER UPDATE OF state, captured, amount ON holds BEGIN
  UPDATE accounts SET held = held + NEW.remaining - OLD.remaining WHERE number = NEW.account;
END;

CREATE TRIGGER hold_ends_once BEFORE UPDATE OF state ON holds WHEN OLD.state <> 'active' AND NEW.state <> OLD.state BEGIN
  SELECT RAISE(ABORT, 'constraint failed: hold_ends_once');
END;

-- People and firms outside whom somebody sends money to.
CREATE TABLE beneficiaries (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  iban TEXT NOT NULL,
  name TEXT NOT NULL,
  label TEXT,
  created_at INTEGER NOT NULL,
  UNIQUE (owner, iban)
) STRICT;

CREATE INDEX beneficiaries_by_owner ON beneficiaries (owner, id);

-- Which transaction a request is to become that asks another service first: asked again, it is the same one.
CREATE TABLE intentions (
  mark TEXT PRIMARY KEY,
  transaction_id TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX intentions_by_age ON intentions (created_at);
