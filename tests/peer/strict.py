"""JSON as the protocol allows it (PROTOCOL.md, 2), and the refusal that everything here raises.

Owns what is refused of JSON whatever it says. What a document may say is `schemas`' business.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

# What JSON holds. Fields of signed bodies are read with `.get`, and judged by their schema first.
Value: TypeAlias = Any
Body: TypeAlias = dict[str, Any]

_DEEPEST = 16
_MOST = 65_536
_LARGEST = 2**53 - 1


class Refused(Exception):  # noqa: N818
    """A message that is not taken, with the code of the protocol."""

    def __init__(self, code: str, why: str) -> None:
        """Note the code and the reason."""
        super().__init__(f"{code}: {why}")
        self.code = code


def read_object(data: bytes) -> Body:
    """Read one JSON object strictly."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise Refused("MALFORMED", str(error)) from error
    _walk(value)
    if not isinstance(value, dict):
        raise Refused("MALFORMED", "not an object")
    return value


def _once(pairs: list[tuple[str, Value]]) -> Body:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise Refused("MALFORMED", "a key twice")
    return body


def _no_constant(name: str) -> Value:
    raise Refused("MALFORMED", f"{name} is no JSON")


def _walk(root: Value) -> None:
    """Go through a document without recursion."""
    count = 0
    todo: list[tuple[Value, int]] = [(root, 1)]
    while todo:
        value, depth = todo.pop()
        count += 1
        if count > _MOST:
            raise Refused("MALFORMED", "too many values")
        if isinstance(value, str):
            _string(value)
        elif isinstance(value, int | float) and abs(value) > _LARGEST:
            raise Refused("MALFORMED", "a number beyond 2^53 - 1")
        elif isinstance(value, dict | list):
            if depth > _DEEPEST:
                raise Refused("MALFORMED", "nested too deeply")
            below = value.values() if isinstance(value, dict) else value
            todo.extend((inner, depth + 1) for inner in below)
            if isinstance(value, dict):
                todo.extend((key, depth + 1) for key in value)


def _string(text: str) -> None:
    if "\0" in text:
        raise Refused("MALFORMED", "NUL in a string")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise Refused("MALFORMED", "half a surrogate pair")
