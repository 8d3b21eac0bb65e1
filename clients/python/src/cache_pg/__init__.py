"""Client of cache_pg, the cache inside PostgreSQL: `Cache` for threads, `AsyncCache` for asyncio."""

from cache_pg._async import AsyncCache, AsyncCachedFunction, AsyncLock, AsyncNamespace
from cache_pg._calls import Entry
from cache_pg._key import Key, cache_key
from cache_pg._sync import Cache, CachedFunction, Lock, Namespace
from cache_pg._values import (
    FOREVER,
    KEEP,
    MISSING,
    Json,
    LockLostError,
    LockNotAcquiredError,
    Missing,
    Raw,
    Serializer,
    Ttl,
    UnreadableValueError,
)

__all__ = [
    "FOREVER",
    "KEEP",
    "MISSING",
    "AsyncCache",
    "AsyncCachedFunction",
    "AsyncLock",
    "AsyncNamespace",
    "Cache",
    "CachedFunction",
    "Entry",
    "Json",
    "Key",
    "Lock",
    "LockLostError",
    "LockNotAcquiredError",
    "Missing",
    "Namespace",
    "Raw",
    "Serializer",
    "Ttl",
    "UnreadableValueError",
    "cache_key",
]
