"""Judges every signed sample of protocol/vectors, without any device (PROTOCOL.md, 11)."""

from __future__ import annotations

import json

from . import judge, moment, schemas, wire
from .strict import Body, Refused

_FOLDER = schemas.ROOT / "protocol" / "vectors"


def judge_all() -> int:
    """Compare every verdict with that of its sample, and return how many there are."""
    setting = json.loads((_FOLDER / "setting.json").read_text())
    keyset = judge.trust(wire.read(setting["keyset"]), setting["root"])
    paths = sorted(path for path in _FOLDER.glob("*.json") if path.stem != "setting")
    assert len(paths) > 40, "the samples are not there"
    for path in paths:
        sample = json.loads(path.read_text())
        verdict = _verdict(sample, setting, keyset)
        expected = None if sample["accepted"] else sample["code"]
        assert verdict == expected, f"{path.name}: {verdict}, not {expected}"
    return len(paths)


def _verdict(sample: Body, setting: Body, keyset: Body) -> str | None:
    known = judge.Setting(
        device_id=setting["device_id"],
        tenant_id=setting["tenant_id"],
        device_key=wire.decode(setting["device_public_key"]),
        root=setting["root"],
        keyset=keyset,
        at=moment.read(sample["at"]),
        session_nonce=sample["session_nonce"],
    )
    try:
        judge.verdict(sample["envelope"], sample["kind"], known)
    except Refused as refused:
        assert refused.code in schemas.codes()
        return refused.code
    return None
