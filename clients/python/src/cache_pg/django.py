"""Django cache backend over cache_pg, on one of Django's own database aliases.

Owns: the mapping of Django's cache interface to SQL. Must never open a connection itself.

    CACHES = {
        "default": {
            "BACKEND": "cache_pg.django.Cache",
            "LOCATION": "default",  # a database alias
            "OPTIONS": {"NAMESPACE": "shop"},
        }
    }

`LOCATION` is the alias that reads and writes. Its connection decides about transactions. On the alias of the models, a
call belongs to the transaction around it: a rollback undoes it, so that an invalidation is exact. On a second alias of
the same database, a call has a connection of its own: it commits at once, and a rollback leaves it. Without a
`LOCATION`, the database routers choose, by the app label `django_cache`, as for Django's own database cache.

`OPTIONS`, each with its default:

- `NAMESPACE` (`"django"`): the namespace in the database. Keys are `namespace:prefix:version:key`. `clear()` removes
  the namespace and nothing else, whatever the prefix, so give a namespace to each cache that is cleared on its own.
- `SCHEMA` (`None`): the schema of the extension, if it is not in the search path.
- `PICKLE_PROTOCOL` (`pickle.HIGHEST_PROTOCOL`): 2 or higher.
- `SAVEPOINTS` (`True`): put each call inside a transaction into a savepoint, so that an error of the cache reaches the
  caller and leaves the transaction usable. That costs two round trips. `False` suits a role with
  `ALTER ROLE ... SET cache_pg.errors = 'warn'`: there the server itself keeps errors away from the transaction.

`MAX_ENTRIES` and `CULL_FREQUENCY` have no effect: `cache_configure(namespace, max_entries => ...)` limits a namespace.
Only roles that you trust may write the entries: values are read with `pickle`, and reading a pickle runs code.
A timeout of `None`, or one longer than `cache_pg.max_ttl`, lasts as long as that setting allows.
"""

# mypy: disallow-subclassing-any=False, warn-return-any=False

import json
import math
import pickle
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from operator import itemgetter
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, Error, connections, router, transaction

from cache_pg._key import cache_key

__all__ = ["Cache"]

_MAX_NAMESPACE_BYTES = 100
_SHORTEST_TIMEOUT = 0.001
# Only an exact int is looked up in it at once: for a subclass Python walks through the range.
_BIGINT = range(-(2**63), 2**63)

# A pickle of protocol 2 or higher begins with this byte. No text in UTF-8 does, so every other entry is JSON.
_PICKLE = b"\x80"

_INVALID_PARAMETER = "22023"
_OUT_OF_RANGE = "22003"
_TOO_LARGE = "54000"

# Infinity is "as long as allowed" to the server; a finite ttl must not exceed max_ttl, where 0 is no limit.
_TTL = (
    "least(%s::float8,"
    " coalesce(nullif(extract(epoch FROM current_setting('cache_pg.max_ttl')::interval), 0), 'Infinity')::float8)"
)


class _Entries:
    """Stands for a model where a database router expects one."""

    class _meta:
        app_label = "django_cache"
        model_name = "cacheentry"
        db_table = "cache_entries"
        verbose_name = "cache entry"
        verbose_name_plural = "cache entries"


class Cache(BaseCache):
    """The backend. Its interface is Django's; errors of the server reach the caller as `django.db.DatabaseError`."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params.get("OPTIONS", {})
        self._alias = location
        self._namespace = options.get("NAMESPACE", "django")
        self._pickle_protocol = options.get("PICKLE_PROTOCOL", pickle.HIGHEST_PROTOCOL)
        self._savepoints = options.get("SAVEPOINTS", True)
        self._schema = _prefix(options.get("SCHEMA"))
        if (
            ":" in self._namespace
            or cache_key(self._namespace) != self._namespace
            or len(self._namespace.encode()) > _MAX_NAMESPACE_BYTES
        ):
            raise ImproperlyConfigured(
                f"NAMESPACE must be a valid key of at most {_MAX_NAMESPACE_BYTES} bytes without a colon: "
                f"{self._namespace!r}"
            )
        if not 2 <= self._pickle_protocol <= pickle.HIGHEST_PROTOCOL:
            raise ImproperlyConfigured(
                f"PICKLE_PROTOCOL must be from 2 to {pickle.HIGHEST_PROTOCOL}: {self._pickle_protocol!r}"
            )

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> float:
        """Return the seconds to keep an entry: infinity for `None`, and 0 if it is to expire at once."""
        if timeout == DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        if timeout is None:
            return math.inf
        return float(timeout) if timeout >= _SHORTEST_TIMEOUT else 0.0

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default on a miss."""
        data = self._read(f"SELECT {self._schema}cache_get_bytes(%s)", [self._key(key, version)])
        return default if data is None else _loads(data)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Set a value. One that cannot be stored raises, and leaves no older value behind."""
        key, seconds, data = self._key(key, version), self.get_backend_timeout(timeout), self._dumps(value)
        if seconds:
            self._store(key, data, seconds)
        else:
            self._delete(key)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set a value unless the key has one. Return whether it was stored."""
        key, seconds, data = self._key(key, version), self.get_backend_timeout(timeout), self._dumps(value)
        if seconds:
            return bool(self._write(f"SELECT {self._call('cache_add', data)}", [key, data, seconds]))
        return not self._write(f"SELECT {self._schema}cache_exists(%s)", [key])

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Give an entry a new timeout. Return whether there was one."""
        key, seconds = self._key(key, version), self.get_backend_timeout(timeout)
        if not seconds:
            return self._delete(key)
        return bool(self._write(f"SELECT {self._schema}cache_touch(%s, {_TTL})", [key, seconds]))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete an entry. Return whether there was one."""
        return self._delete(self._key(key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Return whether the key has a value, without reading it."""
        return bool(self._read(f"SELECT {self._schema}cache_exists(%s)", [self._key(key, version)]))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add delta atomically and return the new value. The entry keeps its timeout.

        Raises `ValueError` on a miss, `TypeError` if the value or delta is no integer, and `OverflowError` if the
        result has more than 64 bits.
        """
        name = self._key(key, version)
        if not isinstance(delta, int):
            raise TypeError(f"delta must be an integer: {delta!r}")
        if int(delta) not in _BIGINT:
            raise OverflowError(f"delta has more than 64 bits: {delta}")
        try:
            value = self._write(f"SELECT {self._schema}cache_incr(%s, %s, NULL::interval, NULL)", [name, int(delta)])
        except DatabaseError as error:
            if _sqlstate(error) == _INVALID_PARAMETER:
                raise TypeError(f"Key '{key}' does not hold an integer") from error
            if _sqlstate(error) == _OUT_OF_RANGE:
                raise OverflowError(f"Key '{key}' would have more than 64 bits") from error
            raise
        if value is None:
            raise ValueError(f"Key '{key}' not found")
        return int(value)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of the keys that have one, in one statement."""
        names = {self._key(key, version): key for key in keys}
        if not names:
            return {}
        rows = self._fetch(
            self._alias or router.db_for_read(_Entries),
            f"SELECT key, value FROM {self._schema}cache_get_many_bytes(%s::text[])",
            [list(names)],
        )
        return {names[name]: _loads(data) for name, data in rows}

    def set_many(self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Set values in one statement, in the order of the keys. Return the keys of too large values."""
        names = dict(sorted(((self._key(key, version), key) for key in data), key=itemgetter(0)))
        if not names:
            return []
        entries = {name: self._dumps(data[key]) for name, key in names.items()}
        seconds = self.get_backend_timeout(timeout)
        if not seconds:
            self._delete_many(list(names))
            return []
        try:
            if self._store_many(entries, seconds):
                return []
        except DatabaseError as error:
            if _sqlstate(error) != _TOO_LARGE:
                raise
        # One value that fails has failed all that were sent with it.
        failed = []
        for name, entry in entries.items():
            try:
                stored = self._store(name, entry, seconds)
            except DatabaseError as error:
                if _sqlstate(error) != _TOO_LARGE:
                    raise
                stored = False
            if not stored:
                failed.append(names[name])
        return failed

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Delete entries in one statement."""
        self._delete_many([self._key(key, version) for key in keys])

    def clear(self) -> None:
        """Remove every entry of the namespace, and nothing of another."""
        self._write(f"SELECT {self._schema}cache_clear(%s)", [self._namespace])

    # The defaults of these send one statement for each key, and that of aincr is not atomic.

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """See incr()."""
        return await sync_to_async(self.incr, thread_sensitive=True)(key, delta, version)

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        """See has_key()."""
        return await sync_to_async(self.has_key, thread_sensitive=True)(key, version)

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """See get_many()."""
        return await sync_to_async(self.get_many, thread_sensitive=True)(keys, version)

    async def aset_many(
        self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """See set_many()."""
        return await sync_to_async(self.set_many, thread_sensitive=True)(data, timeout, version)

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """See delete_many()."""
        await sync_to_async(self.delete_many, thread_sensitive=True)(keys, version)

    def _key(self, key: Any, version: int | None) -> str:
        return cache_key(self._namespace, self.make_and_validate_key(key, version=version))

    def _dumps(self, value: Any) -> str | bytes:
        """Return an integer as JSON, so that incr works, and any other value as a pickle."""
        # type() rather than isinstance() leaves bool and other subclasses to pickle.
        if type(value) is int and value in _BIGINT:
            return str(value)
        return pickle.dumps(value, self._pickle_protocol)

    def _store(self, key: str, data: str | bytes, seconds: float) -> bool:
        stored = False
        try:
            stored = self._write(f"SELECT {self._call('cache_set', data)} IS NOT NULL", [key, data, seconds])
        finally:
            if not stored:
                # The error that the caller gets, if any, is the one of the set.
                with suppress(Error):
                    self._delete(key)
        return stored

    def _store_many(self, entries: dict[str, str | bytes], seconds: float) -> bool:
        keys, values = list(entries), list(entries.values())
        integers = [value if isinstance(value, str) else None for value in values]
        pickles = [value if isinstance(value, bytes) else None for value in values]
        if None not in integers:
            sql = f"SELECT {self._schema}cache_set_many(%s::text[], %s::jsonb[], ARRAY[{_TTL}])"
            return bool(self._write(sql, [keys, integers, seconds]))
        if None not in pickles:
            sql = f"SELECT {self._schema}cache_set_many_bytes(%s::text[], %s::bytea[], ARRAY[{_TTL}])"
            return bool(self._write(sql, [keys, pickles, seconds]))
        # Two statements would lock the keys in another order than those of another transaction: a deadlock.
        sql = f"""
            SELECT coalesce(bool_and(CASE WHEN integer IS NULL
                THEN {self._schema}cache_set_bytes(key, pickle, {_TTL})
                ELSE {self._schema}cache_set(key, integer, {_TTL})
            END IS NOT NULL), false)
            FROM unnest(%s::text[], %s::jsonb[], %s::bytea[]) AS entry(key, integer, pickle)
        """
        return bool(self._write(sql, [seconds, seconds, keys, integers, pickles]))

    def _delete(self, key: str) -> bool:
        return bool(self._write(f"SELECT {self._schema}cache_delete(%s)", [key]))

    def _delete_many(self, keys: list[str]) -> None:
        if keys:
            self._write(f"SELECT {self._schema}cache_delete_many(%s::text[])", [keys])

    def _call(self, verb: str, data: str | bytes) -> str:
        """Return the SQL of a call that takes a key, a value and a ttl."""
        form, cast = ("", "jsonb") if isinstance(data, str) else ("_bytes", "bytea")
        return f"{self._schema}{verb}{form}(%s, %s::{cast}, {_TTL})"

    def _read(self, sql: str, parameters: list[Any]) -> Any:
        return self._fetch(self._alias or router.db_for_read(_Entries), sql, parameters)[0][0]

    def _write(self, sql: str, parameters: list[Any]) -> Any:
        return self._fetch(self._alias or router.db_for_write(_Entries), sql, parameters)[0][0]

    def _fetch(self, alias: str, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        connection = connections[alias]
        in_transaction = not connection.get_autocommit()
        savepoint = transaction.atomic(using=alias) if in_transaction and self._savepoints else nullcontext()
        with savepoint, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()


def _prefix(schema: str | None) -> str:
    """Return what stands before the name of a function: the schema and a dot, or nothing."""
    return "" if schema is None else '"{}".'.format(schema.replace('"', '""').replace("%", "%%"))


def _loads(data: bytes | memoryview) -> Any:
    data = bytes(data)
    return pickle.loads(data) if data.startswith(_PICKLE) else json.loads(data)


def _sqlstate(error: DatabaseError) -> str | None:
    """Return the server's SQLSTATE. psycopg 2 calls it pgcode."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
