"""Rows by album, year and tag: the rules against a plain look at every track."""

from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.domain.rules import Rules
from app.domain.shelves import REMEMBERED, Shelves, shelves_of

TAGS = ("Rock", "piano", "live", "sad")
tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
years = st.none() | st.integers(1960, 1970)
clean = st.none() | st.booleans()
countries = st.frozensets(st.sampled_from(("DE", "FR", "JP")), max_size=2)
tracks = st.builds(
    Track,
    track_id=st.uuids().map(str),
    title=st.just("T"),
    artist=st.just("A"),
    year=years,
    tags=tags,
    explicit=clean,
    markets=countries,
)
asked = st.builds(
    Rules,
    year_from=years,
    year_to=years,
    tags_any=tags,
    tags_all=tags,
    tags_none=tags,
    explicit=st.booleans(),
    market=st.none() | st.sampled_from(("DE", "FR", "US")),
)


def allowed(track: Track, rules: Rules) -> bool:
    """What the rules say of one track, in the words of their description."""
    own = {tag.lower() for tag in (*track.tags, *([track.genre] if track.genre else []))}
    dated = rules.year_from is not None or rules.year_to is not None
    if dated and (track.year is None or not (rules.year_from or 0) <= track.year <= (rules.year_to or 9999)):
        return False
    if track.explicit is not False and not rules.explicit:
        return False
    if rules.market and track.markets and rules.market not in track.markets:
        return False
    if rules.tags_any and not own & {tag.lower() for tag in rules.tags_any}:
        return False
    return {tag.lower() for tag in rules.tags_all} <= own and not own & {tag.lower() for tag in rules.tags_none}


@given(st.lists(tracks, min_size=1, max_size=12), asked)
def test_what_fails_is_what_is_not_allowed(held: list[Track], rules: Rules) -> None:
    failing = Shelves(Catalogue(held)).failing(rules)
    rows = frozenset[int]().union(*failing.values())
    assert rows == {row for row, track in enumerate(held) if not allowed(track, rules)}


def test_a_genre_is_a_tag_and_spelling_does_not_matter() -> None:
    held = [Track("a", "A", "X", genre="Classic  Rock"), Track("b", "B", "X", tags=("classic rock",))]
    shelves = Shelves(Catalogue(held))
    assert shelves.tagged(" CLASSIC rock") == {0, 1}
    assert shelves.tagged("polka") == frozenset()


def test_an_album_is_one_of_its_artist() -> None:
    held = [("Queen", "Hits"), ("queen", "HITS"), ("Abba", "Hits"), ("Queen", None), ("Queen", None)]
    shelves = Shelves(Catalogue([Track(str(row), "T", artist, album) for row, (artist, album) in enumerate(held)]))
    assert [list(shelves.of_album(row)) for row in range(5)] == [[0, 1], [0, 1], [2], [], []]


def test_answers_are_remembered_so_many_at_a_time() -> None:
    """And the shelves as long as their catalogue is held."""
    catalogue = Catalogue([Track("a", "A", "X", year=1970)])
    shelves = shelves_of(catalogue)
    first = shelves.failing(Rules(year_from=1900))["years"]
    assert shelves_of(catalogue).failing(Rules(year_from=1900))["years"] is first
    for year in range(1901, 1901 + 2 * REMEMBERED):
        shelves.failing(Rules(year_from=year))
    assert len(shelves._failing) == REMEMBERED


def test_a_country_takes_what_is_for_others_and_nobody_elses_word_is_clean() -> None:
    """Nobody told where the first may be played: everywhere. Nobody told what it says: it may be anything."""
    held = [("a", None, ""), ("b", True, "DE FR"), ("c", False, "FR"), ("d", False, "")]
    shelves = Shelves(
        Catalogue(
            [Track(name, "T", "A", explicit=told, markets=frozenset(where.split())) for name, told, where in held]
        )
    )
    assert shelves.failing(Rules(explicit=False, market="DE")) == {"explicit": {0, 1}, "market": {2}}
    assert shelves.failing(Rules(market="FR")) == {"market": frozenset()}
    assert shelves.failing(Rules(explicit=True)) == {}


def test_a_catalogue_that_nobody_holds_goes_with_its_shelves() -> None:
    catalogue = Catalogue([Track("a", "A", "X", "Album")])
    assert list(shelves_of(catalogue).of_album(0)) == [0]
    gone = ref(catalogue)
    del catalogue
    assert gone() is None


def test_albums_of_many_artists_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.shelves.ARTISTS_REMEMBERED", 2)
    shelves = Shelves(Catalogue([Track(f"t{row}", "T", f"A{row % 5}", f"B{row % 2}") for row in range(20)]))
    for _ in range(2):
        assert [list(shelves.of_album(row)) for row in range(5)] == [[row, row + 10] for row in range(5)]
