"""`make test-peer`: judges the signed samples, then directs a real agent."""

from __future__ import annotations

import asyncio
import time

from . import samples, story


def main() -> None:
    """Run all of it, and tell how long it took."""
    began = time.monotonic()
    print(f"peer: {samples.judge_all()} signed samples, each judged as it says")
    for way in story.WAYS:
        asyncio.run(story.tell(way))
    ways = " and ".join(story.WAYS)
    print(f"peer: {len(story.STEPS)} steps passed over {ways} in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
