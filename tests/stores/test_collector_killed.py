"""A collector that is really killed, again and again, while listeners go on: each event is in the files once.

So many kills as fit a test; every one hits the collector at another moment of its rounds: committing, trimming,
compacting, and erasing somebody who leaves and comes back all the time.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.formats.event_log import all_files, current_files
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server
from tests.stores.event_logs import collect, heard, play, rows

pytestmark = pytest.mark.anyio

KILLS = 40
ROOT = Path(__file__).parents[2]
# Starts a collector for every line it is sent: a process forked off one that has everything imported, so that the test
# spends its time on collecting. Compacts after every few rounds, so that the kills find it at that too.
STARTER = """
import os, sys
from app import cli
from app.commands import collecting
from app.stores import collector, event_compaction, event_log, event_streams, exchange
event_compaction.MOST_FILES, event_compaction.RUN, event_compaction.GRACE_S = 4, 3, 0.0
sys.argv = ["segue", "collect", "--out", sys.argv[1]]
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        cli.main()
        os._exit(0)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


class Collectors:
    """Collectors of one folder, one after the other."""

    def __init__(self, url: str, folder: Path) -> None:
        environment = {**os.environ, "SEGUE_REDIS_URL": url, "SEGUE_COLLECT_INTERVAL_S": "0.001"}
        self._starter = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(folder)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = folder / ".lock"

    async def killed_after(self, changes: int, seconds: float) -> None:
        """Start a collector and kill it so long after it has changed its files so often.

        Not by time alone: on a busy machine it would be killed before it had done anything.
        """
        pid = int(await self._told("\n"))
        await self._until(lambda: self._lock.exists() and self._lock.read_text() == str(pid))
        for _ in range(changes):
            before = self._files()
            await self._until(lambda before=before: self._files() != before)  # type: ignore[misc]
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        assert await self._told("") == "ended\n"

    def _files(self) -> list[tuple[str, int]]:
        return [(file.path.name, file.path.stat().st_ino) for file in current_files(self._lock.parent)]

    async def _until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30.0
        while True:
            with suppress(FileNotFoundError):  # compacted and swept between listing and looking
                if happened():
                    return
            assert time.monotonic() < deadline, "the collector does nothing"
            await asyncio.sleep(0.001)

    async def _told(self, line: str) -> str:
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(line)
        self._starter.stdin.flush()
        return await asyncio.to_thread(self._starter.stdout.readline)

    def close(self) -> None:
        self._starter.communicate()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["embedded", "cluster"])
async def test_killed_collector_neither_loses_nor_repeats(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    server: Server = request.getfixturevalue(kind)
    for node in server.nodes:
        node.flushall()
    store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0)
    acknowledged: dict[str, list[str]] = {}
    ending = asyncio.Event()

    async def listen(listener: str) -> None:
        while not ending.is_set():
            event = f"event {len(acknowledged.setdefault(listener, []))}"
            await play(store, listener, event)
            acknowledged[listener].append(event)
            await asyncio.sleep(0.002)

    async def listen_and_leave() -> None:
        while not ending.is_set():
            await play(store, "leaving", *(f"secret {number}" for number in range(10)))
            await store.delete("leaving")
            await asyncio.sleep(0.05)

    listening = [asyncio.create_task(listen(f"listener {number}")) for number in range(8)]
    listening.append(asyncio.create_task(listen_and_leave()))
    draw = random.Random(5)
    folder = tmp_path / "events"
    collectors = await asyncio.to_thread(Collectors, server.url, folder)
    for _ in range(KILLS):
        await collectors.killed_after(draw.randrange(4), draw.uniform(0.0, 0.05))
    collectors.close()
    ending.set()
    await asyncio.gather(*listening)
    await collect(server.url, folder)
    await store.aclose()

    assert heard(folder) == acknowledged
    names = Counter((row["lane"], row["logged_at"], row["logged_n"]) for row in rows(folder))
    assert set(names.values()) == {1}
    assert any(file.last > file.first for file in current_files(folder)), "nothing was ever compacted"
    assert not [file for file in all_files(folder) if file.path.stat().st_size == 0]
