"""Owns the connections and the flow of the verbs. Must never build a statement."""

import functools
import logging
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from cache_pg._calls import Call, Calls, Entry, Fetched, Rows
from cache_pg._concurrency import AsyncRepeat, AsyncSemaphore, async_finish, async_loop, async_sleep, require
from cache_pg._key import Key, key_of_call
from cache_pg._values import (
    Json,
    LockLostError,
    LockNotAcquiredError,
    Serializer,
    Ttl,
    UnreadableValueError,
    seconds_of,
)

V = TypeVar("V")
D = TypeVar("D")
T = TypeVar("T")
K = TypeVar("K", bound=Key)
P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
R = TypeVar("R", covariant=True)

Errors: TypeAlias = Literal["report", "raise"]
"""Whether an error of the cache is logged and a miss, or raised."""

_LOG = logging.getLogger("cache_pg")

# A call that waits for the value of another caller gives its connection back this often, in seconds: the other caller
# may need one of the same pool to load the value.
_WAIT_SLICE = 0.1
_LOCK_POLL = 0.1
_LONGEST_RENEWAL = 3600.0
_PAGE_SIZE = 1000
_MAX_CONNECTIONS = 10
_CONNECT_TIMEOUT = 5


class AsyncPool(Protocol):
    """A pool of connections, such as `psycopg_pool.AsyncConnectionPool`."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """A connection of the pool."""
        ...


class AsyncConnections:
    """Connections of the cache's own, one for each call at the same time. A server that is down is told at once."""

    def __init__(self, dsn: str) -> None:
        self._parameters: dict[str, Any] = {
            "connect_timeout": _CONNECT_TIMEOUT,
            "client_encoding": "UTF8",
            **conninfo_to_dict(dsn),
        }
        self._free = AsyncSemaphore(_MAX_CONNECTIONS)
        self._idle: list[AsyncConnection[Any]] = []
        self._place: tuple[int, object] = (os.getpid(), None)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """An idle connection, or a new one."""
        place = os.getpid(), async_loop()
        if self._place != place:
            if self._place[0] != place[0]:
                # After a fork the connections belong to the parent.
                self._idle = []
            # Threads of the parent, or tasks of another event loop, may hold a part of the old one.
            self._free, self._place = AsyncSemaphore(_MAX_CONNECTIONS), place
        async with self._free:
            idle = self._idle
            connection = await self._idle_one() or await AsyncConnection.connect(**self._parameters, autocommit=True)
            try:
                yield connection
            finally:
                is_usable = connection.info.transaction_status == TransactionStatus.IDLE
                if is_usable and self._idle is idle:
                    idle.append(connection)
                else:
                    await connection.close()
                if not is_usable:
                    # The server has probably restarted: the other connections are broken too.
                    await self.close()

    async def _idle_one(self) -> AsyncConnection[Any] | None:
        """An idle connection that the server has not ended, as `idle_session_timeout` does: a call would be lost."""
        while connection := self._pop():
            try:
                # Neither waits. The first may read the farewell of the server, and the second the end.
                connection.pgconn.consume_input()
                connection.pgconn.consume_input()
            except psycopg.OperationalError:
                await connection.close()
            else:
                return connection
        return None

    async def close(self) -> None:
        """Close the idle connections, and those in use after their call."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    def _pop(self) -> AsyncConnection[Any] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


@dataclass(frozen=True)
class AsyncRunner:
    """Runs calls on a connection, and decides what an error becomes."""

    source: AsyncPool | AsyncConnection[Any]
    errors: Errors
    on_error: Callable[[Exception], object] | None

    async def run(self, call: Call[T], connection: AsyncConnection[Any] | None) -> T:
        """The result of the call. After an error: the result for that, or the error."""
        try:
            return call.read(await self._rows(call, connection))
        except UnreadableValueError as error:
            self.failed(error)
            return call.failed if error.others is None else cast(T, error.others)
        except psycopg.Error as error:
            self.failed(error)
            return call.failed

    async def run_unattended(self, call: Call[T], connection: AsyncConnection[Any] | None) -> T:
        """The result of a call whose error must not be raised: another error is, or there is no caller."""
        return await replace(self, errors="report").run(call, connection)

    async def run_to_the_end(self, call: Call[T], connection: AsyncConnection[Any] | None) -> T:
        """Like `run_unattended`, and a task that is cancelled does not cancel it, unless the connection is its own."""
        run = self.run_unattended(call, connection)
        return await async_finish(run) if self.is_own(connection) else await run

    def is_own(self, connection: AsyncConnection[Any] | None) -> bool:
        """Whether a call has a connection that the caller does not use."""
        return connection is None and not isinstance(self.source, AsyncConnection)

    def failed(self, error: Exception) -> None:
        """Raise an error of the cache, or report it."""
        if self.errors == "raise":
            raise error
        self.report(error)

    def report(self, error: Exception) -> None:
        """Tell the log and the application of an error that is not raised."""
        _LOG.warning("the cache is bypassed: %s", error, exc_info=error)
        if self.on_error is not None:
            try:
                self.on_error(error)
            except Exception:
                # The caller gets a miss, or the error of `load`, and no error of the report.
                _LOG.exception("on_error has failed")

    async def _rows(self, call: Call[T], connection: AsyncConnection[Any] | None) -> Rows:
        if connection is None:
            if not isinstance(self.source, AsyncConnection):
                async with self.source.connection() as own:
                    return await _execute(own, call)
            connection = self.source
        if self.errors == "report" and connection.pgconn.pipeline_status != PipelineStatus.OFF:
            # An error would abort what the application has sent before, and errors of that would end up here.
            raise ValueError('a connection in pipeline mode needs a cache with errors="raise"')
        if self.errors == "report" and _is_in_transaction(connection):
            return await _execute_in_savepoint(connection, call)
        return await _execute(connection, call)


def _require_encoding(connection: AsyncConnection[Any]) -> None:
    """Refuse an encoding in which the driver returns texts as bytes: no key would be found again."""
    if connection.pgconn.parameter_status(b"client_encoding") == b"SQL_ASCII":
        raise ValueError("a connection with the client_encoding SQL_ASCII: the cache needs UTF8")


async def _execute(connection: AsyncConnection[Any], call: Call[T]) -> Rows:
    _require_encoding(connection)
    # Not connection.cursor(): the application may have changed its rows and its placeholders.
    async with AsyncCursor(connection, row_factory=tuple_row) as cursor:
        await cursor.execute(call.query, call.params, binary=True)
        return await cursor.fetchall()


def _is_in_transaction(connection: AsyncConnection[Any]) -> bool:
    """Whether an error would abort a transaction of the caller."""
    status = connection.info.transaction_status
    return status == TransactionStatus.INTRANS or (status == TransactionStatus.IDLE and not connection.autocommit)


async def _execute_in_savepoint(connection: AsyncConnection[Any], call: Call[T]) -> Rows:
    """Run the call so that an error leaves the transaction as it was. Without an error it takes one round trip.

    `cache_pg.errors = warn` would not do: it covers no error outside the functions of the cache, such as a missing
    privilege to call one, and it would also be in force for what the application itself does in this transaction.
    """
    _require_encoding(connection)
    try:
        # Only a cursor that puts the parameters into the text can send three statements at once.
        async with AsyncClientCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(b"SAVEPOINT cache_pg; %b; RELEASE SAVEPOINT cache_pg" % call.query, call.params)
            cursor.nextset()
            return await cursor.fetchall()
    except psycopg.Error:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            await connection.execute("ROLLBACK TO SAVEPOINT cache_pg; RELEASE SAVEPOINT cache_pg")
        raise


class AsyncCachedFunction(Protocol[P, R]):
    """A function with a cache in front of it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """The value of the cache, or of the function."""
        ...

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> "AsyncCachedFunction[P, R]": ...
    @overload
    def __get__(
        self: "AsyncCachedFunction[Concatenate[S, Q], R]", instance: S, owner: type[S] | None = None
    ) -> Callable[Q, Awaitable[R]]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The method of an instance, or the function for the class."""
        ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> Key:
        """The key of these arguments, as the verbs of the namespace take it."""
        ...

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[bool]:
        """Delete the value of these arguments. In a transaction, delete the `key` with `conn=` instead."""
        ...


class AsyncNamespace(Generic[V]):
    """The verbs, on the keys of a namespace.

    `conn` makes a call part of the transaction of that connection: its effect is visible when the transaction commits,
    and undone when it rolls back. A `ttl` of `None` is the ttl of the namespace, else that of the server. `tags` are
    added to those of the namespace.
    """

    def __init__(self, runner: AsyncRunner, calls: Calls) -> None:
        self._runner, self._calls = runner, calls

    def full_key(self, key: Key) -> str:
        """The key as the server has it: with the namespace, and valid."""
        return self._calls.key(key)

    @overload
    async def get(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> V | None: ...
    @overload
    async def get(self, key: Key, default: D, *, conn: AsyncConnection[Any] | None = None) -> V | D: ...
    async def get(self, key: Key, default: Any = None, *, conn: AsyncConnection[Any] | None = None) -> Any:
        """The value, or `default` on a miss. `cache_pg.MISSING` tells a miss from a cached `None`."""
        return await self._runner.run(self._calls.get(key, default), conn)

    async def get_many(self, keys: Iterable[K], *, conn: AsyncConnection[Any] | None = None) -> dict[K, V]:
        """The values of those keys that have one."""
        return await self._runner.run(self._calls.get_many(list(keys)), conn)

    async def set(
        self,
        key: Key,
        value: V,
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> bool:
        """Create or replace an entry. Returns false only if the cache cannot answer."""
        return await self._runner.run(self._calls.write("set", key, value, ttl, tags), conn)

    async def set_many(
        self,
        values: Mapping[K, V],
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> int:
        """Create or replace entries in one statement. Returns their number."""
        return await self._runner.run(self._calls.set_many(values, ttl, tags), conn)

    async def add(
        self,
        key: Key,
        value: V,
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> bool:
        """Create an entry, if there is none. Returns whether it did."""
        return await self._runner.run(self._calls.write("add", key, value, ttl, tags), conn)

    async def replace(
        self,
        key: Key,
        value: V,
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> bool:
        """Replace an entry, if there is one. Returns whether it did."""
        return await self._runner.run(self._calls.write("replace", key, value, ttl, tags), conn)

    async def compare_and_set(
        self,
        key: Key,
        value: V,
        version: int,
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> bool:
        """Replace an entry, if it still has this version. Returns whether it did."""
        return await self._runner.run(self._calls.compare_and_set(key, value, version, ttl, tags), conn)

    async def delete(self, key: Key, *, version: int | None = None, conn: AsyncConnection[Any] | None = None) -> bool:
        """Delete an entry; with a version only if it still has it. Returns whether there was one."""
        return await self._runner.run(self._calls.delete(key, version), conn)

    async def delete_many(self, keys: Iterable[Key], *, conn: AsyncConnection[Any] | None = None) -> int:
        """Delete entries. Returns how many there were."""
        return await self._runner.run(self._calls.delete_many(keys), conn)

    @overload
    async def take(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> V | None: ...
    @overload
    async def take(self, key: Key, default: D, *, conn: AsyncConnection[Any] | None = None) -> V | D: ...
    async def take(self, key: Key, default: Any = None, *, conn: AsyncConnection[Any] | None = None) -> Any:
        """Delete an entry and return its value. One caller gets it."""
        return await self._runner.run(self._calls.take(key, default), conn)

    async def has(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> bool:
        """Whether there is a live entry."""
        return await self._runner.run(self._calls.has(key), conn)

    # sync: def __contains__(self, key: Key) -> bool:
    # sync:     return self.has(key)

    async def ttl(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> float | None:
        """The seconds to the deadline, `math.inf` without one, `None` on a miss."""
        return await self._runner.run(self._calls.remaining(key), conn)

    async def touch(
        self,
        key: Key,
        *,
        ttl: Ttl | None = None,
        version: int | None = None,
        conn: AsyncConnection[Any] | None = None,
    ) -> bool:
        """Give an entry a new deadline; with a version only if it still has it. Returns whether it did."""
        return await self._runner.run(self._calls.touch(key, ttl, version), conn)

    @overload
    async def get_and_touch(
        self, key: Key, *, ttl: Ttl | None = None, conn: AsyncConnection[Any] | None = None
    ) -> V | None: ...
    @overload
    async def get_and_touch(
        self, key: Key, default: D, *, ttl: Ttl | None = None, conn: AsyncConnection[Any] | None = None
    ) -> V | D: ...
    async def get_and_touch(
        self, key: Key, default: Any = None, *, ttl: Ttl | None = None, conn: AsyncConnection[Any] | None = None
    ) -> Any:
        """The value, and a new deadline for its entry."""
        return await self._runner.run(self._calls.get_and_touch(key, ttl, default), conn)

    async def increment(
        self,
        key: Key,
        delta: int = 1,
        *,
        ttl: Ttl | None = None,
        initial: int | None = 0,
        conn: AsyncConnection[Any] | None = None,
    ) -> int | None:
        """Add to an integer and return the sum. An entry keeps its deadline.

        A missing entry starts at `initial`, with the ttl. If `initial` is `None`, it stays missing, and the result is
        `None`. The integers are of 64 bits, and stored as JSON, whatever the serializer.
        """
        return await self._runner.run(self._calls.increment(key, delta, ttl, initial), conn)

    async def entry(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> Entry[V] | None:
        """The entry with its tags, version and times."""
        return await self._runner.run(self._calls.entry(key), conn)

    async def version(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> int | None:
        """The version of the entry, for `compare_and_set`, `delete` and `touch`."""
        return await self._runner.run(self._calls.version(key), conn)

    async def count(self, *, prefix: str | None = None, conn: AsyncConnection[Any] | None = None) -> int:
        """How many live entries there are with this beginning of the key."""
        return await self._runner.run(self._calls.count(prefix), conn)

    async def keys(self, *, prefix: str | None = None, conn: AsyncConnection[Any] | None = None) -> AsyncIterator[str]:
        """The keys of live entries, without the namespace, in byte order. They are read in pages."""
        after = None
        while page := await self._runner.run(self._calls.keys(prefix, after, _PAGE_SIZE), conn):
            for key in page:
                yield self._calls.short_key(key)
            after = page[-1]

    async def clear(self, *, prefix: str | None = None, conn: AsyncConnection[Any] | None = None) -> int:
        """Delete all entries, or those with this beginning of the key. Returns how many there were."""
        return await self._runner.run(self._calls.clear(prefix), conn)

    async def invalidate_tags(self, *tags: str, conn: AsyncConnection[Any] | None = None) -> int:
        """Make every entry with one of the tags a miss, in every namespace. Returns the number of tags."""
        return await self._runner.run(self._calls.invalidate_tags(tags), conn)

    async def get_or_set(
        self,
        key: Key,
        load: Callable[[], Awaitable[T]],
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | None = None,
        wait: timedelta | float = 2.0,
        conn: AsyncConnection[Any] | None = None,
    ) -> T:
        """The value, or that of `load`, which is stored.

        One caller loads, among all processes; the others wait for its value up to `wait` (seconds), and then load
        themselves and store nothing. A value is not stored if the key was deleted while it was loaded. If `load` fails
        and the server still has a stale value, the error is reported and the stale value returned; else the error is
        raised. `load` runs at most once, and without a connection being held.
        """
        tags = self._calls.checked_tags(ttl, tags)
        fetched = await self._fetch(key, seconds_of(wait), conn)
        if fetched.found and fetched.token is None:
            return cast(T, fetched.value)
        filled = None
        try:
            value = await load()
            if fetched.token is not None:
                filled = self._calls.fill(key, value, fetched.token, ttl, tags)
        except BaseException as error:
            await self._release(key, fetched, conn)
            if not fetched.found or not isinstance(error, Exception):
                raise
            self._runner.report(error)
            return cast(T, fetched.value)
        if filled is not None:
            answer = None
            try:
                answer = await self._runner.run(filled, conn)
            finally:
                if answer is None:
                    # Such as for a value that is too large: the next caller need not wait for this one.
                    await self._release(key, fetched, conn)
        return value

    async def _release(self, key: Key, fetched: Fetched | None, conn: AsyncConnection[Any] | None) -> None:
        if fetched is not None and fetched.token is not None:
            await self._runner.run_to_the_end(self._calls.release(key, fetched.token), conn)

    async def _fetch(self, key: Key, wait: float, conn: AsyncConnection[Any] | None) -> Fetched:
        started = time.monotonic()
        while True:
            asked = time.monotonic()
            slice_ = max(0.0, min(_WAIT_SLICE, started + wait - asked))
            fetched = await self._fetch_once(key, slice_, conn)
            if fetched is None:
                return Fetched(found=False, value=None, token=None)
            if fetched.unreadable is not None:
                # A value that no caller here can read would keep the key from being filled until its deadline.
                self._runner.failed(fetched.unreadable)
                await self.delete(key, conn=conn)
                fetched = await self._fetch_once(key, 0.0, conn)
                return fetched or Fetched(found=False, value=None, token=None)
            # An answer before the time asked for says that there is no caller to wait for.
            if fetched.found or fetched.token or slice_ == 0.0 or time.monotonic() - asked < slice_ / 2:
                return fetched

    async def _fetch_once(self, key: Key, wait: float, conn: AsyncConnection[Any] | None) -> Fetched | None:
        fetch = self._runner.run(self._calls.fetch(key, wait), conn)
        if not self._runner.is_own(conn):
            return await fetch
        # If it is cancelled, the server may have given a token that nobody else would give back.
        return await async_finish(fetch, lambda fetched: self._release(key, fetched, conn))

    def cached(
        self,
        *,
        ttl: Ttl | None = None,
        tags: Iterable[str] | Callable[..., Iterable[str]] | None = None,
        key: Callable[..., Key] | None = None,
        wait: timedelta | float = 2.0,
    ) -> Callable[[Callable[P, Awaitable[R]]], AsyncCachedFunction[P, R]]:
        """A decorator that puts the cache in front of a function, as `get_or_set` does.

        The key is made of the function's name and arguments: numbers, texts, bytes, times, UUIDs, enums, and lists,
        tuples, sets and dicts of them. For others, such as the `self` of a method, pass `key`: a function from the
        arguments to the key. On a method, `key` and `invalidate` are those of the class: `Shop.sales.invalidate(shop)`.
        `tags` may be a function of the arguments too.
        """

        tags_of_all = None if callable(tags) else self._calls.checked_tags(ttl, tags)

        def decorate(function: Callable[P, Awaitable[R]]) -> AsyncCachedFunction[P, R]:
            require(function, is_async=True)
            key_of = key or key_of_call(function)

            @functools.wraps(function)
            async def call(*args: P.args, **kwargs: P.kwargs) -> R:
                def load() -> Awaitable[R]:
                    return function(*args, **kwargs)

                own_tags = tags(*args, **kwargs) if callable(tags) else tags_of_all
                return await self.get_or_set(key_of(*args, **kwargs), load, ttl=ttl, tags=own_tags, wait=wait)

            async def invalidate(*args: P.args, **kwargs: P.kwargs) -> bool:
                return await self.delete(key_of(*args, **kwargs))

            vars(call).update(key=key_of, invalidate=invalidate)
            return cast(AsyncCachedFunction[P, R], call)

        return decorate

    def lock(self, key: Key, *, ttl: timedelta | float = 30.0, wait: timedelta | float = 0.0) -> "AsyncLock":
        """A lock for a context manager, which waits for it up to `wait` (seconds), renews it, and releases it.

        The lock ends by itself after `ttl` (seconds), should its process end without releasing it. It is kept as an
        ordinary entry under the key. It saves work that need not be done twice; it does not guard what must never be
        done twice, because an entry can be deleted.
        """
        source = self._runner.source
        if isinstance(source, AsyncConnection) and not source.autocommit:
            raise ValueError("a lock needs a cache on a pool, a DSN or an autocommit connection")
        return AsyncLock(self._runner, self._calls, key, seconds_of(ttl), seconds_of(wait))

    async def lock_owner(self, key: Key, *, conn: AsyncConnection[Any] | None = None) -> str | None:
        """The owner of the lock, as in `AsyncLock.owner`, or `None` if it is free."""
        return await self._runner.run(self._calls.lock_owner(key), conn)


class AsyncCache(AsyncNamespace[Any]):
    """The cache of a database, and the verbs on whole keys.

    `source` is a pool, a connection, or a DSN, for which the cache opens up to ten connections of its own. An error of
    the cache is by default logged, given to `on_error`, and a miss; `errors="raise"` raises it. `schema` is the schema
    of the extension, if it is not in the search path. Values are JSON, or bytes with another `serializer`.

    Only roles that you trust may write what is read with `pickle`: reading it runs code.
    """

    def __init__(
        self,
        source: str | AsyncPool | AsyncConnection[Any],
        *,
        errors: Errors = "report",
        on_error: Callable[[Exception], object] | None = None,
        schema: str | None = None,
        ttl: Ttl | None = None,
        serializer: Json | Serializer | None = None,
    ) -> None:
        self._own = AsyncConnections(source) if isinstance(source, str) else None
        runner = AsyncRunner(self._own or cast(AsyncPool | AsyncConnection[Any], source), errors, on_error)
        super().__init__(runner, Calls(schema, None, ttl, (), serializer or Json()))

    def namespace(
        self,
        name: str,
        *,
        ttl: Ttl | None = None,
        tags: Sequence[str] = (),
        serializer: Json | Serializer | None = None,
        errors: Errors | None = None,
    ) -> AsyncNamespace[Any]:
        """The verbs on the keys `name:…`. What is not given is as in the cache; `tags` are on every entry written.

        Raises `ValueError` if the name is empty, contains ":", or cannot begin a key.
        """
        if not name or ":" in name or self._calls.key((name, "x")) != f"{name}:x":
            raise ValueError(f"{name!r} is not the name of a namespace")
        calls = self._calls
        return AsyncNamespace(
            replace(self._runner, errors=errors or self._runner.errors),
            Calls(calls.schema, name, calls.ttl if ttl is None else ttl, tags, serializer or calls.serializer),
        )

    async def close(self) -> None:
        """Close the connections that the cache has opened. A pool or connection that was given stays open."""
        if self._own is not None:
            await self._own.close()

    async def __aenter__(self) -> "AsyncCache":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class AsyncLock:
    """A lock with an owner and a deadline: see `lock` of the cache."""

    def __init__(self, runner: AsyncRunner, calls: Calls, key: Key, ttl: float, wait: float) -> None:
        self._runner, self._calls, self._key, self._ttl, self._wait = runner, calls, key, ttl, wait
        self._renewal: AsyncRepeat | None = None
        self.owner = uuid.uuid4().hex
        """The owner of the lock since it was last acquired: each `acquire` is an owner of its own."""
        self.lost = False
        """Whether a renewal has found that the lock is another owner's."""

    async def acquire(self) -> bool:
        """Wait for the lock, and renew it from then on. Returns false if it was not free in time."""
        started = time.monotonic()
        # The server renews for the same owner, so that two threads with one owner would both have the lock.
        owner = uuid.uuid4().hex
        try:
            while not await self._runner.run(self._calls.lock(self._key, owner, self._ttl), None):
                left = started + self._wait - time.monotonic()
                if left <= 0:
                    return False
                await async_sleep(min(_LOCK_POLL, left))
        except BaseException as error:
            if not isinstance(error, Exception):
                # It was cancelled, perhaps after the server had given the lock.
                await async_finish(self._runner.run_unattended(self._calls.unlock(self._key, owner), None))
            raise
        self.owner, self.lost = owner, False
        self._renewal = AsyncRepeat(min(self._ttl / 3, _LONGEST_RENEWAL), lambda: self._renew(owner))
        return True

    async def release(self) -> bool:
        """Release the lock. Returns whether it was still held. An error of the cache is as that of a verb."""
        return await async_finish(self._release()) is True

    async def _release(self) -> bool | None:
        # Once it is unlocked, another thread may acquire this lock.
        owner, renewal, self._renewal = self.owner, self._renewal, None
        if renewal is not None:
            await renewal.stop()
        return await self._runner.run(self._calls.unlock(self._key, owner), None)

    async def _renew(self, owner: str) -> bool:
        # After an error the next renewal may still come in time.
        renewed = await self._runner.run_unattended(self._calls.lock(self._key, owner, self._ttl), None)
        self.lost = renewed is False
        return not self.lost

    async def __aenter__(self) -> "AsyncLock":
        if not await self.acquire():
            raise LockNotAcquiredError(f"the lock {self._calls.key(self._key)!r} is not free")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if await async_finish(self._release()) is False and error is None:
            raise LockLostError(f"the lock {self._calls.key(self._key)!r} was lost before it was released")
