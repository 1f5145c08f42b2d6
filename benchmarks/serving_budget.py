"""One request, stage by stage, in microseconds, next to what the machine allows: memory bandwidth, a Redis round trip.

    python -m benchmarks.serving_budget --store data/large

Step, ranking and session store are measured alone, each with one, eight and sixty-four requests at a time, the best of
several rounds. The sum is what a request would take if nothing but the work itself took time.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from app.domain.recommendation import Ask
from app.domain.session import ListenerSession
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.session_record import decode, encode
from app.stores.session_store import SessionStore
from benchmarks.serving_listeners import popular_first, request_of, who_listened

SIZES = (1, 8, 64)
ROUNDS = 15


def best_us(work: Callable[[], object], times: int = 5) -> float:
    """Return the microseconds that work takes, the best round of several."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - began) / times)
    return min(rounds) * 1e6


async def best_us_of(work: Callable[[], Awaitable[object]], times: int = 20) -> float:
    """Return the same of work that is awaited."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            await work()
        rounds.append((time.perf_counter() - began) / times)
    return min(rounds) * 1e6


def bandwidth() -> float:
    """Return how many bytes a second one processor reads from memory."""
    data = np.ones(32_000_000, np.float32)
    return data.nbytes / best_us(data.sum, 1) * 1e6


@torch.inference_mode()
def computed(store: Path) -> list[ListenerSession]:
    """Print what reading and ranking take; return sessions to be stored."""
    predictor = CheckpointStore(store).load("stable")
    sessions = who_listened(predictor, popular_first(predictor), 1).sessions
    now = time.time()
    requests = [request_of(predictor, session, Ask(limit=20), now, replay=False) for session in sessions]
    last = [predictor.catalogue.index_of(session.recent[-1].track_id) or 0 for session in sessions]
    vector, tracks = predictor.network.config.vector_size, len(predictor.catalogue)
    whole_us = tracks * vector * 4 / bandwidth() * 1e6
    print(f"{tracks:,} tracks of {vector} numbers; reading every row once: {whole_us:,.0f} us")
    for size in SIZES:
        asked = requests[:size]
        hidden = predictor.opened([request.hidden for request in asked])
        read_us = best_us(
            lambda hidden=hidden, size=size: predictor.network(torch.tensor(last[:size])[:, None], hidden)
        )
        outputs = predictor.network(torch.tensor(last[:size])[:, None], hidden)[0][:, -1]
        excluded = [request.excluded for request in asked]
        rank_us = best_us(partial(predictor.ranker.top, outputs, excluded, [20] * size), 2)
        step_us = best_us(partial(predictor.step, asked), 2)
        print(
            f"{size:3} at a time: reading {read_us / size:7.1f} us ({size / read_us * 1e6:9,.0f} events/s)   "
            f"ranking {rank_us / size:8.1f} us ({size / rank_us * 1e6:9,.0f}/s)   whole step {step_us / size:8.1f} us"
        )
    return sessions


async def stored(sessions: list[ListenerSession]) -> None:
    """Print what the session store takes."""
    record = encode(sessions[0])
    print(f"a record of {len(record):,} bytes: decoding {best_us(lambda: decode('1', record), 200):.1f} us, ", end="")
    print(f"encoding {best_us(lambda: encode(sessions[0]), 200):.1f} us")
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5)
        names = [session.listener_id for session in sessions]
        commits = [(session, ListenerSession(session.listener_id), ()) for session in sessions]
        print(f"one round trip with nothing in it: {await best_us_of(store.ping):.0f} us")
        for size in SIZES:
            commit_us = await best_us_of(partial(store.commit_many, commits[:size]))
            load_us = await best_us_of(partial(store.load_many, names[:size]))
            print(
                f"{size:3} at a time: loading {load_us / size:7.1f} us ({size / load_us * 1e6:9,.0f}/s)   "
                f"committing {commit_us / size:7.1f} us ({size / commit_us * 1e6:9,.0f}/s)"
            )
        await store.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="model store whose `stable` is measured")
    torch.set_num_threads(1)
    asyncio.run(stored(computed(parser.parse_args().store)))


if __name__ == "__main__":
    main()
