-- Sign-ins, and the keys that sign access tokens.

-- A sign-in, and with it the family of its refresh tokens. It ends by being deleted.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  -- Part of what the refresh tokens are computed from; the other part is a key that is not in this database.
  salt BLOB NOT NULL CHECK (length(salt) = 16),
  -- The refresh token of this generation is good; an earlier one that comes back was used twice.
  generation INTEGER NOT NULL DEFAULT 1 CHECK (generation > 0),
  address TEXT,
  user_agent TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL CHECK (last_used_at >= created_at),
  expires_at INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at);

CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX sessions_by_use ON sessions (last_used_at);

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
