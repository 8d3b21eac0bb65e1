-- Keys, counts and clears by a prefix. It is a text, not a pattern.
SELECT cache_clear() >= 0;
SELECT cache_set_many('{"pre:a": 1, "pre:ab": 2, "pre:b": 3, "pre:a%b": 4, "pre:a_b": 5, "pre:a\\b": 6, "pre:\u00e9": 7, "pre:e\u0301": 8, "pre:ﬀ": 9,
                        "prefix": 10, "pre": 11, ":pre": 12, "pr%e:a": 13, "other:pre:a": 14, "pre:🍔🍔": 15, "pre:🍔x": 16}');
SELECT cache_set_bytes('pre:a:bytes', '\x01') IS NOT NULL AS set, cache_set(U&'pre:\+10FFFF\+10FFFF', '1') IS NOT NULL AS set,
       cache_set('pre:' || repeat(U&'\+10FFFF', 127), '1') IS NOT NULL AS set;
CREATE VIEW by_prefix AS
    SELECT left(p.prefix, 16) AS prefix, cache_count(prefix => p.prefix), cache_count('pre', p.prefix) AS of_pre, cache_count('', p.prefix) AS unnamed, cache_count('other', p.prefix) AS of_other,
           (SELECT string_agg(CASE WHEN k LIKE U&'%\+10FFFF' THEN length(k)::text ELSE k END, ' ' ORDER BY n) FROM cache_keys(prefix => p.prefix) WITH ORDINALITY AS k (k, n)) AS keys,
           cache_count(prefix => p.prefix) = (SELECT count(*) FROM cache_entries WHERE starts_with(key, coalesce(p.prefix, '')) AND expires_at > now()) AS right
    FROM unnest(ARRAY['pre:a', 'pre:ab', 'pre:a%', 'pre:a_', E'pre:a\\', 'pre:%', '%', '_', 'pre', 'pre:', 'p', ':', ';', 'pre:e', 'pre:é', U&'pre:e\0301', 'pre:🍔', 'other:pre:',
                      'pre;', 'PRE', ' ', U&'pre:\+10FFFF', repeat('x', 600), 'pre:a:bytes:more']) WITH ORDINALITY AS p (prefix, n) ORDER BY n;
SELECT * FROM by_prefix;
SELECT cache_count() = cache_count(NULL, '') AS empty_is_all, cache_count() = cache_count(prefix => NULL) AS null_is_all, cache_count('pre') = cache_count('pre', '') AS same,
       cache_count('', ''), cache_count('none'), cache_count('pre', 'other:');
SELECT cache_count('a:b');
-- Paging.
SELECT cache_keys('pre', max_keys => 2, prefix => 'pre:a');
SELECT cache_keys(NULL, 'pre:a:bytes', 2, 'pre:a');
SELECT cache_keys(NULL, 'pre:b', 2, 'pre:a'), cache_keys(NULL, 'a', 1, 'pre:b');
-- Clears.
SELECT cache_clear(prefix => 'pre:a_'), cache_clear(prefix => 'pre:a%'), cache_clear('other', 'pre:'), cache_clear('', 'pre:'), cache_clear(prefix => repeat('x', 600));
SELECT cache_keys(prefix => 'pre:a');
SELECT cache_clear('pre', 'pre:a'), cache_clear(prefix => 'pre:e') AS decomposed, cache_clear(prefix => U&'pre:\+10FFFF');
SELECT cache_keys();
SELECT cache_clear('', 'pre');
SELECT cache_keys();
SELECT cache_clear(NULL, 'p');
SELECT cache_keys();
SELECT cache_clear(NULL, ''), cache_count();
SELECT cache_clear('a:b', 'a');
-- An entry that expired, was invalidated or was deleted counts as little as it is returned.
SELECT cache_set_many('{"pre:1": 1, "pre:2": 2, "pre:3": 3, "pre:4": 4}', tags => '{pre-tag}'), cache_set('pre:5', '5') IS NOT NULL AS set, cache_set('pre:6', '6') IS NOT NULL AS set;
SELECT cache_invalidate_tags('pre-tag'), cache_delete('pre:6');
SELECT cache_count('pre'), cache_count(prefix => 'pre:'), cache_keys('pre'), cache_clear(prefix => 'pre:');
-- A value that was computed before a clear is refused, also for a key that has no row, and only if the prefix can be its own.
SELECT token FROM cache_fetch('pre:late') \gset
SELECT token AS other FROM cache_fetch('other:late') \gset
SELECT cache_clear(prefix => 'pre:l');
SELECT cache_fill('pre:late', '1', :'token'), cache_fill('other:late', '1', :'other');
SELECT cache_exists('pre:late'), cache_get('other:late');
DROP VIEW by_prefix;
SELECT cache_clear() > 0;
