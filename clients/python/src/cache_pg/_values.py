"""Owns what a value becomes on its way to the server and back. Must never know a statement."""

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol, TypeAlias

Ttl: TypeAlias = timedelta | float | str
"""How long an entry lives: a `timedelta`, a number of seconds, or a text such as "10 minutes".

At least a millisecond, and at most the server's `cache_pg.max_ttl`: 30 days by default. Also `FOREVER` and `KEEP`.
"""

FOREVER: Final = "infinity"
"""The ttl of an entry that lives as long as allowed: `cache_pg.max_ttl`, or without a deadline if that is 0."""

KEEP: Final = "keep"
"""The ttl of a value that replaces another one and keeps its deadline."""


_SHORTEST_TTL = 0.001


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing.MISSING
"""A default that no value equals: it tells a miss from a cached `None`."""


class UnreadableValueError(ValueError):
    """The serializer cannot read a value. Its cause is the serializer's error."""

    def __init__(self, message: str, others: Any = None) -> None:
        super().__init__(message)
        self.others = others
        """The result without this value, of a call for many."""


class LockNotAcquiredError(Exception):
    """Another owner holds the lock, or the cache cannot answer."""


class LockLostError(Exception):
    """The lock was lost before it was released: its ttl ran out, or its entry was deleted."""


class Serializer(Protocol):
    """Turns values into bytes and back: for example the module `pickle`."""

    def dumps(self, obj: Any, /) -> bytes:
        """The bytes of a value."""
        ...

    def loads(self, data: bytes, /) -> Any:
        """The value of these bytes. May raise any `Exception`: then the entry is a miss."""
        ...


@dataclass(frozen=True)
class Json:
    """Stores values as jsonb, which SQL can read. `dumps` and `loads` may come from another library."""

    dumps: Callable[[Any], str | bytes] = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
    loads: Callable[[bytes], Any] = json.loads


class Raw:
    """Stores values that are bytes already, as they are."""

    def dumps(self, obj: bytes, /) -> bytes:
        """The value itself. Raises `TypeError` for any other type than bytes."""
        if not isinstance(obj, (bytes, bytearray, memoryview)):
            raise TypeError(f"Raw() stores bytes, not {type(obj).__qualname__}")
        return bytes(obj)

    def loads(self, data: bytes, /) -> bytes:
        """The bytes themselves."""
        return data


def ttl_text(ttl: Ttl | None) -> str | None:
    """The ttl as the server reads it: always a text, because infinity passes through no other type of the driver.

    Raises `ValueError` for less than a millisecond. The server judges the rest.
    """
    if ttl is None or isinstance(ttl, str):
        return ttl
    seconds = seconds_of(ttl)
    if not seconds >= _SHORTEST_TTL:
        raise ValueError(f"a ttl must be at least a millisecond: {ttl!r}")
    return FOREVER if seconds == float("inf") else f"{seconds:.6f}"


def seconds_of(duration: timedelta | float) -> float:
    """The duration in seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration
