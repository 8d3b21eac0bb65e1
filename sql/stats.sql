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
       counted_at, reset_at, namespaces, refreshes, refreshes_refused, refreshes_null, refresh_errors, warmed
FROM @extschema@.cache_stats(),
     LATERAL pg_catalog.json_to_record(figures::pg_catalog.json) AS figure (
         hits bigint, misses bigint, stale_hits bigint, sets bigint, deletes bigint, invalidations bigint,
         tag_invalidations bigint, touches bigint, fills bigint, fills_refused bigint, fills_barred bigint,
         loads bigint, load_us bigint, waits bigint, wait_us bigint, expired bigint, evicted bigint,
         evicted_age_us bigint, errors bigint, bytes_in bigint, bytes_out bigint, entries bigint, bytes bigint,
         expired_entries bigint, expired_bytes bigint, largest_entry bigint, refreshes bigint,
         refreshes_refused bigint, refreshes_null bigint, refresh_errors bigint, warmed bigint
     );

-- The hit ratio of a larger cache: a miss for an evicted entry would be a hit in it.
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
CREATE VIEW @extschema@.cache_loads AS SELECT * FROM @extschema@.cache_loads();
CREATE VIEW @extschema@.cache_health AS SELECT * FROM @extschema@.cache_health();
CREATE VIEW @extschema@.cache_advice AS SELECT * FROM @extschema@.cache_advice();

COMMENT ON VIEW @extschema@.cache_stats IS 'counters since reset_at, and the content of the cache at counted_at; one row for the total, one for each namespace, and others (see scope); operations of rolled back transactions count too';
COMMENT ON COLUMN @extschema@.cache_stats.scope IS 'total; namespace; merged: namespaces that were unused for ten minutes and lost their counters to another namespace (cache_pg.track_namespaces); rest: operations of namespaces without counters, and those that belong to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.hits IS 'reads that found a live entry';
COMMENT ON COLUMN @extschema@.cache_stats.misses IS 'reads that found none, or an expired one';
COMMENT ON COLUMN @extschema@.cache_stats.hit_ratio IS 'share of hits among all reads, 0 to 1; NULL: no reads';
COMMENT ON COLUMN @extschema@.cache_stats.stale_hits IS 'misses for which cache_fetch returned a value past its deadline';
COMMENT ON COLUMN @extschema@.cache_stats.sets IS 'values written by cache_set and similar functions';
COMMENT ON COLUMN @extschema@.cache_stats.deletes IS 'keys deleted by cache_delete and similar functions; for cache_clear, the live entries';
COMMENT ON COLUMN @extschema@.cache_stats.invalidations IS 'keys deleted because a row of a watched table changed';
COMMENT ON COLUMN @extschema@.cache_stats.tag_invalidations IS 'tags invalidated; they belong to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.touches IS 'deadlines changed without writing a value';
COMMENT ON COLUMN @extschema@.cache_stats.fills IS 'values computed and stored, by cache_fill or cache_get_or_set';
COMMENT ON COLUMN @extschema@.cache_stats.fills_refused IS 'values computed and rejected, because they could have been stale';
COMMENT ON COLUMN @extschema@.cache_stats.fills_barred IS 'the part of fills_refused that was refused because an open transaction had cleared the namespace or the cache';
COMMENT ON COLUMN @extschema@.cache_stats.loads IS 'values computed';
COMMENT ON COLUMN @extschema@.cache_stats.load_ms IS 'total time of the loads, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.waits IS 'callers that waited for another caller to compute a value';
COMMENT ON COLUMN @extschema@.cache_stats.wait_ms IS 'total time of the waits, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.expired IS 'expired entries removed';
COMMENT ON COLUMN @extschema@.cache_stats.evicted IS 'live entries removed to make room';
COMMENT ON COLUMN @extschema@.cache_stats.evicted_age IS 'average age of the evicted entries since they were written, in seconds';
COMMENT ON COLUMN @extschema@.cache_stats.errors IS 'errors suppressed by cache_get_or_null and cache_try_set';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_in IS 'bytes of values written, as jsonb before compression';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_out IS 'bytes of values returned';
COMMENT ON COLUMN @extschema@.cache_stats.entries IS 'live entries at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.bytes IS 'size of the live entries at counted_at, with their share of index and TOAST table';
COMMENT ON COLUMN @extschema@.cache_stats.expired_entries IS 'expired rows and tombstones at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.expired_bytes IS 'size of the expired rows and tombstones at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.largest_entry IS 'bytes of the largest live entry at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.counted_at IS 'end of the last full sweep that skipped no page; NULL: none yet';
COMMENT ON COLUMN @extschema@.cache_stats.reset_at IS 'start of the counting: cache_stats_reset(), a crash, or the first use';

COMMENT ON COLUMN @extschema@.cache_stats.namespaces IS 'number of namespaces that the row counts; a namespace that lost its counters and got new ones counts twice; NULL: unknown';

COMMENT ON COLUMN @extschema@.cache_stats.refreshes IS 'values that workers computed and stored before the deadline (refresh_ahead); they count in loads and fills too';
COMMENT ON COLUMN @extschema@.cache_stats.refreshes_refused IS 'values that workers computed, to refresh or to warm, and that were rejected, because they could have been stale';
COMMENT ON COLUMN @extschema@.cache_stats.refreshes_null IS 'loads of workers for which the loader returned NULL; an entry stays until its deadline, and a key leaves the line';
COMMENT ON COLUMN @extschema@.cache_stats.refresh_errors IS 'loads of workers that failed; cache_loads shows the last error';
COMMENT ON COLUMN @extschema@.cache_stats.warmed IS 'values that were computed and stored for cache_warm, by workers or cache_warm_wait; they count in loads and fills too';

COMMENT ON VIEW @extschema@.cache_sizes IS 'hit ratio that a larger cache would have had since reset_at';
COMMENT ON COLUMN @extschema@.cache_sizes.size IS 'multiple of the current size';

COMMENT ON VIEW @extschema@.cache_latency IS 'duration of operations within the server, in milliseconds, with an error of at most 6 %';
COMMENT ON COLUMN @extschema@.cache_latency.operation IS 'get, set, delete, fill, load (computing a value), or sweep (one step of the sweeper)';
COMMENT ON COLUMN @extschema@.cache_latency.timed IS 'number of operations that were timed';
COMMENT ON COLUMN @extschema@.cache_latency.one_in IS 'one in this many operations is timed';
COMMENT ON COLUMN @extschema@.cache_latency.p999 IS '99.9th percentile';

COMMENT ON VIEW @extschema@.cache_sweeps IS 'activity and state of the sweeper in this database';
COMMENT ON COLUMN @extschema@.cache_sweeps.sweeper IS 'process that sweeps now; NULL: none';
COMMENT ON COLUMN @extschema@.cache_sweeps.page IS 'next page of the current sweep; 0: none is in progress';
COMMENT ON COLUMN @extschema@.cache_sweeps.pages_skipped IS 'pages skipped because nothing was due in them';
COMMENT ON COLUMN @extschema@.cache_sweeps.lag_ms IS 'longest time between a deadline and the removal, in the last full sweep';
COMMENT ON COLUMN @extschema@.cache_sweeps.next_visit_at IS 'time when the next sweeper starts; NULL: one is at work, or the extension is new here';

COMMENT ON VIEW @extschema@.cache_loads IS 'loads by workers, before the deadline (refresh_ahead) or of keys in line to be warmed (cache_warm): one row for each namespace that has refresh_ahead or warm, or had loads';
COMMENT ON COLUMN @extschema@.cache_loads.waiting IS 'entries and keys in line for a load';
COMMENT ON COLUMN @extschema@.cache_loads.running IS 'loads under way';
COMMENT ON COLUMN @extschema@.cache_loads.done IS 'values that were computed and stored, since the reset_at of cache_stats';
COMMENT ON COLUMN @extschema@.cache_loads.failed IS 'loads that failed, since then';
COMMENT ON COLUMN @extschema@.cache_loads.failures_in_a_row IS 'loads that failed since the last one that did not';
COMMENT ON COLUMN @extschema@.cache_loads.paused_until IS 'time until which nothing of the namespace is loaded, after failures; NULL: it is not paused';
COMMENT ON COLUMN @extschema@.cache_loads.load_ms IS 'average time of a load of the namespace by workers and callers, in milliseconds; NULL: none yet';
COMMENT ON COLUMN @extschema@.cache_loads.failed_at IS 'time of the last failure that is known';
COMMENT ON COLUMN @extschema@.cache_loads.failed_key IS 'key of that load';
COMMENT ON COLUMN @extschema@.cache_loads.last_error IS 'its error';
COMMENT ON COLUMN @extschema@.cache_loads.since IS 'time when the warming began that is under way; NULL: none is';
COMMENT ON COLUMN @extschema@.cache_loads.rate IS 'keys loaded per second since then';
COMMENT ON COLUMN @extschema@.cache_loads.remaining IS 'estimated time until no key is in line; NULL: nothing was loaded yet, or no warming is under way';

COMMENT ON VIEW @extschema@.cache_health IS 'state of the cache: ok, warning or critical, and what to do; the settings cache_pg.health_* are the thresholds';
COMMENT ON VIEW @extschema@.cache_advice IS 'recommended changes, the figures behind them, and the statements that make them';

COMMENT ON FUNCTION @extschema@.cache_stats() IS 'the rows of the view cache_stats';
COMMENT ON FUNCTION @extschema@.cache_latency() IS 'the rows of the view cache_latency';
COMMENT ON FUNCTION @extschema@.cache_sweeps() IS 'the rows of the view cache_sweeps';
COMMENT ON FUNCTION @extschema@.cache_loads() IS 'the rows of the view cache_loads';
COMMENT ON FUNCTION @extschema@.cache_health() IS 'the rows of the view cache_health';
COMMENT ON FUNCTION @extschema@.cache_advice() IS 'the rows of the view cache_advice';
COMMENT ON FUNCTION @extschema@.cache_stats_reset(text) IS 'starts counting from zero, for a namespace or for all';

REVOKE ALL ON
    @extschema@.cache_stats, @extschema@.cache_latency, @extschema@.cache_sweeps, @extschema@.cache_health, @extschema@.cache_advice,
    @extschema@.cache_sizes, @extschema@.cache_loads
FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.cache_stats(), @extschema@.cache_latency(), @extschema@.cache_sweeps(), @extschema@.cache_health(),
    @extschema@.cache_advice(), @extschema@.cache_loads(), @extschema@.cache_stats_reset(text)
FROM PUBLIC;
GRANT SELECT ON
    @extschema@.cache_stats, @extschema@.cache_latency, @extschema@.cache_sweeps, @extschema@.cache_health, @extschema@.cache_advice,
    @extschema@.cache_sizes, @extschema@.cache_loads
TO pg_monitor;
GRANT EXECUTE ON FUNCTION
    @extschema@.cache_stats(), @extschema@.cache_latency(), @extschema@.cache_sweeps(), @extschema@.cache_health(),
    @extschema@.cache_advice(), @extschema@.cache_loads()
TO pg_monitor;
