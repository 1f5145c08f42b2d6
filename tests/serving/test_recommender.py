"""The walk: state that is right whoever takes it, answers that hold when the store is away."""

import asyncio

import pytest

from app.domain.events import EventKind, Outcome
from app.domain.playlist import Choosing, PlaylistAsk, Seed
from app.domain.recommendation import Ask, Recommendation
from app.errors import Rejected, SessionStoreUnavailable, UnknownListener
from app.serving.listeners import Listeners
from app.serving.recommender import Recommender
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import LIMITS, V, draft, event, opened, replayed, someone

pytestmark = pytest.mark.anyio


def titles(recommendation: Recommendation) -> list[str]:
    return [ranked.track.title for ranked in recommendation.tracks]


async def test_events_through_two_workers_end_with_the_state_of_one_pass(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    """Ten tracks, alternating workers: the stored state is what reading them in one go gives."""
    ann = someone()
    async with opened(checkpoints, session_server) as first, opened(checkpoints, session_server) as second:
        for position in range(10):
            await (first, second)[position % 2].recommender.observe(ann, [event(ann, position)], Ask(limit=3))
        session = await first.listeners.show(ann)
    assert session.seq == 10
    assert session.advancing == tuple(f"t{row}" for row in range(10))
    assert session.unread == 0
    assert session.hidden == replayed(checkpoints, session)


async def test_a_long_session_still_equals_its_replay(
    recommender: Recommender, listeners: Listeners, checkpoints: CheckpointStore
) -> None:
    """Beyond the bound the context starts again from its newest half; the law has no exception."""
    ann = someone()
    for row in range(3 * LIMITS.recent_tracks):
        await recommender.observe(ann, [event(ann, row)], Ask(limit=1))
        session = await listeners.show(ann)
        assert session.hidden == replayed(checkpoints, session)
        assert len(session.recent) <= LIMITS.recent_tracks


async def test_concurrent_events_are_all_kept_in_one_order(checkpoints: CheckpointStore, session_server: str) -> None:
    """Forty events at once through four workers: seq 40, every event once, the state that of the stored order."""
    ann = someone()
    async with (
        opened(checkpoints, session_server) as a,
        opened(checkpoints, session_server) as b,
        opened(checkpoints, session_server) as c,
        opened(checkpoints, session_server) as d,
    ):
        answers = await asyncio.gather(
            *((a, b, c, d)[row % 4].recommender.observe(ann, [event(ann, row)], Ask(limit=2)) for row in range(40))
        )
        session = await a.listeners.show(ann)
    assert sorted(answer.seq for answer in answers) == list(range(1, 41))
    assert session.seq == 40
    assert session.hidden == replayed(checkpoints, session)


async def test_asking_again_without_an_event_gives_the_same_answer(recommender: Recommender) -> None:
    """Nothing was heard in between, so nothing changes: not the tracks, not the id of the answer."""
    ann = someone()
    heard = await recommender.observe(ann, [event(ann, 5), event(ann, 6)], Ask(limit=7))
    again = await recommender.observe(ann, [], Ask(limit=7))
    assert titles(again) == titles(heard)
    assert again.recommendation_id == heard.recommendation_id
    assert again.seq == heard.seq == 2


async def test_an_event_sent_twice_is_applied_once(recommender: Recommender) -> None:
    """The second time it is a duplicate and changes neither the state nor what comes next."""
    ann, heard = someone(), None
    heard = event(ann, 5)
    first = await recommender.observe(ann, [heard], Ask(limit=5))
    second = await recommender.observe(ann, [heard], Ask(limit=5))
    assert [first.receipts[0].outcome, second.receipts[0].outcome] == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert second.seq == 1
    assert titles(second) == titles(first)


async def test_what_was_heard_never_comes_next(recommender: Recommender) -> None:
    """Not in another release either, and the pools tell how much was left out."""
    ann = someone()
    answer = await recommender.observe(ann, [event(ann, 0), event(ann, 1)], Ask(limit=V))
    assert "Song 0" not in titles(answer)
    assert "Song 0 - 2011 Remaster" not in titles(answer)
    assert len(answer.tracks) == V - 3
    assert (answer.pool_before, answer.pool_after) == (V, V - 3)
    assert [ranked.rank for ranked in answer.tracks] == list(range(1, V - 2))
    assert sum(ranked.probability for ranked in answer.tracks) < 1.0


async def test_an_unknown_track_is_remembered_and_not_read(recommender: Recommender) -> None:
    """The answer names it, and the ranking is the one without it."""
    ann = someone()
    before = await recommender.observe(ann, [event(ann, 5)], Ask(limit=5))
    after = await recommender.observe(ann, [event(ann, "never-pressed")], Ask(limit=5))
    assert after.receipts[0].outcome is Outcome.UNKNOWN_TRACK
    assert after.unknown_tracks == ("never-pressed",)
    assert titles(after) == titles(before)


async def test_a_skip_takes_back_the_play(recommender: Recommender) -> None:
    """After play and skip the state is what it was before the play, and the track stays away."""
    ann = someone()
    before = await recommender.observe(ann, [event(ann, 5)], Ask(limit=V, exclude=("t9",)))
    await recommender.observe(ann, [event(ann, 9)], Ask(limit=5))
    after = await recommender.observe(ann, [event(ann, 9, EventKind.SKIPPED)], Ask(limit=V))
    assert titles(after) == titles(before)
    assert [r.probability for r in after.tracks] == pytest.approx([r.probability for r in before.tracks], rel=1e-4)


async def test_a_swap_replays_the_listener_under_the_new_checkpoint(
    recommender: Recommender, listeners: Listeners, checkpoints: CheckpointStore
) -> None:
    """The very next answer is of the new checkpoint, from the state it would have had all along."""
    ann = someone()
    await recommender.observe(ann, [event(ann, row) for row in (3, 1, 4)], Ask(limit=3))
    new = checkpoints.publish(draft(2, "lstm")).checkpoint_id
    checkpoints.promote("stable", new)
    async with asyncio.timeout(5):
        while (answer := await recommender.observe(ann, [], Ask(limit=3))).checkpoint_id != new:
            await asyncio.sleep(0.02)
    session = await listeners.show(ann)
    assert session.hidden is not None
    assert session.hidden.checkpoint_id == new
    assert session.hidden == replayed(checkpoints, session)
    assert answer.seq == 3


async def test_a_batch_of_many_listeners_has_one_receipt_each_in_order(
    recommender: Recommender, listeners: Listeners
) -> None:
    """Outcomes come back in the order of the events, whoever they belong to."""
    ann, bob = someone(), someone()
    first = event(ann, 1)
    receipts = await recommender.record([first, event(bob, 2), event(ann, "nope"), first, event(bob, 3)])
    assert [receipt.outcome.value for receipt in receipts] == [
        "applied",
        "applied",
        "unknown_track",
        "duplicate",
        "applied",
    ]
    assert [receipt.listener_id for receipt in receipts] == [ann, bob, ann, ann, bob]
    assert (await listeners.show(bob)).advancing == ("t2", "t3")


async def test_a_forgotten_listener_is_gone(recommender: Recommender, listeners: Listeners) -> None:
    """Nothing is remembered, and forgetting again says so."""
    ann = someone()
    await recommender.observe(ann, [event(ann, 1)], Ask(limit=1))
    assert await listeners.forget(ann)
    assert not await listeners.forget(ann)
    with pytest.raises(UnknownListener):
        await listeners.show(ann)


async def test_looking_does_not_create_a_listener(recommender: Recommender, listeners: Listeners) -> None:
    """A ranking without an event stores nothing."""
    ann = someone()
    assert len((await recommender.observe(ann, [], Ask(limit=3))).tracks) == 3
    with pytest.raises(UnknownListener):
        await listeners.show(ann)


async def test_without_the_store_music_plays_on_and_nothing_is_promised(checkpoints: CheckpointStore) -> None:
    """The answer comes from the request, marked degraded; the event's receipt says to send it again."""
    ann = someone()
    async with opened(checkpoints, "redis://127.0.0.1:1/0") as away:
        alone = away.recommender
        answer = await alone.observe(ann, [event(ann, 6)], Ask(limit=5, recent=("t5",)))
        with pytest.raises(SessionStoreUnavailable):
            await alone.record([event(ann, 7)])
        stateless = await alone.recommend(Ask(limit=5, recent=("t5", "t6")))
    assert answer.degraded == ("state_unavailable",)
    assert answer.receipts[0].outcome is Outcome.REJECTED
    assert titles(answer) == titles(stateless)
    assert stateless.degraded == ()


async def test_a_playlist_repeats_nothing_and_changes_nothing(recommender: Recommender, listeners: Listeners) -> None:
    """Ahead of a listener: what was heard stays out, the session is as before."""
    ann = someone()
    await recommender.observe(ann, [event(ann, row) for row in (0, 1)], Ask(limit=1))
    before = await listeners.show(ann)
    playlist = await recommender.playlist(PlaylistAsk(length=V, listener_id=ann))
    chosen = [ranked.track.track_id for ranked in playlist.tracks]
    assert len(chosen) == len(set(chosen)) == V - 3
    assert not {"t0", "t1", f"t{V - 1}"} & set(chosen)
    assert playlist.shortfall is not None
    assert await listeners.show(ann) == before


async def test_a_greedy_playlist_is_the_walk_taken_by_hand(recommender: Recommender) -> None:
    """Each track is the first suggestion after all before it."""
    playlist = await recommender.playlist(PlaylistAsk(length=5, seeds=(Seed("t3"),)))
    heard = ["t3"]
    for ranked in playlist.tracks:
        answer = await recommender.recommend(Ask(limit=1, recent=tuple(heard)))
        assert answer.tracks[0].track.track_id == ranked.track.track_id
        heard.append(ranked.track.track_id)


async def test_a_drawn_playlist_can_be_drawn_again(recommender: Recommender) -> None:
    """The seed that was drawn is told; with it the same tracks come, with another one others."""
    ask = PlaylistAsk(length=12, seeds=(Seed("t3"),), choosing=Choosing.SAMPLE, top_k=50)
    drawn = await recommender.playlist(ask)
    again = await recommender.playlist(
        PlaylistAsk(length=12, seeds=(Seed("t3"),), choosing=Choosing.SAMPLE, top_k=50, seed=drawn.seed)
    )
    other = await recommender.playlist(ask)
    assert [r.track for r in again.tracks] == [r.track for r in drawn.tracks]
    assert [r.track for r in other.tracks] != [r.track for r in drawn.tracks]


async def test_the_artist_gap_moves_along(recommender: Recommender) -> None:
    """Of any four tracks in a row, no two are of one artist."""
    playlist = await recommender.playlist(PlaylistAsk(length=30, seeds=(Seed("t3"),), artist_gap=3))
    artists = ["Artist 3", *(ranked.track.artist for ranked in playlist.tracks)]
    assert len(artists) == 31
    for position in range(len(artists) - 3):
        assert len(set(artists[position : position + 4])) == 4


async def test_seeds_nobody_knows_are_refused(recommender: Recommender) -> None:
    """One known seed is enough; none is a mistake worth a sentence."""
    playlist = await recommender.playlist(
        PlaylistAsk(
            length=2,
            seeds=(
                Seed("nope"),
                Seed("t1"),
            ),
        )
    )
    assert playlist.unknown_tracks == ("nope",)
    with pytest.raises(Rejected, match="None of the 1 seeds"):
        await recommender.playlist(PlaylistAsk(length=2, seeds=(Seed("nope"),)))
