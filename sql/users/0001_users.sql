-- Accounts, their credentials, and what is remembered of failed sign-ins.

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  -- Lower case. NULL once the account is deleted, which frees the address for somebody else.
  email TEXT UNIQUE CHECK (email = lower(email)),
  name TEXT,
  locale TEXT NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'fr')),
  phone TEXT,
  -- PHC string of an argon2id hash; NULL once the account is deleted.
  password_hash TEXT,
  -- Grows with every new password, not with a new hash of the same. Sessions are measured by it.
  password_version INTEGER NOT NULL DEFAULT 1 CHECK (password_version > 0),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  CONSTRAINT erased_when_deleted CHECK (
    deleted_at IS NULL AND email IS NOT NULL AND password_hash IS NOT NULL
    OR deleted_at IS NOT NULL AND coalesce(email, name, phone, password_hash) IS NULL)
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
