-- A cache in use: every kind of row, option, watch, grant and policy. The roles are there already. The loader belongs to
-- chef, who runs it. The database has the extension in its search path.
CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user || ' ' || key);
ALTER FUNCTION load OWNER TO chef;
SELECT cache_configure('l', loader => 'load(text)'),
       cache_configure('n', default_ttl => '3 hours', stale_for => '1 minute', jitter => 0.25, max_value_size => 1000),
       cache_configure('few', max_entries => 1000, max_size => 1000000, early_refresh => 1, notify => true),
       cache_configure('', default_ttl => '2 hours');

CREATE TABLE tenant (slug text PRIMARY KEY, plan text);
INSERT INTO tenant VALUES ('x', 'free'), ('y', 'free');
SELECT cache_watch('tenant', ARRAY['tenant:{slug}'], ARRAY['of:{slug}']);
CREATE TABLE dish (id integer, tenant text, name text) PARTITION BY LIST (tenant);
CREATE TABLE dish_x PARTITION OF dish FOR VALUES IN ('x');
INSERT INTO dish VALUES (1, 'x', 'soup'), (2, 'x', 'salad');
SELECT cache_watch('dish', ARRAY['dish:{id}']);

SELECT cache_set('k', '{"n": 1}', '1 day'), cache_set_bytes('bytes', '\x00ff', '1 day'), cache_set('forever', '1', 'infinity'),
       cache_set('n:k', '1'), cache_set('guest:1', '1', '1 day'), cache_incr('count', 7, '1 day'), cache_lock('lock', 'me', '1 day'),
       cache_set('tenant:x', '1', '1 day'), cache_set('tenant:y', '1', '1 day'), cache_set('dish:1', '1', '1 day'),
       cache_set('dish:2', '1', '1 day'), cache_set('dish:3', '1', '1 day'),
       cache_set('of-x', '1', '1 day', tags => '{of:x,all}'), cache_set('of-y', '1', '1 day', tags => '{of:y,all}'),
       cache_set('of-z', '1', '1 day', tags => '{of:z}'), cache_set('gone:1', '1', '1 day'), cache_set('deleted', '1', '1 day'),
       cache_set('toasted', to_jsonb((SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n)), '1 day'),
       cache_set('expired', '1', expires_at => '2001-01-01');
SELECT cache_delete('deleted'), cache_delete('absent'), cache_invalidate_tags('of:z'), cache_clear('gone');
SELECT cache_set('gone:2', '1', '1 day');

GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app;
GRANT SELECT ON cache_entries TO guest;
GRANT EXECUTE ON FUNCTION cache_watch, cache_unwatch, cache_persistence TO app;
GRANT SELECT ON cache_watches, cache_namespaces TO app;
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_guest ON cache_entries TO guest USING (key LIKE 'guest:%');
CREATE POLICY of_app ON cache_entries TO app USING (true) WITH CHECK (true);
ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
CREATE POLICY tags_of_app ON cache_tags TO app USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON cache_tags TO app;
