import asyncio
import contextlib
import math
import multiprocessing
import threading
import time

import psycopg
import pytest
from conftest import SlowPool, cancelled_again_and_again, eventually, go
from psycopg_pool import AsyncConnectionPool, ConnectionPool

import cache_pg


class Load:
    """A loader for either kind of cache, which counts its runs."""

    def __init__(self, cache, value=None, error=None, during=None):
        self.runs, self._value, self._error, self._during = 0, value, error, during
        self._is_async = isinstance(cache, cache_pg.AsyncNamespace)

    def __call__(self):
        return self._later() if self._is_async else self._now()

    async def _later(self):
        return self._now()

    def _now(self):
        self.runs += 1
        if self._during is not None:
            self._during()
        if self._error is not None:
            raise self._error
        return self._value


@pytest.mark.parametrize("value", [{"a": 1}, None])
async def test_loads_once(ns, value):
    load = Load(ns, value)
    for _ in range(3):
        assert await go(ns.get_or_set("a", load, ttl=100, tags=["t"])) == value
    assert load.runs == 1
    assert await go(ns.ttl("a")) == pytest.approx(100, abs=10)
    assert (await go(ns.entry("a"))).tags == ["t"]


@pytest.mark.parametrize("error", [ValueError("source"), psycopg.OperationalError("source"), KeyboardInterrupt()])
async def test_error_of_load_is_raised_and_the_next_caller_may_load(cache, name, errors, error):
    ns = cache.namespace(name)
    load = Load(ns, error=error)
    with pytest.raises(type(error)) as raised:
        await go(ns.get_or_set("a", load))
    assert raised.value is error
    assert load.runs == 1
    assert errors == []
    again = Load(ns, 2)
    assert await go(ns.get_or_set("a", again, wait=0)) == 2
    assert await go(ns.get("a")) == 2


async def test_value_that_cannot_be_stored_is_raised_and_the_next_caller_may_load(ns):
    with pytest.raises(TypeError):
        await go(ns.get_or_set("a", Load(ns, object())))
    assert await go(ns.get_or_set("a", Load(ns, 2), wait=0)) == 2
    assert await go(ns.get("a")) == 2


@pytest.mark.parametrize("how", ["report", "raise"])
async def test_value_that_the_server_refuses_gives_its_token_back(cache, name, errors, how):
    ns = cache.namespace(name, errors=how)
    too_large = Load(ns, "x" * 2**21)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded) if how == "raise" else contextlib.nullcontext():
        await go(ns.get_or_set("a", too_large))
    assert too_large.runs == 1
    assert len(errors) == (how == "report")
    assert await go(ns.get_or_set("a", Load(ns, 2), wait=0)) == 2
    assert await go(ns.get("a")) == 2


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": -1}, {"ttl": math.nan}, {"tags": "tag"}, {"tags": [1]}])
async def test_wrong_argument_is_raised_before_load_runs(ns, wrong):
    load = Load(ns, 1)
    for call in (
        lambda: ns.get_or_set("a", load, **wrong),
        lambda: ns.cached(**wrong),
        lambda: ns.set("a", 1, **wrong),
    ):
        with pytest.raises((TypeError, ValueError)):
            await go(call())
    assert load.runs == 0


async def test_tags_that_can_be_read_once(ns):
    await go(ns.get_or_set("a", Load(ns, 1), tags=iter(["t"])))
    assert (await go(ns.entry("a"))).tags == ["t"]


async def test_on_error_that_fails_hides_no_error_of_load(open_cache, name, caplog):
    ns = open_cache().namespace(name)
    object.__setattr__(ns._runner, "on_error", lambda error: 1 / 0)
    error = KeyError("source")
    with pytest.raises(KeyError) as raised:
        await go(ns.get_or_set("a", Load(ns, error=error, during=lambda: ns._runner.report(ValueError()))))
    assert raised.value is error
    assert "on_error has failed" in caplog.text


async def test_value_is_refused_after_a_delete(ns, name, db):
    load = Load(ns, "old", during=lambda: db.execute("SELECT cache_delete(%s)", [f"{name}:a"]))
    assert await go(ns.get_or_set("a", load)) == "old"
    assert await go(ns.get("a", cache_pg.MISSING)) is cache_pg.MISSING
    assert await go(ns.get_or_set("a", Load(ns, "new"))) == "new"
    assert await go(ns.get("a")) == "new"


async def test_stale_value_if_load_fails(cache, name, errors, db):
    db.execute("SELECT cache_configure(%s, stale_for => '1 hour')", [name])
    try:
        ns = cache.namespace(name)
        await go(ns.set("a", "stale", ttl=0.001))
        await eventually(lambda: gone(ns, "a"))
        error = ValueError("source")
        load = Load(ns, error=error)
        assert await go(ns.get_or_set("a", load)) == "stale"
        assert errors == [error]
        # The token was given back: the next caller loads.
        assert await go(ns.get_or_set("a", Load(ns, "fresh"))) == "fresh"
        assert await go(ns.get("a")) == "fresh"
        # An error that is no Exception is never held back.
        await go(ns.set("a", "stale", ttl=0.001))
        await eventually(lambda: gone(ns, "a"))
        with pytest.raises(KeyboardInterrupt):
            await go(ns.get_or_set("a", Load(ns, error=KeyboardInterrupt())))
    finally:
        db.execute("SELECT cache_unconfigure(%s)", [name])


async def gone(ns, key):
    return not await go(ns.has(key))


async def test_caller_without_a_token_loads_and_stores_nothing(ns, name, db):
    token = db.execute("SELECT token FROM cache_fetch(%s)", [f"{name}:a"]).fetchone()[0]
    load = Load(ns, "own")
    started = time.monotonic()
    assert await go(ns.get_or_set("a", load, wait=0.3)) == "own"
    assert time.monotonic() - started >= 0.3
    assert load.runs == 1
    assert await go(ns.get("a")) is None
    assert db.execute("SELECT cache_fill(%s, '1', %s)", [f"{name}:a", token]).fetchone() == (True,)


async def test_no_wait_for_a_transaction_that_computes_nothing(ns, name, db):
    with db.transaction():
        db.execute("SELECT cache_set(%s, '1')", [f"{name}:a"])
        started = time.monotonic()
        assert await go(ns.get_or_set("a", Load(ns, 2), wait=30)) == 2
        assert time.monotonic() - started < 10
    assert await go(ns.get("a")) == 1


def test_waiting_callers_leave_a_connection_to_the_loader(dsn, name):
    """More callers wait than the pool has connections, and the loader needs one to load and to store."""
    with ConnectionPool(dsn, min_size=2, max_size=2, open=True) as pool:
        ns = cache_pg.Cache(pool, errors="raise").namespace(name)
        loaded = []

        def load():
            with pool.connection(timeout=10) as connection:
                loaded.append(connection.execute("SELECT 1").fetchone())
            return "value"

        results = []
        threads = [threading.Thread(target=lambda: results.append(ns.get_or_set("a", load, wait=20))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == ["value"] * 8
    assert len(loaded) == 1


def compute(dsn, name, start, results):
    with cache_pg.Cache(dsn, errors="raise") as cache, psycopg.connect(dsn, autocommit=True) as db:

        def load():
            db.execute("SELECT cache_incr(%s)", [f"{name}:runs"])
            time.sleep(0.3)  # A slow source.
            return "value"

        start.wait()
        results.put(cache.namespace(name).get_or_set("a", load, wait=30))


def test_one_process_loads(dsn, name, db):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=compute, args=(dsn, name, start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert found == ["value"] * 4
    assert db.execute("SELECT cache_get(%s)", [f"{name}:runs"]).fetchone() == (1,)


async def test_one_task_loads_and_a_cancelled_one_gives_its_token_back(dsn, name):
    async with AsyncConnectionPool(dsn, min_size=2, max_size=2, open=False) as pool:
        ns = cache_pg.AsyncCache(pool, errors="raise").namespace(name)
        runs = []

        async def never():
            runs.append("never")
            await asyncio.Event().wait()

        async def load():
            runs.append("load")
            return "value"

        cancelled = asyncio.create_task(ns.get_or_set("a", never))
        await eventually(lambda: is_true(runs))
        others = [asyncio.create_task(ns.get_or_set("a", load, wait=30)) for _ in range(8)]
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await asyncio.gather(*others) == ["value"] * 8
        assert runs == ["never", "load"]


async def test_task_that_is_cancelled_while_it_asks_gives_its_token_back(dsn, name):
    pool = SlowPool(dsn)
    asking = asyncio.create_task(cache_pg.AsyncCache(pool).namespace(name).get_or_set("a", lambda: is_true(1)))
    await pool.has_run.wait()
    await cancelled_again_and_again(asking)
    pool.may_end.set()
    async with cache_pg.AsyncCache(dsn, errors="raise") as cache:
        ns = cache.namespace(name)

        async def stored():
            return await ns.get_or_set("a", lambda: is_true(1), wait=0) and await ns.has("a")

        # Less than the lease of a lost token.
        await eventually(stored, seconds=5)


async def test_task_that_is_cancelled_again_and_again_gives_its_token_back(dsn, name):
    async with cache_pg.AsyncCache(dsn, errors="raise") as cache:
        ns, loading = cache.namespace(name), asyncio.Event()

        async def never():
            loading.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(ns.get_or_set("a", never))
        await loading.wait()
        await cancelled_again_and_again(task)

        async def stored():
            return await ns.get_or_set("a", lambda: is_true(1), wait=0) and await ns.has("a")

        await eventually(stored, seconds=5)


async def is_true(value):
    return bool(value)


def test_after_a_fork_the_child_opens_its_own_connections(dsn, name, db):
    cache = cache_pg.Cache(psycopg.conninfo.make_conninfo(dsn, application_name=name[:60]), errors="raise")
    ns = cache.namespace(name)
    ns.set("a", 1)

    def child():
        ns.set("b", ns.get("a") + 1)
        with psycopg.connect(dsn) as own:
            sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            ns.set("sessions", own.execute(sessions, [name[:60]]).fetchone()[0])

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert ns.get_many(["a", "b", "sessions"]) == {"a": 1, "b": 2, "sessions": 2}
    cache.close()


def test_a_fork_while_all_connections_are_in_use(dsn, name):
    cache = cache_pg.Cache(dsn, errors="raise")
    ns, source = cache.namespace(name), cache._runner.source
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(source.connection())
        process = multiprocessing.get_context("fork").Process(target=ns.set, args=("a", 1))
        process.start()
        process.join(20)
        process.kill()
    assert process.exitcode == 0
    assert ns.get("a") == 1
    cache.close()
