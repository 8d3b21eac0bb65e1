"""Client of cache_pg, the cache inside PostgreSQL."""

from cache_pg._key import cache_key

__all__ = ["cache_key"]
