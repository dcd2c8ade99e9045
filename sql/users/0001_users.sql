-- Accounts, their credentials, what is written to them, and what is remembered of failed sign-ins.

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  -- Lower case. NULL once the account is deleted, which frees the address for somebody else, and while an account that was
  -- begun with a wallet has none.
  email TEXT UNIQUE CHECK (email = lower(email)),
  -- When its owner showed that mail to the address arrives.
  email_verified_at INTEGER,
  name TEXT,
  locale TEXT NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'fr')),
  phone TEXT,
  -- PHC string of an argon2id hash; NULL once the account is deleted, and while its owner comes in with a wallet alone.
  password_hash TEXT,
  -- Grows with every new password and with every wallet that opens the account no more, not with a new hash of the same
  -- password. Sessions are measured by it.
  password_version INTEGER NOT NULL DEFAULT 1 CHECK (password_version > 0),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  CONSTRAINT reachable CHECK (email IS NOT NULL OR coalesce(password_hash, email_verified_at) IS NULL),
  CONSTRAINT erased_when_deleted CHECK (
    deleted_at IS NULL OR coalesce(email, name, phone, password_hash, email_verified_at) IS NULL)
) STRICT;

CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id),
  role TEXT NOT NULL CHECK (role IN ('customer', 'merchant', 'admin')),
  PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

-- Words that an administrator finds a person by: the words of the name and of the e-mail address.
CREATE TABLE user_words (
  word TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_words_by_user ON user_words (user_id);

-- Wrong guesses at a password, by e-mail address (hashed: it need not be anybody's) and network of the client.
-- network '*' counts them over all networks.
CREATE TABLE sign_in_failures (
  email_hash BLOB NOT NULL,
  network TEXT NOT NULL,
  failures INTEGER NOT NULL CHECK (failures > 0),
  last_failure_at INTEGER NOT NULL,
  PRIMARY KEY (email_hash, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_failure_at);

-- Too many of them are forgotten from the least weighty on.
CREATE INDEX sign_in_failures_by_weight ON sign_in_failures (failures, last_failure_at);

-- Networks from which the owner of an account has signed in: the brake over all networks spares them.
CREATE TABLE known_networks (
  email_hash BLOB NOT NULL,
  network TEXT NOT NULL,
  last_success_at INTEGER NOT NULL,
  PRIMARY KEY (email_hash, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_networks_by_age ON known_networks (last_success_at);

-- Ethereum addresses whose owner may come in by signing with them.
CREATE TABLE wallets (
  -- In the mixed case that is its checksum (ERC-55).
  address TEXT PRIMARY KEY CHECK (address GLOB '0x*' AND length(address) = 42),
  user_id TEXT NOT NULL REFERENCES users (id),
  -- The chain that its owner proved it on: another chain may have another contract there.
  chain_id INTEGER NOT NULL CHECK (chain_id > 0),
  linked_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX wallets_by_user ON wallets (user_id, linked_at);

-- Nonces that have proved a wallet; none does twice. Those that nobody used are stored nowhere.
CREATE TABLE used_nonces (
  nonce TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_nonces_by_end ON used_nonces (expires_at);

-- Links that were sent by mail. What they carry is computed from the mail's id by a key that is not in this database.
CREATE TABLE links (
  -- SHA-256 of what the link carries.
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  user_id TEXT NOT NULL REFERENCES users (id),
  purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'reset')),
  -- Where it was sent: it opens nothing once the account has another address.
  email TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_user ON links (user_id, purpose);

CREATE INDEX links_by_end ON links (expires_at);

-- Who asked for a new password: at first an address that need not be anybody's, later only how often it was asked for.
CREATE TABLE reset_requests (
  email_hash BLOB PRIMARY KEY,
  -- NULL once it was looked into.
  email TEXT,
  -- How often within the hour that began first_at.
  times INTEGER NOT NULL CHECK (times > 0),
  first_at INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX reset_requests_due ON reset_requests (next_attempt_at) WHERE email IS NOT NULL;

CREATE INDEX reset_requests_by_age ON reset_requests (first_at);

-- Mail, written in the transaction of its cause.
CREATE TABLE mail (
  id TEXT PRIMARY KEY,
  -- About whose account; forgotten with it.
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL
    CHECK (kind IN ('verify', 'reset', 'password_changed', 'email_changed', 'wallet_linked', 'wallet_unlinked')),
  recipient TEXT NOT NULL,
  locale TEXT NOT NULL CHECK (locale IN ('en', 'fr')),
  -- What the text names: a wallet's address.
  about TEXT,
  -- kept: there is nobody who would deliver it, and administrators may read it.
  state TEXT NOT NULL CHECK (state IN ('waiting', 'kept', 'sent', 'failed')),
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at INTEGER NOT NULL,
  last_error TEXT,
  sent_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_due ON mail (next_attempt_at) WHERE state = 'waiting';

CREATE INDEX mail_by_user ON mail (user_id, kind, created_at);

CREATE INDEX mail_by_recipient ON mail (recipient, id);

CREATE INDEX mail_by_age ON mail (created_at);
