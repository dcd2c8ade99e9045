-- Stock, and what is promised of it. Movements and allocations are the facts; the triggers add them up, so that no code
-- can change one without the other, and the CHECKs refuse whatever would promise a unit twice.

-- Places that stock lies at. What lies at one that is not active is not for sale.
CREATE TABLE location (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The first one, from the start.
INSERT INTO location (id, name, created_at, updated_at) VALUES ('loc_00000000000000000000000000', 'main', 0, 0);

-- A variant that inventory knows: it has been received, or given a threshold.
CREATE TABLE item (
  variant_id TEXT PRIMARY KEY,
  -- What can be promised: on hand and not reserved, at active locations.
  available INTEGER NOT NULL DEFAULT 0 CHECK (available >= 0),
  -- Stock is low from here down; NULL when nobody asked.
  low_stock_threshold INTEGER CHECK (low_stock_threshold >= 0),
  version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
  is_low INTEGER NOT NULL AS (low_stock_threshold IS NOT NULL AND available <= low_stock_threshold) VIRTUAL,
  -- What has been published: whether there was any, whether it was low, and how often that changed.
  told_in_stock INTEGER CHECK (told_in_stock IN (0, 1)),
  told_low INTEGER NOT NULL DEFAULT 0 CHECK (told_low IN (0, 1)),
  told INTEGER NOT NULL DEFAULT 0 CHECK (told >= 0),
  is_news INTEGER NOT NULL AS ((available > 0) IS NOT told_in_stock OR is_low <> told_low) VIRTUAL
) STRICT, WITHOUT ROWID;

CREATE INDEX item_low ON item (variant_id) WHERE is_low = 1;
CREATE INDEX item_news ON item (variant_id) WHERE is_news = 1;

-- What lies where, and how much of it is promised.
CREATE TABLE stock (
  variant_id TEXT NOT NULL,
  location_id TEXT NOT NULL REFERENCES location (id),
  on_hand INTEGER NOT NULL,
  reserved INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (variant_id, location_id),
  CONSTRAINT never_oversold CHECK (reserved BETWEEN 0 AND on_hand),
  CONSTRAINT bounded CHECK (on_hand <= 1000000000000)
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_by_location ON stock (location_id);

CREATE TRIGGER stock_begins AFTER INSERT ON stock BEGIN
  INSERT INTO item (variant_id, available)
    SELECT new.variant_id, (new.on_hand - new.reserved) * active FROM location WHERE id = new.location_id
  ON CONFLICT DO UPDATE SET available = available + excluded.available;
END;

CREATE TRIGGER stock_changes AFTER UPDATE OF on_hand, reserved ON stock
WHEN new.on_hand - new.reserved <> old.on_hand - old.reserved BEGIN
  UPDATE item SET available = available + (new.on_hand - new.reserved) - (old.on_hand - old.reserved)
   WHERE variant_id = new.variant_id AND (SELECT active FROM location WHERE id = new.location_id);
END;

CREATE TRIGGER location_opens_or_closes AFTER UPDATE OF active ON location WHEN new.active <> old.active BEGIN
  UPDATE item
     SET available = available + (new.active - old.active)
         * (SELECT on_hand - reserved FROM stock WHERE variant_id = item.variant_id AND location_id = new.id)
   WHERE variant_id IN (SELECT variant_id FROM stock WHERE location_id = new.id);
END;

-- Every change of what lies somewhere. It is never changed, and stock is the sum of it.
CREATE TABLE movement (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('receive', 'adjust', 'transfer', 'ship', 'return')),
  variant_id TEXT NOT NULL,
  location_id TEXT NOT NULL REFERENCES location (id),
  -- Above zero what came, below zero what went.
  quantity INTEGER NOT NULL CHECK (quantity <> 0),
  -- The other end of a transfer, which is two movements.
  other_location_id TEXT REFERENCES location (id) CHECK (other_location_id <> location_id),
  order_id TEXT,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  CONSTRAINT two_ends_of_a_transfer CHECK ((kind = 'transfer') = (other_location_id IS NOT NULL))
) STRICT;

CREATE INDEX movement_by_variant ON movement (variant_id);
CREATE INDEX movement_by_location ON movement (location_id);
CREATE INDEX movement_by_other_location ON movement (other_location_id);
CREATE INDEX movement_by_kind ON movement (kind);

CREATE TRIGGER movement_counts AFTER INSERT ON movement BEGIN
  INSERT INTO stock (variant_id, location_id, on_hand) VALUES (new.variant_id, new.location_id, 0)
  ON CONFLICT DO NOTHING;
  UPDATE stock SET on_hand = on_hand + new.quantity
   WHERE variant_id = new.variant_id AND location_id = new.location_id;
END;

CREATE TRIGGER movement_stays BEFORE UPDATE ON movement BEGIN
  SELECT raise(ABORT, 'movements are never changed');
END;

CREATE TRIGGER movement_is_kept BEFORE DELETE ON movement BEGIN
  SELECT raise(ABORT, 'movements are never deleted');
END;

-- Stock held for an order. An order has one that has not ended, and any number of those that have.
CREATE TABLE reservation (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'shipped', 'released', 'expired')),
  ended INTEGER NOT NULL DEFAULT 0 CHECK (ended = (state IN ('released', 'expired'))),
  -- What was asked for and where it was found: a list of [variant, location, quantity].
  plan TEXT NOT NULL CHECK (json_valid(plan)),
  -- Grows with every change of its lines, so that one that comes late changes nothing.
  revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT only_open_ones_expire CHECK ((state = 'open') = (expires_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX reservation_of_order ON reservation (order_id) WHERE ended = 0;
CREATE INDEX reservation_ended ON reservation (order_id) WHERE ended = 1;
CREATE INDEX reservation_due ON reservation (expires_at) WHERE state = 'open';

-- What became of a reservation's units, by where they lie.
CREATE TABLE allocation (
  reservation_id TEXT NOT NULL REFERENCES reservation (id),
  variant_id TEXT NOT NULL,
  location_id TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  -- Still reserved.
  held INTEGER NOT NULL CHECK (held >= 0),
  shipped INTEGER NOT NULL DEFAULT 0,
  returned INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (reservation_id, variant_id, location_id),
  CONSTRAINT no_more_than_promised CHECK (held + shipped <= quantity),
  CONSTRAINT no_more_returned_than_shipped CHECK (returned BETWEEN 0 AND shipped)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER allocation_is_held AFTER INSERT ON allocation BEGIN
  -- Where nothing has ever been there is nothing to hold: the CHECK must see it.
  INSERT INTO stock (variant_id, location_id, on_hand) VALUES (new.variant_id, new.location_id, 0)
  ON CONFLICT DO NOTHING;
  UPDATE stock SET reserved = reserved + new.held
   WHERE variant_id = new.variant_id AND location_id = new.location_id;
END;

CREATE TRIGGER allocation_changes AFTER UPDATE OF held ON allocation WHEN new.held <> old.held BEGIN
  UPDATE stock SET reserved = reserved + new.held - old.held
   WHERE variant_id = new.variant_id AND location_id = new.location_id;
END;

-- Both before the row itself is written, so that RETURNING sees what they did: a reservation is one statement, which
-- holds the write lock for no round trip.
CREATE TRIGGER reservation_begins BEFORE INSERT ON reservation BEGIN
  INSERT INTO allocation (reservation_id, variant_id, location_id, quantity, held)
    SELECT new.id, value ->> 0, value ->> 1, value ->> 2, value ->> 2 FROM json_each(new.plan);
END;

CREATE TRIGGER reservation_ends BEFORE UPDATE OF ended ON reservation WHEN new.ended = 1 AND old.ended = 0 BEGIN
  UPDATE allocation SET held = 0 WHERE reservation_id = new.id AND held > 0;
END;
