"""How soon an event reaches the open streams of every worker, and what an idle stream costs.

    python -m benchmarks.streams --idle 2000

Two workers and their session store, as `segue serve` starts them. Events are posted over REST, one at a time, to
whichever worker takes them; each listener is followed by four readers. The time runs from before the request is sent to
when a reader has the ranking with the event in it, so the walk and two rankings are part of it.
"""

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.rnn.drafts import new_draft

TRACKS = 20_000
READERS = 4
LISTENERS = 25


class Reader:
    """One open stream; `told` holds when each seq arrived."""

    def __init__(self, port: int, listener_id: str) -> None:
        self._port = port
        self._listener_id = listener_id
        self.told: dict[int, float] = {}
        self._news = asyncio.Event()

    async def hears(self, seq: int) -> float:
        """Wait for the ranking of this seq and return when it arrived."""
        while seq not in self.told:
            self._news.clear()
            await self._news.wait()
        return self.told[seq]

    async def follow(self) -> None:
        """Read until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        writer.write(f"GET /v1/listeners/{self._listener_id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"data: ") and (seq := re.search(rb'"seq":(\d+)', line)):
                    self.told[int(seq[1])] = time.perf_counter()
                    self._news.set()
        finally:
            writer.close()


async def post(port: int, listener_id: str, number: int) -> None:
    """Report one play on a connection of its own, which any worker may take."""
    event = {"listener_id": listener_id, "type": "played", "track_id": f"t{number}"}
    body = json.dumps({"events": [event]}).encode()
    head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    answer = await reader.read()
    assert b'"applied"' in answer, answer
    writer.close()


def memory_kb(pids: list[int]) -> int:
    """Return the proportional memory of processes, in KB."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(found[1]) for text in texts if (found := re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)))


async def measure(service: Service, idle: int, events: int) -> None:
    """Open the streams, print what they cost, post the events, print how soon they arrive."""
    async with AsyncExitStack() as opened:

        async def follow(listener_id: str) -> Reader:
            one = Reader(service.port, listener_id)
            task = asyncio.create_task(one.follow())
            opened.callback(task.cancel)
            await one.hears(0)
            return one

        readers = {n: [await follow(f"listener{n}") for _ in range(READERS)] for n in range(LISTENERS)}
        before_kb = memory_kb(service.descendants)
        began = time.perf_counter()
        for first in range(0, idle, 50):
            await asyncio.gather(*(follow(f"idle{n}") for n in range(first, min(idle, first + 50))))
        opening_s = time.perf_counter() - began
        await asyncio.sleep(2)
        after_kb = memory_kb(service.descendants)
        print(f"idle streams                     {idle:8d}")
        print(f"opened in                        {opening_s:8.1f} s")
        print(f"memory of all processes, before  {before_kb / 1024:8.1f} MB")
        print(f"memory of all processes, after   {after_kb / 1024:8.1f} MB")
        if idle:
            print(f"one idle stream                  {(after_kb - before_kb) / idle:8.1f} KB")
        waited: list[float] = []
        for number in range(events):
            listener = number % LISTENERS
            seq = number // LISTENERS + 1
            sent = time.perf_counter()
            await post(service.port, f"listener{listener}", number)
            async with asyncio.timeout(10):
                waited += [1000 * (await reader.hears(seq) - sent) for reader in readers[listener]]
        waited.sort()
        print(f"events x readers                 {len(waited):8d}")
        print(f"from request to reader, median   {statistics.median(waited):8.1f} ms")
        print(f"from request to reader, p99      {waited[int(0.99 * len(waited))]:8.1f} ms")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--idle", type=int, default=2000)
    arguments.add_argument("--events", type=int, default=500)
    asked = arguments.parse_args()
    _, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder) / "model_store")
        store.promote(
            "stable",
            store.publish(new_draft(1, size=TRACKS, hidden_size=100, embedding_size=100)).checkpoint_id,
        )
        with Service(store.root, Path(folder) / "data", workers=2) as service:
            asyncio.run(measure(service, asked.idle, asked.events))


if __name__ == "__main__":
    main()
