"""dogpile.cache backend over cache_pg.

Owns: the mapping of dogpile's backend and mutex to the client. Must never send a statement itself.

    region = make_region().configure("cache_pg", expiration_time=3600, arguments={"url": "postgresql:///app"})

Arguments, each with its default:

- `url`, `pool` or `connection`, exactly one: a DSN, for which the backend opens connections of its own; a pool such as
  `psycopg_pool.ConnectionPool`; or a psycopg connection. With a connection that is in a transaction, a set or a delete
  takes effect when that commits.
- `namespace` (`"dogpile"`): the namespace in the database. Keys are `namespace:key`. Any key is valid.
- `ttl` (`FOREVER`): how long the server keeps an entry, in seconds, as a `timedelta` or as a text. It should be longer
  than the `expiration_time` of the region. The default is as long as `cache_pg.max_ttl` allows: 30 days.
- `distributed_lock` (`False`): let one creator of a value run among all processes, and not only in this one.
- `lock_timeout` (`30`): the seconds after which a lock ends whose process has died. While the process lives, the lock
  is renewed, so that a creator may take longer.
- `errors` (`"report"`): an error of the cache is logged and a miss, and the transaction of a `connection` goes on.
  `"raise"` raises it.
- `schema` (`None`): the schema of the extension, if it is not in the search path.

Only roles that you trust may write the entries: dogpile reads them with `pickle`, and reading a pickle runs code.
"""

# mypy: disallow-subclassing-any=False

import logging
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from dogpile.cache.api import NO_VALUE, BytesBackend, CacheMutex, KeyType, SerializedReturnType

from cache_pg._sync import Cache, Lock, Namespace
from cache_pg._values import FOREVER, Raw

__all__ = ["CachePgBackend"]

_LOG = logging.getLogger("cache_pg")


class CachePgBackend(BytesBackend):
    """The backend that `configure("cache_pg", …)` finds."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Take the arguments of the region. Raises `ValueError` for a source or a namespace that cannot be used."""
        sources = [arguments[name] for name in ("url", "pool", "connection") if arguments.get(name) is not None]
        if len(sources) != 1:
            raise ValueError("give exactly one of url, pool and connection")
        (source,) = sources
        self._distributed_lock = arguments.get("distributed_lock", False)
        if self._distributed_lock and isinstance(source, psycopg.Connection) and not source.autocommit:
            raise ValueError("distributed_lock needs a url, a pool or an autocommit connection")
        self._lock_timeout = arguments.get("lock_timeout", 30)
        namespace = arguments.get("namespace", "dogpile")
        self._cache = Cache(
            source,
            errors=arguments.get("errors", "report"),
            schema=arguments.get("schema"),
            ttl=arguments.get("ttl", FOREVER),
            serializer=Raw(),
        )
        self._entries = self._cache.namespace(namespace)
        self._locks = self._cache.namespace(f"{namespace}_lock", errors="raise")
        self._raises = arguments.get("errors") == "raise"

    def close(self) -> None:
        """Close the idle connections that the backend has opened to its `url`."""
        self._cache.close()

    def get_mutex(self, key: KeyType) -> CacheMutex | None:
        """Return a mutex among all processes with `distributed_lock`; else `None`, for dogpile's own."""
        return _Mutex(self._locks, key, self._lock_timeout, self._raises) if self._distributed_lock else None

    def get_serialized(self, key: KeyType) -> SerializedReturnType:
        """Return the bytes, or `NO_VALUE` on a miss."""
        return self._entries.get(key, NO_VALUE)

    def get_serialized_multi(self, keys: Iterable[KeyType]) -> Sequence[SerializedReturnType]:
        """Return the bytes or `NO_VALUE` for each key, in one statement."""
        keys = list(keys)
        found = self._entries.get_many(keys) if keys else {}
        return [found.get(key, NO_VALUE) for key in keys]

    def set_serialized(self, key: KeyType, value: bytes) -> None:
        """Set bytes."""
        self._entries.set(key, value)

    def set_serialized_multi(self, mapping: Mapping[KeyType, bytes]) -> None:
        """Set bytes, in one statement."""
        if mapping:
            self._entries.set_many(mapping)

    def delete(self, key: KeyType) -> None:
        """Delete an entry."""
        self._entries.delete(key)

    def delete_multi(self, keys: Iterable[KeyType]) -> None:
        """Delete entries, in one statement."""
        self._entries.delete_many(keys)


class _Mutex(CacheMutex):
    """A lock of the cache behind one of this process: threads wait here, and one of them polls the server."""

    def __init__(self, locks: Namespace[Any], key: KeyType, timeout: float, raises: bool) -> None:
        self._locks, self._key, self._timeout, self._raises = locks, key, timeout, raises
        self._threads = threading.Lock()
        self._lock: Lock | None = None

    def acquire(self, wait: bool = True) -> bool:
        """Acquire the mutex. Without `wait`, return false if it is held."""
        if not self._threads.acquire(wait):
            return False
        lock = self._locks.lock(self._key, ttl=self._timeout, wait=math.inf if wait else 0)
        acquired = False
        try:
            acquired = lock.acquire()
            self._lock = lock if acquired else None
        except psycopg.Error as error:
            self._failed(error)
            # There is nothing to guard: without the cache, each process creates the value for itself.
            acquired = True
        finally:
            if not acquired:
                self._threads.release()
        return acquired

    def release(self) -> None:
        """Release the mutex."""
        lock, self._lock = self._lock, None
        try:
            if lock is not None:
                lock.release()
        except psycopg.Error as error:
            self._failed(error)
        finally:
            self._threads.release()

    def locked(self) -> bool:
        """Return whether this or any other process holds the mutex."""
        try:
            return self._locks.lock_owner(self._key) is not None
        except psycopg.Error as error:
            self._failed(error)
            return False

    def _failed(self, error: psycopg.Error) -> None:
        if self._raises:
            raise error
        _LOG.warning("the cache cannot lock %r: %s", self._key, error, exc_info=error)
