-- All that users have put into the cache and have configured, one fact a row.
SELECT 'entry ' || jsonb_build_array(key, created_at, version::text, updated_at, expires_at, stale_until, lease_until, lease_id,
                                     load_us, value, bytes, tags, tag_generations)::text
FROM cache_entries
UNION ALL
SELECT 'tag ' || jsonb_build_array(tag, generation, version::text, unused_since::text)::text FROM cache_tags
UNION ALL
SELECT 'namespace ' || jsonb_strip_nulls(to_jsonb(n) - 'loader_owner')::text || ' ' || coalesce(n.loader_owner::regrole::text, 'none')
FROM cache_namespaces AS n
UNION ALL
SELECT format('watch %s %s %s', source, keys, tags) FROM cache_watches
UNION ALL
SELECT format('trigger %s %s', tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgname LIKE 'cache\_pg%'
UNION ALL
SELECT 'policy ' || to_jsonb(p)::text FROM pg_policies AS p
UNION ALL
SELECT format('table %s %s %s', relname, relpersistence, relrowsecurity) FROM pg_class
WHERE oid IN ('cache_entries'::regclass, 'cache_tags'::regclass, 'cache_namespaces'::regclass)
UNION ALL
SELECT format('grant %s on %s to %s', a.privilege_type, c.oid::regclass, a.grantee::regrole)
FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE a.grantee IN ('app'::regrole, 'guest'::regrole)
UNION ALL
SELECT format('grant %s on %s to %s', a.privilege_type, p.oid::regprocedure, a.grantee::regrole)
FROM pg_proc AS p, aclexplode(p.proacl) AS a WHERE a.grantee IN ('app'::regrole, 'guest'::regrole)
ORDER BY 1
