-- Everything that the catalogs say about the extension, one fact a row, with names instead of OIDs. Two installations with
-- the same rows are the same.
WITH extension AS (
    SELECT * FROM pg_extension WHERE extname = 'cache_pg'
), members AS (
    SELECT d.classid, d.objid FROM pg_depend AS d JOIN extension AS e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
), member_relations AS (
    -- With their TOAST tables and indexes, which are no members themselves.
    SELECT objid AS oid FROM members WHERE classid = 'pg_class'::regclass
    UNION SELECT c.reltoastrelid FROM members JOIN pg_class AS c ON c.oid = objid
        WHERE classid = 'pg_class'::regclass AND c.reltoastrelid <> 0
    UNION SELECT i.indexrelid FROM members JOIN pg_index AS i ON i.indrelid = objid WHERE classid = 'pg_class'::regclass
    -- The attributes of composite types.
    UNION SELECT t.typrelid FROM members JOIN pg_type AS t ON t.oid = objid
        WHERE classid = 'pg_type'::regclass AND t.typrelid <> 0
), relations AS (
    SELECT c.*, CASE WHEN c.relkind = 't' THEN 'TOAST table of ' || (
               SELECT p.oid::regclass::text FROM pg_class AS p WHERE p.reltoastrelid = c.oid)
           ELSE c.oid::regclass::text END AS name
    FROM pg_class AS c JOIN member_relations USING (oid)
), types AS (
    -- With the row types of relations, which have owners and grants of their own.
    SELECT t.* FROM pg_type AS t
    WHERE t.oid IN (SELECT objid FROM members WHERE classid = 'pg_type'::regclass)
       OR t.typrelid IN (SELECT oid FROM member_relations WHERE oid NOT IN (SELECT reltoastrelid FROM pg_class))
), parts AS (
    -- The members, and what belongs to them alone.
    SELECT classid, objid FROM members
    UNION SELECT 'pg_extension'::regclass, oid FROM extension
    UNION SELECT 'pg_namespace'::regclass, extnamespace FROM extension
    UNION SELECT 'pg_class'::regclass, oid FROM member_relations
    UNION SELECT 'pg_type'::regclass, oid FROM types
    UNION SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c JOIN types AS t ON t.oid = c.contypid
    UNION SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext AS s JOIN member_relations AS r ON r.oid = s.stxrelid
    UNION SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c JOIN member_relations AS r ON r.oid = c.conrelid
    UNION SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger AS t JOIN member_relations AS r ON r.oid = t.tgrelid
    UNION SELECT 'pg_policy'::regclass, p.oid FROM pg_policy AS p JOIN member_relations AS r ON r.oid = p.polrelid
    UNION SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite AS w JOIN member_relations AS r ON r.oid = w.ev_class
    UNION SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef AS d JOIN member_relations AS r ON r.oid = d.adrelid
), facts (about, fact) AS (
    SELECT 'extension', jsonb_build_object(
        'version', e.extversion, 'schema', e.extnamespace::regnamespace, 'relocatable', e.extrelocatable,
        'owner', e.extowner::regrole,
        'dumped', (SELECT array_agg(o::regclass::text ORDER BY n) FROM unnest(e.extconfig) WITH ORDINALITY AS of (o, n)),
        'conditions', e.extcondition)
    FROM extension AS e
    UNION ALL
    SELECT 'member ' || pg_describe_object(classid, objid, 0), jsonb_build_object(
        'identity', (SELECT to_jsonb(i) FROM pg_identify_object(classid, objid, 0) AS i))
    FROM members
    UNION ALL
    SELECT 'schema ' || n.nspname, jsonb_build_object(
        'owner', n.nspowner::regrole,
        'grants', (SELECT array_agg(format('%s %s %s', a.grantor::regrole, CASE a.grantee WHEN 0 THEN 'all' ELSE a.grantee::regrole::text END,
                                           a.privilege_type || a.is_grantable) ORDER BY 1)
                   FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a))
    FROM pg_namespace AS n JOIN extension AS e ON e.extnamespace = n.oid
    UNION ALL
    -- What is in the schema of the extension and belongs to no extension. Indexes, row types and array types depend on no
    -- schema: they belong to what they are made for.
    SELECT 'stray ' || pg_describe_object(d.classid, d.objid, d.objsubid), jsonb_build_object('type', d.deptype)
    FROM pg_depend AS d JOIN extension AS e ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = e.extnamespace
    WHERE d.classid <> 'pg_extension'::regclass AND NOT EXISTS (
        SELECT FROM pg_depend AS m WHERE m.classid = d.classid AND m.objid = d.objid AND m.deptype = 'e')
    UNION ALL
    SELECT 'relation ' || name, jsonb_build_object(
        'kind', relkind, 'persistence', relpersistence, 'options', reloptions, 'owner', relowner::regrole,
        'method', (SELECT amname FROM pg_am AS a WHERE a.oid = relam), 'identity', relreplident,
        'row security', relrowsecurity, 'forced', relforcerowsecurity, 'checks', relchecks, 'columns', relnatts,
        'rules', relhasrules, 'triggers', relhastriggers, 'tablespace', reltablespace, 'partition', relispartition,
        'grants', (SELECT array_agg(format('%s %s %s', a.grantor::regrole, a.grantee::regrole, a.privilege_type || a.is_grantable)
                                    ORDER BY 1) FROM aclexplode(relacl) AS a),
        'definition', CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END)
    FROM relations
    UNION ALL
    SELECT format('column %s of %s', a.attnum, r.name), jsonb_build_object(
        'name', CASE WHEN a.attisdropped THEN '(dropped)' ELSE a.attname END, 'type', format_type(a.atttypid, a.atttypmod),
        'collation', a.attcollation::regcollation, 'not null', a.attnotnull, 'identity', a.attidentity,
        'generated', a.attgenerated, 'storage', a.attstorage, 'compression', a.attcompression, 'options', (
            -- PostgreSQL of November 2026 marks every column with the place in the WAL where it was made.
            SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%'),
        'statistics', a.attstattarget,
        'inherited', a.attinhcount, 'local', a.attislocal, 'missing', a.atthasmissing AND false,
        'grants', (SELECT array_agg(x::text ORDER BY 1) FROM aclexplode(a.attacl) AS x),
        'default', (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d
                    WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum))
    FROM pg_attribute AS a JOIN relations AS r ON r.oid = a.attrelid WHERE a.attnum > 0
    UNION ALL
    SELECT format('constraint %s of %s', c.conname, r.name), jsonb_build_object(
        'definition', pg_get_constraintdef(c.oid), 'type', c.contype, 'valid', c.convalidated, 'local', c.conislocal,
        'inherit', NOT c.connoinherit, 'deferrable', c.condeferrable, 'deferred', c.condeferred)
    FROM pg_constraint AS c JOIN relations AS r ON r.oid = c.conrelid
    UNION ALL
    SELECT format('constraint %s of type %s', c.conname, format_type(t.oid, NULL)), jsonb_build_object(
        'definition', pg_get_constraintdef(c.oid), 'type', c.contype, 'valid', c.convalidated)
    FROM pg_constraint AS c JOIN types AS t ON t.oid = c.contypid
    UNION ALL
    SELECT 'type ' || format_type(t.oid, NULL), jsonb_build_object(
        'type', t.typtype, 'category', t.typcategory, 'preferred', t.typispreferred, 'delimiter', t.typdelim,
        'length', t.typlen, 'by value', t.typbyval, 'alignment', t.typalign, 'storage', t.typstorage,
        'owner', t.typowner::regrole, 'defined', t.typisdefined, 'element', format_type(t.typelem, NULL),
        'functions', ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze]::regproc[],
        'subscript', t.typsubscript, 'base', format_type(t.typbasetype, t.typtypmod), 'dimensions', t.typndims,
        'collation', t.typcollation::regcollation, 'not null', t.typnotnull,
        'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
        'labels', (SELECT array_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum AS l WHERE l.enumtypid = t.oid),
        'range', (SELECT jsonb_build_object('subtype', format_type(g.rngsubtype, NULL), 'collation', g.rngcollation::regcollation,
                                            'canonical', g.rngcanonical, 'difference', g.rngsubdiff)
                  FROM pg_range AS g WHERE g.rngtypid = t.oid),
        'grants', (SELECT array_agg(format('%s %s %s', a.grantor::regrole, CASE a.grantee WHEN 0 THEN 'all' ELSE a.grantee::regrole::text END,
                                           a.privilege_type || a.is_grantable) ORDER BY 1)
                   FROM aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS a))
    FROM types AS t
    UNION ALL
    SELECT 'sequence ' || r.name, jsonb_build_object(
        'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'maximum', s.seqmax,
        'minimum', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle)
    FROM pg_sequence AS s JOIN relations AS r ON r.oid = s.seqrelid
    UNION ALL
    SELECT format('cast from %s to %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)), jsonb_build_object(
        'context', c.castcontext, 'method', c.castmethod, 'function', c.castfunc::regprocedure)
    FROM pg_cast AS c JOIN members ON objid = c.oid AND classid = 'pg_cast'::regclass
    UNION ALL
    SELECT 'operator ' || o.oid::regoperator, jsonb_build_object(
        'function', o.oprcode, 'restrict', o.oprrest, 'join', o.oprjoin, 'commutator', o.oprcom::regoperator,
        'negator', o.oprnegate::regoperator, 'merges', o.oprcanmerge, 'hashes', o.oprcanhash, 'owner', o.oprowner::regrole)
    FROM pg_operator AS o JOIN members ON objid = o.oid AND classid = 'pg_operator'::regclass
    UNION ALL
    SELECT format('statistics %s.%s of %s', s.stxnamespace::regnamespace, s.stxname, r.name), jsonb_build_object(
        'definition', pg_get_statisticsobjdef(s.oid), 'target', s.stxstattarget, 'owner', s.stxowner::regrole)
    FROM pg_statistic_ext AS s JOIN relations AS r ON r.oid = s.stxrelid
    UNION ALL
    -- A publication is never a member, and one of all tables has those of the extension too.
    SELECT 'publication ' || p.pubname, to_jsonb(p) - 'oid' FROM pg_publication AS p
    UNION ALL
    SELECT format('publication %s of %s', p.pubname, t.prrelid::regclass),
           to_jsonb(t) - '{oid,prpubid,prrelid,prqual}'::text[] || jsonb_build_object('where', pg_get_expr(t.prqual, t.prrelid))
    FROM pg_publication_rel AS t JOIN pg_publication AS p ON p.oid = t.prpubid
    UNION ALL
    SELECT format('publication %s of schema %s', p.pubname, s.pnnspid::regnamespace), '{}'
    FROM pg_publication_namespace AS s JOIN pg_publication AS p ON p.oid = s.pnpubid
    UNION ALL
    SELECT format('settings of %s in %s', CASE s.setrole WHEN 0 THEN 'all' ELSE s.setrole::regrole::text END,
                  CASE s.setdatabase WHEN 0 THEN 'all databases' ELSE 'this database' END),
           to_jsonb((SELECT array_agg(o ORDER BY o) FROM unnest(s.setconfig) AS o))
    FROM pg_db_role_setting AS s
    WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    UNION ALL
    -- What a script has left in a table. Rows of cache_entries are those of callers. ts_stat runs a query that is put
    -- together here, and counts the rows with a word; query_to_xml is not in every build.
    SELECT 'rows of ' || name, to_jsonb(coalesce(
        (SELECT s.ndoc FROM ts_stat(format('SELECT tsvector %L FROM %s', 'row', oid::regclass)) AS s), 0))
    FROM relations WHERE relkind = 'r' AND relname <> 'cache_entries'
    UNION ALL
    SELECT 'index ' || r.name, jsonb_build_object(
        'definition', CASE WHEN r.name LIKE 'pg_toast.%' THEN 'of a TOAST table' ELSE pg_get_indexdef(i.indexrelid) END,
        'valid', i.indisvalid, 'primary', i.indisprimary, 'identity', i.indisreplident, 'cluster', i.indisclustered)
    FROM pg_index AS i JOIN relations AS r ON r.oid = i.indexrelid
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure, jsonb_build_object(
        'definition', pg_get_functiondef(p.oid), 'owner', p.proowner::regrole, 'source', p.prosrc, 'library', p.probin,
        'volatility', p.provolatile, 'parallel', p.proparallel, 'strict', p.proisstrict, 'definer', p.prosecdef,
        'leakproof', p.proleakproof, 'cost', p.procost, 'rows', p.prorows, 'settings', p.proconfig,
        'grants', (SELECT array_agg(format('%s %s %s', a.grantor::regrole, CASE a.grantee WHEN 0 THEN 'all' ELSE a.grantee::regrole::text END,
                                           a.privilege_type || a.is_grantable) ORDER BY 1)
                   FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a))
    FROM pg_proc AS p JOIN members ON objid = p.oid AND classid = 'pg_proc'::regclass
    UNION ALL
    SELECT format('trigger %s of %s', t.tgname, r.name), jsonb_build_object(
        'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
    FROM pg_trigger AS t JOIN relations AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'event trigger ' || evtname, jsonb_build_object(
        'event', evtevent, 'enabled', evtenabled, 'tags', evttags, 'function', evtfoid::regprocedure, 'owner', evtowner::regrole)
    FROM pg_event_trigger JOIN members ON objid = oid AND classid = 'pg_event_trigger'::regclass
    UNION ALL
    SELECT format('policy %s of %s', p.polname, r.name), jsonb_build_object(
        'command', p.polcmd, 'permissive', p.polpermissive, 'roles', p.polroles::regrole[],
        'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p JOIN relations AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'rule ' || w.rulename || ' of ' || r.name, jsonb_build_object('definition', pg_get_ruledef(w.oid), 'enabled', w.ev_enabled)
    FROM pg_rewrite AS w JOIN relations AS r ON r.oid = w.ev_class
    UNION ALL
    -- Grants of CREATE EXTENSION, which pg_dump leaves out.
    SELECT 'initial privileges of ' || pg_describe_object(i.classoid, i.objoid, i.objsubid), jsonb_build_object(
        'by', i.privtype,
        'grants', (SELECT array_agg(format('%s %s %s', a.grantor::regrole, CASE a.grantee WHEN 0 THEN 'all' ELSE a.grantee::regrole::text END,
                                           a.privilege_type || a.is_grantable) ORDER BY 1)
                   FROM aclexplode(i.initprivs) AS a))
    FROM pg_init_privs AS i JOIN parts ON classid = i.classoid AND objid = i.objoid
    UNION ALL
    SELECT 'default privileges ' || row_number() OVER (ORDER BY to_jsonb(d)::text), to_jsonb(d) - 'oid' FROM pg_default_acl AS d
    UNION ALL
    SELECT 'comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid), to_jsonb(d.description)
    FROM pg_description AS d JOIN parts ON classid = d.classoid AND objid = d.objoid
    UNION ALL
    SELECT 'label of ' || pg_describe_object(l.classoid, l.objoid, l.objsubid), to_jsonb(l.label)
    FROM pg_seclabel AS l JOIN parts ON classid = l.classoid AND objid = l.objoid
    UNION ALL
    SELECT format('dependency of %s on %s', pg_describe_object(d.classid, d.objid, d.objsubid),
                  pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)),
           jsonb_build_object('type', array_agg(d.deptype ORDER BY d.deptype))
    FROM pg_depend AS d JOIN parts AS p ON p.classid = d.classid AND p.objid = d.objid
    GROUP BY d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
)
-- The names of TOAST tables have an OID in them.
SELECT DISTINCT regexp_replace(about || ': ' || jsonb_strip_nulls(fact), 'pg_toast_\d+', 'pg_toast_N', 'g') COLLATE "C" FROM facts ORDER BY 1
