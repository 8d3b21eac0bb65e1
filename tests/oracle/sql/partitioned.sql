-- The same, where home and away are partitions. A partition that is detached still shows its rows.
CREATE TABLE source (id integer PRIMARY KEY, version bigint NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE source_home PARTITION OF source FOR VALUES FROM (0) TO (100) WITH (fillfactor = 20);
CREATE TABLE source_away PARTITION OF source FOR VALUES FROM (100) TO (200) WITH (fillfactor = 20);
CREATE VIEW source_rows AS
    SELECT id % 100 AS row, version FROM source_home
    UNION ALL
    SELECT id % 100, version FROM source_away;
