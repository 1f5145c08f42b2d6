"""The engine batches, refuses early, drops who has left, and never mixes checkpoints."""

import asyncio
import time
from collections.abc import Sequence

import pytest
import torch

from app.domain.catalogue import Catalogue, Track
from app.domain.ranking import Step, StepRequest
from app.errors import IncompatibleCheckpoint, Overloaded
from app.rnn.hidden import stamp
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.predictor import Predictor
from app.serving.engine import Engine, TimedStep

pytestmark = pytest.mark.anyio

V = 50


class CountingPredictor(Predictor):
    """The real predictor, which also notes how large each batch was."""

    def __init__(self, checkpoint_id: str, seed: int = 1) -> None:
        torch.manual_seed(seed)
        catalogue = Catalogue([Track(str(row), f"title {row}", f"artist {row % 7}") for row in range(V)])
        super().__init__(checkpoint_id, RecurrentNetwork(NetworkConfig("gru", V, hidden_size=8)), catalogue)
        self.batches: list[int] = []

    def step(self, requests: Sequence[StepRequest]) -> list[Step]:
        self.batches.append(len(requests))
        return super().step(requests)


def request(row: int, limit: int = 5) -> StepRequest:
    return StepRequest(None, (row,), (row,), frozenset({row}), limit)


def engine(batch_size: int = 8, batch_wait_us: int = 0, queue_size: int = 100) -> Engine:
    return Engine(batch_size=batch_size, batch_wait_us=batch_wait_us, queue_size=queue_size)


async def test_requests_that_arrive_together_share_batches() -> None:
    """Twenty at once are at most four batches of eight, and each gets the answer it gets alone."""
    predictor = CountingPredictor("one")
    async with engine() as running:
        together = await asyncio.gather(*(running.step(predictor, request(row)) for row in range(20)))
    assert sum(predictor.batches) == 20
    assert len(predictor.batches) <= 4
    for row, timed in enumerate(together):
        alone = predictor.step([request(row)])[0]
        assert timed.step.ranking.tracks == alone.ranking.tracks
        assert timed.step.ranking.probabilities == pytest.approx(alone.ranking.probabilities, rel=1e-5)


async def test_a_batch_never_mixes_checkpoints() -> None:
    """A hidden state of one would be refused by the other; each is answered by its own."""
    old, new = CountingPredictor("old", 1), CountingPredictor("new", 2)
    stamped = {predictor: stamp(predictor.checkpoint_id, torch.ones(1, 8))[0] for predictor in (old, new)}
    async with engine() as running:
        answers = await asyncio.gather(
            *(
                running.step(predictor, StepRequest(stamped[predictor], (), (), frozenset(), 3))
                for predictor in (old, new, old, new)
            )
        )
    assert [answer.step.hidden.checkpoint_id for answer in answers] == ["old", "new", "old", "new"]


async def test_a_full_queue_says_no_at_once() -> None:
    """What was accepted is still answered."""
    predictor = CountingPredictor("one")
    async with engine(queue_size=3) as running:
        answers = await asyncio.gather(
            *(running.step(predictor, request(row)) for row in range(6)), return_exceptions=True
        )
    assert [isinstance(answer, Overloaded) for answer in answers] == [False] * 3 + [True] * 3


async def test_who_has_left_is_not_computed() -> None:
    """A caller that is gone before the batch is formed costs no step."""
    predictor = CountingPredictor("one")
    async with engine() as running:
        gone = asyncio.create_task(running.step(predictor, request(1)))
        stays = asyncio.create_task(running.step(predictor, request(2)))
        asyncio.get_running_loop().call_soon(gone.cancel)
        await stays
    assert predictor.batches == [1]


async def test_who_is_alone_sets_out_at_once() -> None:
    """A wait would only make a lonely request late; it is for crowds."""
    async with engine(batch_wait_us=60_000_000) as running:
        async with asyncio.timeout(5):
            await running.gather()


async def test_who_comes_while_others_are_on_their_way_shares_the_next_step() -> None:
    """Whenever they come meanwhile: they load, step and commit together."""
    predictor = CountingPredictor("one")

    async def walk(row: int) -> None:
        await running.gather()
        await asyncio.sleep(0.01)  # loading
        await running.step(predictor, request(row))

    async with engine(batch_wait_us=60_000_000) as running:
        walks = []
        for row in range(8):
            walks.append(asyncio.create_task(walk(row)))
            await asyncio.sleep(0.0005)
        async with asyncio.timeout(20):
            await asyncio.gather(*walks)
    assert predictor.batches == [1, 7]


async def test_who_waited_beyond_patience_is_refused_and_not_computed() -> None:
    """Nobody waits for that answer any more; who came later is answered."""
    predictor = CountingPredictor("one")
    async with Engine(batch_size=1, batch_wait_us=0, queue_size=100, patience_s=0.02, short_s=1.0) as running:
        await running.step(predictor, request(0))
        first, late = (asyncio.create_task(running.step(predictor, request(row))) for row in (1, 2))
        asyncio.get_running_loop().call_soon(time.sleep, 0.05)
        answers = await asyncio.gather(first, late, return_exceptions=True)
        assert [isinstance(answer, Overloaded) for answer in answers] == [True, True]
        assert len((await running.step(predictor, request(3))).step.ranking.tracks) == 5
    assert predictor.batches == [1, 1]


async def test_events_that_ask_for_no_ranking_are_read_however_late() -> None:
    """A batch of history, or what a busy machine held up: refused, its events would only come again."""
    predictor = CountingPredictor("one")
    async with Engine(batch_size=1, batch_wait_us=0, queue_size=100, patience_s=0.02, short_s=1.0) as running:
        await running.step(predictor, request(0))
        reading, ranking = (asyncio.create_task(running.step(predictor, request(1, limit))) for limit in (0, 5))
        asyncio.get_running_loop().call_soon(time.sleep, 0.05)
        read, ranked = await asyncio.gather(reading, ranking, return_exceptions=True)
    assert isinstance(ranked, Overloaded)
    assert isinstance(read, TimedStep)
    assert read.step.hidden == predictor.step([request(1, 0)])[0].hidden


async def test_a_failed_batch_fails_its_callers_and_no_others() -> None:
    """The engine outlives what a request did wrong."""
    predictor = CountingPredictor("one")
    foreign = stamp("another", torch.ones(1, 8))[0]
    async with engine() as running:
        with pytest.raises(IncompatibleCheckpoint):
            await running.step(predictor, StepRequest(foreign, (1,), (1,), frozenset(), 3))
        assert len((await running.step(predictor, request(1))).step.ranking.tracks) == 5
    assert running.queue_length == 0


async def test_times_say_where_a_request_waited() -> None:
    """Waiting for the model counts as queue, not as step."""
    predictor = CountingPredictor("one")
    async with engine() as running:
        asked = asyncio.create_task(running.step(predictor, request(1)))
        asyncio.get_running_loop().call_soon(time.sleep, 0.02)
        timed = await asked
    assert timed.queue_us >= 20_000
    assert timed.step_us > 0
