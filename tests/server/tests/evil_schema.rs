//! Nothing that the extension runs finds a name by the search path of whoever runs it.
//!
//! A schema before `pg_catalog` has a namesake of every type, function, aggregate, operator and relation there, and of
//! the extension's own. Each records that it ran, and raises. None ever does.

use anyhow::{Context, Result, bail, ensure};
use cache_pg_server_tests::{PATIENCE, get, launcher, server, swift_server};
use postgres::Client;
use xtask::cluster::{Cluster, wait_for};

/// What makes the evil schema.
const SCHEMA: &str = include_str!("evil/schema.sql");
/// It stands before everything.
const EVIL: &str = "evil, pg_catalog, public";
/// An ordinary path, to have plans kept under.
const USUAL: &str = "public";

/// Tables to be watched, and a loader.
const SOURCES: &str = "
    CREATE TYPE public.mood AS ENUM ('happy');
    CREATE DOMAIN public.named AS text CHECK (VALUE <> 'never');
    CREATE TABLE public.source (id integer, name text, flag \"char\", at timestamptz, mood public.mood, named public.named);
    CREATE TABLE public.tree (id integer, part text) PARTITION BY LIST (part);
    CREATE TABLE public.tree_a PARTITION OF public.tree FOR VALUES IN ('a');
    CREATE TABLE public.parent (id integer);
    CREATE FUNCTION public.load(text) RETURNS jsonb LANGUAGE plpgsql STABLE AS 'BEGIN RETURN ''1''::pg_catalog.jsonb; END';";

/// A trigger and an index: then the extension has the executor run its statements.
const EXECUTOR: &str = "
    CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER nothing BEFORE INSERT OR UPDATE ON cache.cache_entries FOR EACH ROW EXECUTE FUNCTION public.nothing();
    CREATE INDEX further ON cache.cache_entries (updated_at);";

/// Functions that only triggers call; what is done with watched tables and namespaces runs them.
const OF_TRIGGERS: [&str; 7] = [
    "cache_applied_ignored",
    "cache_entries_changed",
    "cache_namespaces_changed",
    "cache_namespaces_checked",
    "cache_tags_truncated",
    "cache_watch_ddl",
    "cache_watch_trigger",
];

/// A function of the extension: its name, and the names and types of its arguments.
struct Function {
    name: String,
    arguments: Vec<(String, String)>,
    is_variadic: bool,
}

fn functions(client: &mut Client) -> Result<Vec<Function>> {
    let rows = client.query(
        "SELECT p.proname::text, array(SELECT coalesce(p.proargnames[n], '') FROM generate_series(1, p.pronargs) AS n),
                array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t), p.provariadic <> 0
         FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_proc AS p ON p.oid = d.objid
         WHERE e.extname = 'cache_pg' AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
         ORDER BY p.proname, p.oid",
        &[],
    )?;
    let function = |row: &postgres::Row| -> Result<Function> {
        let names: Vec<String> = row.try_get(1)?;
        let types: Vec<String> = row.try_get(2)?;
        let arguments = names.into_iter().zip(types).collect();
        Ok(Function { name: row.try_get(0)?, arguments, is_variadic: row.try_get(3)? })
    };
    rows.iter().map(function).collect()
}

/// A call with arguments that suit it, whatever function it is.
fn call(function: &Function, isolation: &str) -> Result<String> {
    let mut arguments = Vec::new();
    let mut before = String::new();
    let is_of_bytes = function.name.ends_with("_bytes");
    let is_of_tokens = |name: &str| name.starts_with("cache_fetch") || name.starts_with("cache_fill");
    let takes_moment = function.arguments.iter().any(|(name, _)| name == "expires_at");
    let takes_interval = function.arguments.iter().any(|(name, kind)| name == "ttl" && kind == "interval");
    for (name, kind) in &function.arguments {
        if name == "token" {
            before = format!("SELECT cache.cache_delete('n:computed'); COMMIT; BEGIN ISOLATION LEVEL {isolation};");
        }
        arguments.push(match (name.as_str(), kind.as_str()) {
            ("token", _) => "(SELECT token FROM cache.cache_fetch('n:computed'))",
            ("key", _) if is_of_tokens(&function.name) || function.name == "cache_release" => {
                "'n:computed'::pg_catalog.text"
            }
            ("key", _) if function.name.contains("lock") => "'n:lock'::pg_catalog.text",
            ("key", _) if is_of_bytes => "'n:bytes'::pg_catalog.text",
            ("keys", _) if is_of_bytes => "'{n:b,n:c}'::pg_catalog._text",
            // A deadline instead of a ttl, where both can be given.
            ("expires_at", _) if takes_interval => "'infinity'::pg_catalog.timestamptz",
            ("expires_at", _) => "NULL::pg_catalog.timestamptz",
            ("ttl", "interval") if takes_moment => "NULL::pg_catalog.interval",
            ("ttls", "text[]") => "'{1 hour,keep}'::pg_catalog._text",
            ("ttls", "interval[]") => "'{1 hour,2 hours}'::pg_catalog._interval",
            ("ttls", _) => "'{600,0.5}'::pg_catalog._float8",
            ("entries", "text") => "'{\"n:k\": 1, \"n:l\": 2}'::pg_catalog.text",
            ("prefix", _) => "'n:'::pg_catalog.text",
            ("ttl", "text") => "'1 hour'::pg_catalog.text",
            ("warm", _) => "'VALUES (1)'::pg_catalog.text",
            ("query", _) => "'SELECT 1'::pg_catalog.text",
            ("namespace", _) => "'n'::pg_catalog.text",
            ("mode", _) => "'logged'::pg_catalog.text",
            (_, "text") => "'n:k'::pg_catalog.text",
            (_, "text[]") => "'{n:k,n:l}'::pg_catalog._text",
            (_, "bigint[]") => "'{0,0}'::pg_catalog._int8",
            (_, "jsonb") if function.name == "cache_set_many" => "'{\"n:k\": 1, \"n:l\": 2}'::pg_catalog.jsonb",
            (_, "jsonb") => "'1'::pg_catalog.jsonb",
            (_, "jsonb[]") => "'{1,2}'::pg_catalog._jsonb",
            (_, "bytea[]") => "ARRAY['\\x01', '\\x02']::pg_catalog._bytea",
            (_, "interval") if function.name.starts_with("cache_fetch") => "'1 millisecond'::pg_catalog.interval",
            (_, "interval") => "'1 hour'::pg_catalog.interval",
            (_, "xid8") => "'3'::pg_catalog.xid8",
            (_, "integer" | "bigint") => "1000",
            (_, "double precision") => "'0.5'::pg_catalog.float8",
            (_, "boolean") => "true",
            (_, "bytea") => "'\\x7b7d00'::pg_catalog.bytea",
            (_, "regclass") => "'public.source'::pg_catalog.regclass",
            (_, "regprocedure") => "'public.load(pg_catalog.text)'::pg_catalog.regprocedure",
            _ => bail!("this test has no argument for {name} {kind} of {}: give it one", function.name),
        });
    }
    let variadic = if function.is_variadic { "VARIADIC " } else { "" };
    Ok(format!("{before}SELECT cache.{}({variadic}{})", function.name, arguments.join(", ")))
}

/// What is done by other statements than calls of functions.
const STATEMENTS: [&str; 38] = [
    "INSERT INTO public.source VALUES (1, 'one', 'a', '2026-01-01', 'happy', 'x')",
    "SELECT cache.cache_watch('public.source'::pg_catalog.regclass,
         '{n:\\{id\\}:\\{name\\}:\\{flag\\}:\\{at\\}:\\{mood\\}:\\{named\\}}'::pg_catalog._text, '{t}'::pg_catalog._text)",
    "SELECT cache.cache_watch('public.tree'::pg_catalog.regclass, '{t:\\{id\\}}'::pg_catalog._text)",
    "SELECT cache.cache_watch('public.parent'::pg_catalog.regclass, '{p:\\{id\\}}'::pg_catalog._text)",
    "INSERT INTO public.source VALUES (2, 'two', 'b', '2026-01-01', 'happy', 'x')",
    "UPDATE public.source SET name = 'three'",
    "DELETE FROM public.source",
    "TRUNCATE public.source",
    "CREATE TABLE public.part PARTITION OF public.tree FOR VALUES IN ('b')",
    "CREATE TABLE public.attached (id pg_catalog.int4, part pg_catalog.text)",
    "ALTER TABLE public.tree ATTACH PARTITION public.attached FOR VALUES IN ('c')",
    "CREATE TABLE public.child () INHERITS (public.parent)",
    "CREATE TEMPORARY TABLE temporary (id pg_catalog.int4)",
    "CREATE TABLE public.copied AS SELECT 1 AS one",
    "INSERT INTO public.tree VALUES (1, 'b'), (2, 'c')",
    "ALTER TABLE public.tree ADD further pg_catalog.int4",
    "DROP TABLE public.part, public.attached, public.child, public.copied, temporary",
    "ALTER TABLE public.tree DROP further",
    "CREATE TYPE public.pair AS (one pg_catalog.int4, two public.mood[])",
    "CREATE TABLE public.pairs OF public.pair",
    "SELECT cache.cache_watch('public.pairs'::pg_catalog.regclass, '{p:\\{two\\}}'::pg_catalog._text)",
    "INSERT INTO public.pairs VALUES (1, '{happy}')",
    "ALTER TYPE public.pair RENAME ATTRIBUTE one TO three CASCADE",
    "DROP TYPE public.pair CASCADE",
    "SELECT cache.cache_unwatch('public.tree'::pg_catalog.regclass)",
    "SELECT cache.cache_unwatch('public.parent'::pg_catalog.regclass)",
    "SELECT cache.cache_configure('n', default_ttl => '1 minute')",
    "SELECT cache.cache_configure('n', loader => 'public.load(pg_catalog.text)', warm => 'VALUES (1)')",
    "SELECT cache.cache_warm('n'), cache.cache_warm('n', '{n:w}'), cache.cache_warm('n', query => 'VALUES (2)')",
    "INSERT INTO cache.cache_entries (key, expires_at, value) VALUES ('n:by hand', pg_catalog.now(), 'null')",
    "UPDATE cache.cache_entries SET value = NULL WHERE key OPERATOR(pg_catalog.=) 'n:by hand'",
    "DELETE FROM cache.cache_entries WHERE key OPERATOR(pg_catalog.=) 'n:by hand'",
    "INSERT INTO cache.cache_namespaces (namespace) VALUES ('by hand')",
    "UPDATE cache.cache_namespaces SET loader = 'public.load(pg_catalog.text)'
     WHERE namespace OPERATOR(pg_catalog.=) 'by hand'",
    "DELETE FROM cache.cache_namespaces WHERE namespace OPERATOR(pg_catalog.=) 'by hand'",
    "SELECT cache.cache_persistence('unlogged')",
    "SELECT cache.cache_persistence('logged')",
    "SELECT cache.cache_clear()",
];

/// How often something of the evil schema has run.
fn ran(judge: &mut Client) -> Result<i64> {
    get(judge, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM record.ran")
}

/// Runs everything that the extension has under `path` at `isolation`, and asserts that nothing evil ran.
fn nothing_evil_runs(judge: &mut Client, client: &mut Client, path: &str, isolation: &str) -> Result<()> {
    client.batch_execute(&format!("SET search_path = {path}"))?;
    let mut calls = Vec::new();
    for function in functions(judge)? {
        let is_called_here = !OF_TRIGGERS.contains(&function.name.as_str()) && !function.name.starts_with("cache_warm");
        if is_called_here {
            calls.push(call(&function, isolation)?);
        }
    }
    let views: Vec<String> = get(
        judge,
        "SELECT array_agg(c.relname::text ORDER BY c.relname)
         FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_class AS c ON c.oid = d.objid
         WHERE e.extname = 'cache_pg' AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v')",
    )?;
    ensure!(views.len() > 8 && calls.len() > 40, "found {} views and {} functions", views.len(), calls.len());
    calls.extend(views.iter().map(|view| format!("SELECT * FROM cache.{view}")));
    calls.extend(STATEMENTS.map(str::to_owned));
    for round in 0..2 {
        for text in &calls {
            let result = client.batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}; {text}; COMMIT"));
            client.batch_execute("ROLLBACK")?;
            let said = result.err().map(|error| error.as_db_error().map_or(error.to_string(), |it| format!("{it:?}")));
            let what = format!("under {path} at {isolation}, round {round}, {text}");
            ensure!(ran(judge)? == 0, "{what}: the evil schema ran: {said:?}");
            // Where the executor must write, no key is put in line.
            let is_refused = text.contains("cache_warm(") && said.as_ref().is_some_and(|said| said.contains("55000"));
            ensure!(said.is_none() || is_refused, "{what}: {said:?}");
        }
    }
    let wait = "CALL cache.cache_warm_wait('n'::pg_catalog.text, '45 seconds'::pg_catalog.interval)";
    if let Err(error) = client.batch_execute(wait) {
        ensure!(error.code().is_some_and(|code| code.code() == "55000"), "under {path} at {isolation}: {error}");
    }
    ensure!(ran(judge)? == 0, "under {path} at {isolation}: the evil schema ran while keys were warmed");
    Ok(())
}

/// A database with the extension in the schema "cache", with the evil schema, and with what is to be watched.
fn prepared(cluster: &Cluster, database: &str) -> Result<Client> {
    cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database}"))?;
    let mut judge = cluster.connect(database)?;
    judge.batch_execute("SET search_path = pg_catalog; CREATE SCHEMA cache; CREATE EXTENSION cache_pg SCHEMA cache")?;
    judge.batch_execute(SOURCES)?;
    judge.batch_execute(SCHEMA).context("the evil schema cannot be made")?;
    judge.batch_execute("SET search_path = pg_catalog, public")?;
    Ok(judge)
}

/// Whatever is evil is found by its name alone, and leaves its mark: else none of these tests would say anything.
fn the_evil_schema_is_one(judge: &mut Client, client: &mut Client) -> Result<()> {
    client.batch_execute(&format!("SET search_path = {EVIL}"))?;
    for text in [
        "SELECT 1 = 1",
        "SELECT 1::int4",
        "SELECT 'a'::text",
        "SELECT 1 IS DISTINCT FROM 2",
        "SELECT 1 IN (1, 2)",
        "SELECT 1 BETWEEN 0 AND 2",
        "SELECT 'a' LIKE 'b'",
        "SELECT CASE 1 WHEN 1 THEN 1 END",
        "SELECT NULLIF(1, 2)",
        "SELECT octet_length('a'::pg_catalog.text)",
        "SELECT count(*)",
        "SELECT unnest('{a}'::pg_catalog._text)",
        "SELECT format('%s', 'a'::pg_catalog.name)",
        "SELECT clock_timestamp()",
        "SELECT * FROM pg_class",
        "SELECT * FROM (VALUES (1)) AS a (n) JOIN (VALUES (1)) AS b (n) USING (n)",
        "SELECT cache_get('k'::pg_catalog.text)",
    ] {
        let before = ran(judge)?;
        let said = client.batch_execute(text).err().map(|error| format!("{:?}", error.as_db_error()));
        ensure!(said.as_ref().is_some_and(|said| said.contains("P0666")), "{text} was not hijacked: {said:?}");
        ensure!(ran(judge)? == before + 1, "{text} left no mark");
    }
    judge.batch_execute("SELECT setval('record.ran', 1, false)")?;
    Ok(())
}

#[test]
fn nothing_runs_that_stands_before_pg_catalog() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("cache_pg.max_ttl", "0").start()?;
    let mut judge = prepared(&cluster, "shadowed")?;
    the_evil_schema_is_one(&mut judge, &mut cluster.connect("shadowed")?)?;
    for way in ["", EXECUTOR] {
        judge.batch_execute(way)?;
        for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
            let mut fresh = cluster.connect("shadowed")?;
            nothing_evil_runs(&mut judge, &mut fresh, EVIL, isolation)?;
            // Plans that were kept under another path are analysed anew under this one.
            let mut kept = cluster.connect("shadowed")?;
            nothing_evil_runs(&mut judge, &mut kept, USUAL, isolation)?;
            nothing_evil_runs(&mut judge, &mut kept, EVIL, isolation)?;
        }
    }
    Ok(())
}

#[test]
fn the_worker_runs_nothing_that_stands_before_pg_catalog() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.lease", "1s").start()?;
    let mut judge = prepared(&cluster, "swept")?;
    judge.batch_execute(&format!("ALTER DATABASE swept SET search_path = {EVIL}"))?;
    judge.batch_execute(&format!("ALTER SYSTEM SET search_path = {EVIL}"))?;
    judge.batch_execute("SELECT pg_reload_conf()")?;
    launcher(&mut judge)?;
    for way in ["", EXECUTOR] {
        judge.batch_execute(way)?;
        judge.batch_execute(
            "SELECT cache.cache_set('n:' || i, '1', '1 millisecond', ARRAY['t' || i]) FROM generate_series(1, 300) AS i;
             SELECT cache.cache_delete('n:1'), cache.cache_invalidate_tags('{t1,t2}')",
        )?;
        wait_for(&mut judge, "SELECT NOT EXISTS (SELECT FROM cache.cache_entries)", PATIENCE)?;
        ensure!(ran(&mut judge)? == 0, "the evil schema ran");
    }
    Ok(())
}

#[test]
fn the_extension_is_made_as_it_should_be_under_any_search_path() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").start()?;
    for (database, schema) in [("beside", "cache"), ("within", "evil")] {
        cluster.connect("postgres")?.batch_execute(&format!("CREATE DATABASE {database}"))?;
        let mut judge = cluster.connect(database)?;
        judge.batch_execute(SCHEMA)?;
        judge.batch_execute("CREATE SCHEMA IF NOT EXISTS cache; RESET search_path")?;
        judge.batch_execute(&format!("ALTER DATABASE {database} SET search_path = {EVIL}"))?;
        let mut client = cluster.connect(database)?;
        client.batch_execute(&format!("CREATE EXTENSION cache_pg SCHEMA {schema}"))?;
        client.batch_execute(&format!(
            "SELECT {schema}.cache_set('k', '1'::pg_catalog.jsonb), {schema}.cache_get('k')"
        ))?;
        ensure!(ran(&mut judge)? == 0, "the evil schema ran");
        let foreign: i64 = get(
            &mut judge,
            "SELECT count(*) FROM pg_catalog.pg_depend AS d
             JOIN pg_catalog.pg_depend AS member ON member.classid = d.classid AND member.objid = d.objid AND member.deptype = 'e'
             JOIN pg_catalog.pg_extension AS e ON e.oid = member.refobjid AND e.extname = 'cache_pg'
             WHERE (d.refclassid, d.refobjid) IN (
                 SELECT 'pg_type'::regclass::oid, oid FROM pg_type WHERE typnamespace = 'evil'::regnamespace AND typtype = 'd'
                 UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace)",
        )?;
        ensure!(foreign == 0, "{foreign} objects of the extension depend on the evil schema");
        client.batch_execute("DROP EXTENSION cache_pg")?;
    }
    Ok(())
}
