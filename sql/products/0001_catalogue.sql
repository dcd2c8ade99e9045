-- The catalogue. A product's facts are in its document; the other tables are what it is found, sorted and kept unique by.

CREATE TABLE category (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  -- Names by language.
  name TEXT NOT NULL CHECK (json_valid(name)),
  parent INTEGER REFERENCES category (number) CHECK (parent <> number),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX category_by_parent ON category (parent);

-- Rows are small, so that filters and sorts read few pages. The number grows: newest first is a walk of the table.
CREATE TABLE product (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
  version INTEGER NOT NULL CHECK (version > 0),
  currency TEXT CHECK (length(currency) = 3),
  price_min INTEGER CHECK (price_min BETWEEN 0 AND 1000000000000000),
  price_max INTEGER CHECK (price_max BETWEEN price_min AND 1000000000000000),
  available INTEGER NOT NULL CHECK (available IN (0, 1)),
  -- Its row in priced_text, while it has one.
  place INTEGER CHECK (place >= 0),
  -- Titles as they are sorted: lower case, without accents.
  title_en TEXT NOT NULL,
  title_fr TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  CONSTRAINT priced_in_a_currency CHECK (
    (currency IS NULL) = (price_min IS NULL) AND (price_min IS NULL) = (price_max IS NULL)),
  CONSTRAINT deleted_is_archived CHECK (deleted_at IS NULL OR status = 'archived')
) STRICT;

CREATE INDEX product_by_status ON product (status);
CREATE INDEX product_by_price ON product (status, price_min);
CREATE INDEX product_by_title_en ON product (status, title_en);
CREATE INDEX product_by_title_fr ON product (status, title_fr);
-- The bounds of prices, which are checked exactly after a search has narrowed them down, in a tenth of the pages.
CREATE INDEX product_in_short ON product (number, price_min, price_max);

-- Answers, ready to be sent: the product, and the summary that lists have of it.
CREATE TABLE product_document (
  product INTEGER PRIMARY KEY REFERENCES product (number),
  summary TEXT NOT NULL CHECK (json_valid(summary)),
  document TEXT NOT NULL CHECK (json_valid(document))
) STRICT;

-- An SKU names one variant of the whole shop.
CREATE TABLE variant (
  sku TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  product INTEGER NOT NULL REFERENCES product (number)
) STRICT, WITHOUT ROWID;

CREATE INDEX variant_by_product ON variant (product);

-- The categories that a product was put into; facet has those above them, too.
CREATE TABLE product_category (
  product INTEGER NOT NULL REFERENCES product (number),
  category INTEGER NOT NULL REFERENCES category (number),
  PRIMARY KEY (product, category)
) STRICT, WITHOUT ROWID;

CREATE INDEX product_category_by_category ON product_category (category);

-- What products are counted by: each category, brand, tag and option that any of them has. The triggers on facet keep it.
CREATE TABLE facet_value (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('category', 'brand', 'tag', 'option')),
  value TEXT NOT NULL,
  -- Products that have it, and how many of them are published.
  uses INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),
  products INTEGER NOT NULL DEFAULT 0 CHECK (products BETWEEN 0 AND uses),
  UNIQUE (kind, value)
) STRICT;

-- Which product has what. Two numbers a row, since counting a search's matches reads some thirty thousand of them.
CREATE TABLE facet (
  product INTEGER NOT NULL REFERENCES product (number),
  -- Of facet_value; there is no foreign key, whose index nothing else would ask.
  value INTEGER NOT NULL,
  published INTEGER NOT NULL CHECK (published IN (0, 1)),
  PRIMARY KEY (product, value)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER facet_counted AFTER INSERT ON facet BEGIN
  UPDATE facet_value SET uses = uses + 1, products = products + new.published WHERE number = new.value;
END;

CREATE TRIGGER facet_uncounted AFTER DELETE ON facet BEGIN
  UPDATE facet_value SET uses = uses - 1, products = products - old.published WHERE number = old.value;
  DELETE FROM facet_value WHERE number = old.value AND uses = 0;
END;

-- The words of titles; of brands, tags, SKUs and category names; of descriptions. And in keys everything else that lists
-- are filtered by, each as one word (rules/keys.rs): so FTS5 itself leaves only what is wanted, however much it is.
-- Its rowid is the product's number, below zero while the product is not published.
CREATE VIRTUAL TABLE product_text USING fts5 (
  title, labels, description, keys,
  content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

-- The same of published products that have a price, whose rowid begins with the price: walked from the cheapest on, or
-- from the dearest.
CREATE VIRTUAL TABLE priced_text USING fts5 (
  words, keys,
  content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

-- The service's maintenance merges what writes leave in pieces, down to one of each size: a search reads every piece.
INSERT INTO product_text (product_text, rank) VALUES ('usermerge', 2);
INSERT INTO priced_text (priced_text, rank) VALUES ('usermerge', 2);

-- Pictures, away from everything that the catalogue reads. Their texts and order are in the product's document.
CREATE TABLE image (
  id TEXT PRIMARY KEY,
  product INTEGER NOT NULL REFERENCES product (number),
  media_type TEXT NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')),
  bytes BLOB NOT NULL CHECK (length(bytes) BETWEEN 1 AND 5242880)
) STRICT;

CREATE INDEX image_by_product ON image (product);

-- What became of imports; kept for 30 days.
CREATE TABLE import_job (
  id TEXT PRIMARY KEY,
  report TEXT NOT NULL CHECK (json_valid(report)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX import_job_by_age ON import_job (created_at);
