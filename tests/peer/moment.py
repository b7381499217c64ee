"""Times as they are written on the wire: UTC, exactly milliseconds."""

from __future__ import annotations

import datetime as dt

from .strict import Refused


def now() -> dt.datetime:
    """Return the time of day."""
    return dt.datetime.now(dt.UTC)


def written(moment: dt.datetime) -> str:
    """Write a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def after(seconds: float, moment: dt.datetime | None = None) -> str:
    """Write the time so many seconds after a moment, or after now."""
    return written((moment or now()) + dt.timedelta(seconds=seconds))


def read(text: str) -> dt.datetime:
    """Read a time."""
    try:
        moment = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise Refused("SCHEMA_INVALID", f"not a time: {text}") from error
    if written(moment) != text:
        raise Refused("SCHEMA_INVALID", f"not with milliseconds: {text}")
    return moment
