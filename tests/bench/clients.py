"""What do the other clients cost, and do they get everything? N sockets that speak the page's part.

``python -m tests.bench.clients URL USER PASSWORD COUNT``: tells "ready" when all have their first
message, and at the end ``{"points", "lost"}``: heart rates that came, and those that did not.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.child import end_with_parent, tell
from tests.bench.monitors import RATES

PATH = "/live/ws?window=60"


class Watcher:
    """One client. Each chair's rates count up by one, so what was lost is missing in between."""

    def __init__(self) -> None:
        self.points = self.lost = 0
        self._last: dict[str, int] = {}

    async def follow(self, socket: ClientConnection, is_ready: asyncio.Event) -> None:
        async for text in socket:
            message = json.loads(text)
            self._take(message.get("snapshot") or message.get("changes") or {})
            is_ready.set()

    def _take(self, chairs: dict[str, dict[str, list[list[object]]]]) -> None:
        for chair, parts in chairs.items():
            for _t_ms, metric, value, _quality in parts.get("points", ()):
                if metric != "heart_rate" or value is None:
                    continue
                step = (value - self._last.get(chair, value - 1)) % RATES
                self._last[chair] = value
                self.points += 1
                self.lost += max(0, step - 1)


async def watch(url: str, cookie: str, count: int) -> None:
    address = urlsplit(url)
    watchers, tasks = [Watcher() for _ in range(count)], []
    for watcher in watchers:
        socket = await connect(
            f"ws://{address.netloc}{PATH}",
            origin=url,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookie},
            compression=None,
        )
        is_ready = asyncio.Event()
        tasks.append(asyncio.create_task(watcher.follow(socket, is_ready)))
        await is_ready.wait()
    tell("ready")
    try:
        await asyncio.gather(*tasks)
        raise ConnectionError("the server closed the sockets")
    finally:
        points, lost = (sum(getattr(w, name) for w in watchers) for name in ("points", "lost"))
        tell({"points": points, "lost": lost})


def main() -> None:
    url, user, password, count = sys.argv[1:]
    answer = httpx.post(f"{url}/login", data={"user": user, "password": password})
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    end_with_parent()
    try:
        asyncio.run(watch(url, cookie, int(count)))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
