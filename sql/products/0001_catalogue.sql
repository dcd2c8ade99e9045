-- The catalogue. A product's facts are in its document; the other tables are what it is found, sorted and kept unique by.

CREATE TABLE category (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  -- Names by language.
  name TEXT NOT NULL CHECK (json_valid(name)),
  parent INTEGER REFERENCES category (number) CHECK (parent <> number),
  -- Published products in it and below; the triggers on facet keep it.
  product_count INTEGER NOT NULL DEFAULT 0 CHECK (product_count >= 0),
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
-- All that most lists ask of a product that a search or a facet has found, in a tenth of the pages.
CREATE INDEX product_in_short ON product (number, price_min, price_max, currency, available);

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

-- What products are filtered and counted by. kind and value come first, so that a filter is one walk, newest last.
CREATE TABLE facet (
  -- Whether everybody may see the product.
  published INTEGER NOT NULL CHECK (published IN (0, 1)),
  kind TEXT NOT NULL CHECK (kind IN ('category', 'brand', 'tag', 'option')),
  value TEXT NOT NULL,
  product INTEGER NOT NULL REFERENCES product (number),
  -- The product's lowest.
  price INTEGER,
  PRIMARY KEY (published, kind, value, product)
) STRICT, WITHOUT ROWID;

CREATE INDEX facet_by_product ON facet (product, kind);
-- A category from the cheapest to the dearest.
CREATE INDEX facet_by_price ON facet (published, kind, value, price, product) WHERE kind = 'category';

CREATE TRIGGER facet_counted AFTER INSERT ON facet WHEN new.kind = 'category' AND new.published = 1 BEGIN
  UPDATE category SET product_count = product_count + 1 WHERE slug = new.value;
END;

CREATE TRIGGER facet_uncounted AFTER DELETE ON facet WHEN old.kind = 'category' AND old.published = 1 BEGIN
  UPDATE category SET product_count = product_count - 1 WHERE slug = old.value;
END;

-- The words of titles; of brands, tags, SKUs and category names; of descriptions. Its rowid is the product's number, below
-- zero while the product is not published: so a search of what everybody may see asks no other table.
CREATE VIRTUAL TABLE product_text USING fts5 (
  title, labels, description,
  content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

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
