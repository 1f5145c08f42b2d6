import re
import unicodedata
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from app.demo.appeal import MOST_TAGS
from app.demo.catalogue import COLUMNS, GENRES, TAGS, demo_catalogue, part_of
from app.domain.catalogue import Catalogue
from app.domain.spelling import song_key, text_key


def test_more_than_a_thousand_tracks_of_hundreds_of_artists_ship(catalogue: Catalogue) -> None:
    assert len(catalogue) >= 1_000
    assert len({track.artist for track in catalogue}) >= 300


def test_the_file_names_its_columns_and_fills_every_row() -> None:
    header, *lines = (resources.files("app.demo") / "tracks.tsv").read_text(encoding="utf-8").splitlines()
    assert tuple(header.split("\t")) == COLUMNS
    assert {line.count("\t") for line in lines} == {len(COLUMNS) - 1}


def test_no_song_stands_twice(catalogue: Catalogue) -> None:
    songs = Counter(song_key(track.artist, track.title) for track in catalogue)
    assert [song for song, times in songs.items() if times > 1] == []


def test_ids_are_readable_ascii_slugs(catalogue: Catalogue) -> None:
    assert [track.track_id for track in catalogue if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", track.track_id)] == []
    assert catalogue.index_of("pink-floyd-time") is not None


def test_years_are_those_of_recorded_pop(catalogue: Catalogue) -> None:
    assert all(track.year is not None and 1950 <= track.year <= 2023 for track in catalogue)
    assert {(track.year or 0) // 10 for track in catalogue} == set(range(195, 203))


def test_genres_come_from_the_closed_list(catalogue: Catalogue) -> None:
    tracks_of_genre = Counter(track.genre for track in catalogue)
    assert set(tracks_of_genre) == set(GENRES)
    assert min(tracks_of_genre.values()) >= 40


def test_every_track_has_two_or_three_tags_of_the_closed_list(catalogue: Catalogue) -> None:
    assert {tag for track in catalogue for tag in track.tags} == set(TAGS)
    assert all(2 <= len(set(track.tags)) == len(track.tags) <= MOST_TAGS for track in catalogue)


def test_every_artist_is_spelled_one_way(catalogue: Catalogue) -> None:
    """Folded to bare letters, "The Beatles", "Beatles" and "BEATLES" are one name; so are Björk and Bjork."""
    spellings: dict[str, set[str]] = {}
    for track in catalogue:
        bare = unicodedata.normalize("NFKD", text_key(track.artist)).encode("ascii", "ignore").decode()
        name = re.sub(r"^the |[^a-z0-9]", "", bare.replace("&", "and"))
        spellings.setdefault(name, set()).add(track.artist)
    assert [names for names in spellings.values() if len(names) > 1] == []


@pytest.mark.parametrize("artist", ["Beyoncé", "Björk", "Sigur Rós", "Motörhead", "Antônio Carlos Jobim", "a-ha"])
def test_names_keep_their_letters(catalogue: Catalogue, artist: str) -> None:
    assert catalogue[catalogue.of_artist(artist)[0]].artist == artist


def test_text_is_composed_and_trimmed(catalogue: Catalogue) -> None:
    for track in catalogue:
        for text in (track.artist, track.title, track.album or "-"):
            assert text == unicodedata.normalize("NFC", text).strip()
            assert "  " not in text


def test_a_part_keeps_the_order_and_most_genres(catalogue: Catalogue) -> None:
    part = part_of(catalogue, 300)
    rows = [catalogue.index_of(track.track_id) or 0 for track in part]
    assert len(part) == 300
    assert rows == sorted(rows)
    assert len({track.genre for track in part}) >= 15
    assert list(part_of(catalogue, len(catalogue))) == list(demo_catalogue())


def test_the_page_about_the_demo_counts_right(catalogue: Catalogue) -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo-data.md").read_text(encoding="utf-8")
    artists = {track.artist for track in catalogue}
    assert f"{len(catalogue):,} tracks by {len(artists)} artists" in page
    assert f"one of {len(GENRES)}, `GENRES`" in page
    assert f"two or three of {len(TAGS)}" in page
    assert "the listening is not" in page
