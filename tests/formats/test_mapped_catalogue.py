"""The mapped catalogue answers as the one in memory does."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.errors import UnreadableSource
from app.formats.mapped_catalogue import MappedCatalogue, read_mapped_catalogue, write_mapped_catalogue

names = st.one_of(st.sampled_from(["", "Björk", "BJÖRK ", "Bjo\u0308rk", "坂本龍一"]), st.text(max_size=6))
titles = st.one_of(st.sampled_from(["Heroes", "Heroes - 2017 Remaster", "heroes (Mono)"]), st.text(max_size=6))
tracks = st.builds(
    Track,
    track_id=st.text(min_size=1, max_size=5),
    title=titles,
    artist=names,
    album=st.none() | st.text(max_size=4),
    year=st.none() | st.integers(1900, 2030),
    genre=st.none() | st.sampled_from(("Rock", "rock ", "")) | st.text(max_size=4),
    tags=st.lists(st.sampled_from(("rock", "ROCK", "live")) | st.text(max_size=3), max_size=3).map(tuple),
    duration_s=st.none() | st.integers(0, 5000),
    explicit=st.none() | st.booleans(),
    markets=st.frozensets(st.sampled_from(("DE", "FR", "US")), max_size=3),
)


def mapped(folder: Path, tracks: list[Track]) -> MappedCatalogue:
    write_mapped_catalogue(folder / "catalogue.arrow", tracks)
    return read_mapped_catalogue(folder / "catalogue.arrow")


@given(known=st.lists(tracks, max_size=30, unique_by=lambda track: track.track_id), asked=names, unknown=st.text())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_answers_as_the_one_in_memory(tmp_path: Path, known: list[Track], asked: str, unknown: str) -> None:
    in_memory, catalogue = Catalogue(known), mapped(tmp_path, known)
    assert len(catalogue) == len(known)
    assert list(catalogue) == known
    for name in ("year", "genre", "explicit", "markets"):
        assert list(catalogue.stated(name)) == list(in_memory.stated(name))
    tagged, in_lists = catalogue.rows_by_tag, in_memory.rows_by_tag
    assert {name: list(rows) for name, rows in tagged.items()} == dict(in_lists)
    assert catalogue.index_of(unknown) == in_memory.index_of(unknown)
    for row, track in enumerate(known):
        assert catalogue[row] == track
        assert catalogue[row - len(known)] == track
        assert [catalogue.index_of(track.track_id) for _ in range(2)] == [row, row]
        assert catalogue.artist_of(row) == in_memory.artist_of(row) == track.artist
        assert tuple(catalogue.same_song(row)) == tuple(in_memory.same_song(row))
    ids = [*(track.track_id for track in known), unknown]
    for _ in range(2):
        assert catalogue.rows_of(ids) == in_memory.rows_of(ids)
        assert catalogue.unknown_among(set(ids)) == in_memory.unknown_among(set(ids))
        assert catalogue.songs_of(ids) == in_memory.songs_of(ids) == set(range(len(known)))
    for artist in (asked, *(track.artist for track in known)) * 2:
        assert list(catalogue.of_artist(artist)) == list(in_memory.of_artist(artist))
    with pytest.raises(IndexError):
        catalogue[len(known)]


def test_a_file_of_before_explicit_words_and_countries_tells_neither(tmp_path: Path) -> None:
    """Its columns end before them, as those of a catalogue do that nobody told either of."""
    known = [Track("a", "Song", "Artist", year=1990), Track("b", "Other", "Artist")]
    catalogue = mapped(tmp_path, known)
    assert not {"explicit", "markets"} & {*_table(catalogue).column_names}
    assert [catalogue[row] for row in range(2)] == list(catalogue) == known
    assert list(catalogue.stated("explicit")) == [None, None]
    assert list(catalogue.stated("markets")) == [frozenset(), frozenset()]


def test_countries_of_many_batches_are_the_same_set(tmp_path: Path) -> None:
    places = [frozenset({"DE"}), frozenset({"FR", "US"}), frozenset[str]()]
    many = [Track(f"t{row}", "Song", "Artist", markets=places[row // 9_999]) for row in range(25_000)]
    catalogue = mapped(tmp_path, many)
    assert list(catalogue) == many
    assert [catalogue[row].markets for row in (0, 9_999, 24_999)] == places
    assert catalogue[1].markets is catalogue[2].markets


def test_what_is_kept_is_thrown_away_and_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("_REMEMBERED", "_TRACKS_REMEMBERED", "_ARTISTS_REMEMBERED"):
        monkeypatch.setattr(f"app.formats.mapped_catalogue.{bound}", 3)
    known = [Track(f"t{row}", f"Song {row // 2}", f"Artist {row // 2}", year=1990 + row) for row in range(10)]
    catalogue = mapped(tmp_path, known)
    for _ in range(2):
        assert [catalogue[row] for row in range(10)] == known
        assert catalogue.rows_of([track.track_id for track in known]) == list(range(10))
        assert [sorted(catalogue.songs_of([known[row].track_id])) for row in (4, 9)] == [[4, 5], [8, 9]]
        assert [catalogue.of_artist(track.artist)[0] for track in known] == [row // 2 * 2 for row in range(10)]


def test_tracks_come_in_several_batches(tmp_path: Path) -> None:
    many = [Track(f"t{row}", f"Song {row % 9000}", f"Artist {row % 11}") for row in range(25_000)]
    catalogue = mapped(tmp_path, many)
    assert list(catalogue) == many
    assert catalogue.index_of("t24999") == 24_999
    assert list(catalogue.same_song(0)) == list(Catalogue(many).same_song(0))
    assert list(catalogue.of_artist("artist 3")) == list(range(3, 25_000, 11))
    catalogue.warm_up()


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_a_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "catalogue.arrow"
    write_mapped_catalogue(path, [Track(str(row), "Song", "Artist") for row in range(300)])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableSource, match="cannot be read"):
        read_mapped_catalogue(path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="cannot be read"):
        read_mapped_catalogue(tmp_path / "none.arrow")


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.arrow"
    with pa.OSFile(str(path), "wb") as sink:
        table = pa.table({"track_id": ["a"]})
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(UnreadableSource, match="Expected the columns track_id, title"):
        read_mapped_catalogue(path)


@pytest.mark.parametrize(("name", "value"), [("id_rows", 3), ("song_starts", -1), ("artist_rows", 7)])
def test_look_ups_that_reach_outside_are_refused(tmp_path: Path, name: str, value: int) -> None:
    table = _table(mapped(tmp_path, [Track(letter, letter, letter) for letter in "abc"]))
    column = pa.array([value, 0, 0], pa.int32())
    at = table.schema.get_field_index(name)
    _write(tmp_path / "changed.arrow", table.set_column(at, table.schema.field(at), column))
    with pytest.raises(UnreadableSource, match="look-ups of 3 tracks"):
        read_mapped_catalogue(tmp_path / "changed.arrow")


def test_hashes_out_of_order_are_refused(tmp_path: Path) -> None:
    table = _table(mapped(tmp_path, [Track(letter, letter, letter) for letter in "abc"]))
    at = table.schema.get_field_index("id_hashes")
    _write(tmp_path / "changed.arrow", table.set_column(at, table.schema.field(at), table.column(at).take([2, 1, 0])))
    with pytest.raises(UnreadableSource, match="look-ups of 3 tracks"):
        read_mapped_catalogue(tmp_path / "changed.arrow")


def _table(catalogue: MappedCatalogue) -> pa.Table:
    with pa.memory_map(str(catalogue.path)) as source:
        return pa.ipc.open_file(source).read_all()


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
