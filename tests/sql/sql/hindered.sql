-- Owners, policies and triggers that get in the way, and what still holds.

-- The table may change hands.
CREATE ROLE regress_owner;
GRANT CREATE ON SCHEMA public TO regress_owner;
ALTER TABLE cache_entries OWNER TO regress_owner;
SELECT cache_set('own:a', '1') IS NOT NULL;
SELECT cache_get('own:a'), cache_delete('own:a');

-- FORCE ROW LEVEL SECURITY holds the owner, and nobody who is past policies.
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE cache_entries FORCE ROW LEVEL SECURITY;
SELECT cache_set('own:b', '1') IS NOT NULL;
SELECT cache_get('own:b'), (SELECT count(*) FROM cache_entry('own:b')), (SELECT count(*) FROM cache_keys('own'));
SET ROLE regress_owner;
SELECT cache_get('own:b');
SELECT cache_set('own:c', '1');
RESET ROLE;
SELECT cache_delete('own:b'), cache_clear('own');
ALTER TABLE cache_entries NO FORCE ROW LEVEL SECURITY;
ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY;
ALTER TABLE cache_entries OWNER TO CURRENT_USER;
REVOKE CREATE ON SCHEMA public FROM regress_owner;
DROP ROLE regress_owner;

-- A trigger that lets nothing through: no entry, no error, no endless loop.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER nothing BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT cache_set('none:a', '1') IS NOT NULL, cache_add('none:a', '1'), cache_delete('none:a'), cache_take('none:a');
SELECT cache_get('none:a');
DROP TRIGGER nothing ON cache_entries;
DROP FUNCTION nothing;

-- Beyond the calendar there is no deadline.
SET cache_pg.max_ttl = 0;
SELECT cache_set('ever:a', '1', interval '292277 years'), cache_set('ever:b', '1', make_interval(years => 100000000));
RESET cache_pg.max_ttl;
SELECT cache_clear('ever');

-- Namespaces are read again however they were changed.
SELECT cache_configure('rep', default_ttl => '1 hour');
SET session_replication_role = replica;
UPDATE cache_namespaces SET default_ttl = '2 hours' WHERE namespace = 'rep';
RESET session_replication_role;
SELECT cache_set('rep:a', '1') - clock_timestamp() > interval '90 minutes' AS two_hours;
SELECT cache_unconfigure('rep'), cache_clear('rep');
