import asyncio
import logging
import threading
import time

import psycopg
import pytest
from conftest import go
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout
from test_get_or_set import Load

import cache_pg

NOWHERE = "host=/nowhere"


async def test_server_that_is_down(open_cache, name, errors, caplog):
    ns = open_cache(NOWHERE).namespace(name)
    load = Load(ns, 5)
    results = {
        "get": await go(ns.get("a", "missing")),
        "get_many": await go(ns.get_many(["a"])),
        "set": await go(ns.set("a", 1)),
        "set_many": await go(ns.set_many({"a": 1})),
        "add": await go(ns.add("a", 1)),
        "replace": await go(ns.replace("a", 1)),
        "compare_and_set": await go(ns.compare_and_set("a", 1, 1)),
        "delete": await go(ns.delete("a")),
        "delete_many": await go(ns.delete_many(["a"])),
        "take": await go(ns.take("a", "missing")),
        "has": await go(ns.has("a")),
        "ttl": await go(ns.ttl("a")),
        "touch": await go(ns.touch("a")),
        "get_and_touch": await go(ns.get_and_touch("a", "missing")),
        "increment": await go(ns.increment("a")),
        "entry": await go(ns.entry("a")),
        "version": await go(ns.version("a")),
        "count": await go(ns.count()),
        "clear": await go(ns.clear()),
        "invalidate_tags": await go(ns.invalidate_tags("a")),
        "lock_owner": await go(ns.lock_owner("a")),
        "acquire": await go(ns.lock("a").acquire()),
        "get_or_set": await go(ns.get_or_set("a", load)),
    }
    assert results == {
        "get": "missing",
        "get_many": {},
        "set": False,
        "set_many": 0,
        "add": False,
        "replace": False,
        "compare_and_set": False,
        "delete": False,
        "delete_many": 0,
        "take": "missing",
        "has": False,
        "ttl": None,
        "touch": False,
        "get_and_touch": "missing",
        "increment": None,
        "entry": None,
        "version": None,
        "count": 0,
        "clear": 0,
        "invalidate_tags": 0,
        "lock_owner": None,
        "acquire": False,
        "get_or_set": 5,
    }
    assert load.runs == 1
    assert [type(error) for error in errors] == [psycopg.OperationalError] * len(results)
    assert [record.levelno for record in caplog.records if record.name == "cache_pg"] == [logging.WARNING] * len(
        results
    )


async def test_server_that_is_down_raises_if_asked_to(open_cache, name, errors):
    ns = open_cache(NOWHERE, errors="raise").namespace(name)
    load = Load(ns, 5)
    for verb in (lambda: ns.get("a"), lambda: ns.lock("a").acquire(), lambda: ns.get_or_set("a", load)):
        with pytest.raises(psycopg.OperationalError):
            await go(verb())
    assert load.runs == 0
    assert errors == []


async def test_role_without_privileges(open_cache, dsn, db, name, errors):
    role = f"role_{name}"
    db.execute(f"CREATE ROLE {role} LOGIN")
    try:
        ns = open_cache(psycopg.conninfo.make_conninfo(dsn, user=role)).namespace(name)
        assert await go(ns.get("a")) is None
        assert await go(ns.set("a", 1)) is False
        assert await go(ns.get_or_set("a", Load(ns, 5))) == 5
        assert {type(error) for error in errors} == {psycopg.errors.InsufficientPrivilege}
    finally:
        db.execute(f"DROP ROLE {role}")


async def test_pool_that_gives_no_connection(open_cache, dsn, name, errors):
    options = {"min_size": 1, "max_size": 1, "open": False, "timeout": 0.1}
    pool = ConnectionPool(dsn, **options) if open_cache.kind == "sync" else AsyncConnectionPool(dsn, **options)
    await go(pool.open(wait=True))
    connection = await go(pool.getconn())
    assert await go(open_cache(pool).namespace(name).get("a")) is None
    assert [type(error) for error in errors] == [PoolTimeout]
    await go(pool.putconn(connection))
    await go(pool.close())


def end_sessions(db, label):
    """End the sessions with this application_name, and wait until they are gone."""
    end = "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = %s"
    assert db.execute(end, [label]).fetchall()


async def test_idle_connections_that_the_server_has_ended_are_replaced(open_cache, dsn, db, name, errors):
    cache = open_cache(psycopg.conninfo.make_conninfo(dsn, application_name=name[:60]))
    ns, source = cache.namespace(name), cache._runner.source
    if open_cache.kind == "sync":
        with source.connection(), source.connection():
            pass
    else:
        async with source.connection(), source.connection():
            pass
    await go(ns.set("a", 1))
    end_sessions(db, name[:60])
    assert await go(ns.delete("a")) is True
    assert errors == []


async def test_a_connection_that_breaks_in_a_call_is_an_error(open_cache, dsn, db, name, errors):
    ns = open_cache(psycopg.conninfo.make_conninfo(dsn, application_name=name[:60])).namespace(name)
    await go(ns.set("a", 1))
    with db.transaction():
        db.execute("LOCK cache_entries IN ACCESS EXCLUSIVE MODE")
        call = asyncio.create_task(ns.get("a")) if open_cache.kind == "async" else asyncio.to_thread(ns.get, "a")
        ending = asyncio.to_thread(end_waiting_session, dsn, name[:60])
        value, _ = await asyncio.gather(call, ending)
    assert value is None
    # Which kind of operational error it is depends on what libpq reads first.
    assert [isinstance(error, psycopg.OperationalError) for error in errors] == [True]
    assert await go(ns.get("a")) == 1
    assert len(errors) == 1


def end_waiting_session(dsn, label):
    """End the session with this application_name once it waits for a lock."""
    end = """
        SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity
        WHERE application_name = %s AND wait_event_type = 'Lock'
    """
    deadline = time.monotonic() + 20
    with psycopg.connect(dsn, autocommit=True) as db:
        while not db.execute(end, [label]).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_calls_at_the_same_time_share_ten_connections(dsn, name, db):
    cache = cache_pg.Cache(psycopg.conninfo.make_conninfo(dsn, application_name=name[:60]), errors="raise")
    ns = cache.namespace(name)
    threads = [threading.Thread(target=lambda: [ns.increment("a") for _ in range(20)]) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ns.get("a") == 500
    opened = db.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [name[:60]]).fetchone()[0]
    assert 1 <= opened <= 10
    cache.close()


async def test_statement_timeout_is_a_miss(open_cache, dsn, db, name, errors):
    ns = open_cache(psycopg.conninfo.make_conninfo(dsn, options="-c statement_timeout=100")).namespace(name)
    # Without the timeout: a busy machine may need longer.
    patient = open_cache(dsn).namespace(name)
    await go(patient.set("a", 1))
    with db.transaction():
        db.execute("LOCK cache_entries IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        assert await go(ns.get("a")) is None
        assert time.monotonic() - started < 10
    assert [type(error) for error in errors] == [psycopg.errors.QueryCanceled]
    assert await go(patient.get("a")) == 1


def test_one_async_cache_in_several_event_loops(dsn, name):
    ns = cache_pg.AsyncCache(dsn, errors="raise").namespace(name)

    async def many():
        await asyncio.gather(*(ns.increment("a") for _ in range(40)))

    for _ in range(2):
        asyncio.run(many())

    async def end():
        assert await ns.get("a") == 80
        await ns._runner.source.close()

    asyncio.run(end())
