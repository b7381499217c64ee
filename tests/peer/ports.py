"""Ports for the agent's own servers that nobody takes by chance.

They are below the range that the kernel gives to outgoing connections and to port 0.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path


def free(count: int) -> list[int]:
    """Return so many different ports of loopback that are free for TCP and UDP."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(min(20_000, lowest - 5_000), lowest), 2_000):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("there are no free ports")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
