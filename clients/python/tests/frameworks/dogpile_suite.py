"""The suite of dogpile.cache, `dogpile.testing`, as its other backends run it. See run_dogpile.py."""

import os

import psycopg
from dogpile.testing.fixtures import (
    _GenericBackendTestSuite,
    _GenericMutexTestSuite,
    _GenericSerializerTestSuite,
)
from psycopg_pool import ConnectionPool

URL = os.environ["DOGPILE_DATABASE_URL"]


def over(backend, **arguments):
    """Return what the suite takes the arguments of a backend from."""
    return {"arguments": {**backend, "errors": "raise", **arguments}}


class Over:
    backend = "cache_pg"
    config_args = over({"url": URL})

    def teardown_method(self, method):
        super().teardown_method(method)
        # Many backends, each with its own connections, are more than the server takes.
        for owner in (self._region_inst and self._region_inst.backend, self._backend_inst):
            if owner is not None:
                owner.close()


class TestRegionLock(Over, _GenericBackendTestSuite):
    pass


class TestRegionLockSerializer(Over, _GenericSerializerTestSuite, _GenericBackendTestSuite):
    pass


class TestDistributedLock(Over, _GenericBackendTestSuite):
    config_args = over({"url": URL}, distributed_lock=True)


class TestDistributedLockMutex(Over, _GenericMutexTestSuite):
    config_args = over({"url": URL}, distributed_lock=True)


class OverPool(Over):
    @classmethod
    def setup_class(cls):
        cls.pool = ConnectionPool(URL, open=True)
        cls.config_args = over({"pool": cls.pool}, distributed_lock=True)
        super().setup_class()

    @classmethod
    def teardown_class(cls):
        cls.pool.close()


class TestPool(OverPool, _GenericBackendTestSuite):
    pass


class TestPoolMutex(OverPool, _GenericMutexTestSuite):
    pass


class TestInATransaction(Over, _GenericBackendTestSuite):
    """Each test in one transaction of the caller, which is rolled back."""

    @classmethod
    def setup_class(cls):
        cls.connection = psycopg.connect(URL)
        cls.config_args = over({"connection": cls.connection})
        super().setup_class()

    def setup_method(self, method):
        self.connection.execute("SELECT 1")

    def teardown_method(self, method):
        super().teardown_method(method)
        assert self.connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        self.connection.rollback()

    @classmethod
    def teardown_class(cls):
        cls.connection.close()
