"""Whole playlists from a real network: every rule kept, no song twice, and what is said where rules cannot be met."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed, SeedKind, playing_s
from app.domain.ranking import StepRequest
from app.domain.recommendation import Ask
from app.domain.rules import Rules
from app.domain.session import ListenerSession
from app.errors import Rejected
from app.serving.engine import Engine, Predictor
from app.serving.playlists import PlaylistWalk
from app.serving.thinning import thinned_step
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import LIMITS, V, draft
from tests.serving.playlist_rules import permitted

TAGS = ("rock", "piano", "live")


def shelved_catalogue() -> Catalogue:
    """Sixty tracks of eight artists with albums, years and tags; five are another release of an earlier song."""
    tracks = [
        Track(
            f"t{row}",
            f"Song {row - 30} - 2011 Remaster" if row >= V - 5 else f"Song {row}",
            f"Artist {(row - 30 if row >= V - 5 else row) % 8}",
            album=None if row % 5 == 0 else f"Album {row % 4}",
            year=None if row % 7 == 0 else 1960 + row,
            genre="rock" if row % 2 else None,
            tags=TAGS[: row % 4],
            duration_s=None if row % 3 == 0 else 180 + row,
            explicit=(None, False, False, True)[row % 4],
            markets=frozenset(("", "DE", "DE FR")[row % 3].split()),
        )
        for row in range(V)
    ]
    return Catalogue(tracks)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A network of arbitrary weights over that catalogue."""
    store = CheckpointStore(tmp_path_factory.mktemp("playlists"))
    return store.load(store.publish(replace(draft(3), catalogue=shelved_catalogue())).checkpoint_id)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine(batch_size=8, batch_wait_us=0, queue_size=100) as one:
        yield one


async def walked(predictor: Predictor, ask: PlaylistAsk) -> Playlist:
    async with Engine(batch_size=8, batch_wait_us=0, queue_size=100) as engine:
        return await PlaylistWalk(engine, predictor, LIMITS).walk(ListenerSession(""), ask, ())


tags = st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple)
year = st.none() | st.integers(1955, 2025)
market = st.none() | st.sampled_from(("DE", "FR", "US"))
rules = st.builds(
    Rules, st.integers(0, 4), st.none() | st.integers(1, 4), year, year, tags, tags, tags, st.booleans(), market
)
asks = st.builds(
    PlaylistAsk,
    length=st.integers(1, 40),
    seeds=st.lists(st.integers(0, V - 1).map(lambda row: Seed(f"t{row}")), max_size=3).map(tuple),
    choosing=st.sampled_from(Choosing),
    top_k=st.integers(1, 60),
    temperature=st.sampled_from((0.5, 1.0, 3.0)),
    exclude=st.lists(st.integers(0, V - 1).map(lambda row: f"t{row}"), max_size=3).map(tuple),
    exclude_artists=st.lists(st.integers(0, 7).map(lambda number: f"artist {number}"), max_size=1).map(tuple),
    artist_gap=st.integers(0, 5),
    rules=rules,
    to=st.none() | st.integers(0, V - 1).map(lambda row: Seed(f"t{row}")),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asks)
def test_every_rule_is_kept_and_no_song_comes_twice(predictor: Predictor, ask: PlaylistAsk) -> None:
    """Looked at from outside; and where the list is short, there was really nothing left."""
    playlist = asyncio.run(walked(predictor, ask))
    catalogue = predictor.catalogue
    rows = [catalogue.index_of(ranked.track.track_id) for ranked in playlist.tracks]
    read = [catalogue.index_of(seed) for seed in playlist.seeds]
    for place, row in enumerate(rows):
        assert row is not None
        assert permitted(catalogue, ask, [*read, *rows[:place]], rows[:place], row), (place, row)
    if len(rows) < ask.length:
        left = [row for row in range(V) if permitted(catalogue, ask, [*read, *rows], rows, row)]
        assert left == []
        assert playlist.shortfall is not None
        assert all(f"{rule} takes {count}" in playlist.shortfall for rule, count in playlist.taken.items())
        assert playlist.pool_after == 0
    else:
        assert playlist.shortfall is None


@settings(max_examples=30, deadline=None)
@given(asks.map(lambda ask: replace(ask, choosing=Choosing.GREEDY, to=None)), st.integers(0, 40))
def test_a_playlist_that_goes_on_is_the_one_that_was_never_cut(
    predictor: Predictor, ask: PlaylistAsk, cut: int
) -> None:
    """Track by track, ranks and probabilities included, under every rule."""
    whole = asyncio.run(walked(predictor, ask)).tracks
    first = tuple(ranked.track.track_id for ranked in whole[:cut])
    rest = replace(ask, after=first, length=max(1, ask.length - len(first)))
    if len(first) < ask.length:
        assert asyncio.run(walked(predictor, rest)).tracks == whole[cut:]


@pytest.mark.anyio
async def test_no_seed_comes_back_however_many_there_are(predictor: Predictor) -> None:
    """More of them than a session remembers."""
    seeds = tuple(Seed(f"t{row}") for row in range(30))
    playlist = await walked(predictor, PlaylistAsk(length=V, seeds=seeds))
    assert len(playlist.seeds) == 30 > LIMITS.recent_tracks
    assert not {f"t{row}" for row in range(30)} & {ranked.track.track_id for ranked in playlist.tracks}


@pytest.mark.anyio
@pytest.mark.parametrize("choosing", Choosing)
async def test_a_playlist_travels_to_where_it_is_to_end(predictor: Predictor, choosing: Choosing) -> None:
    """It ends with that track and not before, under rules too, and its way leads there: later tracks are nearer."""
    ask = PlaylistAsk(length=12, seeds=(Seed("t3"),), to=Seed("t44"), choosing=choosing, seed=5, artist_gap=1, top_k=5)
    tracks = [ranked.track.track_id for ranked in (await walked(predictor, ask)).tracks]
    assert (len(set(tracks)), tracks[-1]) == (12, "t44")
    [after] = predictor.step([StepRequest(None, (44,), (44,), frozenset({44}), V)])
    places = {f"t{row}": place for place, row in enumerate(after.ranking.tracks)}
    early, late = ([places[track] for track in half] for half in (tracks[:5], tracks[6:-1]))
    assert sum(late) < sum(early)
    near = await walked(predictor, replace(ask, to=Seed("Artist 2", SeedKind.ARTIST)))
    assert len(near.tracks) == 12


@pytest.mark.anyio
async def test_a_rule_that_takes_the_destination_is_kept(predictor: Predictor) -> None:
    """The playlist is as long as was asked for and ends elsewhere; an unknown destination is refused."""
    ask = PlaylistAsk(length=5, seeds=(Seed("t3"),), to=Seed("t44"), exclude=("t44",))
    tracks = [ranked.track.track_id for ranked in (await walked(predictor, ask)).tracks]
    assert (len(tracks), "t44" in tracks) == (5, False)
    with pytest.raises(Rejected, match="nowhere"):
        await walked(predictor, replace(ask, to=Seed("nowhere")))


@pytest.mark.anyio
async def test_artists_and_tags_are_seeds_too(predictor: Predictor) -> None:
    """Three tracks of each, the most probable read last; the heavier seed after the lighter."""
    seeds = (Seed("Artist 2", SeedKind.ARTIST, 2.0), Seed("t9"), Seed("polka", SeedKind.TAG))
    playlist = await walked(predictor, PlaylistAsk(length=5, seeds=seeds))
    assert playlist.seeds[0] == "t9"
    assert {predictor.catalogue[predictor.catalogue.index_of(seed) or 0].artist for seed in playlist.seeds[1:]} == {
        "Artist 2"
    }
    assert len(playlist.seeds) == 4
    assert playlist.unknown_tracks == ("polka",)
    [start] = predictor.step([StepRequest(None, (), (), frozenset(), V)])
    own = [row for row in start.ranking.tracks if predictor.catalogue[row].artist == "Artist 2"]
    assert playlist.seeds[1:] == tuple(f"t{row}" for row in own[:3][::-1])
    with pytest.raises(Rejected, match="polka"):
        await walked(predictor, PlaylistAsk(length=5, seeds=(Seed("polka", SeedKind.TAG),)))


@pytest.mark.anyio
async def test_a_duration_is_filled_and_no_more(predictor: Predictor) -> None:
    """The last track is the one that reaches it; unknown lengths count as usual ones."""
    playlist = await walked(predictor, PlaylistAsk(length=500, duration_s=3600, seeds=(Seed("t1"),)))
    lengths = [playing_s(ranked.track) for ranked in playlist.tracks]
    assert sum(lengths[:-1]) < 3600 <= sum(lengths) == playlist.duration_s
    assert playlist.shortfall is None
    endless = await walked(predictor, PlaylistAsk(length=500, duration_s=172_800))
    assert len(endless.tracks) == V - 5
    assert endless.shortfall is not None


@pytest.mark.anyio
@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("limit", [1, 7, V])
async def test_an_artist_comes_so_often_in_a_ranking(
    predictor: Predictor, engine: Engine, most: int, limit: int
) -> None:
    """The ranking is the whole one with the surplus left out, probabilities and order unchanged."""
    request = StepRequest(None, (1, 2), (1, 2), frozenset({5, 6}), limit)
    [whole] = predictor.step([replace(request, limit=V)])
    kept: list[tuple[int, float]] = []
    count: Counter[str] = Counter()
    for row, probability in zip(whole.ranking.tracks, whole.ranking.probabilities, strict=True):
        artist = predictor.catalogue[row].artist
        count[artist] += 1
        if count[artist] <= most:
            kept.append((row, round(probability, 6)))
    timed = await thinned_step(engine, predictor, request, Rules(max_per_artist=most), {"heard": 2})
    found = timed.step.ranking
    assert [
        (row, round(probability, 6)) for row, probability in zip(found.tracks, found.probabilities, strict=True)
    ] == kept[:limit]
    assert found.taken["heard"] == 2
    assert (found.pool_before, found.pool_after) == (V, V - 2)


def test_an_ask_without_rules_stays_what_it_was() -> None:
    """The id of an answer is made from what was asked: the same question has the same id."""
    assert repr(Ask(limit=1)) == repr(Ask(limit=1, rules=Rules()))
