"""Beam search and reasons along a playlist, from real networks: with and without what past sessions say."""

import asyncio
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.beam import Branch, Continuation, kept
from app.domain.catalogue import Catalogue, Track
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed
from app.domain.playlist_progress import PlaylistProgress
from app.domain.policy import NOTHING
from app.domain.ranking import StepRequest
from app.domain.recommendation import RankedTrack, ReasonKind
from app.domain.rules import Rules
from app.domain.session import ListenerSession, StampedHidden
from app.serving.engine import Engine, Predictor
from app.serving.playlists import PlaylistWalk
from app.stores.checkpoints import CheckpointStore
from tests.rnn.memories import new_mixture
from tests.serving.conftest import LIMITS, V, draft


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Predictor, ...]:
    """A network alone, and one that is mixed with past sessions."""
    store = CheckpointStore(tmp_path_factory.mktemp("beams"))
    drafts = (draft(3), replace(draft(4, "lstm"), mixture=new_mixture(1, V)))
    return tuple(store.load(store.publish(one).checkpoint_id) for one in drafts)


def walked(predictor: Predictor, ask: PlaylistAsk) -> Playlist:
    async def walk() -> Playlist:
        async with Engine(batch_size=8, batch_wait_us=0, queue_size=100) as engine:
            return await PlaylistWalk(engine, predictor, LIMITS).walk(ListenerSession(""), ask, ())

    return asyncio.run(walk())


def log_probability(playlist: Playlist) -> float:
    return sum(math.log(ranked.probability) for ranked in playlist.tracks)


@settings(max_examples=25, deadline=None)
@given(
    which=st.integers(0, 1),
    seed=st.integers(0, V - 1),
    length=st.integers(1, 15),
    width=st.integers(2, 16),
    artist_gap=st.integers(0, 3),
    rules=st.builds(Rules, max_per_artist=st.none() | st.integers(1, 2)),
)
def test_a_beam_is_never_less_probable_than_greedy(
    predictors: tuple[Predictor, ...],
    which: int,
    seed: int,
    length: int,
    width: int,
    artist_gap: int,
    rules: Rules,
) -> None:
    """Of the same length, under the same rules; and it is as long at least, where rules leave little."""
    ask = PlaylistAsk(length, seeds=(Seed(f"t{seed}"),), artist_gap=artist_gap, rules=rules)
    greedy = walked(predictors[which], ask)
    beam = walked(predictors[which], replace(ask, choosing=Choosing.BEAM, beam_width=width))
    assert len(beam.tracks) >= len(greedy.tracks)
    if len(beam.tracks) == len(greedy.tracks):
        assert log_probability(beam) >= log_probability(greedy) - 1e-4


def test_a_beam_finds_what_greedy_walks_past(predictors: tuple[Predictor, ...]) -> None:
    """Of ten starts half at least have a more probable playlist than the greedy one, and its probabilities are true."""
    better = 0
    for row in range(0, V, 6):
        ask = PlaylistAsk(6, seeds=(Seed(f"t{row}"),))
        greedy, beam = walked(predictors[0], ask), walked(predictors[0], replace(ask, choosing=Choosing.BEAM))
        better += log_probability(beam) > log_probability(greedy) + 1e-4
        heard = [row, *(int(ranked.track.track_id[1:]) for ranked in beam.tracks)]
        for place, ranked in enumerate(beam.tracks, start=1):
            [step] = predictors[0].step([StepRequest(None, tuple(heard[:place]), tuple(heard[:place]), frozenset(), V)])
            found = dict(zip(step.ranking.tracks, step.ranking.probabilities, strict=True))
            assert ranked.probability == pytest.approx(found[heard[place]], rel=1e-3)
    assert better >= 5


def test_the_greedy_branch_is_kept_however_improbable() -> None:
    """Beside the best: it may yet become the best."""
    catalogue = Catalogue([Track(f"t{row}", f"Song {row}", "Ann") for row in range(4)])
    progress = PlaylistProgress(catalogue, PlaylistAsk(2), NOTHING, ())
    start, hidden = Branch(progress, None, (), log_weight=-1.0), StampedHidden("any", b"")
    ways = [
        Continuation(start, hidden, row, RankedTrack(1, catalogue[row], 0.1), weight, position)
        for row, weight, position in ((0, 0.1, 0), (1, 0.5, 1), (2, 0.4, 2))
    ]
    branches = kept(ways, 2)
    assert [list(branch.progress.heard) for branch in branches] == [[1], [2], [0]]
    assert [branch.is_greedy for branch in branches] == [False, False, True]
    assert branches[0].log_weight == pytest.approx(-1.0 + math.log(0.5))
    assert list(progress.heard) == []


def test_reasons_along_a_playlist_name_seeds_and_earlier_tracks(predictors: tuple[Predictor, ...]) -> None:
    """Each compared with what the model says without it, the track's own place in the playlist taken into account."""
    ask = PlaylistAsk(4, seeds=(Seed("t3"), Seed("t17")), reasons=True)
    playlist = walked(predictors[0], ask)
    assert len(playlist.reasons) == 4
    heard = [3, 17, *(int(ranked.track.track_id[1:]) for ranked in playlist.tracks)]
    for place, (ranked, own) in enumerate(zip(playlist.tracks, playlist.reasons, strict=True), start=2):
        for reason in own:
            if reason.track_id is None:
                continue
            assert (reason.kind is ReasonKind.SEED) == (reason.track_id in ("t3", "t17"))
            without = tuple(row for row in heard[:place] if f"t{row}" != reason.track_id)
            [step] = predictors[0].step([StepRequest(None, without, without, frozenset(), V)])
            compared = dict(zip(step.ranking.tracks, step.ranking.probabilities, strict=True))[heard[place]]
            assert reason.lift == pytest.approx(ranked.probability / compared, rel=0.01)
    assert walked(predictors[0], replace(ask, reasons=False)).reasons == ()


def test_past_sessions_are_a_reason_where_the_checkpoint_knows_any(predictors: tuple[Predictor, ...]) -> None:
    """How much more probable than the network alone finds it; a network that is alone has no such reason."""
    ask = PlaylistAsk(6, seeds=(Seed("t3"),), reasons=True)
    alone, mixed = (walked(predictor, ask) for predictor in predictors)
    assert not [reason for own in alone.reasons for reason in own if reason.kind is ReasonKind.NEIGHBOURS]
    told = [[reason.lift for reason in own if reason.kind is ReasonKind.NEIGHBOURS] for own in mixed.reasons]
    heard = [3, *(int(ranked.track.track_id[1:]) for ranked in mixed.tracks)]
    for place, (ranked, lifts) in enumerate(zip(mixed.tracks, told, strict=True), start=1):
        [step] = predictors[1].step([StepRequest(None, tuple(heard[:place]), (), frozenset(), V)])
        lift = (
            ranked.probability / dict(zip(step.ranking.tracks, step.ranking.probabilities, strict=True))[heard[place]]
        )
        assert lifts == ([pytest.approx(lift, rel=0.01)] if lift >= 1.1 else [])
    assert any(told)
