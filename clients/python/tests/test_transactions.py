import psycopg
import pytest
from conftest import go
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from test_get_or_set import Load

import cache_pg


async def connect(open_cache, dsn, **options):
    """A connection for this kind of cache, which is closed after the test."""
    kind = psycopg.Connection if open_cache.kind == "sync" else psycopg.AsyncConnection
    open_cache.opened.append(await go(kind.connect(dsn, **options)))
    return open_cache.opened[-1]


async def test_a_call_is_part_of_the_transaction(open_cache, dsn, name):
    ns = open_cache().namespace(name, errors="raise")
    conn = await connect(open_cache, dsn)
    await go(ns.set("a", "old"))
    await go(ns.delete("a", conn=conn))
    await go(ns.set("b", 1, conn=conn))
    assert await go(ns.get_many("ab", conn=conn)) == {"b": 1}
    assert await go(ns.get_many("ab")) == {"a": "old"}
    await go(conn.rollback())
    assert await go(ns.get_many("ab")) == {"a": "old"}
    await go(ns.delete("a", conn=conn))
    await go(conn.commit())
    assert await go(ns.get_many("ab")) == {}


async def test_every_verb_takes_the_connection(open_cache, dsn, name):
    ns = open_cache("host=/nowhere", errors="raise").namespace(name)
    conn = await connect(open_cache, dsn)
    assert await go(ns.set("a", 1, conn=conn))
    assert await go(ns.set_many({"b": 1}, conn=conn)) == 1
    assert await go(ns.add("c", 1, conn=conn))
    assert await go(ns.replace("c", 2, conn=conn))
    assert await go(ns.get("c", conn=conn)) == 2
    assert await go(ns.has("c", conn=conn))
    assert await go(ns.ttl("c", conn=conn)) > 0
    assert await go(ns.touch("c", conn=conn))
    assert await go(ns.get_and_touch("c", conn=conn)) == 2
    version = await go(ns.version("c", conn=conn))
    assert await go(ns.compare_and_set("c", 3, version, conn=conn))
    assert (await go(ns.entry("c", conn=conn))).value == 3
    assert await go(ns.increment("n", conn=conn)) == 1
    assert await go(ns.count(conn=conn)) == 4
    keys = ns.keys(conn=conn)
    assert ([key async for key in keys] if open_cache.kind == "async" else list(keys)) == ["a", "b", "c", "n"]
    assert await go(ns.take("a", conn=conn)) == 1
    assert await go(ns.delete("b", conn=conn))
    assert await go(ns.delete_many(["c"], conn=conn)) == 1
    assert await go(ns.get_or_set("x", Load(ns, 5), conn=conn)) == 5
    assert await go(ns.invalidate_tags("t", conn=conn)) == 1
    assert await go(ns.lock_owner("l", conn=conn)) is None
    assert await go(ns.clear(conn=conn)) >= 1
    await go(conn.rollback())


async def test_an_error_leaves_the_transaction_as_it_was(open_cache, dsn, name, errors):
    ns = open_cache().namespace(name)
    broken = open_cache(schema="no_such_schema").namespace(name)
    conn = await connect(open_cache, dsn)
    notices = []
    conn.add_notice_handler(notices.append)
    await go(ns.set("a", 1, conn=conn))
    settings = await go((await go(conn.execute("SELECT name, setting FROM pg_settings ORDER BY 1"))).fetchall())
    assert await go(broken.get("a", "missing", conn=conn)) == "missing"
    assert await go(broken.delete("a", conn=conn)) is False
    assert await go(ns.set("b", 1, ttl="a while", conn=conn)) is False
    assert [type(error) for error in errors] == [
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.InvalidDatetimeFormat,
    ]
    assert await go(ns.get("a", conn=conn)) == 1
    after = await go((await go(conn.execute("SELECT name, setting FROM pg_settings ORDER BY 1"))).fetchall())
    assert after == settings
    assert notices == []
    await go(conn.commit())
    assert await go(ns.get("a")) == 1


async def test_an_error_as_the_first_call_of_the_transaction(open_cache, dsn, name, errors):
    broken = open_cache(schema="no_such_schema").namespace(name)
    conn = await connect(open_cache, dsn)
    assert await go(broken.get("a", conn=conn)) is None
    assert len(errors) == 1
    assert await go((await go(conn.execute("SELECT 1"))).fetchone()) == (1,)


async def test_values_in_a_transaction(open_cache, dsn, name):
    conn = await connect(open_cache, dsn)
    ns = open_cache(conn).namespace(name)
    texts = ["'", '"', "\\", "\\'", "%s", "%", "{}", "a\nb", "ключ", ""]
    for value in texts:
        await go(ns.set("a", [value]))
        assert await go(ns.get("a")) == [value]
    await go(ns.set_many({text: text for text in texts}))
    assert await go(ns.get_many(texts)) == {text: text for text in texts}
    raw = open_cache(conn).namespace(name, serializer=cache_pg.Raw())
    every = bytes(range(256))
    await go(raw.set_many({"b": every, "c": b""}))
    assert await go(raw.get_many("bc")) == {"b": every, "c": b""}
    assert await go(raw.get("b")) == every


async def test_a_transaction_that_has_failed_is_reported(open_cache, dsn, name, errors):
    ns = open_cache().namespace(name)
    conn = await connect(open_cache, dsn)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await go(conn.execute("SELECT 1 / 0"))
    assert await go(ns.get("a", conn=conn)) is None
    assert [type(error) for error in errors] == [psycopg.errors.InFailedSqlTransaction]


async def test_errors_may_be_raised(open_cache, dsn, name, errors):
    conn = await connect(open_cache, dsn)
    with pytest.raises(psycopg.errors.InvalidSchemaName):
        await go(open_cache(schema="no_such_schema", errors="raise").namespace(name).get("a", conn=conn))
    assert errors == []


@pytest.mark.parametrize("autocommit", [True, False])
async def test_cache_on_a_connection(open_cache, dsn, name, errors, autocommit, db):
    conn = await connect(open_cache, dsn, autocommit=autocommit)
    ns = open_cache(conn).namespace(name)
    await go(ns.set("a", 1))
    assert await go(ns.set("b", 1, ttl="a while")) is False
    assert len(errors) == 1
    assert await go(ns.get("a")) == 1
    await go(conn.rollback())
    assert db.execute("SELECT cache_get(%s)", [f"{name}:a"]).fetchone() == ((1,) if autocommit else (None,))
    if not autocommit:
        with pytest.raises(ValueError, match="lock"):
            ns.lock("a")


@pytest.mark.parametrize("autocommit", [True, False])
async def test_cache_on_a_pool(open_cache, dsn, name, errors, autocommit):
    options = {"min_size": 1, "max_size": 1, "open": False, "kwargs": {"autocommit": autocommit}}
    pool = ConnectionPool(dsn, **options) if open_cache.kind == "sync" else AsyncConnectionPool(dsn, **options)
    await go(pool.open())
    ns = open_cache(pool).namespace(name)
    assert await go(ns.set("a", 1, ttl="a while")) is False
    assert len(errors) == 1
    assert await go(ns.set("a", 1)) is True
    assert await go(ns.get("a")) == 1
    await go(pool.close())


async def test_rows_and_placeholders_of_the_application(open_cache, dsn, name):
    cursor = psycopg.RawCursor if open_cache.kind == "sync" else psycopg.AsyncRawCursor
    options = {"row_factory": psycopg.rows.dict_row, "cursor_factory": cursor}
    conn = await connect(open_cache, dsn, **options)
    ns = open_cache(conn, errors="report").namespace(name, errors="raise")
    await go(ns.set("a", 1))
    assert await go(ns.get_many("a")) == {"a": 1}


@pytest.mark.parametrize("how", ["report", "raise"])
async def test_load_that_fails_in_the_transaction(open_cache, dsn, name, errors, how):
    """Its error is raised, and not that of the token that cannot be given back."""
    conn = await connect(open_cache, dsn)
    ns = open_cache(errors=how).namespace(name)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await go(ns.get_or_set("a", lambda: conn.execute("SELECT 1 / 0"), conn=conn))
    assert [type(error) for error in errors] == [psycopg.errors.InFailedSqlTransaction]


@pytest.mark.parametrize("autocommit", [False, True])
def test_pipeline_mode(dsn, name, errors, autocommit):
    cache = cache_pg.Cache(dsn, on_error=errors.append)
    with psycopg.connect(dsn, autocommit=autocommit) as db, db.pipeline():
        db.execute("CREATE TEMPORARY TABLE orders AS SELECT 1 AS id")
        with pytest.raises(ValueError, match="pipeline mode"):
            cache.set(name, 1, conn=db)
        strict = cache.namespace(name, errors="raise")
        assert strict.set("a", 1, conn=db) is True
        assert strict.get("a", conn=db) == 1
        assert db.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert errors == []
    cache.close()


@pytest.mark.parametrize("autocommit", [False, True])
def test_encoding_in_which_no_key_would_be_found(dsn, name, errors, autocommit, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    cache = cache_pg.Cache(dsn, on_error=errors.append)
    ns = cache.namespace(name)
    ns.set("ü", "ü")
    assert ns.get_many(["ü"]) == {"ü": "ü"}
    assert list(ns.keys()) == ["ü"]
    with psycopg.connect(dsn, autocommit=autocommit) as db, pytest.raises(ValueError, match="client_encoding"):
        ns.get_many(["ü"], conn=db)
    assert errors == []
    cache.close()
