import datetime
import enum
import json
import uuid
from pathlib import Path

import pytest

from cache_pg import cache_key
from cache_pg._key import key_of_call

VECTORS = Path(__file__).parents[3] / "tests" / "vectors" / "cache_key.json"


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=repr)
def test_key_is_that_of_the_vector(vector):
    assert cache_key(*vector["parts"]) == vector["key"]


@pytest.mark.parametrize("parts", [["a", "b"], [" a"], ["a\n"], [""], ["n", "ключ" * 200], ["a\x1c"], ["\u3000", "b"]])
def test_key_is_that_of_the_server(db, parts):
    assert db.execute("SELECT cache_key(VARIADIC %s::text[])", [parts]).fetchone() == (cache_key(*parts),)


def test_parts_that_are_no_texts():
    one = uuid.UUID(int=1)
    assert cache_key("a", 1, one) == f"a:1:{one}"
    with pytest.raises(TypeError):
        cache_key("a", None)


class Color(enum.Enum):
    RED = 1


def test_key_of_a_call():
    def load(a, b=2, *rest, c=None, **more):
        raise AssertionError

    key = key_of_call(load)
    assert key(1) == key(1, 2) == key(b=2, a=1) == key(1, 2, c=None)
    assert key(1, x=1, y=2) == key(1, y=2, x=1)
    assert key({0, 8}) == key({8, 0})
    different = [1, "1", True, 1.5, None, b"1", [1], {1}, {1: 2}, {"1": 2}, Color.RED, datetime.date(2026, 1, 1)]
    assert len({key(value) for value in different}) == len(different)
    with pytest.raises(TypeError, match="pass key="):
        key(object())


class Permission(enum.IntFlag):
    READ = 1


def test_key_of_a_call_with_flags():
    def function(permission): ...

    key = key_of_call(function)
    # Those without a name differ too.
    assert len({key(Permission(value)) for value in range(8)}) == 8
