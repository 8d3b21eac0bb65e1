"""Owns what threads and tasks do differently. Must never know the cache."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

AsyncSemaphore = asyncio.Semaphore
Semaphore = threading.Semaphore

async_sleep = asyncio.sleep
sleep = time.sleep

async_loop = asyncio.get_running_loop


def loop() -> object:
    """Threads have no event loop."""
    return None


class AsyncRepeat:
    """A task that calls an action every so many seconds, until it returns false."""

    def __init__(self, seconds: float, action: Callable[[], Awaitable[bool]]) -> None:
        self._seconds, self._action = seconds, action
        self._stopped = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        going_on = True
        while going_on:
            try:
                await asyncio.wait_for(self._stopped.wait(), self._seconds)
                return
            except asyncio.TimeoutError:
                going_on = await self._action()

    async def stop(self) -> None:
        """Stop, and wait for an action that runs."""
        self._stopped.set()
        await self._task


class Repeat:
    """A thread that calls an action every so many seconds, until it returns false."""

    def __init__(self, seconds: float, action: Callable[[], bool]) -> None:
        self._seconds, self._action = seconds, action
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache_pg lock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            if not self._action():
                return

    def stop(self) -> None:
        """Stop, and wait for an action that runs."""
        self._stopped.set()
        self._thread.join()


def require(function: Callable[..., Any], *, is_async: bool) -> None:
    """Refuse a function of the other kind: its value would be a coroutine, or could not be awaited."""
    if inspect.iscoroutinefunction(function) != is_async:
        kind, cache = ("a plain", "Cache") if is_async else ("an async", "AsyncCache")
        raise TypeError(f"{function.__qualname__} is {kind} function: decorate it with {cache}.cached")
