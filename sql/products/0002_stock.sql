-- How new the news of each variant's stock is, by inventory's count: news may come late, after newer ones.
CREATE TABLE variant_stock (
  variant_id TEXT PRIMARY KEY,
  told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
