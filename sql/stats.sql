-- The views of the statistics. DESIGN.md, "Statistics", says what is counted when.

CREATE VIEW @extschema@.cache_stats AS
SELECT scope,
       namespace,
       counters[1]  AS hits,
       counters[2]  AS misses,
       CASE WHEN counters[1] OPERATOR(pg_catalog.+) counters[2] OPERATOR(pg_catalog.>) 0
            THEN counters[1]::double precision OPERATOR(pg_catalog./) (counters[1] OPERATOR(pg_catalog.+) counters[2])
       END AS hit_ratio,
       counters[3]  AS stale_hits,
       counters[4]  AS sets,
       counters[5]  AS deletes,
       counters[6]  AS invalidations,
       counters[7]  AS tag_invalidations,
       counters[8]  AS touches,
       counters[9]  AS fills,
       counters[10] AS fills_refused,
       counters[24] AS fills_barred,
       counters[11] AS loads,
       counters[12]::double precision OPERATOR(pg_catalog./) 1000 AS load_ms,
       counters[13] AS waits,
       counters[14]::double precision OPERATOR(pg_catalog./) 1000 AS wait_ms,
       counters[15] AS expired,
       counters[16] AS evicted,
       CASE WHEN counters[16] OPERATOR(pg_catalog.>) 0
            THEN counters[17]::double precision OPERATOR(pg_catalog./) counters[16] OPERATOR(pg_catalog./) 1000000
       END AS evicted_age,
       counters[21] AS errors,
       counters[22] AS bytes_in,
       counters[23] AS bytes_out,
       CASE WHEN counted_at IS NOT NULL THEN census[1] END AS entries,
       CASE WHEN counted_at IS NOT NULL THEN census[2] END AS bytes,
       CASE WHEN counted_at IS NOT NULL THEN census[3] END AS expired_entries,
       CASE WHEN counted_at IS NOT NULL THEN census[4] END AS expired_bytes,
       CASE WHEN counted_at IS NOT NULL THEN census[5] END AS largest_entry,
       counted_at,
       reset_at,
       namespaces
FROM @extschema@.cache_stats();

-- What more room would give: misses for what has been evicted are hits of a larger cache.
CREATE VIEW @extschema@.cache_sizes AS
SELECT scope,
       namespace,
       size,
       CASE WHEN counters[1] OPERATOR(pg_catalog.+) counters[2] OPERATOR(pg_catalog.>) 0
            THEN least(1.0, (counters[1] OPERATOR(pg_catalog.+) spared)::double precision
                 OPERATOR(pg_catalog./) (counters[1] OPERATOR(pg_catalog.+) counters[2]))
       END AS hit_ratio
FROM @extschema@.cache_stats(),
     LATERAL (VALUES (1.0, 0::pg_catalog.int8),
                     (1.5, counters[18]),
                     (2.0, counters[18] OPERATOR(pg_catalog.+) counters[19]),
                     (4.0, counters[18] OPERATOR(pg_catalog.+) counters[19] OPERATOR(pg_catalog.+) counters[20])
     ) AS larger (size, spared)
WHERE scope OPERATOR(pg_catalog.<>) 'rest' AND scope OPERATOR(pg_catalog.<>) 'merged';

CREATE VIEW @extschema@.cache_latency AS SELECT * FROM @extschema@.cache_latency();
CREATE VIEW @extschema@.cache_sweeps AS SELECT * FROM @extschema@.cache_sweeps();
CREATE VIEW @extschema@.cache_health AS SELECT * FROM @extschema@.cache_health();
CREATE VIEW @extschema@.cache_advice AS SELECT * FROM @extschema@.cache_advice();

COMMENT ON VIEW @extschema@.cache_stats IS 'what the cache has done since reset_at and what it holds, in total (scope), for each namespace, and for what found no room; not transactional: what is rolled back counts';
COMMENT ON COLUMN @extschema@.cache_stats.scope IS 'total; namespace; merged: what namespaces did that have lost their place to others, because nothing used them for ten minutes and there was no place left (cache_pg.track_namespaces); rest: what found no place, and what belongs to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.hits IS 'values that were asked for and live';
COMMENT ON COLUMN @extschema@.cache_stats.misses IS 'values that were asked for and not there, or past their deadline';
COMMENT ON COLUMN @extschema@.cache_stats.hit_ratio IS 'hits among all reads, 0 to 1; NULL: nothing was read';
COMMENT ON COLUMN @extschema@.cache_stats.stale_hits IS 'misses for which cache_fetch served a value past its deadline';
COMMENT ON COLUMN @extschema@.cache_stats.sets IS 'values written by cache_set and its kin';
COMMENT ON COLUMN @extschema@.cache_stats.deletes IS 'keys deleted by cache_delete and its kin; of a clear, the live entries';
COMMENT ON COLUMN @extschema@.cache_stats.invalidations IS 'keys deleted because a row of a watched table has changed';
COMMENT ON COLUMN @extschema@.cache_stats.tag_invalidations IS 'tags invalidated; they belong to no namespace';
COMMENT ON COLUMN @extschema@.cache_stats.touches IS 'new deadlines for a value';
COMMENT ON COLUMN @extschema@.cache_stats.fills IS 'values that were computed and stored, by cache_fill or cache_get_or_set';
COMMENT ON COLUMN @extschema@.cache_stats.fills_refused IS 'values that were computed and refused, because they could have been stale';
COMMENT ON COLUMN @extschema@.cache_stats.fills_barred IS 'those among them that came while a transaction was open that had cleared their namespace, or the whole cache';
COMMENT ON COLUMN @extschema@.cache_stats.loads IS 'values that were computed';
COMMENT ON COLUMN @extschema@.cache_stats.load_ms IS 'how long that took in all, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.waits IS 'callers that waited for a value which somebody else computed';
COMMENT ON COLUMN @extschema@.cache_stats.wait_ms IS 'how long that took in all, in milliseconds';
COMMENT ON COLUMN @extschema@.cache_stats.expired IS 'entries removed when their time was over';
COMMENT ON COLUMN @extschema@.cache_stats.evicted IS 'live entries removed to make room';
COMMENT ON COLUMN @extschema@.cache_stats.evicted_age IS 'how old these were on average, in seconds since they were written';
COMMENT ON COLUMN @extschema@.cache_stats.errors IS 'errors that cache_get_or_null and cache_try_set swallowed';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_in IS 'bytes of values written, as jsonb without compression';
COMMENT ON COLUMN @extschema@.cache_stats.bytes_out IS 'bytes of values returned';
COMMENT ON COLUMN @extschema@.cache_stats.entries IS 'live entries, at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.bytes IS 'what these take, with their share of index and TOAST table';
COMMENT ON COLUMN @extschema@.cache_stats.expired_entries IS 'rows whose time was over and tombstones, at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.expired_bytes IS 'what these take';
COMMENT ON COLUMN @extschema@.cache_stats.largest_entry IS 'the bytes of the largest live entry, at counted_at';
COMMENT ON COLUMN @extschema@.cache_stats.counted_at IS 'when the hand last ended a turn in which it passed nothing over; NULL: not yet';
COMMENT ON COLUMN @extschema@.cache_stats.reset_at IS 'since when it is counted: cache_stats_reset(), else a crash, else the first use';

COMMENT ON COLUMN @extschema@.cache_stats.namespaces IS 'how many namespaces the row is about; one that has lost its place and got another one counts twice; NULL: not known';

COMMENT ON VIEW @extschema@.cache_sizes IS 'the hit ratio that a larger cache would have had, since reset_at';
COMMENT ON COLUMN @extschema@.cache_sizes.size IS 'how many times as large as it is';

COMMENT ON VIEW @extschema@.cache_latency IS 'how long operations took within the server, in milliseconds; off by 6 % at most';
COMMENT ON COLUMN @extschema@.cache_latency.operation IS 'get, set, delete, fill, load (computing a value), or sweep (a step of the hand)';
COMMENT ON COLUMN @extschema@.cache_latency.timed IS 'how many were timed';
COMMENT ON COLUMN @extschema@.cache_latency.one_in IS 'one in how many is timed';
COMMENT ON COLUMN @extschema@.cache_latency.p999 IS 'what 99.9 % of them did not exceed';

COMMENT ON VIEW @extschema@.cache_sweeps IS 'what the hand has done in this database, and where it is';
COMMENT ON COLUMN @extschema@.cache_sweeps.sweeper IS 'the process that turns it now; NULL: it rests';
COMMENT ON COLUMN @extschema@.cache_sweeps.page IS 'the next page of the turn under way; 0: none is';
COMMENT ON COLUMN @extschema@.cache_sweeps.pages_skipped IS 'pages passed over because nothing was due in them';
COMMENT ON COLUMN @extschema@.cache_sweeps.lag_ms IS 'the longest time between a deadline and the removal, in the last turn';
COMMENT ON COLUMN @extschema@.cache_sweeps.next_visit_at IS 'when a sweeper is started next; NULL: one is at work, or the extension is new here';

COMMENT ON VIEW @extschema@.cache_health IS 'what is well and what is not: ok, warning or critical, and what to do; the thresholds are the settings cache_pg.health_*';
COMMENT ON VIEW @extschema@.cache_advice IS 'what to change, the figures behind it, and the statement that does it';

COMMENT ON FUNCTION @extschema@.cache_stats() IS 'the rows of the view cache_stats';
COMMENT ON FUNCTION @extschema@.cache_latency() IS 'the rows of the view cache_latency';
COMMENT ON FUNCTION @extschema@.cache_sweeps() IS 'the rows of the view cache_sweeps';
COMMENT ON FUNCTION @extschema@.cache_health() IS 'the rows of the view cache_health';
COMMENT ON FUNCTION @extschema@.cache_advice() IS 'the rows of the view cache_advice';
COMMENT ON FUNCTION @extschema@.cache_stats_reset(text) IS 'begins to count anew, for a namespace or for all';

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
