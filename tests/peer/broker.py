"""A real mosquitto for the MQTT way: TLS with certificates of both sides, and rights by topic.

Owns the process and its files. What is said through it is `mqtt`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
from typing import TYPE_CHECKING

from . import ports
from .authority import HOST, Authority

if TYPE_CHECKING:
    from pathlib import Path

STUDIO = "studio"
_PATIENCE_S = 20.0
_READS = ("cmd", "session")
_WRITES = ("hello", "ack", "progress", "event", "metrics", "state")


class Broker:
    """A mosquitto on a port of loopback that it keeps when it is restarted."""

    def __init__(self, folder: Path, authority: Authority, tenant_id: str) -> None:
        """Write its settings."""
        self.port = ports.free(1)[0]
        self.url = f"mqtts://{HOST}:{self.port}"
        self._settings = folder / "mosquitto.conf"
        rights = folder / "mosquitto.acl"
        below = f"vistter/v1/{tenant_id}/%u"
        rights.write_text(
            "\n".join(
                [
                    f"user {STUDIO}",
                    "topic readwrite vistter/v1/#",
                    *(f"pattern read {below}/{name}" for name in _READS),
                    *(f"pattern write {below}/{name}" for name in _WRITES),
                    "",
                ]
            )
        )
        rights.chmod(0o600)
        self._settings.write_text(
            "\n".join(
                [
                    f"user {getpass.getuser()}",
                    f"listener {self.port} 127.0.0.1",
                    f"cafile {authority.file}",
                    f"certfile {authority.server_chain}",
                    f"keyfile {authority.server_key}",
                    "require_certificate true",
                    "use_identity_as_username true",
                    f"acl_file {rights}",
                    "set_tcp_nodelay true",
                    "max_inflight_messages 100",
                    "max_queued_messages 10000",
                    "",
                ]
            )
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert binary is not None, "mosquitto is installed"
        self._process = await asyncio.create_subprocess_exec(
            binary,
            "-v",
            "-c",
            str(self._settings),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(_PATIENCE_S):
            async for line in self._process.stderr:
                if b"running" in line:
                    self._rest = asyncio.create_task(self._read())
                    return
        raise AssertionError("mosquitto did not start")

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _read(self) -> None:
        """Read what it writes, so that it never waits for a reader."""
        assert self._process is not None
        assert self._process.stderr is not None
        async for _ in self._process.stderr:
            pass
