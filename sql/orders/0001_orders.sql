-- Carts, orders, and the sagas that bring a checkout to its end.

-- A cart is one row: what is in it is read and written whole.
CREATE TABLE carts (
  id TEXT PRIMARY KEY,
  -- Whose it is: a person's, or whoever has the token of this hash.
  user_id TEXT,
  token_hash BLOB,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  lines TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(lines)),
  coupons TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(coupons)),
  -- Where it would go, as far as the buyer has said.
  destination TEXT CHECK (json_valid(destination)),
  shipping_method TEXT,
  -- The order that was made of it. It is open while there is none.
  order_id TEXT,
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT owned CHECK (user_id IS NOT NULL OR token_hash IS NOT NULL)
) STRICT;

-- A person has one open cart.
CREATE UNIQUE INDEX carts_open ON carts (user_id) WHERE user_id IS NOT NULL AND order_id IS NULL;

CREATE INDEX carts_by_age ON carts (updated_at) WHERE order_id IS NULL;

CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL UNIQUE,
  cart_id TEXT,
  user_id TEXT,
  token_hash BLOB,
  state TEXT NOT NULL CHECK (state IN ('draft', 'pending_payment', 'paid', 'fulfilling', 'partially_shipped', 'shipped',
    'delivered', 'cancelled', 'refunded')),
  -- The order as its readers get it.
  document TEXT NOT NULL CHECK (json_valid(document)),
  -- Of an order without a cart, until it is answered: the request that made it, and its body, so that a repetition goes on
  -- with it.
  request TEXT,
  request_body BLOB,
  payment_id TEXT,
  total INTEGER NOT NULL CHECK (total >= 0),
  -- What has been given back, and what is on its way back.
  refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  refunding INTEGER NOT NULL DEFAULT 0 CHECK (refunding >= 0),
  -- Whether the person has asked to be forgotten: then what is personal goes when the order ends.
  forget INTEGER NOT NULL DEFAULT 0 CHECK (forget IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT refunds_within_total CHECK (refunded + refunding <= total)
) STRICT;

CREATE INDEX orders_by_user ON orders (user_id, id) WHERE user_id IS NOT NULL;

CREATE UNIQUE INDEX orders_unanswered ON orders (request) WHERE request IS NOT NULL;

CREATE INDEX orders_by_state ON orders (state, id);

-- Every change of state, and what else is worth telling: nothing here is ever changed.
CREATE TABLE order_history (
  order_id TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number > 0),
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  author TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (order_id, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER order_history_stays BEFORE UPDATE ON order_history
BEGIN
  SELECT raise(ABORT, 'history does not change');
END;

-- The saga of each order: what is to be done next with other services, each a step that can be repeated. A step is
-- written in the transaction that makes it necessary, and goes when it is done.
CREATE TABLE steps (
  order_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('reserve', 'await_payment', 'extend', 'commit', 'release', 'cancel_payment', 'ship',
    'take_back', 'refund', 'change', 'align')),
  -- The shipment, return, refund, change or wait; empty when it is about the order.
  subject TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT 'null' CHECK (json_valid(body)),
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_error TEXT,
  PRIMARY KEY (order_id, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX steps_due ON steps (due_at);

-- Money on its way back. It is done when payments says so.
CREATE TABLE refunds (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL CHECK (state IN ('requested', 'done', 'failed')),
  reason TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_by_order ON refunds (order_id);

-- Which orders use which coupon codes, and for whom: an account, or the hash of a guest's e-mail address.
CREATE TABLE coupon_uses (
  code TEXT NOT NULL,
  order_id TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  customer TEXT NOT NULL,
  PRIMARY KEY (code, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX coupon_uses_by_order ON coupon_uses (order_id);

-- How often, counted: a checkout must not take longer the more a coupon was used.
CREATE TABLE coupons (
  code TEXT NOT NULL,
  -- Empty for everybody together.
  customer TEXT NOT NULL,
  uses INTEGER NOT NULL CHECK (uses >= 0),
  PRIMARY KEY (code, customer)
) STRICT, WITHOUT ROWID;

-- The groups that customers are in, as customers told last.
CREATE TABLE customer_groups (
  user_id TEXT PRIMARY KEY,
  groups TEXT NOT NULL CHECK (json_valid(groups)),
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last order number of each year.
CREATE TABLE order_numbers (
  year INTEGER PRIMARY KEY,
  last INTEGER NOT NULL CHECK (last > 0)
) STRICT;
