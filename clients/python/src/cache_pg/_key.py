"""Owns valid keys: `cache_key` as the server computes it, and keys of function calls. Must never ask the server."""

import enum
import hashlib
import inspect
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

Part: TypeAlias = str | int | UUID
Key: TypeAlias = Part | tuple[Part, ...]
"""A key, or its parts, which `cache_key` joins."""

# The White_Space property of Unicode. `str.isspace` also takes U+001C to U+001F, which are control characters.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = "\x00-\x1f\x7f-\x9f"
_LEADING_SPACE = re.compile(f"^[{_SPACE}]+")
_REPLACED = re.compile(f"[{_CONTROL}]")
_INVALID = re.compile(f"[{_CONTROL}]|^[{_SPACE}]|[{_SPACE}]\\Z")
_MAX_BYTES = 512
_MAX_READABLE_BYTES = 479


def cache_key(*parts: object) -> str:
    """Join the parts with ":" and make any text a valid key.

    A joined text that is a valid key stays as it is. Any other text keeps its namespace and a readable beginning,
    and ends in "#" and 128 bits of its SHA-256. A part that is no `str` is formatted with `str()`.

    Raises `TypeError` for a part that is `None`, and `UnicodeEncodeError` for a lone surrogate.
    """
    if any(part is None for part in parts):
        raise TypeError("a part of a key must not be None")
    joined = ":".join(map(str, parts))
    encoded = joined.encode()
    if 1 <= len(encoded) <= _MAX_BYTES and not _INVALID.search(joined):
        return joined
    readable = _LEADING_SPACE.sub(lambda run: "_" * len(run[0]), joined)
    readable = _REPLACED.sub("_", readable)
    readable = readable.encode()[:_MAX_READABLE_BYTES].decode(errors="ignore")
    return f"{readable}#{hashlib.sha256(encoded).hexdigest()[:32]}"


def parts_of(key: Key) -> tuple[Part, ...]:
    """The parts of a key.

    Raises `TypeError` for other types: the text of an object or of a float may not be the same in the next process.
    """
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if not isinstance(part, (str, int, UUID)):
            raise TypeError(f"a key is a text, an integer, a UUID, or a tuple of them, not {part!r}")
    return parts


def key_of_call(function: Callable[..., Any]) -> Callable[..., str]:
    """A function from the arguments of `function` to a key.

    The key is the same in every process, and whether an argument is given by position, by name or by default.
    """
    signature = inspect.signature(function)
    prefix = f"{function.__module__}.{function.__qualname__}:"

    def key(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return prefix + ",".join(f"{name}={_stable(value)}" for name, value in bound.arguments.items())

    return key


# The types with a repr that is complete and the same in every process.
_ATOMS = (type(None), bool, int, float, str, bytes, Decimal, UUID, date, datetime, time, timedelta)


def _stable(value: object) -> str:
    if type(value) in _ATOMS:
        return repr(value)
    if isinstance(value, enum.Enum):
        # A combination of flags may have no name.
        return f"{type(value).__qualname__}.{_stable(value.value) if value.name is None else value.name}"
    if type(value) in (list, tuple):
        return f"[{','.join(map(_stable, value))}]"  # type: ignore[call-overload]
    if type(value) in (set, frozenset):
        return f"{{{','.join(sorted(map(_stable, value)))}}}"  # type: ignore[call-overload]
    if type(value) is dict:
        return f"{{{','.join(sorted(f'{_stable(k)}:{_stable(v)}' for k, v in value.items()))}}}"
    raise TypeError(f"a {type(value).__qualname__} gives no stable key: pass key= to the decorator")
