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

-- Until when an invoice is to be paid, what was paid of it and given back: the only thing about it that changes.
CREATE TABLE invoice_payments (
  invoice_id TEXT PRIMARY KEY REFERENCES invoices (id),
  -- NULL when there was nothing to pay.
  payment_id TEXT,
  due_at INTEGER NOT NULL,
  -- What the buyer's bank transfer is to name, if they were told to make one.
  reference TEXT,
  -- NULL until orders say that it is paid in full.
  paid_at INTEGER,
  paid INTEGER NOT NULL DEFAULT 0 CHECK (paid >= 0),
  refunded INTEGER NOT NULL DEFAULT 0,
  -- When a credit note took it back, since its order was called off unpaid.
  cancelled_at INTEGER,
  CONSTRAINT refunds_within_payment CHECK (refunded BETWEEN 0 AND paid),
  CONSTRAINT paid_or_cancelled CHECK (paid_at IS NULL OR cancelled_at IS NULL),
  CONSTRAINT paid_at_once CHECK (paid = 0 OR paid_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX invoice_payments_unpaid ON invoice_payments (invoice_id) WHERE paid_at IS NULL AND cancelled_at IS NULL;

-- Money that moved for orders, as payments told it: what became of invoices. It may be told of before the invoice.
CREATE TABLE movements (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('captured', 'refunded')),
  provider TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL CHECK (amount > 0),
  -- Of a refund: what payments call it, and what whoever wanted it does.
  refund_id TEXT UNIQUE,
  refund_key TEXT,
  at INTEGER NOT NULL,
  CONSTRAINT refunds_have_names CHECK ((kind = 'refunded') = (refund_id IS NOT NULL AND refund_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX movements_by_order ON movements (order_id, at, id);
CREATE INDEX movements_by_payment ON movements (payment_id);

CREATE TRIGGER movements_do_not_change BEFORE UPDATE ON movements
BEGIN
  SELECT raise(ABORT, 'movements do not change');
END;

CREATE TRIGGER movements_stay BEFORE DELETE ON movements
BEGIN
  SELECT raise(ABORT, 'movements stay');
END;

CREATE TABLE credit_notes (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  invoice_id TEXT NOT NULL REFERENCES invoices (id),
  -- NULL, both, when nothing had been paid: then it takes the invoice back.
  refund_id TEXT UNIQUE,
  amount INTEGER NOT NULL CHECK (amount > 0),
  issued_at INTEGER NOT NULL,
  refunded_at INTEGER,
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

-- Refunds that were heard of before their order was paid: events may overtake each other.
CREATE TABLE waiting_refunds (
  refund_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  refund TEXT NOT NULL CHECK (json_valid(refund))
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_refunds_by_order ON waiting_refunds (order_id);

-- Orders that were to be paid by a transfer and were called off, of which that was heard first: they get no invoice.
CREATE TABLE called_off (
  order_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Customers who were erased, and whose account it was: their invoices are kept because the law requires it, and for nothing
-- else.
CREATE TABLE erasures (
  customer_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_by_user ON erasures (user_id, erased_at);
