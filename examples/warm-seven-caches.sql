-- Warming: workers compute the values of tenants and menus before their first caller. Run it with
-- psql -v ON_ERROR_STOP=1 as the owner of the extension, after seven-caches.sql, which gives the namespaces their time
-- to live; running it again changes nothing. docs/warming.md explains each step.
--
-- The tables stand for those of your application. With tables of your own, leave them out, and name your columns in
-- the loaders.

CREATE TABLE IF NOT EXISTS tenants (slug text PRIMARY KEY, name text NOT NULL);
CREATE TABLE IF NOT EXISTS menus (tenant text, dish text);

INSERT INTO tenants (slug, name) VALUES ('burger-palace', 'Burger Palace'), ('taco-town', 'Taco Town')
ON CONFLICT DO NOTHING;
INSERT INTO menus (tenant, dish)
SELECT * FROM (VALUES ('burger-palace', 'Cheeseburger'), ('burger-palace', 'Fries'), ('taco-town', 'Tacos')) AS example
WHERE NOT EXISTS (SELECT FROM menus);

-- A loader takes a key, such as menu:burger-palace, and returns its value. It must be the value that the application
-- stores under this key.
CREATE OR REPLACE FUNCTION load_tenant(key text) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT to_jsonb(t) FROM tenants AS t WHERE t.slug = split_part(key, ':', 2));

CREATE OR REPLACE FUNCTION load_menu(key text) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT jsonb_agg(m.dish ORDER BY m.dish) FROM menus AS m WHERE m.tenant = split_part(key, ':', 2));

-- The query of warm returns the keys that should be in the cache. The part before the ":" can be left out. Workers load
-- them after a start of the server, after cache_clear, and now.
DO $$
BEGIN
    -- tenant:<slug>. Every request needs one.
    PERFORM cache_configure('tenant', loader => 'load_tenant(text)', warm => 'SELECT slug FROM tenants');

    -- menu:<slug>. Menus that were read lately are loaded first.
    PERFORM cache_configure('menu', loader => 'load_menu(text)', warm => 'SELECT DISTINCT tenant FROM menus');
END
$$;

-- In the same way:
--   permission:<user>       with a loader that collects the roles of a user, and warm => 'SELECT name FROM users'. If
--                           there are many users, name those that were active lately.
--   table:<slug>:<number>   with warm => $w$SELECT format('%s:%s', slug, number) FROM floor_plans$w$. The loader takes
--                           the number by split_part(key, ':', 3).
--   staff:<slug>            with warm => 'SELECT slug FROM tenants', if staff is read by a query. Give it a default_ttl
--                           that lasts until the shift begins, or call cache_warm('staff') shortly before.
--
-- Not warmed:
--   session:<token>         A session is created when a user logs in. No table has its value, so no loader can compute
--                           it.
--   order:<number>          The application stores each order when it arrives, and finished orders are rarely read.

-- The end of a deployment: puts the missing keys in line, and waits until all of them are loaded. Run it outside a
-- transaction block.
SELECT cache_warm('tenant') AS tenants, cache_warm('menu') AS menus;
CALL cache_warm_wait();
