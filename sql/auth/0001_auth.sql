-- Who may sign people in, who is signed in where, and the keys that sign tokens.

-- A program that asks for tokens (RFC 6749, section 2).
CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  -- A public one runs where its user can read it, and has no secret.
  kind TEXT NOT NULL CHECK (kind IN ('public', 'confidential')),
  -- SHA-256 of 256 random bits.
  secret_hash BLOB CHECK (length(secret_hash) = 32),
  -- The secret before it, good until then.
  old_secret_hash BLOB CHECK (length(old_secret_hash) = 32),
  old_secret_until INTEGER,
  redirect_uris TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(redirect_uris)),
  post_logout_redirect_uris TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(post_logout_redirect_uris)),
  -- What it may ask for at most.
  scopes TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(scopes)),
  grants TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(grants)),
  -- It is ours: nobody is asked whether it may.
  first_party INTEGER NOT NULL DEFAULT 0 CHECK (first_party IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  disabled_at INTEGER,
  CHECK ((kind = 'confidential') = (secret_hash IS NOT NULL)),
  CHECK ((old_secret_hash IS NULL) = (old_secret_until IS NULL))
) STRICT;

CREATE INDEX clients_by_old_secret ON clients (old_secret_until) WHERE old_secret_until IS NOT NULL;

-- The suite's own, which signs in by /auth/login and asks for all that the roles give.
INSERT INTO clients (id, name, kind, first_party, created_at, updated_at)
VALUES ('souk-web', 'Souk', 'public', 1, unixepoch() * 1000, unixepoch() * 1000);

-- A sign-in of a client, and with it the family of its refresh tokens. It ends by being deleted.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL DEFAULT 'souk-web' REFERENCES clients (id) ON DELETE CASCADE,
  -- The browser's session that it was begun from, which may have ended since.
  browser_id TEXT,
  -- What was granted, separated by spaces; NULL for all that the roles give, which only souk-web may.
  scope TEXT CHECK (scope IS NOT NULL OR client_id = 'souk-web'),
  -- When and how its person proved to be themself (NULL: when it began, with the password).
  auth_time INTEGER,
  methods TEXT NOT NULL DEFAULT '["pwd"]' CHECK (json_valid(methods)),
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

CREATE INDEX sessions_by_client ON sessions (client_id, user_id);

CREATE INDEX sessions_by_browser ON sessions (browser_id) WHERE browser_id IS NOT NULL;

CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX sessions_by_use ON sessions (last_used_at);

-- Where a person is signed in with a cookie.
CREATE TABLE browsers (
  id TEXT PRIMARY KEY,
  -- SHA-256 of the secret in the cookie.
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  user_id TEXT NOT NULL,
  -- When and how its person proved to be themself (RFC 8176).
  auth_time INTEGER NOT NULL,
  methods TEXT NOT NULL CHECK (json_valid(methods)),
  password_version INTEGER NOT NULL CHECK (password_version > 0),
  address TEXT,
  user_agent TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

CREATE UNIQUE INDEX browsers_by_secret ON browsers (secret_hash);

CREATE INDEX browsers_by_user ON browsers (user_id, last_used_at);

CREATE INDEX browsers_by_end ON browsers (expires_at);

CREATE INDEX browsers_by_use ON browsers (last_used_at);

-- Authorization codes (RFC 6749, section 4.1), for a minute; one that was used is remembered for longer, to be known again.
CREATE TABLE codes (
  -- SHA-256 of the code.
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  browser_id TEXT,
  redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL,
  nonce TEXT,
  -- PKCE, S256 (RFC 7636): SHA-256 of the verifier in base64url.
  challenge TEXT NOT NULL CHECK (length(challenge) = 43),
  auth_time INTEGER NOT NULL,
  methods TEXT NOT NULL CHECK (json_valid(methods)),
  password_version INTEGER NOT NULL CHECK (password_version > 0),
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  -- What it was exchanged for; it ends when the code comes again.
  session_id TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX codes_by_client ON codes (client_id);

CREATE INDEX codes_by_user ON codes (user_id);

CREATE INDEX codes_by_browser ON codes (browser_id) WHERE browser_id IS NOT NULL;

CREATE INDEX codes_by_end ON codes (expires_at);

-- What a person has allowed a client.
CREATE TABLE consents (
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  granted_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_by_client ON consents (client_id);

-- Access tokens that were taken back before their time and belong to no session that could be ended.
CREATE TABLE revoked_tokens (
  jti TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- What happened that matters to security: who, what, from where. The ids are in the order of time.
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  -- When it happened last, and how often: the same failure within a minute is one row.
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL DEFAULT 1 CHECK (times > 0),
  kind TEXT NOT NULL,
  -- Whom it is about, with an account or as a program, and which sign-in. They may be gone by now.
  user_id TEXT,
  client_id TEXT,
  session_id TEXT,
  -- A keyed hash of the e-mail address that somebody tried to sign in with: it need not be anybody's.
  email_hash BLOB CHECK (length(email_hash) = 32),
  -- Who did it: the id of a person or a client, anonymous or service.
  actor TEXT,
  address TEXT,
  user_agent TEXT,
  request_id TEXT,
  detail TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
  -- What anybody can cause has its own half of the log, and drives out nothing else.
  is_failure INTEGER NOT NULL CHECK (is_failure IN (0, 1)),
  -- What makes a failure the same as another: a hash of its kind, who, network and minute. NULL for what never is.
  flood BLOB UNIQUE CHECK (length(flood) = 32),
  CHECK ((flood IS NOT NULL) = is_failure)
) STRICT;

CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;

CREATE INDEX audit_by_client ON audit (client_id, id) WHERE client_id IS NOT NULL;

CREATE INDEX audit_by_email ON audit (email_hash, id) WHERE email_hash IS NOT NULL;

CREATE INDEX audit_by_kind ON audit (kind, id);

CREATE INDEX audit_by_address ON audit (address, id) WHERE address IS NOT NULL;

CREATE INDEX audit_by_weight ON audit (is_failure, id);

-- The newest password of an account, or its end, as users told of it: what a sign-in that began before is measured by.
CREATE TABLE newest_passwords (
  user_id TEXT PRIMARY KEY,
  password_version INTEGER NOT NULL CHECK (password_version > 0),
  heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX newest_passwords_by_age ON newest_passwords (heard_at);

-- Keys that sign tokens. The newest whose time has come signs.
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
