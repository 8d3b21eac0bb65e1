"""A program of a user, for `mypy --strict`: see test_types.py. It is not run."""

import pickle
from typing import TypedDict

import psycopg
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool

import cache_pg


class Tenant(TypedDict):
    name: str


pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(open=False)
cache = cache_pg.Cache(pool)
async_cache = cache_pg.AsyncCache(AsyncConnectionPool(open=False), serializer=pickle)
tenants: cache_pg.Namespace[Tenant] = cache.namespace("tenant")

found: Tenant | None = tenants.get("a")
told: Tenant | cache_pg.Missing = tenants.get("a", cache_pg.MISSING)
many: dict[tuple[str, int], Tenant] = tenants.get_many([("a", 1)])
with psycopg.connect() as db:
    tenants.delete("a", conn=db)


def load() -> Tenant:
    return {"name": "a"}


loaded: Tenant = tenants.get_or_set("a", load)


@tenants.cached(tags=lambda slug: [slug])
def report(slug: str) -> int:
    return 1


class Shop:
    @tenants.cached(key=lambda self, day: (1, day))
    def sales(self, day: str) -> list[int]:
        return [1]

    @async_cache.cached(key=lambda self, day: (1, day))
    async def later(self, day: str) -> list[int]:
        return [1]


async def main(shop: Shop) -> None:
    plain: int = report("a")
    sales: list[int] = shop.sales("monday")
    later: list[int] = await shop.later("monday")
    gone: bool = Shop.sales.invalidate(shop, "monday") and await Shop.later.invalidate(shop, "monday")
    print(plain, sales, later, gone)
    async with async_cache.lock("a") as lock:
        print(lock.owner)
    report(1)  # wrong
    shop.sales(1)  # wrong
    await shop.later()  # wrong
    tenants.set("a", 1)  # wrong
    tenants.get(1.5)  # wrong
