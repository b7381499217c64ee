"""The real agent as a process: its commands, its data folder, and what its API tells of effects."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from . import ports
from .schemas import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .strict import Value

_PATIENCE_S = 40.0
_SERVERS = ("RTSP", "RTMP", "HLS", "WEBRTC", "WEBRTC_UDP", "API")


class Agent:
    """An agent with a data folder of its own. It runs between `start` and `stop`."""

    def __init__(self, folder: Path) -> None:
        """Choose its settings."""
        self._binary = os.environ.get("VISTTER_AGENT", str(ROOT / "target/release/vistter-agent"))
        self._environment = {
            **os.environ,
            "VISTTER__DATA_DIR": str(folder / "data"),
            "VISTTER__API__PORT": "0",
            "VISTTER__PROGRAM__PROFILE": "480p",
            "VISTTER__PROGRAM__PROCESSOR_LIMIT": "1000",
            "VISTTER__DEGRADED__HIGH_CPU": "off",
            "VISTTER__MEDIAMTX__PATH": str(ROOT / "build/mediamtx"),
            **{
                f"VISTTER__MEDIAMTX__{name}_PORT": str(port)
                for name, port in zip(_SERVERS, ports.free(len(_SERVERS)), strict=True)
            },
        }
        self._process: asyncio.subprocess.Process | None = None
        self._page: asyncio.Future[str] | None = None
        self._reader: asyncio.Task[None] | None = None
        self.log: list[str] = []

    async def command(self, *words: str) -> tuple[int, str]:
        """Run one of its commands; return its exit code and what it wrote."""
        process = await asyncio.create_subprocess_exec(
            self._binary,
            *words,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(_PATIENCE_S):
            output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    async def start(self) -> None:
        """Start it, and wait until it tells its address."""
        self._process = await asyncio.create_subprocess_exec(
            self._binary,
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._page = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.shield(self._page)

    async def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(_PATIENCE_S):
            return await self._process.wait()

    async def clear(self) -> None:
        """Leave nothing of it behind."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def post(self, path: str, text: str) -> tuple[int, Value]:
        """Post a text to its API, and return the status and what it answers."""
        return await asyncio.to_thread(self._post, path, text)

    def _post(self, path: str, text: str) -> tuple[int, Value]:
        assert self._page is not None
        address = self._page.result() + path
        request = urllib.request.Request(address, text.encode(), method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    async def get(self, path: str) -> Value:
        """Ask its API."""
        return await asyncio.to_thread(self._get, path)

    def _get(self, path: str) -> Value:
        assert self._page is not None
        address = self._page.result() + path
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return json.load(answer)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        assert self._page is not None
        async for line in self._process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())
            told = re.search(r"http://127\.0\.0\.1:\d+", self.log[-1])
            if told and not self._page.done():
                self._page.set_result(told.group())
        if not self._page.done():
            self._page.set_exception(AssertionError("the agent ended before it told its address"))
