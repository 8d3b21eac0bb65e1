import math
import uuid
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from conftest import go
from psycopg.conninfo import make_conninfo

import cache_pg
import cache_pg._async
import cache_pg._sync


async def test_set_and_get(ns):
    assert await go(ns.get("a")) is None
    assert await go(ns.get("a", 7)) == 7
    assert await go(ns.set("a", {"b": [1, 2.5, "ключ", None, True]})) is True
    assert await go(ns.get("a")) == {"b": [1, 2.5, "ключ", None, True]}


async def test_none_is_a_value(ns):
    assert await go(ns.get("a", cache_pg.MISSING)) is cache_pg.MISSING
    await go(ns.set("a", None))
    assert await go(ns.get("a", cache_pg.MISSING)) is None
    assert await go(ns.get_many(["a"])) == {"a": None}


async def test_many(ns):
    one = uuid.UUID(int=1)
    assert await go(ns.set_many({"b": 1, "a": 2, ("c", 1): 3, one: 4}, ttl=60)) == 4
    found = await go(ns.get_many([one, ("c", 1), "missing", "a", "b"]))
    assert list(found.items()) == [(one, 4), (("c", 1), 3), ("a", 2), ("b", 1)]
    assert await go(ns.ttl("a")) == pytest.approx(60, abs=10)
    assert await go(ns.delete_many(["a", "b", "missing"])) == 2
    assert await go(ns.get_many(["a", "b", "c:1"])) == {"c:1": 3}
    assert await go(ns.get_many([])) == {}
    assert await go(ns.set_many({})) == 0


async def test_add_and_replace(ns):
    assert await go(ns.replace("a", 1)) is False
    assert await go(ns.add("a", 1)) is True
    assert await go(ns.add("a", 2)) is False
    assert await go(ns.replace("a", 3)) is True
    assert await go(ns.get("a")) == 3


async def test_delete_and_take(ns):
    await go(ns.set_many({"a": 1, "b": 2}))
    assert await go(ns.delete("a")) is True
    assert await go(ns.delete("a")) is False
    assert await go(ns.take("b")) == 2
    assert await go(ns.take("b")) is None
    assert await go(ns.take("b", 0)) == 0


async def test_has(ns):
    assert await go(ns.has("a")) is False
    await go(ns.set("a", 1))
    assert await go(ns.has("a")) is True
    if isinstance(ns, cache_pg.Namespace):
        assert "a" in ns
        assert "b" not in ns


@pytest.mark.parametrize("ttl", [timedelta(minutes=2), 120, 120.0, "2 minutes", "120"])
async def test_ttl(ns, ttl):
    await go(ns.set("a", 1, ttl=ttl))
    assert await go(ns.ttl("a")) == pytest.approx(120, abs=10)
    assert await go(ns.ttl("b")) is None


async def test_ttl_of_the_namespace(cache, name):
    ns = cache.namespace(name, ttl=50, errors="raise")
    await go(ns.set("a", 1))
    await go(ns.set("b", 1, ttl=100))
    assert await go(ns.ttl("a")) == pytest.approx(50, abs=10)
    assert await go(ns.ttl("b")) == pytest.approx(100, abs=10)


async def test_ttl_forever_and_keep(ns):
    await go(ns.set("a", 1, ttl=1000))
    await go(ns.set("a", 2, ttl=cache_pg.KEEP))
    assert await go(ns.ttl("a")) == pytest.approx(1000, abs=10)
    for forever in (cache_pg.FOREVER, math.inf):
        await go(ns.set("a", 3, ttl=forever))
        assert await go(ns.ttl("a")) == pytest.approx(30 * 86400, abs=10)


async def test_no_deadline(open_cache, dsn, name):
    ns = open_cache(make_conninfo(dsn, options="-c cache_pg.max_ttl=0")).namespace(name, errors="raise")
    assert await go(ns.set("a", 1, ttl=cache_pg.FOREVER)) is True
    assert await go(ns.ttl("a")) == math.inf
    entry = await go(ns.entry("a"))
    assert entry.expires_at is None
    assert entry.stale_until is None


async def test_touch(ns):
    assert await go(ns.touch("a", ttl=100)) is False
    await go(ns.set("a", 1, ttl=10))
    version = await go(ns.version("a"))
    assert await go(ns.touch("a", ttl=100)) is True
    assert await go(ns.touch("a", ttl=500, version=version + 1)) is False
    assert await go(ns.ttl("a")) == pytest.approx(100, abs=10)
    assert await go(ns.touch("a", ttl=500, version=version)) is True
    assert await go(ns.get_and_touch("a", ttl=1000)) == 1
    assert await go(ns.ttl("a")) == pytest.approx(1000, abs=10)
    assert await go(ns.get_and_touch("b", 0)) == 0


async def test_increment(ns):
    assert await go(ns.increment("a", initial=None)) is None
    assert await go(ns.increment("a", ttl=100)) == 1
    assert await go(ns.increment("a", -3)) == -2
    assert await go(ns.increment("b", 5, initial=10)) == 15
    assert await go(ns.ttl("a")) == pytest.approx(100, abs=10)
    assert await go(ns.get("a")) == -2


async def listed(keys):
    return [key async for key in keys] if hasattr(keys, "__aiter__") else list(keys)


async def test_keys_count_and_clear(ns, cache, name, monkeypatch):
    for module in (cache_pg._async, cache_pg._sync):
        monkeypatch.setattr(module, "_PAGE_SIZE", 2)
    await go(ns.set_many({"eu:1": 1, "eu:2": 1, "us:1": 1, "us:2": 1, "us:3": 1, "50%": 1}))
    assert await listed(ns.keys()) == ["50%", "eu:1", "eu:2", "us:1", "us:2", "us:3"]
    assert await listed(ns.keys(prefix="us:")) == ["us:1", "us:2", "us:3"]
    assert await listed(cache.keys(prefix=f"{name}:eu")) == [f"{name}:eu:1", f"{name}:eu:2"]
    assert await go(ns.count()) == 6
    assert await go(ns.count(prefix="eu:")) == 2
    assert await go(ns.clear(prefix="eu:")) == 2
    assert await go(ns.count()) == 4
    assert await go(cache.count(prefix=f"{name}:us")) == 3
    assert await go(ns.clear()) == 4
    assert await go(ns.count()) == 0


async def test_entry_and_compare_and_set(ns, name):
    assert await go(ns.entry("a")) is None
    assert await go(ns.version("a")) is None
    await go(ns.set("a", {"b": 1}, ttl=60, tags=["t1", "t2"]))
    entry = await go(ns.entry("a"))
    assert (entry.key, entry.value, sorted(entry.tags)) == (f"{name}:a", {"b": 1}, ["t1", "t2"])
    now = datetime.now(timezone.utc)
    assert abs(entry.created_at - now) < timedelta(seconds=10)
    assert abs(entry.expires_at - now - timedelta(seconds=60)) < timedelta(seconds=10)
    assert entry.version == await go(ns.version("a"))
    assert await go(ns.compare_and_set("a", 2, entry.version)) is True
    assert await go(ns.compare_and_set("a", 3, entry.version)) is False
    assert await go(ns.delete("a", version=entry.version)) is False
    assert await go(ns.get("a")) == 2
    assert await go(ns.delete("a", version=await go(ns.version("a")))) is True


async def test_tags(cache, name):
    ns = cache.namespace(name, tags=[f"all-{name}"], errors="raise")
    await go(ns.set_many({"a": 1, "b": 2}))
    await go(ns.set("c", 3, tags=[f"own-{name}"]))
    await go(ns.set("d", 4))
    assert await go(ns.invalidate_tags(f"own-{name}")) == 1
    assert await go(ns.get_many("abcd")) == {"a": 1, "b": 2, "d": 4}
    assert await go(ns.invalidate_tags(f"all-{name}", "another")) == 2
    assert await go(ns.get_many("abcd")) == {}
    with pytest.raises(TypeError, match="tags"):
        await go(ns.set("a", 1, tags="abc"))


@pytest.mark.parametrize("key", ["", " a ", "a\nb", "x" * 2000, "ключ " * 200, "a%sb"])
async def test_any_text_is_a_key(ns, key):
    await go(ns.set(key, key))
    assert await go(ns.get(key)) == key
    assert [await go(ns.get(found)) for found in await listed(ns.keys())] == [key]


@pytest.mark.parametrize("bad", [None, 1.5, b"a", object(), ["a"], ("a", None)])
async def test_bad_key(ns, bad):
    with pytest.raises(TypeError, match="a key is"):
        await go(ns.set(bad, 1))


@pytest.mark.parametrize("bad", ["", "a:b", " a", "a\n", "x" * 600])
def test_bad_name_of_a_namespace(open_cache, bad):
    with pytest.raises(ValueError, match="namespace"):
        open_cache().namespace(bad)


async def test_schema(open_cache, db, name, errors):
    schema = db.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'cache_pg'"
    )
    ns = open_cache(schema=schema.fetchone()[0]).namespace(name, errors="raise")
    await go(ns.set("a", 1))
    assert await go(ns.get_many(["a"])) == {"a": 1}
    other = open_cache(schema='no "such" 100%').namespace(name)
    assert await go(other.get("a")) is None
    assert [type(error) for error in errors] == [psycopg.errors.InvalidSchemaName]
