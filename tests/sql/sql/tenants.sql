-- Row-level security on cache_entries holds through every function.
CREATE ROLE regress_burger;
CREATE ROLE regress_pizza;
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO regress_burger, regress_pizza;
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON cache_entries
    USING (starts_with(key, replace(current_user, 'regress_', '') || ':'))
    WITH CHECK (starts_with(key, replace(current_user, 'regress_', '') || ':'));

SET ROLE regress_burger;
SELECT cache_set('burger:menu', '"fries"') IS NOT NULL, cache_set_many('{"burger:a": 1, "burger:b": 2}'),
       cache_add('burger:c', '3'), cache_replace('burger:c', '4'), cache_incr('burger:n'), cache_touch('burger:c'),
       cache_try_set('burger:d', '5');
SELECT cache_get('burger:menu'), cache_exists('burger:menu'), cache_ttl('burger:menu') IS NOT NULL;
SELECT cache_delete('burger:a'), cache_take('burger:b'), cache_delete_many('{burger:d}');

SET ROLE regress_pizza;
SELECT cache_set('pizza:menu', '"margherita"') IS NOT NULL;
SELECT cache_get('burger:menu'), cache_get_or_null('burger:menu'), cache_exists('burger:menu'), cache_ttl('burger:menu'),
       cache_expires_at('burger:menu'), (SELECT count(*) FROM cache_entry('burger:menu'));
SELECT * FROM cache_get_many('{burger:menu,pizza:menu}');
SELECT * FROM cache_keys();
SELECT cache_set('burger:menu', '"poison"');
SELECT cache_set('burger:new', '"poison"');
SELECT cache_add('burger:new', '"poison"');
SELECT cache_set_many('{"pizza:x": 1, "burger:x": "poison"}');
SELECT cache_incr('burger:n');
SELECT cache_delete('burger:menu');
SELECT cache_take('burger:menu');
SELECT cache_replace('burger:menu', '"poison"'), cache_touch('burger:menu'), cache_cas('burger:menu', '1', '1'),
       cache_try_set('burger:menu', '"poison"');
SELECT * FROM cache_keys();

-- Tags and clears reach entries of everybody: there a policy on cache_tags decides, and nothing is allowed without one.
SELECT cache_clear('burger');
SELECT cache_clear();
SELECT cache_invalidate_tags('burger:tag');
SELECT cache_tags_hold('{burger:tag}', '{0}');
RESET ROLE;
ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON cache_tags
    USING (starts_with(tag, replace(current_user, 'regress_', '') || ':'))
    WITH CHECK (starts_with(tag, replace(current_user, 'regress_', '') || ':') OR tag = E'\x01' || replace(current_user, 'regress_', ''));
GRANT SELECT, INSERT ON cache_tags TO regress_burger, regress_pizza;
SET ROLE regress_pizza;
SELECT cache_invalidate_tags('burger:tag');
SELECT cache_clear('burger');
SELECT cache_clear();
SELECT cache_set('pizza:tagged', '1', '1 hour', '{pizza:tag}') IS NOT NULL AS set, cache_tags_hold('{pizza:tag,burger:tag}', '{0,0}');
SELECT cache_invalidate_tags('pizza:tag');
SELECT cache_exists('pizza:tagged'), cache_tags_hold('{pizza:tag}', '{0}'), cache_clear('pizza');
SELECT cache_set('pizza:menu', '"margherita"') IS NOT NULL;
SET ROLE regress_burger;
SELECT cache_tags_hold('{pizza:tag}', '{0}') AS hidden, cache_keys();

-- Who may not store a key gets what it computes, and no more.
SET ROLE regress_pizza;
SELECT cache_get_or_set('burger:cold', 'SELECT 1'), found, token FROM cache_fetch('burger:cold', '1 minute');

-- Nor does the sweep reach further.
RESET ROLE;
BEGIN;
UPDATE cache_entries SET expires_at = now() - interval '1 second', stale_until = NULL;
SET LOCAL ROLE regress_pizza;
SELECT cache_sweep() > 0 AS own_rows;
RESET ROLE;
SELECT count(*) FROM cache_entries WHERE starts_with(key, 'pizza:');
SELECT count(*) > 0 FROM cache_entries WHERE starts_with(key, 'burger:');
ROLLBACK;

SELECT cache_get('burger:menu'), cache_get('burger:n');
DROP POLICY tenant ON cache_entries;
DROP POLICY tenant ON cache_tags;
ALTER TABLE cache_tags DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON cache_tags FROM regress_burger, regress_pizza;
ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON cache_entries FROM regress_burger, regress_pizza;
DROP ROLE regress_burger, regress_pizza;
