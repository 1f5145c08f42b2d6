"""A hundred tracks ahead over real catalogues, under every combination of rules: no repeat, no rule broken."""

import asyncio
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataset.folder import Dataset
from app.dataset.importing import ImportSettings, import_sources
from app.demo.catalogue import demo_catalogue
from app.demo.dataset import demo_dataset
from app.domain.catalogue import Catalogue, Track
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed
from app.domain.rules import Rules
from app.domain.session import ListenerSession, SessionLimits
from app.rnn.predictor import Predictor
from app.serving.engine import Engine
from app.serving.playlists import PlaylistWalk
from app.trainer.recipe import Recipe
from app.trainer.training import train
from tests.serving.playlist_rules import permitted

AHEAD = 100
RNS = Path(__file__).parents[3] / "shared" / "data" / "rns_gap15.tsv.gz"
WORDS = (False, None, True)
TAGS = sorted({tag for track in demo_catalogue() for tag in track.tags})


def walked(predictor: Predictor, ask: PlaylistAsk) -> Playlist:
    async def walk() -> Playlist:
        async with Engine(batch_size=32, batch_wait_us=0, queue_size=100) as engine:
            return await PlaylistWalk(engine, predictor, SessionLimits()).walk(ListenerSession(""), ask, ())

    return asyncio.run(walk())


def asks(catalogue: Catalogue, rules: st.SearchStrategy[Rules]) -> st.SearchStrategy[PlaylistAsk]:
    """Return asks for a hundred tracks from one to three of a catalogue, by any choosing and any rules."""
    rows = st.integers(0, len(catalogue) - 1)
    named = rows.map(lambda row: catalogue[row].track_id)
    return st.builds(
        PlaylistAsk,
        length=st.just(AHEAD),
        seeds=st.lists(named.map(Seed), min_size=1, max_size=3).map(tuple),
        choosing=st.sampled_from(Choosing),
        temperature=st.sampled_from((0.5, 1.0, 3.0)),
        beam_width=st.integers(2, 4),
        seed=st.integers(0, 9),
        exclude=st.lists(named, max_size=3).map(tuple),
        exclude_artists=st.lists(rows.map(lambda row: catalogue[row].artist.lower()), max_size=2).map(tuple),
        artist_gap=st.integers(0, 30),
        rules=rules,
        to=st.none() | named.map(Seed),
    )


def keeps_the_rules(predictor: Predictor, ask: PlaylistAsk) -> None:
    """Hold a playlist against the rules from outside; a short one says why, and there really was nothing left."""
    playlist, catalogue = walked(predictor, ask), predictor.catalogue
    rows = [catalogue.index_of(ranked.track.track_id) for ranked in playlist.tracks]
    read = [catalogue.index_of(seed) for seed in playlist.seeds]
    for place, row in enumerate(rows):
        assert row is not None
        assert permitted(catalogue, ask, [*read, *rows[:place]], rows[:place], row), (place, row)
    labels = [ranked.track.label for ranked in playlist.tracks]
    assert len(set(labels)) == len(labels)
    assert (len(rows) == AHEAD) == (playlist.shortfall is None)
    if len(rows) < AHEAD:
        assert playlist.pool_after == 0
        some = range(0, len(catalogue), max(1, len(catalogue) // 500))
        assert not [row for row in some if permitted(catalogue, ask, [*read, *rows], rows, row)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A small network that learned from some listeners of the demo."""
    home = tmp_path_factory.mktemp("demo")
    dataset = demo_dataset(home / "data", sessions=150)
    recipe = Recipe(hidden_size=16, embedding_size=16, epochs=1)
    return Predictor("demo", train(dataset, recipe, home / "run").network, dataset.catalogue)


def told(row: int, track: Track) -> Track:
    """Add what nobody tells of the radio's tracks, made up by rows: without it most rules would have nothing to do."""
    return replace(
        track,
        album=None if row % 10 == 0 else f"Album {row % 3}",
        year=None if row % 11 == 0 else 1950 + row % 71,
        tags=tuple(TAGS[(row + step) % len(TAGS)] for step in range(row % 4)),
        explicit=WORDS[row % 7 % 3],
        markets=frozenset(("", "DE FR", "FR", "")[row % 4].split()),
    )


@pytest.fixture(scope="module")
def rns(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A small network over every track that a radio station played, that learned from its newest sessions."""
    if not RNS.exists():
        pytest.skip("the real listening data is not beside the project")
    home = tmp_path_factory.mktemp("rns")
    whole = import_sources([str(RNS)], home / "data", ImportSettings()).dataset
    catalogue = Catalogue([told(row, track) for row, track in enumerate(whole.catalogue)])
    newest = whole.sessions.split(600 / len(whole.sessions))[1]
    recipe = Recipe(
        hidden_size=16,
        embedding_size=16,
        output_size=16,
        negatives=512,
        table_learning_rate=0.5,
        epochs=1,
        validation_targets=500,
    )
    trained = train(Dataset(catalogue, newest, whole.fingerprint, {}), recipe, home / "run")
    # Of sessions that it has not learned it foresees more than who takes every track for equally likely.
    assert trained.history[0].log_loss < log(len(catalogue)) - 0.1
    return Predictor("rns", trained.network, catalogue)


some_tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
years = st.none() | st.integers(1950, 2020)
most = st.none() | st.integers(1, 6)
places = st.none() | st.sampled_from(("DE", "FR", "JP"))
of_the_demo = st.builds(Rules, st.integers(0, 10), most, years, years, some_tags, some_tags, some_tags)
every_rule = st.builds(
    Rules, st.integers(0, 10), most, years, years, some_tags, some_tags, some_tags, st.booleans(), places
)


@settings(max_examples=12, deadline=None)
@given(ask=asks(demo_catalogue(), of_the_demo))
def test_a_hundred_tracks_of_the_demo_keep_every_rule(demo: Predictor, ask: PlaylistAsk) -> None:
    keeps_the_rules(demo, ask)


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(400)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_hundred_tracks_of_a_radio_station_keep_every_rule(rns: Predictor, data: st.DataObject) -> None:
    keeps_the_rules(rns, data.draw(asks(rns.catalogue, every_rule)))
