-- A ttl is an interval, a text or a number of seconds. This says what each of them means.
CREATE FUNCTION after_set(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN coalesce(round(cache_ttl_seconds('ttl:k')::numeric, -1)::text, 'a miss');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', sqlstate, message, nullif(detail, ''));
END
$$;
CREATE FUNCTION after_each(VARIADIC ttls text[]) RETURNS TABLE (ttl text, seconds text) LANGUAGE sql AS $$
    SELECT ttl, after_set(format('cache_set(''ttl:k'', ''1'', %s)', ttl)) FROM unnest(ttls) AS ttl
$$;
SET intervalstyle = postgres;
SELECT * FROM after_each('interval ''10 minutes''', '''10 minutes''', '''600''', '600', '600.4', '600::bigint', '600::smallint', '6e2',
                         '600::real', '600::numeric', '''600''::text', '''600''::varchar', '''0.5 hours''', 'NULL', 'NULL::interval',
                         'NULL::text', 'NULL::float8', 'ttl => 600', 'ttl => ''10 minutes''', 'ttl => NULL');
SELECT cache_set('ttl:k', '1', 0.25) - clock_timestamp() BETWEEN '-10 seconds' AND '250 milliseconds' AS fraction;
SELECT cache_set('ttl:k', '1', '0.25') - clock_timestamp() BETWEEN '-10 seconds' AND '250 milliseconds' AS fraction;

-- Endless: as long as cache_pg.max_ttl allows.
SELECT * FROM after_each('''infinity''', ''' Infinity ''', '''INFINITY''::text', '''infinity''::float8', 'ttl => ''infinity''');
SET cache_pg.max_ttl = '1h';
SELECT * FROM after_each('''infinity''', '''infinity''::float8');
SET cache_pg.max_ttl = 0;
SELECT * FROM after_each('''infinity''', '''infinity''::float8', '1e300', '1e12');
SELECT cache_set('ttl:k', '1', 'infinity'), cache_set_bytes('ttl:k', '', 'infinity'::float8), cache_set('ttl:k', '1', '1000 years') > now() + '999 years' AS ends;
SELECT cache_touch('ttl:k', 'infinity');
SELECT cache_ttl_seconds('ttl:k'), cache_expires_at('ttl:k'), cache_ttl('ttl:k') > '100000 years' AS endless;
RESET cache_pg.max_ttl;

-- Out of range.
SELECT * FROM after_each('0', '-1', '''0''', '''-1 second''', '''NaN''::float8', '''-infinity''::float8', '1e300', '-1e300',
                         '0.0009', '30 * 86400 + 0.001', '''30 days 1 microsecond''', '''31 days''', '''soon''', '''''', '''keeps''');
SELECT * FROM after_each('30 * 86400', '''30 days''', '''1 month''');
SET cache_pg.max_ttl = '1 min';
SELECT * FROM after_each('61', '60', '''61''', 'interval ''1 hour''', 'NULL', '''infinity''');
RESET cache_pg.max_ttl;

-- Keep: the deadline of the live entry that is replaced.
SELECT cache_set('ttl:k', '1', '1 hour', tags => '{ttl-tag}') AS until \gset
SELECT cache_set('ttl:k', '2', 'keep') = :'until' AS kept, cache_set_bytes('ttl:k', '\x03', ' KEEP ') = :'until' AS kept,
       cache_replace('ttl:k', '4', 'keep'), cache_replace_bytes('ttl:k', '\x05', 'keep'), cache_try_set_bytes('ttl:k', '\x06', 'keep'),
       cache_try_set('ttl:k', '7', 'keep'), cache_touch('ttl:k', 'keep'), cache_get_and_touch('ttl:k', 'keep'),
       cache_get_and_touch_bytes('ttl:k', 'keep'), cache_set_many('{"ttl:k": 8}', 'keep'), cache_incr('ttl:k', 1, 'keep');
SELECT cache_cas(key, '10', version, 'keep'), tags, expires_at = :'until' AS kept, value FROM cache_entry('ttl:k');
SELECT cache_cas_bytes(key, '\x0a', version, 'keep', '{ttl-tag}'), expires_at = :'until' AS kept, value FROM cache_entry('ttl:k');
SELECT cache_set_many('{ttl:new,ttl:k,ttl:hours}'::text[], '{11,12,13}'::jsonb[], '{10 minutes,keep,2 hours}'::text[], '{ttl-tag}');
SELECT key, value, expires_at = :'until' AS kept, round(cache_ttl_seconds(key)::numeric, -1) AS seconds
FROM unnest('{ttl:new,ttl:k,ttl:hours}'::text[]) AS k, cache_entry(k);
-- Where none is live it is as without a ttl: absent, deleted, expired, invalidated.
SELECT cache_invalidate_tags('ttl-tag');
SELECT after_set($$cache_set('ttl:k', '1', 'keep', '{ttl-tag}')$$) AS invalidated;
SELECT cache_delete('ttl:k');
SELECT after_set($$cache_set('ttl:k', '1', 'keep')$$) AS deleted;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'ttl:k';
SELECT after_set($$cache_set('ttl:k', '1', 'keep')$$) AS expired;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'ttl:k';
SELECT after_set($$cache_add('ttl:k', '1', 'keep')$$) AS added;
SELECT after_set($$cache_add('ttl:k', '1', 'keep')$$) AS live, after_set($$cache_incr('ttl:k', 1, 'keep')$$) AS counted;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'ttl:k';
SELECT after_set($$cache_replace('ttl:k', '1', 'keep')$$) AS replaced, after_set($$cache_touch('ttl:k', 'keep')$$) AS touched,
       after_set($$cache_incr('ttl:k', 1, 'keep')$$) AS counted, after_set($$cache_set('ttl:none', '1', 'keep')$$) AS absent;
-- Without a deadline, and with a limit that is lower by now.
SET cache_pg.max_ttl = 0;
SELECT cache_set('ttl:ever', '1', 'infinity');
RESET cache_pg.max_ttl;
SELECT cache_set('ttl:ever', '2', 'keep');
-- Jitter shortens a ttl, and neither a deadline that is kept nor one that is given. A deadline is kept with its grace.
SELECT cache_configure('ttlx', stale_for => '1 hour', jitter => 1);
SELECT token FROM cache_fetch('ttlx:k') \gset
SELECT cache_fill('ttlx:k', '1', :'token', 'keep');
SELECT expires_at AS until, stale_until - expires_at AS grace FROM cache_entry('ttlx:k') \gset
SELECT :'grace' AS grace, cache_set('ttlx:k', '2', 'keep') = :'until' AS kept;
SELECT stale_until - expires_at AS grace FROM cache_entry('ttlx:k');
SELECT cache_configure('ttlx', stale_for => '2 hours');
SELECT cache_set('ttlx:k', '3', 'keep') = :'until' AS kept, cache_touch('ttlx:k', 'keep');
SELECT stale_until - expires_at AS grace FROM cache_entry('ttlx:k');
SELECT cache_set('ttlx:at', '1', expires_at => moment) = moment AS exact FROM (SELECT now() + '2 days') AS m (moment);
SELECT count(DISTINCT cache_set('ttlx:' || i, '1', 3600)) > 1 AS spread FROM generate_series(1, 20) AS i;
SELECT max(cache_ttl_seconds('ttlx:' || i)) <= 3600 AS never_longer FROM generate_series(1, 20) AS i;
-- A value past its deadline is not live, so its deadline is not kept.
SELECT cache_configure('ttlx', jitter => 0);
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'ttlx:k';
SELECT token FROM cache_fetch('ttlx:k') \gset
SELECT cache_fill('ttlx:k', '4', :'token', 'keep');
SELECT cache_ttl_seconds('ttlx:k') BETWEEN 200 AND 300 AS by_default;
-- A fill of a live entry, which is refreshed early, keeps its deadline.
SELECT cache_configure('ttlx', early_refresh => 100);
SELECT cache_set('ttlx:k', '5', '1 hour') AS until \gset
UPDATE cache_entries SET load_us = 80000000000 WHERE key = 'ttlx:k';
SELECT found, value, stale, token FROM cache_fetch('ttlx:k') \gset
SELECT :'found' AS found, :'stale' AS stale, cache_fill('ttlx:k', '6', :'token', 'keep');
SELECT value, expires_at = :'until' AS kept FROM cache_entry('ttlx:k');
SELECT cache_clear('ttlx') > 0 AS cleared, cache_unconfigure('ttlx');

-- Each function that takes a ttl takes all three kinds of it.
SELECT fn, after_set(format(fn, '''10 minutes''')) AS text, after_set(format(fn, 'interval ''20 minutes''')) AS interval,
       after_set(format(fn, '1800')) AS seconds, after_set(format(fn, '0')) LIKE '22023%' AS zero, after_set(format(fn, '''x''')) LIKE '22007%' AS x
FROM unnest(ARRAY[
    'cache_set(''ttl:k'', ''1'', %s)', 'cache_set_bytes(''ttl:k'', '''', %s)', 'cache_try_set(''ttl:k'', ''1'', %s)',
    'cache_try_set_bytes(''ttl:k'', '''', %s)', 'cache_replace(''ttl:k'', ''1'', %s)', 'cache_replace_bytes(''ttl:k'', '''', %s)',
    'cache_cas_bytes(key, '''', version, %s) FROM cache_entry(''ttl:k'')', 'cache_cas(key, ''"o"'', version, %s) FROM cache_entry(''ttl:k'')',
    'cache_touch(''ttl:k'', %s)', 'cache_get_and_touch(''ttl:k'', %s)', 'cache_get_and_touch_bytes(''ttl:k'', %s)',
    'cache_lock(''ttl:k'', ''o'', %s)', 'cache_set_many(''{"ttl:k": 1}''::jsonb, %s)',
    'cache_delete(''ttl:k''), cache_add(''ttl:k'', ''1'', %s)', 'cache_delete(''ttl:k''), cache_add_bytes(''ttl:k'', '''', %s)',
    'cache_delete(''ttl:k''), cache_incr(''ttl:k'', 1, %s)'
]) AS fn;
SELECT cache_get_or_set('ttl:1', 'SELECT 1', '10 minutes'), cache_get_or_set('ttl:2', 'SELECT 1', interval '20 minutes'),
       cache_get_or_set('ttl:3', 'SELECT 1', 1800);
SELECT cache_fill('ttl:4', '1', (cache_fetch('ttl:4')).token, '10 minutes'), cache_fill('ttl:5', '1', (cache_fetch('ttl:5')).token, interval '20 minutes'),
       cache_fill('ttl:6', '1', (cache_fetch('ttl:6')).token, 1800), cache_fill_bytes('ttl:7', '', (cache_fetch('ttl:7')).token, '10 minutes'),
       cache_fill_bytes('ttl:8', '', (cache_fetch('ttl:8')).token, interval '20 minutes'), cache_fill_bytes('ttl:9', '', (cache_fetch('ttl:9')).token, 1800);
SELECT k, round(cache_ttl_seconds('ttl:' || k)::numeric, -1) AS seconds FROM generate_series(1, 9) AS k;
-- A ttl that cannot be is an error whether or not it would be used.
SELECT cache_set('ttl:k', '1') IS NOT NULL AS set;
SELECT unnest(ARRAY[after_set('cache_add(''ttl:k'', ''2'', 0)'), after_set('cache_get_or_set(''ttl:k'', NULL, 0)'), after_set('cache_incr(''ttl:k'', 1, 0)'),
       after_set('cache_fill(''ttl:k'', ''1'', NULL, 0)')]);

-- The meaning of calls without types.
SELECT cache_set_many('{"ttl:k": 1}', '10 minutes'), cache_set_many('{"ttl:k": 1}', NULL), cache_set_many('{"ttl:k": 1}', 600, '{t}'),
       cache_set_many('{"ttl:k": 1}', '600', '{t}'), cache_set_many('{"ttl:k": 1}', tags => '{t}'), cache_set_many('{"ttl:k": 1}');
SELECT cache_set_many('not json', '10 minutes');
SELECT cache_set('ttl:k', '1', '10 minutes', '{a,b}') IS NOT NULL AS set, cache_set('ttl:k', '1', NULL, '{a}') IS NOT NULL AS set,
       cache_add('ttl:k', '1', NULL, NULL), cache_touch('ttl:k', NULL), cache_incr('ttl:k', 1, NULL), cache_touch('ttl:k');
PREPARE set AS SELECT cache_set($1, $2, $3) IS NOT NULL AS set;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'set';
EXECUTE set('ttl:k', '1', 'infinity');
EXECUTE set('ttl:k', '1', NULL);
PREPARE set_tags AS SELECT cache_set($1, $2, $3, $4) IS NOT NULL AS set;
EXECUTE set_tags('ttl:k', '1', '600', '{a}');
PREPARE set_at AS SELECT cache_set($1, $2, NULL, NULL, $3) IS NOT NULL AS set;
EXECUTE set_at('ttl:k', '1', now() + '1 minute');
PREPARE set_many AS SELECT cache_set_many($1, $2);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'set_many';
EXECUTE set_many('{"ttl:k": 1}', '60');
PREPARE set_bytes AS SELECT cache_set_bytes($1, $2, $3) IS NOT NULL AS set;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'set_bytes';
PREPARE fill AS SELECT cache_fill($1, $2, $3, $4, $5);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'fill';
PREPARE get_or_set AS SELECT cache_get_or_set($1, $2, $3, $4, $5);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'get_or_set';
DEALLOCATE ALL;
RESET intervalstyle;
DROP FUNCTION after_each, after_set;
SELECT cache_clear('ttl') > 0 AS cleared;
