-- The views of the statistics. DESIGN.md, "Statistics", says when each figure is counted. Figures have their names from
-- the lists in src/stats/counter.rs and src/stats/row_counts.rs; tests/sql compares those with the names here.

CREATE VIEW @extschema@.cache_stats AS
SELECT scope, namespace, hits, misses,
       CASE WHEN hits OPERATOR(pg_catalog.+) misses OPERATOR(pg_catalog.>) 0
            THEN hits::double precision OPERATOR(pg_catalog./) (hits OPERATOR(pg_catalog.+) misses)
       END AS hit_ratio,
       stale_hits, sets, deletes, invalidations, tag_invalidations, touches, fills, fills_refused, fills_barred, loads,
       load_us::double precision OPERATOR(pg_catalog./) 1000 AS load_ms,
       waits,
       wait_us::double precision OPERATOR(pg_catalog./) 1000 AS wait_ms,
       expired, evicted,
       CASE WHEN evicted OPERATOR(pg_catalog.>) 0
            THEN evicted_age_us::double precision OPERATOR(pg_catalog./) evicted OPERATOR(pg_catalog./) 1000000
       END AS evicted_age,
       errors, bytes_in, bytes_out, entries, bytes, expired_entries, expired_bytes, largest_entry,
       counted_at, reset_at, namespaces
FROM @extschema@.cache_stats(),
     LATERAL pg_catalog.json_to_record(figures::pg_catalog.json) AS figure (
         hits bigint, misses bigint, stale_hits bigint, sets bigint, deletes bigint, invalidations bigint,
         tag_invalidations bigint, touches bigint, fills bigint, fills_refused bigint, fills_barred bigint,
         loads bigint, load_us bigint, waits bigint, wait_us bigint, expired bigint, evicted bigint,
         evicted_age_us bigint, errors bigint, bytes_in bigint, bytes_out bigint, entries bigint, bytes bigint,
         expired_entries bigint, expired_bytes bigint, largest_entry bigint
     );

-- What more room would give: a miss for an evicted entry would be a hit in a larger cache.
CREATE VIEW @extschema@.cache_sizes AS
SELECT scope,
       namespace,
       size,
       CASE WHEN hits OPERATOR(pg_catalog.+) misses OPERATOR(pg_catalog.>) 0
            THEN least(1.0, (hits OPERATOR(pg_catalog.+) spared)::double precision
                 OPERATOR(pg_catalog./) (hits OPERATOR(pg_catalog.+) misses))
       END AS hit_ratio
FROM @extschema@.cache_stats(),
     LATERAL pg_catalog.json_to_record(figures::pg_catalog.json) AS figure (
         hits bigint, misses bigint, spared_150 bigint, spared_200 bigint, spared_400 bigint
     ),
     LATERAL (VALUES (1.0, 0::pg_catalog.int8),
                     (1.5, spared_150),
                     (2.0, spared_150 OPERATOR(pg_catalog.+) spared_200),
                     (4.0, spared_150 OPERATOR(pg_catalog.+) spared_200 OPERATOR(pg_catalog.+) spared_400)
     ) AS larger (size, spared)
WHERE scope OPERATOR(pg_catalog.<>) 'rest' AND scope OPERATOR(pg_catalog.<>) 'merged';

CREATE VIEW @extschema@.cache_latency AS SELECT * FROM @extschema@.cache_latency();
CREATE VIEW @extschema@.cache_sweeps AS SELECT * FROM @extschema@.cache_sweeps();
CREATE VIEW @extschema@.cache_health AS SELECT * FROM @extschema@.cache_health();
CREATE VIEW @extschema@.cache_advice AS SELECT * FROM @extschema@.cache_advice();

COMMENT ON VIEW @extschema@.cache_stats IS 'what the cache has done since reset_at and what it holds, in total (scope), for each namespace, and for the rest; not transactional: work that is rolled back counts too';
COMMENT ON COLUMN @extschema@.cache_stats.scope IS 'total; namespace; merged: namespaces that have lost their place in the statistics to others, because they were not used for ten minutes and no place was left (cache_pg.track_namespaces); rest: namespaces without a place, and what belongs to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.hits IS 'reads that found a live value';
COMMENT ON COLUMN @extschema@.cache_stats.misses IS 'reads that found no value, or one past its deadline';
COMMENT ON COLUMN @extschema@.cache_stats.hit_ratio IS 'hits among all reads, 0 to 1; NULL: nothing was read';
COMMENT ON COLUMN @extschema@.cache_stats.stale_hits IS 'misses for which cache_fetch served a value past its deadline';
COMMENT ON COLUMN @extschema@.cache_stats.sets IS 'values written by cache_set and its kin';
COMMENT ON COLUMN @extschema@.cache_stats.deletes IS 'keys deleted by cache_delete and its kin; of a clear, the live entries';
COMMENT ON COLUMN @extschema@.cache_stats.invalidations IS 'keys deleted because a row of a watched table changed';
COMMENT ON COLUMN @extschema@.cache_stats.tag_invalidations IS 'invalidated tags; they belong to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.touches IS 'new deadlines set by cache_touch and its kin';
COMMENT ON COLUMN @extschema@.cache_stats.fills IS 'computed values that cache_fill or cache_get_or_set stored';
COMMENT ON COLUMN @extschema@.cache_stats.fills_refused IS 'computed values that were refused, because they could have been stale';
COMMENT ON COLUMN @extschema@.cache_stats.fills_barred IS 'fills_refused that an open transaction caused, which had cleared the namespace or the whole cache';
COMMENT ON COLUMN @extschema@.cache_stats.loads IS 'values that were computed';
COMMENT ON COLUMN @extschema@.cache_stats.load_ms IS 'how long all loads took together, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.waits IS 'callers that waited for a value which another session computed';
COMMENT ON COLUMN @extschema@.cache_stats.wait_ms IS 'how long all waits took together, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.expired IS 'entries removed after their deadline';
COMMENT ON COLUMN @extschema@.cache_stats.evicted IS 'live entries removed to make room';
COMMENT ON COLUMN @extschema@.cache_stats.evicted_age IS 'the average age of evicted entries since they were written, in seconds';
COMMENT ON COLUMN @extschema@.cache_stats.errors IS 'errors that cache_get_or_null and cache_try_set swallowed';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_in IS 'bytes of values written, as jsonb without compression';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_out IS 'bytes of values returned';
COMMENT ON COLUMN @extschema@.cache_stats.entries IS 'live entries, at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.bytes IS 'the bytes that live entries take, with their share of index and TOAST table';
COMMENT ON COLUMN @extschema@.cache_stats.expired_entries IS 'rows past their deadline, and tombstones, at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.expired_bytes IS 'the bytes that expired_entries take';
COMMENT ON COLUMN @extschema@.cache_stats.largest_entry IS 'the size of the largest live entry at counted_at, in bytes';
COMMENT ON COLUMN @extschema@.cache_stats.counted_at IS 'when the sweeper last completed a turn that read every page; NULL: not yet';
COMMENT ON COLUMN @extschema@.cache_stats.reset_at IS 'when counting began: at the last cache_stats_reset(), else after a crash, else at the first use';
COMMENT ON COLUMN @extschema@.cache_stats.namespaces IS 'how many namespaces the row is about; a namespace that has lost its place and got another one counts twice; NULL: not known';

COMMENT ON VIEW @extschema@.cache_sizes IS 'the hit ratio that a larger cache would have had, since reset_at';
COMMENT ON COLUMN @extschema@.cache_sizes.size IS 'the size of the larger cache; 1 is the size of this one';

COMMENT ON VIEW @extschema@.cache_latency IS 'how long operations took within the server, in milliseconds; with an error of 6 % at most';
COMMENT ON COLUMN @extschema@.cache_latency.operation IS 'get, set, delete, fill, load (computing a value), or sweep (a step of the sweeper)';
COMMENT ON COLUMN @extschema@.cache_latency.timed IS 'how many operations were timed';
COMMENT ON COLUMN @extschema@.cache_latency.one_in IS 'one operation in how many is timed';
COMMENT ON COLUMN @extschema@.cache_latency.p999 IS '99.9 % of the timed operations took no longer';

COMMENT ON VIEW @extschema@.cache_sweeps IS 'what the sweeper has done in this database, and where it is';
COMMENT ON COLUMN @extschema@.cache_sweeps.sweeper IS 'the process id of the sweeper; NULL: none is running';
COMMENT ON COLUMN @extschema@.cache_sweeps.page IS 'the next page of the turn under way; 0: no turn is under way';
COMMENT ON COLUMN @extschema@.cache_sweeps.pages_skipped IS 'pages that were not read because nothing was due in them';
COMMENT ON COLUMN @extschema@.cache_sweeps.lag_ms IS 'the longest time between a deadline and the removal in the last turn, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_sweeps.next_visit_at IS 'when a sweeper is started next; NULL: one is running, or the extension is new here';

COMMENT ON VIEW @extschema@.cache_health IS 'the state of each check (ok, warning or critical), and what to do; the thresholds are the settings cache_pg.health_*';
COMMENT ON VIEW @extschema@.cache_advice IS 'what to change, the figures behind it, and the statement that does it';

COMMENT ON FUNCTION @extschema@.cache_stats() IS 'the rows of the view cache_stats';
COMMENT ON FUNCTION @extschema@.cache_latency() IS 'the rows of the view cache_latency';
COMMENT ON FUNCTION @extschema@.cache_sweeps() IS 'the rows of the view cache_sweeps';
COMMENT ON FUNCTION @extschema@.cache_health() IS 'the rows of the view cache_health';
COMMENT ON FUNCTION @extschema@.cache_advice() IS 'the rows of the view cache_advice';
COMMENT ON FUNCTION @extschema@.cache_stats_reset(text) IS 'sets the counters to zero, for a namespace or for all';

REVOKE ALL ON
    @extschema@.cache_stats, @extschema@.cache_latency, @extschema@.cache_sweeps, @extschema@.cache_health, @extschema@.cache_advice,
    @extschema@.cache_sizes
FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.cache_stats(), @extschema@.cache_latency(), @extschema@.cache_sweeps(), @extschema@.cache_health(),
    @extschema@.cache_advice(), @extschema@.cache_stats_reset(text)
FROM PUBLIC;
GRANT SELECT ON
    @extschema@.cache_stats, @extschema@.cache_latency, @extschema@.cache_sweeps, @extschema@.cache_health, @extschema@.cache_advice,
    @extschema@.cache_sizes
TO pg_monitor;
GRANT EXECUTE ON FUNCTION
    @extschema@.cache_stats(), @extschema@.cache_latency(), @extschema@.cache_sweeps(), @extschema@.cache_health(),
    @extschema@.cache_advice()
TO pg_monitor;
