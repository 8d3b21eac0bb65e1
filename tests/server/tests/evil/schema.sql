-- The evil schema: stands before pg_catalog and has, of each type, function, aggregate, operator and relation there and in
-- the schema "cache", one of the same name, which records that it ran and raises. A sequence keeps what a rollback undoes.
-- Whatever plpgsql cannot be (internal, "any") is left out.
SET search_path = '';
CREATE SCHEMA record;
CREATE SEQUENCE record.ran;
CREATE FUNCTION record.ran(name pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.nextval('record.ran'::pg_catalog.regclass);
    RAISE EXCEPTION USING ERRCODE = 'P0666', MESSAGE = pg_catalog.concat('evil ran: ', name);
END $$;
CREATE SCHEMA evil;

DO $generate$
DECLARE
    it record;
    body constant text :=
        'BEGIN PERFORM record.ran(%L); END';
BEGIN
    FOR it IN
        SELECT t.typname, pg_catalog.format_type(t.oid, NULL) AS type
        FROM pg_catalog.pg_type AS t
        WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typtype IN ('b', 'r') AND t.typelem = 0
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE DOMAIN evil.%I AS %s CHECK (record.ran(%L))', it.typname, it.type, it.typname);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;

    FOR it IN
        SELECT p.proname, p.oid,
               pg_catalog.array_to_string(ARRAY(
                   SELECT CASE WHEN p.provariadic <> 0 AND number = p.pronargs THEN 'VARIADIC ' ELSE '' END
                          || pg_catalog.format_type(type, NULL)
                   FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS argument (type, number)), ', ') AS arguments,
               CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || pg_catalog.format_type(p.prorettype, NULL) AS result
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname IN ('pg_catalog', 'cache'))
          AND p.prokind = 'f'
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                it.proname, it.arguments, it.result, pg_catalog.format(body, it.proname));
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;

    -- Of those that take anything, the most usual calls.
    FOR it IN
        SELECT name, type
        FROM pg_catalog.unnest(ARRAY['format', 'concat', 'concat_ws', 'json_build_object', 'jsonb_build_object']) AS name,
             pg_catalog.unnest(ARRAY['text', 'name', 'oid', 'integer']) AS type
    LOOP
        EXECUTE pg_catalog.format('CREATE FUNCTION evil.%I(pg_catalog.text, VARIADIC pg_catalog.%I[]) RETURNS pg_catalog.text
            LANGUAGE plpgsql AS %L', it.name, CASE it.type WHEN 'integer' THEN 'int4' ELSE it.type END, pg_catalog.format(body, it.name));
    END LOOP;

    FOR it IN
        SELECT p.proname, p.oid, pg_catalog.row_number() OVER () AS number,
               pg_catalog.array_to_string(ARRAY(
                   SELECT pg_catalog.format_type(type, NULL) FROM pg_catalog.unnest(p.proargtypes) AS type), ', ') AS arguments
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.prokind = 'a'
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE FUNCTION record.step_%s(bigint%s) RETURNS bigint LANGUAGE plpgsql AS %L',
                it.number, CASE it.arguments WHEN '' THEN '' ELSE ', ' || it.arguments END, pg_catalog.format(body, it.proname));
            EXECUTE pg_catalog.format('CREATE AGGREGATE evil.%I(%s) (SFUNC = record.step_%s, STYPE = bigint)',
                it.proname, CASE it.arguments WHEN '' THEN '*' ELSE it.arguments END, it.number);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;

    FOR it IN
        SELECT o.oid, o.oprname, pg_catalog.format_type(o.oprresult, NULL) AS result,
               CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END AS l,
               pg_catalog.format_type(o.oprright, NULL) AS r
        FROM pg_catalog.pg_operator AS o
        WHERE o.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE FUNCTION record.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                it.oid, pg_catalog.concat_ws(', ', it.l, it.r), it.result, pg_catalog.format(body, it.oprname));
            EXECUTE pg_catalog.format('CREATE OPERATOR evil.%s (%sRIGHTARG = %s, FUNCTION = record.operator_%s)',
                it.oprname, 'LEFTARG = ' || it.l || ', ', it.r, it.oid);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;

    FOR it IN
        SELECT DISTINCT c.relname
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname IN ('pg_catalog', 'cache'))
          AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE pg_catalog.format('CREATE VIEW evil.%I AS SELECT record.ran(%L) AS nothing', it.relname, it.relname);
    END LOOP;
END $generate$;
