-- set, try_set, add, replace, cas, touch, persist: who wins over what.
SELECT cache_set('write:a', '1', '5 minutes') IS NOT NULL, cache_set('write:a', '2', '10 minutes') IS NOT NULL;
SELECT cache_get('write:a'), cache_ttl('write:a') > interval '9 minutes' AS new_deadline;

-- created_at stays while a live entry is replaced, and starts again after a gap.
CREATE TEMP TABLE seen AS SELECT * FROM cache_entry('write:a');
SELECT cache_set('write:a', '3') IS NOT NULL;
SELECT e.created_at = seen.created_at AS kept, e.updated_at > seen.updated_at AS updated, e.version > seen.version AS version
FROM cache_entry('write:a') AS e, seen;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'write:a';
SELECT cache_set('write:a', '4') IS NOT NULL;
SELECT e.created_at > seen.created_at AS started_again FROM cache_entry('write:a') AS e, seen;

-- add: only where nothing is live.
SELECT cache_add('write:a', '5'), cache_get('write:a');
SELECT cache_add('write:new', '1');
SELECT cache_get('write:new');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'write:new';
SELECT cache_add('write:new', '2');
SELECT cache_get('write:new');
SELECT cache_delete('write:new'), cache_add('write:new', '3');
SELECT cache_get('write:new');

-- replace: only where something is.
SELECT cache_replace('write:absent', '1'), cache_replace('write:a', '6');
SELECT cache_get('write:absent'), cache_get('write:a');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'write:a';
SELECT cache_replace('write:a', '7'), cache_get('write:a');

-- cas: only what was read.
SELECT cache_set('write:cas', '1') IS NOT NULL;
SELECT version AS read FROM cache_entry('write:cas') \gset
SELECT cache_cas('write:cas', '2', :'read');
SELECT cache_cas('write:cas', '3', :'read'), cache_cas('write:cas', '3', NULL), cache_get('write:cas');
SELECT cache_cas('write:absent', '1', :'read');

-- touch: the deadline and nothing else.
DROP TABLE seen;
CREATE TEMP TABLE seen AS SELECT * FROM cache_entry('write:cas');
SELECT cache_touch('write:cas', '1 hour'), cache_touch('write:absent', '1 hour');
SELECT e.expires_at > seen.expires_at AS later, e.version = seen.version AS version, e.value = seen.value AS value,
       e.created_at = seen.created_at AS created, e.updated_at = seen.updated_at AS updated
FROM cache_entry('write:cas') AS e, seen;
SELECT cache_touch('write:cas');
SELECT cache_ttl('write:cas') < interval '6 minutes' AS default_ttl;

-- persist: only where entries may live for ever.
SET cache_pg.max_ttl = 0;
SELECT cache_persist('write:cas'), cache_persist('write:absent');
SELECT cache_expires_at('write:cas'), cache_ttl('write:cas') > interval '100000 years' AS endless;
SELECT cache_set('write:ever', '1', '1000 years') > now() + interval '999 years' AS far;
RESET cache_pg.max_ttl;
SELECT cache_ttl('write:cas') > interval '100000 years' AS still_endless, cache_touch('write:cas', '1 minute');

-- tags are kept with the entry; an empty list is none.
SELECT cache_set('write:tags', '1', tags => ARRAY['b', 'a', 'b']) IS NOT NULL;
SELECT tags FROM cache_entry('write:tags');
SELECT cache_set('write:tags', '1', tags => '{}') IS NOT NULL;
SELECT tags FROM cache_entry('write:tags');

-- A ttl as text, as any driver can send it: with a unit, or in seconds.
PREPARE put (text, jsonb, text) AS SELECT cache_set($1, $2, $3) - clock_timestamp() BETWEEN '9 minutes' AND '11 minutes';
EXECUTE put('write:text', '1', '10 minutes');
EXECUTE put('write:text', '1', '600');
SELECT cache_add('write:text2', '1', '600'::text), cache_replace('write:text2', '1', '600'::text),
       cache_touch('write:text2', '60'::text), cache_incr('write:text3', 1, '60'::text),
       cache_try_set('write:text2', '1', '60'::text), cache_set_many('{"write:text4": 1}', '60'::text);
SELECT cache_cas('write:text2', '1', version, '60'::text) FROM cache_entry('write:text2');
SELECT cache_set('write:month', '1', interval '1 mon') BETWEEN now() + interval '1 mon' AND clock_timestamp() + interval '1 mon' AS calendar
FROM (SELECT set_config('cache_pg.max_ttl', '0', true)) AS unlimited;
DROP TABLE seen;
