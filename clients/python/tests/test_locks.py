import asyncio
import itertools
import threading
import time

import psycopg
import pytest
from conftest import SlowPool, cancelled_again_and_again, eventually, go

import cache_pg


async def entered(lock):
    return await lock.__aenter__() if isinstance(lock, cache_pg.AsyncLock) else lock.__enter__()


async def left(lock, error=None):
    arguments = (type(error) if error else None, error, None)
    await go(lock.__aexit__(*arguments) if isinstance(lock, cache_pg.AsyncLock) else lock.__exit__(*arguments))


async def test_one_owner(ns):
    first, second = ns.lock("a", ttl=60), ns.lock("a", ttl=60)
    assert await go(ns.lock_owner("a")) is None
    await entered(first)
    assert await go(ns.lock_owner("a")) == first.owner
    assert await go(second.acquire()) is False
    with pytest.raises(cache_pg.LockNotAcquiredError):
        await entered(second)
    await left(first)
    assert await go(ns.lock_owner("a")) is None
    await entered(second)
    await left(second)


async def test_lock_is_renewed(ns):
    lock = ns.lock("a", ttl=1.5)
    await entered(lock)
    remaining = []

    async def renewed_thrice():
        remaining.append(await go(ns.ttl("a")) or 0.0)
        return sum(1 for before, after in itertools.pairwise(remaining) if after > before) >= 3

    await eventually(renewed_thrice)
    assert not lock.lost
    await left(lock)


async def test_lock_that_is_lost(ns):
    lock = ns.lock("a", ttl=0.3)
    await entered(lock)
    other = ns.lock("a", ttl=60)
    await go(ns.delete("a"))

    # A renewal may take the free lock back before the other owner comes.
    while not await go(other.acquire()):
        await go(ns.delete("a"))

    async def noticed():
        return lock.lost

    await eventually(noticed)
    with pytest.raises(cache_pg.LockLostError):
        await left(lock)
    assert await go(ns.lock_owner("a")) == other.owner
    assert await go(other.release()) is True
    assert await go(other.release()) is False


async def test_error_of_the_body_comes_first(ns):
    lock = ns.lock("a", ttl=60)
    await entered(lock)
    await go(ns.delete("a"))
    await left(lock, ValueError("body"))


def test_threads_take_turns(dsn, name):
    with cache_pg.Cache(dsn, errors="raise") as cache:
        ns, inside, most = cache.namespace(name), [], []

        def work():
            with ns.lock("a", ttl=30, wait=60):
                inside.append(1)
                most.append(len(inside))
                ns.get("b")
                inside.pop()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1, 1, 1, 1]


async def test_tasks_take_turns(dsn, name):
    async with cache_pg.AsyncCache(dsn, errors="raise") as cache:
        ns, inside, most = cache.namespace(name), [], []

        async def work():
            async with ns.lock("a", ttl=30, wait=60):
                inside.append(1)
                most.append(len(inside))
                await ns.get("b")
                inside.pop()

        await asyncio.gather(*(work() for _ in range(4)))
    assert most == [1, 1, 1, 1]


def test_threads_that_share_a_lock_take_turns(dsn, name):
    with cache_pg.Cache(dsn, errors="raise") as cache:
        lock, inside, most = cache.namespace(name).lock("a", ttl=30, wait=60), [], []

        def work():
            with lock:
                inside.append(1)
                # The others have the time to come in too.
                time.sleep(0.2)
                most.append(len(inside))
                inside.pop()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1, 1, 1]


async def test_lock_is_not_reentrant(ns):
    lock = ns.lock("a", ttl=60)
    await entered(lock)
    with pytest.raises(cache_pg.LockNotAcquiredError):
        await entered(lock)
    assert await go(ns.lock_owner("a")) == lock.owner
    await left(lock)


async def test_task_that_is_cancelled_while_it_acquires_leaves_no_lock(dsn, name):
    pool = SlowPool(dsn)
    lock = cache_pg.AsyncCache(pool, errors="raise").namespace(name).lock("a", ttl=60)
    acquiring = asyncio.create_task(lock.acquire())
    await pool.has_run.wait()
    async with cache_pg.AsyncCache(dsn, errors="raise") as cache:
        ns = cache.namespace(name)
        assert await ns.lock_owner("a")
        await cancelled_again_and_again(acquiring)
        pool.may_end.set()
        await eventually(lambda: is_free(ns))


async def test_task_that_is_cancelled_releases_its_lock(dsn, name):
    async with cache_pg.AsyncCache(dsn, errors="raise") as cache:
        ns, inside = cache.namespace(name), asyncio.Event()

        async def work():
            async with ns.lock("a", ttl=60):
                inside.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        await inside.wait()
        await cancelled_again_and_again(working)
        await eventually(lambda: is_free(ns))


async def is_free(ns):
    return await ns.lock_owner("a") is None


@pytest.mark.parametrize("how", ["report", "raise"])
async def test_renewal_that_fails_is_reported_and_tried_again(open_cache, name, errors, how, monkeypatch):
    ns = open_cache().namespace(name, errors=how)
    lock = ns.lock("a", ttl=3)
    await entered(lock)
    broken = cache_pg._calls.Calls.lock

    def fails_once(self, key, owner, ttl):
        monkeypatch.setattr(cache_pg._calls.Calls, "lock", broken)
        return broken(self, key, owner, "-1")

    monkeypatch.setattr(cache_pg._calls.Calls, "lock", fails_once)

    async def reported():
        return len(errors) == 1

    await eventually(reported)
    assert isinstance(errors[0], psycopg.errors.InvalidParameterValue)
    assert not lock.lost
    await left(lock)
