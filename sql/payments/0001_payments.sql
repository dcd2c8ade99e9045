-- What orders want paid, what was tried, and what became of it. Amounts are in minor units of the intent's currency.

CREATE TABLE intents (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL UNIQUE,
  user_id TEXT,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL CHECK (amount > 0),
  capture TEXT NOT NULL CHECK (capture IN ('automatic', 'manual')),
  return_url TEXT,
  -- Of what the order wants: what it wanted before changes nothing any more.
  revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
  state TEXT NOT NULL CHECK (state IN ('requires_method', 'requires_action', 'processing', 'authorized',
    'partially_captured', 'captured', 'partially_refunded', 'refunded', 'cancelled', 'failed')),
  authorized INTEGER NOT NULL DEFAULT 0,
  -- `capturing` and `refunding` are what a provider was asked for and has not answered yet.
  capturing INTEGER NOT NULL DEFAULT 0 CHECK (capturing >= 0),
  captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
  -- What will not be taken any more: it is let go, or the provider is being told.
  released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
  refunding INTEGER NOT NULL DEFAULT 0 CHECK (refunding >= 0),
  refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  -- Methods that were declined.
  declines INTEGER NOT NULL DEFAULT 0 CHECK (declines >= 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT all_is_authorized_or_nothing CHECK (authorized IN (0, amount)),
  CONSTRAINT never_more_than_authorized CHECK (captured + capturing + released <= authorized),
  CONSTRAINT never_more_than_captured CHECK (refunded + refunding <= captured)
) STRICT;

CREATE INDEX intents_by_user ON intents (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX intents_by_state ON intents (state, id);

-- Tries to pay. Its id is the key by which the provider knows the charge, so that asking again charges nobody twice.
CREATE TABLE attempts (
  id TEXT PRIMARY KEY,
  intent_id TEXT NOT NULL REFERENCES intents (id),
  provider TEXT NOT NULL,
  -- Of the card; NULL when it is not a card that pays.
  brand TEXT,
  last4 TEXT CHECK (length(last4) = 4),
  -- What the provider must remember, as JSON (`Notes`).
  notes TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(notes)),
  -- By what the provider calls it.
  reference TEXT GENERATED ALWAYS AS (notes ->> 'reference') VIRTUAL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL CHECK (state IN ('pending', 'requires_action', 'processing', 'authorized', 'captured',
    'declined', 'voiding', 'voided')),
  -- Why it was declined.
  code TEXT,
  -- When the provider is asked (again) how it stands; NULL when there is nothing to ask.
  ask_at INTEGER,
  -- Which request asked last (`Once::mark`): repeated before its answer was stored, it finds what it began.
  asked_by TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX attempts_by_intent ON attempts (intent_id);
CREATE UNIQUE INDEX attempts_by_reference ON attempts (provider, reference) WHERE reference IS NOT NULL;
CREATE INDEX attempts_to_ask ON attempts (ask_at) WHERE ask_at IS NOT NULL;
-- Whatever races: an intent has at most one try that may cost money.
CREATE UNIQUE INDEX attempts_alive ON attempts (intent_id)
  WHERE state IN ('pending', 'requires_action', 'processing', 'authorized', 'captured');

-- Parts of a payment that are taken, let go or given back after it was authorized. The id is the provider's key.
CREATE TABLE transfers (
  id TEXT PRIMARY KEY,
  intent_id TEXT NOT NULL REFERENCES intents (id),
  kind TEXT NOT NULL CHECK (kind IN ('capture', 'release', 'refund')),
  -- What the caller makes it repeatable by.
  key TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  reason TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
  ask_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (intent_id, kind, key)
) STRICT;

CREATE INDEX transfers_to_ask ON transfers (ask_at) WHERE ask_at IS NOT NULL;

-- Money that came by transfer, as the ledger tells. The id is the ledger's.
CREATE TABLE receipts (
  id TEXT PRIMARY KEY,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL CHECK (amount > 0),
  -- What the sender wrote.
  reference TEXT,
  from_iban TEXT,
  name TEXT,
  -- The try that it pays.
  attempt_id TEXT REFERENCES attempts (id),
  used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
  -- On its way back, and back.
  sending_back INTEGER NOT NULL DEFAULT 0 CHECK (sending_back >= 0),
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
  ask_at INTEGER,
  received_at INTEGER NOT NULL,
  CONSTRAINT never_more_than_came CHECK (used + sending_back + returned <= amount)
) STRICT;

CREATE INDEX receipts_by_attempt ON receipts (attempt_id);
CREATE INDEX receipts_open ON receipts (id) WHERE amount > used + sending_back + returned;
CREATE INDEX receipts_to_return ON receipts (ask_at) WHERE ask_at IS NOT NULL;

-- What providers have told, so that a repetition changes nothing.
CREATE TABLE webhook_events (
  provider TEXT NOT NULL,
  event_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (provider, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_events_by_age ON webhook_events (received_at);

-- The card simulator's own books: charges whose answer is lost, late or repeated, as a bank would keep them.
CREATE TABLE simulator_charges (
  key TEXT PRIMARY KEY,
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('created', 'authorized', 'captured', 'cancelled')),
  -- Until then it says that it is working on it.
  known_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Webhooks that the simulator is about to send.
CREATE TABLE simulator_webhooks (
  id INTEGER PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body)),
  due_at INTEGER NOT NULL
) STRICT;

CREATE INDEX simulator_webhooks_due ON simulator_webhooks (due_at);
