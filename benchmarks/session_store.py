"""What a listener costs: bytes in the server, and time to load and commit, alone and in batches of 32.

    python -m benchmarks.session_store

Starts the embedded server in a temporary folder. CPU is that of this process; the server's comes on top.
"""

import asyncio
import random
import string
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from redis import Redis

from app.domain.events import EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.stores.embedded import EmbeddedServer
from app.stores.keys import session_key
from app.stores.session_record import decode, encode
from app.stores.session_store import SessionStore

LISTENERS = 2_000
BATCH = 32
ROUNDS = 1_000
LETTERS = string.ascii_letters + string.digits


def listener(number: int, hidden_bytes: int, id_length: int, recent: int = 50, digests: int = 64) -> ListenerSession:
    draw = random.Random(number)
    at = 1.7e9 + number
    heard = []
    for _ in range(recent):
        at = round(at + draw.uniform(120, 400), 3)
        heard.append(HeardTrack("".join(draw.choices(LETTERS, k=id_length)), at, EventKind.PLAYED, True))
    return ListenerSession(
        f"listener-{number:09d}",
        seq=1000,
        session_id=f"{draw.getrandbits(63):016x}",
        hidden=StampedHidden("20261122T101500Z-3f9c1a", draw.randbytes(hidden_bytes)),
        context=recent,
        recent=tuple(heard),
        event_digests=tuple(draw.randbytes(8) for _ in range(digests)),
        updated_at=at,
    )


def stored_bytes(client: Redis, sessions: list[ListenerSession]) -> float:
    """Fill the empty server and return what it says it uses more, per listener."""
    client.flushall()
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        with Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
            print("hidden  precision  id chars  record B  server B/listener  encode us  decode us")
            for size in (100, 128):
                for precision, width in (("half", 2), ("single", 4)):
                    for id_length in (6, 12, 22):
                        sessions = [listener(number, size * width, id_length) for number in range(LISTENERS)]
                        stored = stored_bytes(client, sessions)
                        encoding, decoding = record_time(sessions[0])
                        length = len(encode(sessions[0]))
                        print(
                            f"{size:6}  {precision:9}  {id_length:8}  {length:8}  {stored:17.0f}"
                            f"  {encoding:9.0f}  {decoding:9.0f}"
                        )
            sessions = [listener(number, 512, 12) for number in range(LISTENERS)]
            stored_bytes(client, sessions)
        print("\nload + commit   wall us/listener  CPU us/listener")
        for batch in (1, BATCH):
            wall, cpu = asyncio.run(measured(server.url, sessions, batch))
            print(f"batches of {batch:3}  {wall:16.0f}  {cpu:15.0f}")


async def measured(url: str, sessions: list[ListenerSession], batch: int) -> tuple[float, float]:
    store = SessionStore.connect(url, ttl_s=3600, timeout_s=10.0)
    try:
        return await walk_time(store, sessions, batch)
    finally:
        await store.aclose()


if __name__ == "__main__":
    main()
