-- The text that keys are made of: that of column::text, the same whatever a session has set, for types of users as well.
CREATE VIEW gone AS SELECT key COLLATE "default" FROM cache_entries WHERE NOT cache_exists(key) ORDER BY cache_entries.key;
CREATE TYPE mood AS ENUM ('happy', 'none');
CREATE TABLE "Odd" (id integer);

-- A cast that returns NULL makes no key, as a column that is NULL.
CREATE FUNCTION told(mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT CASE WHEN $1 = 'happy' THEN 'told' END$$;
CREATE CAST (mood AS text) WITH FUNCTION told(mood);
CREATE TABLE moods (mood mood, id integer);
SELECT cache_watch('moods', ARRAY['mood:{mood}', 'id:{id}']);
DELETE FROM cache_entries;
INSERT INTO moods VALUES ('happy', 1), ('none', 2);
SELECT string_agg(key, ' ') FROM gone;
DELETE FROM cache_entries;
UPDATE moods SET mood = 'none' WHERE id = 1;
SELECT string_agg(key, ' ') FROM gone;
-- An output function, too.
SET client_min_messages = warning;
CREATE TYPE null_out;
CREATE FUNCTION null_out_in(cstring) RETURNS null_out LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION null_out_out(null_out) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'pg_stat_get_backend_start';
CREATE TYPE null_out (INPUT = null_out_in, OUTPUT = null_out_out, LIKE = integer);
RESET client_min_messages;
CREATE TABLE nulls (it null_out, id integer);
SELECT cache_watch('nulls', ARRAY['null:{it}', 'id:{id}']);
DELETE FROM cache_entries;
INSERT INTO nulls VALUES ('-7', 3);
SELECT string_agg(key, ' ') FROM gone;

-- What a session has set makes no difference, neither to PostgreSQL's types nor to what a function of a user's sees.
CREATE FUNCTION seen(mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(pg_catalog.current_setting(name), '/')
    FROM pg_catalog.unnest(ARRAY['search_path', 'quote_all_identifiers', 'DateStyle', 'TimeZone', 'IntervalStyle',
                                 'extra_float_digits', 'bytea_output', 'lc_monetary']) AS name $$;
DROP CAST (mood AS text);
CREATE CAST (mood AS text) WITH FUNCTION seen(mood);
CREATE TYPE mixed AS (at timestamptz, cost money, of regclass, f float8);
CREATE TABLE kinds (mood mood, of regclass, cost money, costs money[], mixed mixed, id integer);
SELECT cache_watch('kinds', ARRAY['seen:{mood}', 'of:{of}', 'cost:{cost}', 'costs:{costs}', 'mixed:{mixed}']);
DELETE FROM cache_entries;
INSERT INTO kinds VALUES ('happy', '"Odd"', 1234.5, '{1,2}', ('2026-01-01 00:00+00', 5, 'moods', 0.1));
SELECT * FROM gone;
DELETE FROM cache_entries;
SET search_path = pg_catalog, public;
SET quote_all_identifiers = on;
SET DateStyle = 'German';
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET lc_monetary = 'POSIX';
UPDATE public.kinds SET id = 1;
RESET search_path;
SHOW quote_all_identifiers;
RESET quote_all_identifiers;
RESET DateStyle;
RESET TimeZone;
RESET IntervalStyle;
RESET extra_float_digits;
RESET bytea_output;
RESET lc_monetary;
SELECT * FROM gone;

-- A function of a user's that says that its text depends on more is refused, wherever it is in the type.
SET client_min_messages = warning;
CREATE TYPE unsteady;
CREATE FUNCTION unsteady_in(cstring) RETURNS unsteady LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION unsteady_out(unsteady) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'textout';
CREATE TYPE unsteady (INPUT = unsteady_in, OUTPUT = unsteady_out, LIKE = text);
RESET client_min_messages;
CREATE CAST (unsteady AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE DOMAIN unsteady_domain AS unsteady;
CREATE DOMAIN unsteady_domains AS unsteady_domain[];
CREATE TYPE unsteady_pair AS (a integer, b unsteady_domain);
CREATE TYPE unsteady_range AS RANGE (SUBTYPE = unsteady, SUBTYPE_OPCLASS = text_pattern_ops, MULTIRANGE_TYPE_NAME = unsteady_multirange);
CREATE TABLE unsteadies (plain unsteady, domain unsteady_domain, many unsteady[], domains unsteady_domains, pair unsteady_pair,
    pairs unsteady_pair[], range unsteady_range, multirange unsteady_multirange, row unsteady_pair, id integer);
SELECT cache_watch('unsteadies', ARRAY['u:{plain}', 'u:{domain}']);
SELECT cache_watch('unsteadies', ARRAY['u:{many}']);
SELECT cache_watch('unsteadies', ARRAY['u:{domains}']);
SELECT cache_watch('unsteadies', ARRAY['u:{pair}']);
SELECT cache_watch('unsteadies', ARRAY['u:{pairs}']);
SELECT cache_watch('unsteadies', ARRAY['u:{range}']);
SELECT cache_watch('unsteadies', ARRAY['u:{multirange}']);
DROP CAST (unsteady AS text);
SELECT cache_watch('unsteadies', ARRAY['u:{plain}']);
SELECT cache_watch('unsteadies', ARRAY['u:{domain}']);
ALTER FUNCTION unsteady_out IMMUTABLE;
SELECT cache_watch('unsteadies', ARRAY['u:{plain}', 'u:{domain}', 'u:{many}', 'u:{domains}', 'u:{pair}', 'u:{pairs}', 'u:{range}', 'u:{multirange}']);
DELETE FROM cache_entries;
INSERT INTO unsteadies VALUES ('a', 'b', '{c}', '{d}', '(1,e)', '{"(2,f)"}', '[g,h)', '{[i,j)}');
SELECT * FROM gone;
-- A cast likewise, and one that must be told the type of its argument.
ALTER FUNCTION told STABLE;
DROP CAST (mood AS text);
CREATE CAST (mood AS text) WITH FUNCTION told(mood);
SELECT cache_watch('moods', ARRAY['mood:{mood}']);
-- Where that came later, a change does not fail: it clears what it may have named.
DELETE FROM cache_entries;
SELECT cache_set('mood:any', '1') IS NOT NULL, cache_set('other', '1') IS NOT NULL;
UPDATE moods SET id = 7 WHERE id = 2;
SELECT string_agg(key, ' ') FROM gone;
SELECT status, value FROM cache_health WHERE "check" = 'missing_columns';
DROP CAST (mood AS text);
CREATE FUNCTION told_any(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'any'$$;
CREATE CAST (mood AS text) WITH FUNCTION told_any(anyelement);
SELECT cache_watch('moods', ARRAY['mood:{mood}']);
DROP CAST (mood AS text);
SELECT cache_watch('moods', ARRAY['mood:{mood}']);

DROP VIEW gone;
SET client_min_messages = warning;
DROP TABLE moods, nulls, kinds, unsteadies, "Odd";
DROP TYPE mood, mixed, null_out, unsteady CASCADE;
DROP FUNCTION told_any;
RESET client_min_messages;
