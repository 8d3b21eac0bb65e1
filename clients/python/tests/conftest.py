"""Owns the server, and tests that are written once for `Cache` and `AsyncCache`."""

import asyncio
import inspect
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

import cache_pg

CACHES = {"sync": cache_pg.Cache, "async": cache_pg.AsyncCache}


async def go(result: Any) -> Any:
    """The result of a verb, of either cache."""
    return await result if inspect.isawaitable(result) else result


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition does not hold in time"
        await asyncio.sleep(0.01)


async def cancelled_again_and_again(task: "asyncio.Task[Any]") -> None:
    """Cancel a task at each of its steps, as the cancel scopes of anyio do."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()


class SlowPool:
    """Its calls have run on the server, and do not end until told to."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self.has_run, self.may_end = dsn, asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            yield connection
            self.has_run.set()
            await self.may_end.wait()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def run() -> None:
        try:
            await pyfuncitem.obj(**arguments)
        finally:
            for opened in pyfuncitem.funcargs.get("opened", ()):
                await go(opened.close())

    asyncio.run(run())
    return True


@pytest.fixture(scope="session")
def dsn() -> str:
    assert "DATABASE_URL" in os.environ, "DATABASE_URL must name a database with the extension cache_pg"
    return os.environ["DATABASE_URL"]


@pytest.fixture
def db(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def opened():
    """The caches and connections that the test has opened: they are closed after it."""
    return []


@pytest.fixture
def errors():
    """The errors that the cache has given to `on_error`."""
    return []


@pytest.fixture(params=CACHES)
def open_cache(request, dsn, opened, errors):
    """Opens a cache of either kind."""

    def open_cache(source=dsn, **options):
        cache = CACHES[request.param](source, on_error=errors.append, **options)
        opened.append(cache)
        return cache

    open_cache.kind, open_cache.opened = request.param, opened
    return open_cache


@pytest.fixture
def cache(open_cache):
    return open_cache()


@pytest.fixture
def name():
    """A namespace that no other test uses."""
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def ns(cache, name):
    return cache.namespace(name, errors="raise")
