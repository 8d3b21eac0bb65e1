-- What is cached: rows with versions that only grow. The cache of either mode is beside it, under the same names.
CREATE TABLE source (id integer PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 20);
