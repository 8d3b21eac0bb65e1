import functools

import pytest
from conftest import go

import cache_pg


def decorated(cache, runs, **options):
    """A function that counts its runs, with this kind of cache in front of it."""
    if isinstance(cache, cache_pg.AsyncNamespace):

        @cache.cached(**options)
        async def report(year, month=1, *, currency="EUR"):
            """The report."""
            runs.append((year, month, currency))
            return {"year": year}

    else:

        @cache.cached(**options)
        def report(year, month=1, *, currency="EUR"):
            """The report."""
            runs.append((year, month, currency))
            return {"year": year}

    return report


async def test_cached(ns):
    runs = []
    report = decorated(ns, runs, ttl=100, tags=["reports"])
    for _ in range(2):
        assert await go(report(2026)) == {"year": 2026}
        assert await go(report(year=2026, month=1)) == {"year": 2026}
    assert await go(report(2026, 2)) == {"year": 2026}
    assert runs == [(2026, 1, "EUR"), (2026, 2, "EUR")]
    assert await go(ns.ttl(report.key(2026))) == pytest.approx(100, abs=10)
    assert (await go(ns.entry(report.key(2026)))).tags == ["reports"]
    assert (report.__name__, report.__doc__) == ("report", "The report.")


async def test_invalidate(ns):
    runs = []
    report = decorated(ns, runs)
    await go(report(2026))
    await go(report(2027))
    assert await go(report.invalidate(2026, currency="EUR")) is True
    assert await go(report.invalidate(2026)) is False
    await go(report(2026))
    await go(report(2027))
    assert runs == [(2026, 1, "EUR"), (2027, 1, "EUR"), (2026, 1, "EUR")]


async def test_key_and_tags_of_the_arguments(ns, name):
    runs = []
    report = decorated(
        ns, runs, key=lambda year, *_, **__: ("year", year), tags=lambda year, *_, **__: [f"{name}-{year}"]
    )
    await go(report(2026))
    await go(report(2026, 2, currency="USD"))
    assert len(runs) == 1
    assert report.key(2026) == ("year", 2026)
    assert await go(ns.get("year:2026")) == {"year": 2026}
    await go(ns.invalidate_tags(f"{name}-2026"))
    await go(report(2026))
    assert len(runs) == 2


def test_method(dsn, name):
    with cache_pg.Cache(dsn, errors="raise") as cache:
        ns = cache.namespace(name)

        class Shop:
            def __init__(self, number):
                self.number = number

            @ns.cached(key=lambda self, day: (self.number, day))
            def sales(self, day):
                return [self.number, day]

            @ns.cached()
            def without_key(self):
                raise AssertionError

        shop = Shop(1)
        assert shop.sales("monday") == [1, "monday"]
        assert ns.get((1, "monday")) == [1, "monday"]
        assert Shop.sales.invalidate(shop, "monday") is True
        with pytest.raises(TypeError, match="pass key="):
            shop.without_key()


async def test_error_of_the_function(ns):
    async def broken_async():
        raise ZeroDivisionError

    def broken():
        raise ZeroDivisionError

    broken = ns.cached()(broken_async if isinstance(ns, cache_pg.AsyncNamespace) else broken)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await go(broken())


async def test_function_of_the_other_kind(ns):
    async def coroutine():
        raise AssertionError

    function = functools.wraps(coroutine)(lambda: None)
    with pytest.raises(TypeError, match="decorate it with"):
        ns.cached()(function if isinstance(ns, cache_pg.AsyncNamespace) else coroutine)


async def test_generator_function(ns):
    def values():
        yield 1

    async def async_values():
        yield 1

    for function in (values, async_values):
        with pytest.raises(TypeError, match="generator function"):
            ns.cached()(function)


def test_key_of_the_decorator(open_cache):
    report = decorated(open_cache(), [])
    assert report.key(1) == "test_decorator.decorated.<locals>.report:year=1,month=1,currency='EUR'"
