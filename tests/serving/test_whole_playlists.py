"""A hundred tracks ahead over real catalogues, under every combination of rules: no repeat, no rule broken."""

import asyncio
import gzip
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.catalogue import demo_catalogue
from app.demo.dataset import demo_dataset
from app.domain.catalogue import Catalogue, Track
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed
from app.domain.rules import Rules
from app.domain.session import ListenerSession, SessionLimits
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.predictor import Predictor
from app.serving.engine import Engine
from app.serving.playlists import PlaylistWalk
from app.trainer.recipe import Recipe
from app.trainer.training import train
from tests.serving.playlist_rules import permitted

AHEAD = 100
RNS = Path(__file__).parents[3] / "shared" / "data" / "rns_gap15.tsv.gz"
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


@pytest.fixture(scope="module")
def rns() -> Predictor:
    """A network over every track that a radio station played, its weights drawn: rules hold whatever it ranks."""
    if not RNS.exists():
        pytest.skip("the real listening data is not beside the project")
    with gzip.open(RNS, "rt", encoding="utf-8") as lines:
        names = dict.fromkeys(tuple(line.rstrip("\n").split("\t")[2:]) for line in list(lines)[1:])
    catalogue = Catalogue([Track(f"t{row}", title, artist) for row, (artist, title) in enumerate(names)])
    torch.manual_seed(1)
    config = NetworkConfig("gru", len(catalogue), hidden_size=16, embedding_size=8)
    return Predictor("rns", RecurrentNetwork(config).eval(), catalogue)


some_tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
years = st.none() | st.integers(1950, 2020)
every_rule = st.builds(
    Rules, st.integers(0, 10), st.none() | st.integers(1, 6), years, years, some_tags, some_tags, some_tags
)
# Of these tracks nobody told albums, years and tags.
rules_of_names = st.builds(Rules, max_per_artist=st.none() | st.integers(1, 6), tags_none=some_tags)


@settings(max_examples=12, deadline=None)
@given(ask=asks(demo_catalogue(), every_rule))
def test_a_hundred_tracks_of_the_demo_keep_every_rule(demo: Predictor, ask: PlaylistAsk) -> None:
    keeps_the_rules(demo, ask)


@pytest.mark.data
@pytest.mark.long
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_hundred_tracks_of_a_radio_station_keep_every_rule(rns: Predictor, data: st.DataObject) -> None:
    keeps_the_rules(rns, data.draw(asks(rns.catalogue, rules_of_names)))
