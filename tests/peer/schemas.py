"""The repository's JSON Schemas, and judging a body by one."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from jsonschema import Draft202012Validator

from .strict import Body, Refused, Value

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / "protocol" / "schemas"


@functools.cache
def _document(name: str) -> Body:
    document: Body = json.loads((_FOLDER / f"{name}.json").read_text())
    return document


@functools.cache
def _judge(name: str, part: str | None) -> Draft202012Validator:
    schema = _document(name)
    if part is not None:
        schema = {"$defs": schema["$defs"], **schema["properties"][part]}
    return Draft202012Validator(schema)


def check(name: str, body: Value, part: str | None = None) -> None:
    """Refuse a body that its schema refuses. `part` is `payload` or `reply` of a command."""
    for error in _judge(name, part).iter_errors(body):
        raise Refused("SCHEMA_INVALID", f"{name} {error.json_path}: {error.message}")


@functools.cache
def commands() -> frozenset[str]:
    """Return the types of commands that have a schema."""
    return frozenset(path.stem for path in (_FOLDER / "commands").glob("*.json"))


@functools.cache
def codes() -> frozenset[str]:
    """Return every code that a refusal may have."""
    return frozenset(entry["code"] for entry in _document("codes")["codes"])
