"""Rows by album, year and tag: the rules against a plain look at every track."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.domain.rules import Rules
from app.domain.shelves import REMEMBERED, Shelves, shelves_of

TAGS = ("Rock", "piano", "live", "sad")
tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
years = st.none() | st.integers(1960, 1970)
tracks = st.builds(Track, st.uuids().map(str), st.just("T"), st.just("A"), st.none(), years, st.none(), tags)


def allowed(track: Track, rules: Rules) -> bool:
    """What the rules say of one track, in the words of their description."""
    own = {tag.lower() for tag in (*track.tags, *([track.genre] if track.genre else []))}
    dated = rules.year_from is not None or rules.year_to is not None
    if dated and (track.year is None or not (rules.year_from or 0) <= track.year <= (rules.year_to or 9999)):
        return False
    if rules.tags_any and not own & {tag.lower() for tag in rules.tags_any}:
        return False
    return {tag.lower() for tag in rules.tags_all} <= own and not own & {tag.lower() for tag in rules.tags_none}


@given(
    st.lists(tracks, min_size=1, max_size=12), st.builds(Rules, st.just(0), st.none(), years, years, tags, tags, tags)
)
def test_what_fails_is_what_is_not_allowed(held: list[Track], rules: Rules) -> None:
    failing = Shelves(held).failing(rules)
    rows = frozenset[int]().union(*failing.values())
    assert rows == {row for row, track in enumerate(held) if not allowed(track, rules)}


def test_a_genre_is_a_tag_and_spelling_does_not_matter() -> None:
    shelves = Shelves([Track("a", "A", "X", genre="Classic  Rock"), Track("b", "B", "X", tags=("classic rock",))])
    assert shelves.tagged(" CLASSIC rock") == {0, 1}
    assert shelves.tagged("polka") == frozenset()


def test_an_album_is_one_of_its_artist() -> None:
    held = [("Queen", "Hits"), ("queen", "HITS"), ("Abba", "Hits"), ("Queen", None), ("Queen", None)]
    shelves = Shelves([Track(str(row), "T", artist, album) for row, (artist, album) in enumerate(held)])
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
