-- One GRANT on cache_entries is all that an application needs, and without it nobody gets anything.
CREATE ROLE regress_reader;
CREATE ROLE regress_writer;
CREATE ROLE regress_deleter;
CREATE ROLE regress_nobody;
GRANT SELECT ON cache_entries TO regress_reader;
GRANT INSERT, UPDATE ON cache_entries TO regress_writer;
GRANT DELETE ON cache_entries TO regress_deleter;
SELECT cache_set('priv:a', '1') IS NOT NULL;

SET ROLE regress_reader;
SELECT cache_get('priv:a'), cache_exists('priv:a');
SELECT cache_set('priv:a', '2');
SELECT cache_touch('priv:a');
SELECT cache_incr('priv:n');
SELECT cache_delete('priv:a');
SELECT cache_take('priv:a');
SELECT cache_clear('priv');
SELECT cache_sweep();
SELECT cache_try_set('priv:a', '2');
SELECT cache_configure('priv', default_ttl => '1 minute');
SELECT cache_unconfigure('priv');
SELECT * FROM cache_namespaces;

SET ROLE regress_writer;
SELECT cache_set('priv:a', '2') IS NOT NULL, cache_add('priv:b', '1'), cache_replace('priv:b', '2'), cache_touch('priv:b'),
       cache_set_many('{"priv:c": 1}'), cache_try_set('priv:d', '1');
SELECT cache_incr('priv:a', 0);
SELECT cache_get('priv:a');
SELECT cache_get_or_null('priv:a');
SELECT cache_delete('priv:a');

SET ROLE regress_deleter;
SELECT cache_delete('priv:b'), cache_delete_many('{priv:c}'), cache_sweep() >= 0;
SELECT cache_get('priv:a');
SELECT cache_take('priv:a');
SELECT cache_set('priv:a', '3');
SELECT cache_clear('priv') > 0;

SET ROLE regress_nobody;
SELECT cache_get('priv:a');
SELECT cache_get_or_null('priv:a'), cache_try_set('priv:a', '4');
SELECT * FROM cache_keys();
SELECT * FROM cache_entry('priv:a');
RESET ROLE;

-- The functions do not lend the owner's rights to anything that hangs on the table.
CREATE TABLE who (role name);
GRANT INSERT ON who TO PUBLIC;
CREATE FUNCTION note_role() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.who VALUES (current_user); RETURN new; END';
CREATE TRIGGER note_role BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION note_role();
GRANT SELECT ON cache_entries TO regress_writer;
SET ROLE regress_writer;
SELECT cache_set('priv:trigger', '1') IS NOT NULL;
RESET ROLE;
SELECT * FROM who;
DROP TRIGGER note_role ON cache_entries;
DROP FUNCTION note_role;
DROP TABLE who;

REVOKE ALL ON cache_entries FROM regress_reader, regress_writer, regress_deleter;
DROP ROLE regress_reader, regress_writer, regress_deleter, regress_nobody;
