"""Who is answered by the canary: always the same, as many as asked for, and others the next time."""

from pathlib import Path

import pytest

from app.domain.recommendation import Ask
from app.errors import CorruptCheckpoint, NoCheckpoint
from app.serving.labelling import Labelling
from app.serving.reloader import Reloader, load_served
from app.serving.rollout import Rollout, Served
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import draft, event, opened, replayed, someone

LISTENERS = [f"listener-{number}" for number in range(4000)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    """Three checkpoints in memory."""
    store = CheckpointStore(tmp_path_factory.mktemp("rollout") / "model_store")
    return [load_served(store, store.publish(draft(seed)).checkpoint_id) for seed in (1, 2, 3)]


@pytest.mark.parametrize("percent", [0.0, 0.5, 10.0, 50.0, 100.0])
def test_the_canary_answers_its_share(loaded: list[Served], percent: float) -> None:
    rollout = Rollout(loaded[0], loaded[1], percent)
    share = sum(rollout.label_of(listener) == "canary" for listener in LISTENERS) / len(LISTENERS)
    assert share == pytest.approx(percent / 100, abs=0.025)
    if percent in (0.0, 100.0):
        assert share == percent / 100


def test_a_share_that_grows_keeps_those_it_had(loaded: list[Served]) -> None:
    small, large = (Rollout(loaded[0], loaded[1], percent) for percent in (10.0, 30.0))
    assert canaries(small) < canaries(large)


def test_the_next_canary_has_other_listeners(loaded: list[Served]) -> None:
    """About as many in common as chance has it."""
    one, other = (Rollout(loaded[0], canary, 20.0) for canary in loaded[1:])
    assert len(canaries(one) & canaries(other)) < 0.4 * len(canaries(one))


def canaries(rollout: Rollout) -> set[str]:
    return {listener for listener in LISTENERS if rollout.label_of(listener) == "canary"}


def test_nobody_in_particular_and_odd_names_are_answered(loaded: list[Served]) -> None:
    rollout = Rollout(loaded[0], loaded[1], 100.0)
    assert rollout.served_to(None) is loaded[0]
    assert rollout.served_to("\ud800") is loaded[1]
    assert Rollout(loaded[0]).served_to("ann") is loaded[0]


pytestmark = pytest.mark.anyio


async def test_a_listener_moves_to_the_canary_and_back(checkpoints: CheckpointStore, session_server: str) -> None:
    """Her state is replayed by whichever answers: the next tracks are those of somebody it has served all along."""
    canary = checkpoints.publish(draft(2, "lstm")).checkpoint_id
    ann = someone()
    async with opened(checkpoints, session_server) as worker:
        stable = worker.reloader.current.predictor.checkpoint_id

        async def heard(row: int) -> str:
            answer = await worker.recommender.observe(ann, [event(ann, row)], Ask(limit=5))
            session = await worker.sessions.load(ann)
            assert session.hidden == replayed(checkpoints, session)
            return answer.checkpoint_id

        labelling = Labelling(checkpoints, worker.reloader)
        answered_by = [await heard(1)]
        await labelling.point("canary", canary, traffic_percent=100, expected_version=None, force=False)
        answered_by += [await heard(2), await heard(3)]
        await labelling.back("canary", expected_version=None)
        answered_by.append(await heard(4))
    assert answered_by == [stable, canary, canary, stable]


async def test_every_event_of_a_batch_is_of_its_listeners_checkpoint(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    canary = checkpoints.publish(draft(2)).checkpoint_id
    checkpoints.promote("canary", canary, traffic_percent=50)
    listeners = [someone() for _ in range(12)]
    async with opened(checkpoints, session_server) as worker:
        rollout = worker.reloader.rollout
        await worker.recommender.record([event(listener, 1) for listener in listeners])
        for listener in listeners:
            hidden = (await worker.sessions.load(listener)).hidden
            assert hidden is not None
            assert hidden.checkpoint_id == rollout.served_to(listener).predictor.checkpoint_id


async def test_a_damaged_canary_answers_nobody(checkpoints: CheckpointStore) -> None:
    """Its listeners are answered by stable; nothing is labelled through this worker that it cannot load."""
    canary = checkpoints.publish(draft(2)).checkpoint_id
    checkpoints.promote("canary", canary, traffic_percent=100)
    damage(checkpoints.root / canary)
    async with Reloader(checkpoints, interval_s=60) as reloader:
        assert reloader.rollout.canary is None
        assert reloader.rollout.label_of("ann") == "stable"
        before = checkpoints.labels()
        with pytest.raises(CorruptCheckpoint):
            await Labelling(checkpoints, reloader).point(
                "shadow", canary, traffic_percent=None, expected_version=None, force=False
            )
        assert checkpoints.labels() == before


def damage(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)


async def test_labels_are_followed_all_three_and_let_go(checkpoints: CheckpointStore) -> None:
    stable = checkpoints.labels().stable
    canary, shadow = (checkpoints.publish(draft(seed)).checkpoint_id for seed in (2, 3))
    swaps: list[str] = []
    async with Reloader(checkpoints, interval_s=60, on_swap=swaps.append) as reloader:
        checkpoints.promote("canary", canary, traffic_percent=25)
        checkpoints.promote("shadow", shadow)
        await reloader.follow_once()
        rollout = reloader.rollout
        assert rollout.canary is not None
        assert rollout.shadow is not None
        assert rollout.canary.predictor.checkpoint_id == canary
        assert rollout.shadow.predictor.checkpoint_id == shadow
        assert rollout.traffic_percent == 25
        for label in ("canary", "shadow"):
            checkpoints.rollback(label)
        await reloader.follow_once()
        assert reloader.rollout == Rollout(reloader.current)
        assert set(reloader._loaded) == {stable}
        await reloader.follow_once()
    assert len(swaps) == 3


async def test_without_stable_nobody_is_answered(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "model_store")
    store.promote("canary", store.publish(draft(1)).checkpoint_id, traffic_percent=100)
    async with Reloader(store, interval_s=60) as reloader:
        with pytest.raises(NoCheckpoint, match="stable"):
            _ = reloader.rollout
