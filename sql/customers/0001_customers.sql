-- What the shop knows of people who buy, with an account or without.

CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  -- NULL for a guest, and once the customer is erased: the account may then have another record.
  user_id TEXT UNIQUE,
  -- Lower case. Guests need not be the only ones with theirs.
  email TEXT CHECK (email = lower(email)),
  name TEXT,
  phone TEXT,
  language TEXT NOT NULL CHECK (language IN ('en', 'fr')),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  -- By topic: whether it was given, and when that was said.
  consents TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(consents)),
  -- What the merchant calls people like this one: a list of names, which discounts may be for.
  groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(groups)),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  erased_at INTEGER,
  CONSTRAINT nothing_personal_when_erased CHECK (
    erased_at IS NULL AND email IS NOT NULL
    OR erased_at IS NOT NULL AND coalesce(user_id, email, name, phone) IS NULL AND consents = '{}'
      AND groups = '[]')
) STRICT;

CREATE INDEX customers_by_email ON customers (email, id);

-- Words that a merchant finds a person by: the words of the name and of the e-mail address.
CREATE TABLE customer_words (
  word TEXT NOT NULL,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  PRIMARY KEY (word, customer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX customer_words_by_customer ON customer_words (customer_id);

CREATE TABLE addresses (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  address TEXT NOT NULL CHECK (json_valid(address)),
  default_shipping INTEGER NOT NULL CHECK (default_shipping IN (0, 1)),
  default_billing INTEGER NOT NULL CHECK (default_billing IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX addresses_by_customer ON addresses (customer_id, id);
CREATE UNIQUE INDEX one_default_shipping ON addresses (customer_id) WHERE default_shipping = 1;
CREATE UNIQUE INDEX one_default_billing ON addresses (customer_id) WHERE default_billing = 1;

-- Accounts that were deleted lately. A token outlives its account by minutes and must not make a new record.
CREATE TABLE departed_users (
  user_id TEXT PRIMARY KEY,
  departed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX departed_users_by_age ON departed_users (departed_at);
