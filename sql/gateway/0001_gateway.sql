-- What the gateway knows of auth, so that nobody is signed out while auth is down.

-- The keys that auth published when it was last asked: one row.
CREATE TABLE published_keys (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    jwks    TEXT NOT NULL CHECK (json_valid(jwks)),
    read_at INTEGER NOT NULL
) STRICT;
