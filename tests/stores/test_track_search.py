import gzip
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.errors import CorruptCheckpoint
from app.stores.search_closeness import likeness
from app.stores.search_index import build_search_index
from app.stores.search_words import fold, indexed_words
from app.stores.track_search import TrackSearch

NAMES = [
    ("Björk", "Jóga"),
    ("Beyoncé", "Halo"),
    ("Sigur Rós", "Hoppípolla"),
    ("Pink Floyd", "Time"),
    ("Pink Floyd", "Money"),
    ("Pink", "Time After Time"),
    ("AC/DC", "Back in Black"),
    ("Bee Gees", "Stayin' Alive"),
    ("Guns N' Roses", "Sweet Child O' Mine"),
    ("Simon & Garfunkel", "The Boxer"),
    ("U2", "One"),
    ("Queen", "Bohemian Rhapsody"),
    ("Radiohead", "Creep"),
    ("!!!", "???"),
    ("KRÓL", "Głodne dusze"),
    ("坂本龍一", "戦場のメリークリスマス"),
    ("Кино", "Группа крови"),
    ("방탄소년단", "봄날"),
    ("", "Untitled"),
    ("Love", "Alone Again Or"),
    ("Robert Palmer", "Addicted to Love"),
    ("The The", "This Is the Day"),
]
CATALOGUE = Catalogue([Track(f"t{row}", title, artist) for row, (artist, title) in enumerate(NAMES)])


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> TrackSearch:
    path = tmp_path_factory.mktemp("search") / "with a space & ? # ä.sqlite"
    build_search_index(path, CATALOGUE)
    return TrackSearch(path)


@pytest.mark.parametrize(
    ("typed", "artist", "title"),
    [
        ("bjork", "Björk", "Jóga"),
        ("BJÖRK joga", "Björk", "Jóga"),
        ("beyonce", "Beyoncé", "Halo"),
        ("beyonse", "Beyoncé", "Halo"),
        ("sigur ros", "Sigur Rós", "Hoppípolla"),
        ("hoppipola sigur", "Sigur Rós", "Hoppípolla"),
        ("pnik flyod time", "Pink Floyd", "Time"),
        ("time pink floyd", "Pink Floyd", "Time"),
        ("pink floyd mon", "Pink Floyd", "Money"),
        ("money", "Pink Floyd", "Money"),
        ("acdc", "AC/DC", "Back in Black"),
        ("ac/dc bak in blak", "AC/DC", "Back in Black"),
        ("beegees", "Bee Gees", "Stayin' Alive"),
        ("staying alive", "Bee Gees", "Stayin' Alive"),
        ("guns n roses", "Guns N' Roses", "Sweet Child O' Mine"),
        ("guns and roses", "Guns N' Roses", "Sweet Child O' Mine"),
        ("simon and garfunkel", "Simon & Garfunkel", "The Boxer"),
        ("simon garfunkle boxer", "Simon & Garfunkel", "The Boxer"),
        ("u2", "U2", "One"),
        ("bohemian rapsody", "Queen", "Bohemian Rhapsody"),
        ("queen boh", "Queen", "Bohemian Rhapsody"),
        ("radio head creep", "Radiohead", "Creep"),
        ("!!!", "!!!", "???"),
        ("krol glodne", "KRÓL", "Głodne dusze"),
        ("坂本龍一", "坂本龍一", "戦場のメリークリスマス"),
        ("戦場", "坂本龍一", "戦場のメリークリスマス"),
        ("группа крови", "Кино", "Группа крови"),
        ("봄날", "방탄소년단", "봄날"),
        ("untitled", "", "Untitled"),
        ("love", "Love", "Alone Again Or"),
        ("the the", "The The", "This Is the Day"),
        ("\t bjork \n", "Björk", "Jóga"),
        ("qwertz bjork", "Björk", "Jóga"),
    ],
)
def test_what_people_type_finds_what_they_mean(search: TrackSearch, typed: str, artist: str, title: str) -> None:
    found = [(CATALOGUE[row].artist, CATALOGUE[row].title) for row in search.find(typed, 5)]
    assert found[0] == (artist, title)


def test_a_word_is_found_from_its_first_letter_on(search: TrackSearch) -> None:
    """As people look at the suggestions while they type."""
    for length in range(3, len("bohemian") + 1):
        assert CATALOGUE[search.find("bohemian"[:length], 1)[0]].artist == "Queen"
    assert {CATALOGUE[row].label for row in search.find("u", 2)} == {"U2 - One", "Untitled"}


@pytest.mark.parametrize("typed", ["", " ", "\x00", "\ud800", "qzxwvk", "--", "\u0301"])
def test_nothing_comes_of_nothing(search: TrackSearch, typed: str) -> None:
    assert search.find(typed, 10) == []


@pytest.mark.parametrize(
    "typed",
    [
        'bjork"',
        '"bjork" OR "u2',
        "bjork'; DROP TABLE track; --",
        "bjork\x00",
        "bjork*",
        "artist:bjork",
        "^bjork",
        "NEAR(bjork joga, 2)",
        "bjork NOT joga",
        "-bjork",
        "{bjork} : joga",
        "bjork + joga",
        "(bjork",
    ],
)
def test_no_text_is_read_as_a_query(search: TrackSearch, typed: str) -> None:
    """What means something to SQLite means nothing here: the words in it are found."""
    assert CATALOGUE[search.find(typed, 1)[0]].artist == "Björk"
    assert len(search) == len(NAMES)


@given(
    st.text() | st.text(st.characters(categories=["Cs", "Cc", "Po", "Mn"])) | st.text("abein \"'*()"),
    st.integers(-2, 9),
)
def test_search_answers_anything(search: TrackSearch, typed: str, limit: int) -> None:
    """Distinct rows of the catalogue, as many as asked for at most, and the same ones again."""
    found = search.find(typed, limit)
    assert len(found) == len(set(found)) <= max(0, limit)
    assert all(0 <= row < len(NAMES) for row in found)
    assert search.find(typed, limit) == found


@given(st.integers(0, len(NAMES) - 1), st.randoms(use_true_random=False))
def test_every_track_is_found_by_its_own_names_in_any_order(
    search: TrackSearch, row: int, shuffled: random.Random
) -> None:
    words = [*NAMES[row][0].split(), *NAMES[row][1].split()]
    shuffled.shuffle(words)
    assert row in search.find(" ".join(words), 3)


def test_a_very_long_query_is_answered(search: TrackSearch) -> None:
    assert CATALOGUE[search.find("bjork " * 10_000, 1)[0]].artist == "Björk"
    search.find("x" * 100_000, 1)


def test_threads_search_at_once(search: TrackSearch) -> None:
    queries = ["bjork", "pnik flyod time", "u", "sigur ros", "nothing like it"] * 20
    alone = [search.find(query, 5) for query in queries]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda query: search.find(query, 5), queries)) == alone


def test_an_empty_catalogue_is_searched_in_vain(tmp_path: Path) -> None:
    build_search_index(tmp_path / "empty", Catalogue([]))
    search = TrackSearch(tmp_path / "empty")
    assert (len(search), search.find("bjork", 5)) == (0, [])
    search.close()


def test_the_index_is_read_only_and_needs_no_file_beside_it(tmp_path: Path) -> None:
    build_search_index(tmp_path / "index", CATALOGUE)
    (tmp_path / "index").chmod(0o444)
    opened = TrackSearch(tmp_path / "index")
    opened.find("bjork", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    with opened._connection() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM track")
    opened.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 8192])
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "tracks.sqlite").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match=r"tracks\.sqlite"):
        TrackSearch(tmp_path / "tracks.sqlite")


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    build_search_index(tmp_path / "index", CATALOGUE)
    with sqlite3.connect(tmp_path / "index") as index:
        index.execute("PRAGMA user_version = 99")
    index.close()
    with pytest.raises(CorruptCheckpoint, match="99"):
        TrackSearch(tmp_path / "index")


def test_an_index_that_breaks_while_open_is_named(tmp_path: Path) -> None:
    build_search_index(
        tmp_path / "tracks.sqlite", Catalogue([Track(f"t{n}", f"Song {n}", f"A {n}") for n in range(3000)])
    )
    search = TrackSearch(tmp_path / "tracks.sqlite")
    content = bytearray((tmp_path / "tracks.sqlite").read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    (tmp_path / "tracks.sqlite").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match=r"tracks\.sqlite"):
        search.find("song", 5)
    search.close()


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())
    folded.encode()


def test_folding_by_example() -> None:
    assert fold("Sigur Rós") == "sigur ros"
    assert fold("Guns N' Roses") == "guns n roses"
    assert fold("Łódź  STRASSE straße") == "lodz strasse strasse"
    assert fold("Beyoncé") == fold("BEYONCÉ") == "beyonce"
    assert indexed_words("ac dc", "tnt") == ["ac", "dc", "tnt", "acdc"]
    assert indexed_words("u2", "one") == ["u2", "one"]


def test_likeness_by_example() -> None:
    alike = likeness(["pnik", "mon"], ["pink", "pnik", "money", "time"])
    assert alike[0, 1] == 1.0
    assert 0.6 < alike[0, 0] < 0.9
    assert 0.9 < alike[1, 2] < 1.0
    assert np.all(alike[:, 3] == 0.0)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.long
def test_a_catalogue_of_140_000_tracks_is_searched(tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "shared" / "data" / "rns_gap15.tsv.gz"
    if not source.exists():
        pytest.skip("the real listening data is not beside the project")
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        names = dict.fromkeys(tuple(line.rstrip("\n").split("\t")[2:]) for line in list(lines)[1:])
    catalogue = Catalogue([Track(f"t{row}", title, artist) for row, (artist, title) in enumerate(names)])
    build_search_index(tmp_path / "tracks.sqlite", catalogue)
    search = TrackSearch(tmp_path / "tracks.sqlite")
    for typed, label in (
        ("pnik flyod time", "Pink Floyd - Time"),
        ("queen bohemian rapsody", "Queen - Bohemian Rhapsody"),
        ("radiohed creap", "Radiohead - Creep"),
        ("led zepelin stairway", "Led Zeppelin - Stairway to Heaven"),
        ("glodne dusze", "KRÓL - Głodne dusze"),
    ):
        assert catalogue[search.find(typed, 1)[0]].label == label
    for typed, artist in (("bjork", "Björk"), ("beyonce", "Beyoncé"), ("sigur ros", "Sigur Rós"), ("u2", "U2")):
        assert {catalogue[row].artist for row in search.find(typed, 5)} == {artist}
    search.close()
