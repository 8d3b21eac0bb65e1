"""Owns valid keys: `cache_key` as the server's function of the same name computes it. Must never ask the server."""

import hashlib
import re

# The White_Space property of Unicode. `str.isspace` also takes U+001C to U+001F, which are control characters.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = "\x00-\x1f\x7f-\x9f"
_LEADING_SPACE = re.compile(f"^[{_SPACE}]+")
_REPLACED = re.compile(f"[{_CONTROL}]")
_INVALID = re.compile(f"[{_CONTROL}]|^[{_SPACE}]|[{_SPACE}]\\Z")

MAX_KEY_BYTES = 512
_MAX_READABLE_BYTES = 479


def cache_key(*parts: object) -> str:
    """Join the parts with ":" and make any text a valid key.

    A joined text that is a valid key stays as it is. Any other text keeps its namespace and a readable beginning,
    and ends in "#" and 128 bits of its SHA-256. A part that is no `str` is formatted with `str()`.

    Raises `TypeError` for a part that is `None`, and `UnicodeEncodeError` for a lone surrogate.
    """
    if None in parts:
        raise TypeError("a part of a key must not be None")
    joined = ":".join(map(str, parts))
    encoded = joined.encode()
    if 1 <= len(encoded) <= MAX_KEY_BYTES and not _INVALID.search(joined):
        return joined
    readable = _LEADING_SPACE.sub(lambda run: "_" * len(run[0]), joined)
    readable = _REPLACED.sub("_", readable)
    readable = readable.encode()[:_MAX_READABLE_BYTES].decode(errors="ignore")
    return f"{readable}#{hashlib.sha256(encoded).hexdigest()[:32]}"
