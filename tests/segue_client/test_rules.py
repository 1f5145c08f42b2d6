"""The client's rules against a real service whose catalogue tells explicit words and countries."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import ValidationError

from app.domain.catalogue import Catalogue
from app.stores.checkpoints import CheckpointStore
from segue_client import AsyncSegue, RankedTrack, Recommendation, Rules, Segue
from tests.e2e.service import Service
from tests.serving.conftest import V, draft, small_catalogue, someone

# Of every third track nobody told whether it is explicit; every fourth may be played in two countries alone.
WORDS = (None, False, True)
CLEAN_IN_FRANCE = {f"t{row}" for row in range(V) if row % 3 == 1 and row % 4 != 0}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("rules")
    store = CheckpointStore(home / "model_store")
    told = [
        replace(track, explicit=WORDS[row % 3], markets=frozenset(() if row % 4 else ("DE", "US")))
        for row, track in enumerate(small_catalogue())
    ]
    store.promote("stable", store.publish(replace(draft(1), catalogue=Catalogue(told))).checkpoint_id)
    with Service(store.root, home / "data") as running:
        yield f"http://127.0.0.1:{running.port}"


def ids(tracks: tuple[RankedTrack, ...]) -> set[str]:
    return {track.track_id for track in tracks}


def test_rules_hold_of_rankings_playlists_and_streams(url: str) -> None:
    """One value for all of them; each answer counts what the rules took and is short where little is left."""
    rules = Rules(explicit=False, market="fr")
    with Segue(url) as segue:
        ann = segue.listener(someone())
        ranking = ann.next(n=V, rules=rules)
        playlist = segue.playlist(["t0"], n=V, rules=rules)
        told = next(iter(ann.stream(n=V, rules=rules)))
        everything = ann.next(n=V)
    assert isinstance(told, Recommendation)
    assert ids(ranking.tracks) == ids(told.tracks) == CLEAN_IN_FRANCE
    assert ids(playlist.tracks) == CLEAN_IN_FRANCE - {"t0", f"t{V - 1}"}
    for answer in (ranking, playlist, told):
        assert answer.pool is not None
        assert (answer.pool.rules["explicit"], answer.pool.rules["market"]) == (40, 15)
        assert "explicit takes 40" in (answer.shortfall or "")
        assert "market takes 15" in (answer.shortfall or "")
        assert all(track.explicit is False for track in answer.tracks)
    assert {track.explicit for track in everything.tracks} == {None, False, True}


def test_awaited_they_are_the_same(url: str) -> None:
    async def ranked() -> tuple[Recommendation, Recommendation]:
        async with AsyncSegue(url) as segue:
            ann = segue.listener(someone())
            told = await anext(aiter(ann.stream(n=V, rules=Rules(market="FR", explicit=False))))
            assert isinstance(told, Recommendation)
            return await ann.played("t0", n=V, rules=Rules(market="FR", explicit=False)), told

    played, told = asyncio.run(ranked())
    assert ids(told.tracks) == CLEAN_IN_FRANCE
    assert ids(played.tracks) == CLEAN_IN_FRANCE - {"t0", f"t{V - 1}"}


def test_a_rule_nobody_knows_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValidationError, match="markt"):
        Rules.model_validate({"markt": "DE"})
    with pytest.raises(ValidationError, match="market"):
        Rules(market="Germany")


def test_only_what_is_ruled_is_sent() -> None:
    """So that a server which does not know the newest rules yet goes on answering."""
    assert Rules().asked == {}
    assert Rules(tags_none=("live",), explicit=False).asked == {"tags_none": ["live"], "explicit": False}
