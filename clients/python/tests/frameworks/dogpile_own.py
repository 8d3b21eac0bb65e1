"""Our tests of `cache_pg.dogpile`: what dogpile's suite does not ask. See run_dogpile.py."""

import os
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE

from cache_pg.dogpile import CachePgBackend

URL = os.environ["DOGPILE_DATABASE_URL"]
NOWHERE = "postgresql://127.0.0.1:1/nowhere"
TOO_LARGE = b"x" * (2**20 + 1)
DAY = 24 * 60 * 60


@pytest.fixture
def connection():
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("SELECT cache_clear()")
        yield connection


@pytest.fixture
def backend(connection):
    made = []

    def make(**arguments):
        made.append(CachePgBackend({"url": URL, **arguments}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def one(connection, query):
    return connection.execute(query).fetchone()[0]


def until(condition):
    """Poll a condition, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestEntries:
    def test_any_key(self, backend):
        keys = ["with spaces", " led", "trailed ", "\n", "a\x00b", "a\x00c", "k" * 513, "k" * 514, "ü" * 300, "", "%s"]
        over = backend(errors="raise")
        over.set_serialized_multi({key: key.encode() for key in keys})
        assert over.get_serialized_multi(keys) == [key.encode() for key in keys]
        for key in keys:
            assert over.get_serialized(key) == key.encode()
            over.delete(key)
            assert over.get_serialized(key) is NO_VALUE

    def test_entries_are_bytes_of_the_namespace(self, backend, connection):
        backend().set_serialized("k", b"1|{}")
        backend(namespace="other").set_serialized("k", b"2|{}")
        assert one(connection, "SELECT bytes FROM cache_entry('dogpile:k')") == b"1|{}"
        assert one(connection, "SELECT bytes FROM cache_entry('other:k')") == b"2|{}"

    @pytest.mark.parametrize(
        ("ttl", "seconds"),
        [({}, 30 * DAY), ({"ttl": 100}, 100), ({"ttl": timedelta(days=1)}, DAY), ({"ttl": "1h"}, 3600)],
    )
    def test_ttl(self, backend, connection, ttl, seconds):
        over = backend(errors="raise", **ttl)
        over.set_serialized("one", b"")
        over.set_serialized_multi({"many": b""})
        for key in ("one", "many"):
            assert one(connection, f"SELECT cache_ttl_seconds('dogpile:{key}')") == pytest.approx(seconds, abs=60)

    def test_nothing_to_do_asks_nothing(self):
        over = CachePgBackend({"url": NOWHERE, "errors": "raise"})
        assert over.get_serialized_multi([]) == []
        over.set_serialized_multi({})


class TestTransactions:
    def test_rollback_undoes_a_set_and_a_delete(self, backend):
        outside = backend()
        outside.set_serialized("deleted", b"value")
        with psycopg.connect(URL) as transaction:
            inside = CachePgBackend({"connection": transaction})
            inside.set_serialized("set", b"value")
            inside.delete("deleted")
            assert inside.get_serialized_multi(["set", "deleted"]) == [b"value", NO_VALUE]
            assert outside.get_serialized_multi(["set", "deleted"]) == [NO_VALUE, b"value"]
            transaction.rollback()
        assert outside.get_serialized_multi(["set", "deleted"]) == [NO_VALUE, b"value"]

    def test_an_error_leaves_the_transaction_usable(self, connection, caplog):
        with psycopg.connect(URL) as transaction:
            inside = CachePgBackend({"connection": transaction})
            inside.set_serialized("kept", b"value")
            inside.set_serialized("large", TOO_LARGE)
            assert inside.get_serialized("large") is NO_VALUE
            transaction.commit()
        assert one(connection, "SELECT cache_exists('dogpile:kept')")
        assert "too large" in caplog.text

    def test_errors_can_be_raised(self, backend):
        with pytest.raises(psycopg.Error, match="too large"):
            backend(errors="raise").set_serialized("large", TOO_LARGE)


class TestArguments:
    @pytest.mark.parametrize("sources", [{}, {"url": None}, {"url": URL, "pool": object()}])
    def test_exactly_one_source(self, sources):
        with pytest.raises(ValueError, match="exactly one"):
            CachePgBackend(sources)

    def test_a_transaction_cannot_lock(self):
        with psycopg.connect(URL) as transaction, pytest.raises(ValueError, match="distributed_lock"):
            CachePgBackend({"connection": transaction, "distributed_lock": True})

    @pytest.mark.parametrize("namespace", ["", "a:b", " a"])
    def test_namespace(self, namespace):
        with pytest.raises(ValueError):
            CachePgBackend({"url": URL, "namespace": namespace})


class TestMutex:
    def test_no_mutex_by_default(self, backend):
        assert backend().get_mutex("k") is None

    def test_excludes_other_processes(self, backend):
        ours, theirs = (backend(distributed_lock=True).get_mutex("k") for _ in range(2))
        assert ours.acquire()
        assert theirs.locked() and not theirs.acquire(False)
        ours.release()
        assert not theirs.locked() and theirs.acquire(False)
        theirs.release()

    def test_waits_for_another_process(self, backend):
        ours, theirs = (backend(distributed_lock=True).get_mutex("k") for _ in range(2))
        assert ours.acquire()
        acquired = threading.Event()
        thread = threading.Thread(target=lambda: (theirs.acquire(), acquired.set()))
        thread.start()
        assert not acquired.wait(0.3)
        ours.release()
        assert acquired.wait(10)
        thread.join()
        theirs.release()

    def test_the_deadline(self, backend, connection):
        for arguments, seconds in (({}, 30), ({"lock_timeout": 1000}, 1000)):
            mutex = backend(distributed_lock=True, **arguments).get_mutex("k")
            assert mutex.acquire(False)
            remaining = one(connection, "SELECT cache_ttl_seconds('dogpile_lock:k')")
            mutex.release()
            assert remaining == pytest.approx(seconds, abs=10)

    def test_a_lock_of_a_dead_process_ends(self, backend, connection):
        assert one(connection, "SELECT cache_lock('dogpile_lock:k', 'dead', '500 milliseconds')")
        mutex = backend(distributed_lock=True).get_mutex("k")
        assert not mutex.acquire(False)
        assert mutex.acquire()
        mutex.release()

    def test_a_creator_may_take_longer_than_the_deadline(self, backend):
        ours = backend(distributed_lock=True, lock_timeout=0.3).get_mutex("k")
        theirs = backend(distributed_lock=True).get_mutex("k")
        assert ours.acquire()
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            assert not theirs.acquire(False)
            time.sleep(0.05)
        ours.release()
        assert theirs.acquire(False)
        theirs.release()

    def test_a_lost_lock_does_not_release_another(self, backend, connection):
        ours, theirs = (backend(distributed_lock=True).get_mutex("k") for _ in range(2))
        assert ours.acquire()
        connection.execute("SELECT cache_delete('dogpile_lock:k')")
        assert theirs.acquire()
        ours.release()
        assert theirs.locked()
        theirs.release()

    def test_locks_are_no_entries(self, backend):
        over = backend(distributed_lock=True)
        mutex = over.get_mutex("k")
        assert mutex.acquire()
        assert over.get_serialized("k") is NO_VALUE
        over.set_serialized("k", b"value")
        assert mutex.locked()
        mutex.release()
        assert over.get_serialized("k") == b"value"

    def test_one_creator_among_regions(self):
        created = []

        def create():
            created.append(1)
            until(lambda: waiting.is_set())
            return "value"

        def ask(region):
            results.append(region.get_or_create("k", create))

        results, waiting = [], threading.Event()
        arguments = {"url": URL, "distributed_lock": True, "namespace": "one_creator"}
        regions = [make_region().configure("cache_pg", arguments=arguments) for _ in range(4)]
        threads = [threading.Thread(target=ask, args=[region]) for region in regions]
        for thread in threads:
            thread.start()
        until(lambda: created)
        waiting.set()
        for thread in threads:
            thread.join()
        assert results == ["value"] * 4
        assert created == [1]
        for region in regions:
            region.backend.close()


class TestOutage:
    def test_reported(self, caplog):
        region = make_region().configure("cache_pg", arguments={"url": NOWHERE, "distributed_lock": True})
        assert region.get_or_create("k", lambda: "value") == "value"
        assert region.get_multi(["k"]) == [NO_VALUE]
        region.delete("k")
        assert region.key_is_locked("k") is False
        assert "the cache cannot lock 'k'" in caplog.text
        assert "the cache is bypassed" in caplog.text

    def test_raised(self):
        arguments = {"url": NOWHERE, "distributed_lock": True, "errors": "raise"}
        region = make_region().configure("cache_pg", arguments=arguments)
        with pytest.raises(psycopg.OperationalError):
            region.get("k")
        mutex = region.backend.get_mutex("k")
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError):
                mutex.acquire()
