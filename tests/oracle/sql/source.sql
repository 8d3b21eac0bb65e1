-- What is cached: rows with versions that only grow. The cache of either mode is beside it, under the same names.
-- Row n is at id n, its home, or at n + 100, away. Every change finds it at home or leaves it there, so a watch that
-- names the id names row n each time, but sometimes in nothing but a DELETE, or nothing but an INSERT.
CREATE TABLE source (id integer PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 20);
CREATE VIEW source_rows AS SELECT id % 100 AS row, version FROM source;
