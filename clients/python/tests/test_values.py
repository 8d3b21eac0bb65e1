import json
import pickle
from datetime import date
from decimal import Decimal

import pytest
from conftest import go

import cache_pg


async def test_pickle(cache, name, db):
    ns = cache.namespace(name, serializer=pickle, errors="raise")
    value = {"day": date(2026, 1, 1), "price": Decimal("1.10"), "set": {1, 2}}
    await go(ns.set("a", value))
    await go(ns.add("b", value))
    await go(ns.replace("b", [value]))
    await go(ns.set_many({"c": value, "d": None}))
    assert await go(ns.get_many("abcd")) == {"a": value, "b": [value], "c": value, "d": None}
    assert await go(ns.compare_and_set("c", 1, await go(ns.version("c")))) is True
    assert await go(ns.take("c")) == 1
    assert (await go(ns.entry("a"))).value == value
    assert await go(ns.get_and_touch("a", ttl=60)) == value
    assert await go(ns.get_or_set("e", lambda: loaded(ns, value))) == value
    assert await go(ns.get("e")) == value
    stored = db.execute("SELECT bytes FROM cache_entry(%s)", [f"{name}:a"]).fetchone()[0]
    assert pickle.loads(stored) == value


def loaded(cache, value):
    """The value that the loader of this kind of cache returns."""

    async def coroutine():
        return value

    return coroutine() if isinstance(cache, cache_pg.AsyncNamespace) else value


async def test_raw(cache, name):
    ns = cache.namespace(name, serializer=cache_pg.Raw(), errors="raise")
    every = bytes(range(256))
    await go(ns.set("a", every))
    await go(ns.set("b", b""))
    assert await go(ns.get_many("ab")) == {"a": every, "b": b""}
    with pytest.raises(TypeError, match="bytes"):
        await go(ns.set("a", "text"))


async def test_json_is_json_in_sql(ns, name, db):
    await go(ns.set("a", {"plan": "pro"}))
    assert db.execute("SELECT cache_get(%s) ->> 'plan'", [f"{name}:a"]).fetchone() == ("pro",)


async def test_json_of_another_library(cache, name):
    serializer = cache_pg.Json(
        dumps=lambda value: json.dumps(str(value)).encode(), loads=lambda data: [json.loads(data)]
    )
    ns = cache.namespace(name, serializer=serializer, errors="raise")
    await go(ns.set("a", date(2026, 1, 1)))
    assert await go(ns.get("a")) == ["2026-01-01"]


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan")])
async def test_value_that_is_no_json(cache, name, value):
    with pytest.raises((TypeError, ValueError)):
        await go(cache.namespace(name).set("a", value))


async def test_serializer_must_give_bytes(cache, name):
    with pytest.raises(TypeError, match="Json"):
        await go(cache.namespace(name, serializer=json).set("a", 1))


async def test_unreadable_value_is_a_reported_miss(cache, name, errors):
    raw, ns = cache.namespace(name, serializer=cache_pg.Raw()), cache.namespace(name)
    await go(raw.set_many({"a": b"\xff not JSON", "b": b"1"}))
    assert await go(ns.get("b")) == 1
    assert await go(ns.get("a", "missing")) == "missing"
    assert [type(error) for error in errors] == [cache_pg.UnreadableValueError]
    with pytest.raises(cache_pg.UnreadableValueError):
        await go(cache.namespace(name, errors="raise").get("a"))


async def test_unreadable_value_hides_no_other(cache, name, errors):
    await go(cache.namespace(name, serializer=cache_pg.Raw()).set_many({"a": b"1", "b": b"\xff", "c": b"3"}))
    assert await go(cache.namespace(name).get_many(["a", "b", "c"])) == {"a": 1, "c": 3}
    assert [type(error) for error in errors] == [cache_pg.UnreadableValueError]
    with pytest.raises(cache_pg.UnreadableValueError):
        await go(cache.namespace(name, errors="raise").get_many(["a", "b", "c"]))


async def test_unreadable_value_is_replaced(cache, name, errors):
    ns = cache.namespace(name)
    await go(cache.namespace(name, serializer=cache_pg.Raw()).set("a", b"\xff not JSON"))
    assert await go(ns.get_or_set("a", lambda: loaded(ns, 5))) == 5
    assert [type(error) for error in errors] == [cache_pg.UnreadableValueError]
    assert await go(ns.get("a")) == 5
