-- Sign-ins, and the keys that sign access tokens.

-- A sign-in, and with it the family of its refresh tokens. It ends by being deleted.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  -- Part of what the refresh tokens are computed from; the other part is a key that is not in this database.
  salt BLOB NOT NULL CHECK (length(salt) = 16),
  -- Which of the account's passwords it was begun with: news of a later one ends it.
  password_version INTEGER NOT NULL CHECK (password_version > 0),
  -- The refresh token of this generation is good, and the one before it for seconds; what else comes back was used twice.
  generation INTEGER NOT NULL DEFAULT 1 CHECK (generation > 0),
  address TEXT,
  user_agent TEXT,
  created_at INTEGER NOT NULL,
  -- When the generation began. May lie before created_at: a clock can step back.
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at);

CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX sessions_by_use ON sessions (last_used_at);

-- The newest password of an account, or its end, as users told of it: what a sign-in that began before is measured by.
CREATE TABLE newest_passwords (
  user_id TEXT PRIMARY KEY,
  password_version INTEGER NOT NULL CHECK (password_version > 0),
  heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX newest_passwords_by_age ON newest_passwords (heard_at);

-- Keys that sign access tokens. The newest whose time has come signs.
CREATE TABLE signing_keys (
  -- Thumbprint of the public key (RFC 7638).
  kid TEXT PRIMARY KEY,
  -- The private key under auth_encryption_key: 24 bytes of nonce, then XChaCha20-Poly1305 over 32 bytes, bound to the kid.
  sealed BLOB NOT NULL CHECK (length(sealed) = 72),
  jwk TEXT NOT NULL CHECK (json_valid(jwk)),
  signs_from INTEGER NOT NULL,
  -- NULL while no later key is there.
  published_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX signing_keys_by_time ON signing_keys (signs_from);
