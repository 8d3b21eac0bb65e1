"""Owns what threads and tasks do differently. Must never know the cache."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

AsyncSemaphore = asyncio.Semaphore
Semaphore = threading.Semaphore

async_sleep = asyncio.sleep
sleep = time.sleep

async_loop = asyncio.get_running_loop


def loop() -> object:
    """Threads have no event loop."""
    return None


_FINISHING: set["asyncio.Future[Any]"] = set()


async def async_finish(action: Awaitable[T], undo: Callable[[T], Awaitable[None]] | None = None) -> T:
    """The result of an action, which goes on if the task that waits for it is cancelled. `undo` follows it then."""
    running = _keep(action)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if undo is not None and not running.cancelled():
            _keep(_undo(running, undo))
        raise


def _keep(action: Awaitable[T]) -> "asyncio.Future[T]":
    """A task of its own. The event loop itself refers to tasks weakly."""
    running = asyncio.ensure_future(action)
    _FINISHING.add(running)
    running.add_done_callback(_FINISHING.discard)
    return running


async def _undo(running: "asyncio.Future[T]", undo: Callable[[T], Awaitable[None]]) -> None:
    try:
        result = await running
    except Exception:
        # There is nothing to undo.
        return
    await undo(result)


def finish(result: T, undo: Callable[[T], None] | None = None) -> T:
    """Threads are not cancelled."""
    return result


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
    """Refuse a function whose value is an iterator, or a coroutine where it must not be, or none where it must."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} is a generator function, and an iterator cannot be stored")
    if inspect.iscoroutinefunction(function) != is_async:
        kind, cache = ("a plain", "Cache") if is_async else ("an async", "AsyncCache")
        raise TypeError(f"{function.__qualname__} is {kind} function: decorate it with {cache}.cached")
