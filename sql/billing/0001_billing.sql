-- Invoices and credit notes: numbered without gaps, and never changed.

-- The last number of each series and year, and when it was given: numbers and dates grow together.
CREATE TABLE number_series (
  series TEXT NOT NULL CHECK (series IN ('INV', 'CRN')),
  year INTEGER NOT NULL,
  last INTEGER NOT NULL CHECK (last > 0),
  last_at INTEGER NOT NULL,
  PRIMARY KEY (series, year)
) STRICT, WITHOUT ROWID;

CREATE TABLE invoices (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  order_id TEXT NOT NULL UNIQUE,
  -- NULL for a guest.
  user_id TEXT,
  -- Of a guest's: the hash of the token that opens it.
  token_hash TEXT CHECK (token_hash IS NULL OR user_id IS NULL),
  email TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  total INTEGER NOT NULL CHECK (total >= 0),
  issued_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  -- The whole of it, as it was issued.
  document TEXT NOT NULL CHECK (json_valid(document))
) STRICT;

CREATE INDEX invoices_by_time ON invoices (issued_at, id);
CREATE INDEX invoices_by_user ON invoices (user_id, issued_at, id);
CREATE INDEX invoices_by_token ON invoices (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX invoices_by_email ON invoices (email, issued_at, id);

CREATE TRIGGER invoices_do_not_change BEFORE UPDATE ON invoices
BEGIN
  SELECT raise(ABORT, 'invoices do not change');
END;

CREATE TRIGGER invoices_stay BEFORE DELETE ON invoices
BEGIN
  SELECT raise(ABORT, 'invoices stay');
END;

-- What was paid of an invoice and given back: the only thing about it that changes.
CREATE TABLE invoice_payments (
  invoice_id TEXT PRIMARY KEY REFERENCES invoices (id),
  -- NULL when there was nothing to pay.
  payment_id TEXT,
  paid_at INTEGER NOT NULL,
  paid INTEGER NOT NULL CHECK (paid >= 0),
  refunded INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT refunds_within_payment CHECK (refunded BETWEEN 0 AND paid)
) STRICT, WITHOUT ROWID;

CREATE TABLE credit_notes (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  invoice_id TEXT NOT NULL REFERENCES invoices (id),
  refund_id TEXT NOT NULL UNIQUE,
  amount INTEGER NOT NULL CHECK (amount > 0),
  issued_at INTEGER NOT NULL,
  refunded_at INTEGER NOT NULL,
  document TEXT NOT NULL CHECK (json_valid(document))
) STRICT;

CREATE INDEX credit_notes_by_invoice ON credit_notes (invoice_id, issued_at);

CREATE TRIGGER credit_notes_do_not_change BEFORE UPDATE ON credit_notes
BEGIN
  SELECT raise(ABORT, 'credit notes do not change');
END;

CREATE TRIGGER credit_notes_stay BEFORE DELETE ON credit_notes
BEGIN
  SELECT raise(ABORT, 'credit notes stay');
END;

-- Refunds that were heard of before their order: events may overtake each other.
CREATE TABLE waiting_refunds (
  refund_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  refund TEXT NOT NULL CHECK (json_valid(refund))
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_refunds_by_order ON waiting_refunds (order_id);

-- Customers who were erased, and whose account it was: their invoices are kept because the law requires it, and for nothing
-- else.
CREATE TABLE erasures (
  customer_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_by_user ON erasures (user_id, erased_at);
