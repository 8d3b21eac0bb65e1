-- The deadline itself in place of a ttl. One that has come makes the entry a miss, whatever the verb.
SET datestyle = ISO;
CREATE FUNCTION moment(of text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT CASE of WHEN 'past' THEN now() - interval '1 minute' WHEN 'now' THEN clock_timestamp() WHEN 'future' THEN now() + interval '1 hour'
           WHEN 'beyond' THEN now() + interval '31 days' ELSE of::timestamptz END
$$;
-- The result of a verb, and whether an entry is there afterwards.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text; message text;
BEGIN
    EXECUTE 'SELECT (' || call || ')::text' INTO result;
    -- Only that a deadline is returned, not which.
    RETURN CASE WHEN result ~ '^\d{4}-' THEN 'deadline' ELSE coalesce(result, 'NULL') END || CASE WHEN cache_exists('at:k') THEN ', there' ELSE ', a miss' END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
    RETURN sqlstate || ' ' || regexp_replace(message, '\d{4}-\S+ \S+', 'MOMENT');
END
$$;
CREATE FUNCTION outcomes(moments text[]) RETURNS TABLE (verb text, moment text, absent text, live text, expired text) LANGUAGE plpgsql AS $$
DECLARE
    call text;
BEGIN
    FOR verb, moment IN
        SELECT * FROM unnest(ARRAY['cache_set', 'cache_set_bytes', 'cache_try_set', 'cache_try_set_bytes', 'cache_add', 'cache_add_bytes',
                                   'cache_replace', 'cache_replace_bytes', 'cache_cas', 'cache_cas_bytes', 'cache_touch']) AS v, unnest(moments) AS m
    LOOP
        call := format(
            '%I(''at:k''%s%s, expires_at => moment(%L))', verb,
            CASE WHEN verb = 'cache_touch' THEN '' WHEN verb LIKE '%bytes' THEN ', ''\x32''' ELSE ', ''2''' END,
            CASE WHEN verb LIKE 'cache_cas%' THEN ', (SELECT version FROM cache_entry(''at:k''))' END, moment);
        DELETE FROM cache_entries WHERE key = 'at:k';
        absent := outcome(call);
        PERFORM cache_set('at:k', '1');
        live := outcome(call);
        PERFORM cache_set('at:k', '1');
        UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'at:k';
        expired := outcome(call);
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM outcomes('{future,past,now,-infinity,infinity,beyond}');

-- Infinity is as long as allowed.
SELECT cache_set('at:k', '1', expires_at => 'infinity') - now() BETWEEN '29 days' AND '31 days' AS longest;
SET cache_pg.max_ttl = 0;
SELECT cache_set('at:k', '1', expires_at => 'infinity'), cache_set('at:k', '1', expires_at => '290000-01-01 00:00:00+00'), cache_set('at:k', '1', expires_at => moment('beyond')) = moment('beyond') AS beyond;
SELECT cache_touch('at:k', expires_at => 'infinity');
SELECT cache_expires_at('at:k');
RESET cache_pg.max_ttl;

-- With a ttl: two answers to one question.
SELECT outcome($$cache_set('at:k', '1', '1 hour', expires_at => moment('future'))$$);
SELECT outcome($$cache_set('at:k', '1', 'keep', NULL, moment('past'))$$), outcome($$cache_set('at:k', '1', 600, NULL, moment('future'))$$);
SELECT outcome($$cache_touch('at:k', '1 hour', NULL, moment('past'))$$), outcome($$cache_fill_bytes('at:k', '', NULL, '1 hour', NULL, moment('past'))$$);
-- The rest is checked all the same.
SELECT outcome($$cache_set('at:k', NULL, expires_at => moment('past'))$$), outcome($$cache_set('', '1', expires_at => moment('past'))$$),
       outcome($$cache_set('at:k', to_jsonb(repeat('x', 2000000)), expires_at => moment('past'))$$), outcome($$cache_set('at:k', '1', NULL, ARRAY[''], moment('past'))$$);

-- A fill whose deadline has come: it is stored as far as the caller can tell, it is a miss, and the lease is given back.
SELECT cache_delete('at:fill');
SELECT token FROM cache_fetch('at:fill') \gset
SELECT cache_fill('at:fill', '1', :'token', expires_at => moment('past')) AS filled;
SELECT cache_exists('at:fill'), found, token IS NOT NULL AS token FROM cache_fetch('at:fill');
SELECT token FROM cache_fetch('at:fill2') \gset
SELECT cache_fill_bytes('at:fill2', '\x01', :'token', expires_at => moment('future')) AS filled;
SELECT cache_get_bytes('at:fill2'), cache_ttl_seconds('at:fill2') BETWEEN 3500 AND 3600 AS hour;

-- It is a delete: a value that was computed before it is refused, also where there was no row.
SELECT token FROM cache_fetch('at:late') \gset
SELECT cache_set('at:late', '1', expires_at => moment('past')) IS NOT NULL AS set;
SELECT cache_fill('at:late', '2', :'token') AS filled, cache_exists('at:late');
SELECT cache_set('at:gone', '1', expires_at => moment('past')) IS NOT NULL AS set;
SELECT value, bytes, created_at, expires_at < clock_timestamp() AS ended, stale_until > clock_timestamp() + '10 s' AS stays FROM cache_entries WHERE key = 'at:gone';
SELECT cache_set('at:gone', '1') IS NOT NULL AS set;
SELECT cache_touch('at:gone', expires_at => moment('past'));
SELECT value, bytes, tags, created_at > '-infinity' AS was_live, stale_until > clock_timestamp() + '10 s' AS stays FROM cache_entries WHERE key = 'at:gone';
SELECT version AS read FROM cache_entries WHERE key = 'at:gone' \gset
SELECT cache_cas('at:gone', '1', :'read') AS cas, cache_add('at:gone', '1') AS add;

-- A namespace with grace serves no value whose deadline has been set to the past.
SELECT cache_configure('at', stale_for => '1 hour');
SELECT cache_set('at:stale', '1', expires_at => moment('future')) IS NOT NULL AS set;
SELECT stale_until - expires_at AS grace FROM cache_entry('at:stale');
SELECT cache_touch('at:stale', expires_at => moment('past'));
SELECT found, value, stale FROM cache_fetch('at:stale');
SELECT cache_unconfigure('at'), cache_clear('at') > 0 AS cleared;
RESET datestyle;
DROP FUNCTION outcomes, outcome, moment;
