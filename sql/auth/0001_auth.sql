-- Sign-ins, the refresh tokens that descend from each, and the keys that sign access tokens.

-- A sign-in. It ends by being deleted; its refresh tokens go with it.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  -- The scopes that were asked for, separated by spaces; NULL for all that the roles allow.
  scope TEXT,
  -- When the password was about to be checked: a session is never older than the password that opened it.
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at > created_at),
  address TEXT,
  user_agent TEXT
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Nobody has hundreds of devices: the session that was not used for longest makes room.
CREATE TRIGGER sessions_are_bounded AFTER INSERT ON sessions BEGIN
  DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE user_id = NEW.user_id ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET 100);
END;

-- The generations of a session's refresh token. Only the newest is worth anything; the older ones tell a thief.
CREATE TABLE refresh_tokens (
  token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL CHECK (generation > 0),
  issued_at INTEGER NOT NULL,
  replaced_at INTEGER,
  UNIQUE (session_id, generation)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX refresh_tokens_one_in_force ON refresh_tokens (session_id) WHERE replaced_at IS NULL;

CREATE INDEX refresh_tokens_by_age ON refresh_tokens (issued_at);

-- A client that refreshes in a loop fills no disk.
CREATE TRIGGER refresh_tokens_are_bounded AFTER INSERT ON refresh_tokens WHEN NEW.generation > 1000 BEGIN
  DELETE FROM refresh_tokens WHERE session_id = NEW.session_id AND generation <= NEW.generation - 1000;
END;

-- Until when everything of a person was signed out: a sign-in that was under way then must not survive it.
CREATE TABLE sign_outs (
  user_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_outs_by_age ON sign_outs (at);

-- Keys that sign access tokens. The newest whose time has come signs; see rules.rs for the schedule.
CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY,
  -- The private key under auth_encryption_key: 24 bytes of nonce, then XChaCha20-Poly1305 over 32 bytes, bound to the kid.
  sealed BLOB NOT NULL CHECK (length(sealed) = 72),
  public_jwk TEXT NOT NULL CHECK (json_valid(public_jwk)),
  created_at INTEGER NOT NULL,
  signs_from INTEGER NOT NULL CHECK (signs_from >= created_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX signing_keys_by_time ON signing_keys (signs_from);
