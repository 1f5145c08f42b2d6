"""What a listener costs: bytes in the server, and time to load and commit, alone and in batches of 32.

    python -m benchmarks.session_store
    python -m benchmarks.session_store --growth 1000000

Starts the embedded server in a temporary folder. CPU is that of this process; the server's comes on top. `--growth`
writes so many listeners, who expire after a while, over and over, and shows that the server stops growing.
"""

import argparse
import asyncio
import random
import string
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from redis import Redis

from app.domain.events import DIGEST_SIZE, EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.rnn.hidden_bytes import Precision, pack
from app.stores.embedded import EmbeddedServer
from app.stores.keys import session_key
from app.stores.session_record import decode, encode
from app.stores.session_store import SessionStore

LISTENERS = 2_000
BATCH = 32
ROUNDS = 1_000
PROBE = 5_000
STEPS = 24
LIFETIMES = 4
FLAT = 1.05  # of the first half's memory
LETTERS = string.ascii_letters + string.digits


def listener(
    number: int, hidden_size: int, id_length: int, precision: Precision = "single", recent: int = 50, digests: int = 64
) -> ListenerSession:
    """Return a listener of different tracks and a state as a tanh leaves it; nothing in it repeats itself."""
    draw = random.Random(number)
    state = np.tanh(np.random.default_rng(number).normal(size=(1, hidden_size))).astype(np.float32)
    at = 1.7e9 + number
    heard = []
    for _ in range(recent):
        at = round(at + draw.uniform(120, 400), 3)
        heard.append(HeardTrack("".join(draw.choices(LETTERS, k=id_length)), at, EventKind.PLAYED, True))
    return ListenerSession(
        f"listener-{number:09d}",
        seq=1000,
        session_id=f"{draw.getrandbits(63):016x}",
        hidden=StampedHidden("20261122T101500Z-3f9c1a", pack(state, precision)[0]),
        context=recent,
        recent=tuple(heard),
        event_digests=tuple(draw.randbytes(DIGEST_SIZE) for _ in range(digests)),
        updated_at=at,
    )


def stored_bytes(client: Redis, sessions: list[ListenerSession]) -> float:
    """Fill the empty server and return what it says it uses more, per listener."""
    client.execute_command("FLUSHALL", "SYNC")  # not in the background, where it would be counted to the next
    before = int(client.info("memory")["used_memory"])
    for session in sessions:
        client.set(session_key(session.listener_id), encode(session), ex=3600)
    return (int(client.info("memory")["used_memory"]) - before) / len(sessions)


def record_time(session: ListenerSession) -> tuple[float, float]:
    record = encode(session)
    started = time.process_time()
    for _ in range(ROUNDS):
        encode(session)
    between = time.process_time()
    for _ in range(ROUNDS):
        decode("ann", record)
    return (between - started) / ROUNDS * 1e6, (time.process_time() - between) / ROUNDS * 1e6


async def walk_time(store: SessionStore, sessions: list[ListenerSession], batch: int) -> tuple[float, float]:
    """Load and commit batch by batch; return the wall and CPU microseconds of one listener."""
    names = [session.listener_id for session in sessions]
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(names) - batch + 1, batch):
        loaded = await store.load_many(names[start : start + batch])
        stored = await store.commit_many([(replace(session, seq=session.seq + 1), session, ()) for session in loaded])
        assert all(stored)
    done = len(names) // batch * batch
    return (time.perf_counter() - began) / done * 1e6, (time.process_time() - cpu) / done * 1e6


def table(server: EmbeddedServer, client: Redis) -> None:
    print("hidden  precision  id chars  record B  server B/listener  encode us  decode us")
    for size in (100, 128):
        for precision in get_args(Precision):
            for id_length in (6, 12, 22):
                sessions = [listener(number, size, id_length, precision) for number in range(LISTENERS)]
                stored = stored_bytes(client, sessions)
                encoding, decoding = record_time(sessions[0])
                length = sum(len(encode(session)) for session in sessions) / len(sessions)
                print(
                    f"{size:6}  {precision:9}  {id_length:8}  {length:8.0f}  {stored:17.0f}"
                    f"  {encoding:9.0f}  {decoding:9.0f}"
                )
    sessions = [listener(number, 128, 12) for number in range(LISTENERS)]
    stored_bytes(client, sessions)
    print("\nload + commit   wall us/listener  CPU us/listener")
    for batch in (1, BATCH):
        wall, cpu = asyncio.run(measured(server.url, sessions, batch))
        print(f"batches of {batch:3}  {wall:16.0f}  {cpu:15.0f}")


def growth(client: Redis, log: Path, listeners: int) -> bool:
    """Write new listeners, evenly, for four lifetimes of a record; return whether memory was flat in the last two.

    The pace is half of what server and machine can do, so that it is one they can keep.
    """
    record = encode(listener(0, 128, 12))
    began = time.monotonic()
    write(client, record, range(PROBE), 60)
    lifetimes_s = 2 * (time.monotonic() - began) / PROBE * listeners
    client.execute_command("FLUSHALL", "SYNC")
    ttl_s = max(2, round(lifetimes_s / LIFETIMES))
    print(f"{listeners:,} listeners, each forgotten after {ttl_s} s\n")
    print("seconds    written  listeners  server MB  disk MB    expired")
    share, memory, began = max(1, listeners // STEPS), [], time.monotonic()
    for step in range(STEPS):
        # Who fell behind does not catch up: more at a time would live at once.
        due = time.monotonic() + LIFETIMES * ttl_s / STEPS
        write(client, record, range(step * share, (step + 1) * share), ttl_s)
        time.sleep(max(0.0, due - time.monotonic()))
        used, expired = int(client.info("memory")["used_memory"]), int(client.info("stats")["expired_keys"])
        memory.append(used)
        passed_s, disk = time.monotonic() - began, sum(part.stat().st_size for part in log.iterdir())
        print(
            f"{passed_s:7.0f}  {(step + 1) * share:9,}  {client.dbsize():9,}  {used / 1e6:9.1f}  {disk / 1e6:7.1f}  "
            f"{expired:9,}",
            flush=True,
        )
    held = max(memory[STEPS // 2 :]) / max(memory[: STEPS // 2])
    deadline = time.monotonic() + 2 * ttl_s + 30
    while client.dbsize() and time.monotonic() < deadline:
        time.sleep(1)
    left, used = client.dbsize(), int(client.info("memory")["used_memory"])
    print(f"\nmost in the second half / most in the first: {held:.3f}; left at the end: {left:,}, {used / 1e6:.1f} MB")
    return held < FLAT and not left


def write(client: Redis, record: bytes, numbers: range, ttl_s: int) -> None:
    """Store one record as that of many listeners."""
    for first in range(0, len(numbers), 1_000):
        pipeline = client.pipeline(transaction=False)
        for number in numbers[first : first + 1_000]:
            pipeline.set(session_key(f"listener-{number:09d}"), record, ex=ttl_s)
        pipeline.execute()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", type=int, metavar="LISTENERS", help="only show that memory stays flat")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder)) as server,
        Redis(unix_socket_path=server.url.removeprefix("unix://")) as client,
    ):
        if chosen.growth is None:
            table(server, client)
        elif not growth(client, Path(folder) / "valkey" / "appendonlydir", chosen.growth):
            sys.exit("The server grew.")


async def measured(url: str, sessions: list[ListenerSession], batch: int) -> tuple[float, float]:
    store = SessionStore.connect(url, ttl_s=3600, timeout_s=10.0)
    try:
        return await walk_time(store, sessions, batch)
    finally:
        await store.aclose()


if __name__ == "__main__":
    main()
