"""Owns the statements: what each verb sends, and what it makes of the rows. Must never do I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from cache_pg._key import Key, cache_key, parts_of
from cache_pg._values import Json, Serializer, Ttl, UnreadableValueError, ttl_text

T = TypeVar("T")
D = TypeVar("D")
K = TypeVar("K", bound=Key)
V = TypeVar("V")

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Call(Generic[T]):
    """A statement, its parameters, the result of its rows, and the result if the cache cannot answer."""

    query: bytes
    params: Sequence[Any]
    read: Callable[[Rows], T]
    failed: T


@dataclass(frozen=True)
class Entry(Generic[V]):
    """A live entry. `expires_at` and `stale_until` are `None` without a deadline."""

    key: str
    value: V
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    stale_until: datetime | None


@dataclass(frozen=True)
class Fetched:
    """The row of `cache_fetch`. `unreadable`: a value was found, and the serializer cannot read it."""

    found: bool
    value: Any
    token: str | None
    unreadable: UnreadableValueError | None = None


@dataclass(frozen=True)
class Calls:
    """The calls of one namespace, or of the whole cache if `namespace` is `None`."""

    schema: str | None
    namespace: str | None
    ttl: Ttl | None
    tags: Sequence[str]
    serializer: Json | Serializer

    def key(self, key: Key) -> str:
        """The whole key, with its namespace."""
        parts = parts_of(key)
        return cache_key(*parts) if self.namespace is None else cache_key(self.namespace, *parts)

    def get(self, key: Key, default: D) -> Call[Any | D]:
        """Look a value up."""
        return self._value("cache_get_bytes(%s::text)", [self.key(key)], default)

    def get_many(self, keys: Sequence[K]) -> Call[dict[K, Any]]:
        """Look values up. The result has the live ones, under the keys as given."""
        full_keys = [self.key(key) for key in keys]

        def read(rows: Rows) -> dict[K, Any]:
            found: dict[str, bytes] = dict(rows)
            values: dict[K, Any] = {}
            unreadable = None
            for key, full in zip(keys, full_keys, strict=True):
                if full in found:
                    try:
                        values[key] = self._loads(found[full])
                    except UnreadableValueError as error:
                        unreadable = error
            if unreadable is not None:
                unreadable.others = values
                raise unreadable
            return values

        return Call(self._query("cache_get_many_bytes(%s::text[])", "key, value"), [full_keys], read, {})

    def take(self, key: Key, default: D) -> Call[Any | D]:
        """Delete an entry and return its value."""
        return self._value("cache_take_bytes(%s::text)", [self.key(key)], default)

    def get_and_touch(self, key: Key, ttl: Ttl | None, default: D) -> Call[Any | D]:
        """Give an entry a new deadline and return its value."""
        params = [self.key(key), self._ttl(ttl)]
        return self._value("cache_get_and_touch_bytes(%s::text, %s::text)", params, default)

    def has(self, key: Key) -> Call[bool]:
        """Ask for a live entry."""
        return self._scalar("cache_exists(%s::text)", [self.key(key)], False)

    def remaining(self, key: Key) -> Call[float | None]:
        """Ask for the seconds to the deadline."""
        return self._scalar("cache_ttl_seconds(%s::text)", [self.key(key)], None)

    def entry(self, key: Key) -> Call[Entry[Any] | None]:
        """Look an entry up."""
        columns = (
            "key, coalesce(bytes, convert_to(value::text, 'UTF8')), tags, version::text, created_at, updated_at,"
            " nullif(expires_at, 'infinity'), nullif(stale_until, 'infinity')"
        )

        def read(rows: Rows) -> Entry[Any] | None:
            if not rows:
                return None
            found, data, tags, version, *times = rows[0]
            return Entry(found, self._loads(data), tags or [], int(version), *times)

        return Call(self._query("cache_entry(%s::text)", columns), [self.key(key)], read, None)

    def version(self, key: Key) -> Call[int | None]:
        """Ask for the version of a live entry."""

        def read(rows: Rows) -> int | None:
            return int(rows[0][0]) if rows else None

        return Call(self._query("cache_entry(%s::text)", "version::text"), [self.key(key)], read, None)

    def write(self, verb: str, key: Key, value: Any, ttl: Ttl | None, tags: Iterable[str] | None) -> Call[bool]:
        """Set, add or replace an entry."""
        function, cast = self._function(verb)
        # The deadline that cache_set returns may be infinity, which the driver cannot read.
        stored = " IS NOT NULL" if verb == "set" else ""
        call = f"{function}(%s::text, %s::{cast}, %s::text, %s::text[]){stored}"
        params = [self.key(key), self._dumps(value), self._ttl(ttl), self._tags(tags)]
        return self._scalar(call, params, False)

    def compare_and_set(
        self, key: Key, value: Any, version: int, ttl: Ttl | None, tags: Iterable[str] | None
    ) -> Call[bool]:
        """Replace an entry that still has this version."""
        function, cast = self._function("cas")
        call = f"{function}(%s::text, %s::{cast}, %s::text::xid8, %s::text, %s::text[])"
        params = [self.key(key), self._dumps(value), str(version), self._ttl(ttl), self._tags(tags)]
        return self._scalar(call, params, False)

    def set_many(self, values: Mapping[K, Any], ttl: Ttl | None, tags: Iterable[str] | None) -> Call[int]:
        """Set entries, all with one ttl."""
        function, cast = self._function("set_many")
        call = f"{function}(%s::text[], %s::{cast}[], %s::text[], %s::text[])"
        keys, data = [self.key(key) for key in values], [self._dumps(value) for value in values.values()]
        text = self._ttl(ttl)
        return self._scalar(call, [keys, data, None if text is None else [text], self._tags(tags)], 0)

    def delete(self, key: Key, version: int | None) -> Call[bool]:
        """Delete an entry, with a version only if it still has this one."""
        params = [self.key(key), None if version is None else str(version)]
        return self._scalar("cache_delete(%s::text, %s::text::xid8)", params, False)

    def delete_many(self, keys: Iterable[Key]) -> Call[int]:
        """Delete entries."""
        return self._scalar("cache_delete_many(%s::text[])", [[self.key(key) for key in keys]], 0)

    def touch(self, key: Key, ttl: Ttl | None, version: int | None) -> Call[bool]:
        """Give an entry a new deadline, with a version only if it still has this one."""
        params = [self.key(key), self._ttl(ttl), None if version is None else str(version)]
        return self._scalar("cache_touch(%s::text, %s::text, %s::text::xid8)", params, False)

    def increment(self, key: Key, delta: int, ttl: Ttl | None, initial: int | None) -> Call[int | None]:
        """Add to an integer."""
        params = [self.key(key), delta, self._ttl(ttl), initial]
        return self._scalar("cache_incr(%s::text, %s::bigint, %s::text, %s::bigint)", params, None)

    def count(self, prefix: str | None) -> Call[int]:
        """Count the live entries."""
        params = [self.namespace, self._prefix(prefix)]
        return self._scalar("cache_count(%s::text, %s::text)", params, 0)

    def clear(self, prefix: str | None) -> Call[int]:
        """Delete the live entries."""
        params = [self.namespace, self._prefix(prefix)]
        return self._scalar("cache_clear(%s::text, %s::text)", params, 0)

    def keys(self, prefix: str | None, after: str | None, page_size: int) -> Call[list[str]]:
        """List a page of whole keys, in byte order."""
        params = [self.namespace, after, page_size, self._prefix(prefix)]
        query = self._query("cache_keys(%s::text, %s::text, %s::integer, %s::text)", "*")
        return Call(query, params, lambda rows: [key for (key,) in rows], [])

    def short_key(self, key: str) -> str:
        """The key without its namespace, as the verbs take it."""
        return key if self.namespace is None else key[len(self.namespace) + 1 :]

    def invalidate_tags(self, tags: Iterable[str]) -> Call[int]:
        """Make every entry with one of the tags a miss."""
        return self._scalar("cache_invalidate_tags(VARIADIC %s::text[])", [list(tags)], 0)

    def fetch(self, key: Key, wait: float) -> Call[Fetched | None]:
        """Look a value up, or get the right to compute it, or wait for it. `None` if the cache cannot answer."""

        def read(rows: Rows) -> Fetched:
            found, data, token = rows[0]
            try:
                return Fetched(found, self._loads(data) if found else None, token)
            except UnreadableValueError as error:
                return Fetched(False, None, token, error)

        query = self._query("cache_fetch_bytes(%s::text, make_interval(secs => %s::float8))", "found, value, token")
        return Call(query, [self.key(key), wait], read, None)

    def fill(self, key: Key, value: Any, token: str, ttl: Ttl | None, tags: Iterable[str] | None) -> Call[bool | None]:
        """Store the value that was computed with the token. `None` if the cache cannot."""
        function, cast = self._function("fill")
        call = f"{function}(%s::text, %s::{cast}, %s::text, %s::text, %s::text[])"
        return self._scalar(call, [self.key(key), self._dumps(value), token, self._ttl(ttl), self._tags(tags)], None)

    def release(self, key: Key, token: str) -> Call[bool]:
        """Give the right to compute back."""
        return self._scalar("cache_release(%s::text, %s::text)", [self.key(key), token], False)

    def lock(self, key: Key, owner: str, ttl: float) -> Call[bool | None]:
        """Acquire or renew a lock. `None` if the cache cannot answer."""
        params = [self.key(key), owner, ttl_text(ttl)]
        return self._scalar("cache_lock(%s::text, %s::text, %s::text)", params, None)

    def unlock(self, key: Key, owner: str) -> Call[bool | None]:
        """Release a lock. `None` if the cache cannot answer."""
        return self._scalar("cache_unlock(%s::text, %s::text)", [self.key(key), owner], None)

    def lock_owner(self, key: Key) -> Call[str | None]:
        """Ask for the owner of a lock."""
        return self._scalar("cache_lock_owner(%s::text)", [self.key(key)], None)

    def checked_tags(self, ttl: Ttl | None, tags: Iterable[str] | None) -> list[str] | None:
        """The tags, which may be used once only. Raises what a write would raise for this ttl and these tags."""
        self._ttl(ttl)
        if tags is None:
            return None
        kept = tags if isinstance(tags, str) else list(tags)
        self._tags(kept)
        return list(kept)

    def _query(self, call: str, columns: str) -> bytes:
        """The statement that reads columns of a function that returns rows."""
        return f"SELECT {columns} FROM {self._qualified(call)}".encode()

    def _qualified(self, call: str) -> str:
        return (
            call if self.schema is None else '"{}".{}'.format(self.schema.replace('"', '""').replace("%", "%%"), call)
        )

    def _scalar(self, call: str, params: Sequence[Any], failed: T) -> Call[T]:
        def read(rows: Rows) -> T:
            result: T = rows[0][0]
            return result

        return Call(f"SELECT {self._qualified(call)}".encode(), params, read, failed)

    def _value(self, call: str, params: Sequence[Any], default: D) -> Call[Any | D]:
        def read(rows: Rows) -> Any | D:
            data = rows[0][0]
            return default if data is None else self._loads(data)

        return Call(f"SELECT {self._qualified(call)}".encode(), params, read, default)

    def _function(self, verb: str) -> tuple[str, str]:
        """The form of a writing function for this serializer, and the type of its value."""
        return (f"cache_{verb}", "jsonb") if isinstance(self.serializer, Json) else (f"cache_{verb}_bytes", "bytea")

    def _dumps(self, value: Any) -> str | bytes:
        if isinstance(self.serializer, Json):
            text = self.serializer.dumps(value)
            return text.decode() if isinstance(text, bytes) else text
        data = self.serializer.dumps(value)
        if not isinstance(data, bytes):
            raise TypeError(f"the serializer gave {type(data).__qualname__}, not bytes: for JSON use cache_pg.Json()")
        return data

    def _loads(self, data: bytes) -> Any:
        try:
            return self.serializer.loads(data)
        except Exception as error:
            raise UnreadableValueError(f"the serializer cannot read a value: {error!r}") from error

    def _ttl(self, ttl: Ttl | None) -> str | None:
        return ttl_text(self.ttl if ttl is None else ttl)

    def _tags(self, tags: Iterable[str] | None) -> list[str] | None:
        if isinstance(tags, str):
            raise TypeError("tags must be a list of texts, not one text")
        all_tags = [*self.tags, *(tags or ())]
        if not all(isinstance(tag, str) for tag in all_tags):
            raise TypeError("tags must be texts")
        return all_tags or None

    def _prefix(self, prefix: str | None) -> str | None:
        return prefix if prefix is None or self.namespace is None else f"{self.namespace}:{prefix}"
