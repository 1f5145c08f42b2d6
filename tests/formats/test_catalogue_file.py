"""A catalogue file holds every field in row order."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.catalogue import Catalogue, Track
from app.errors import UnreadableSource
from app.formats.catalogue_file import read_catalogue, write_catalogue

CATALOGUE = Catalogue(
    [
        Track("b", "Slipknot!", "Grateful Dead", "Blues for Allah", 1975, "rock", ("live", "jam"), 283),
        Track("a", "", ""),
        Track("c", "", "", explicit=True, markets=frozenset({"DE", "FR"})),
        Track("d", "", "", explicit=False),
    ]
)


def test_a_written_catalogue_is_read_back(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c.parquet", CATALOGUE)
    assert list(read_catalogue(tmp_path / "c.parquet")) == list(CATALOGUE)


def test_a_file_of_before_explicit_words_and_countries_tells_neither(tmp_path: Path) -> None:
    """Nor has a file the columns where nobody told either."""
    tracks = [Track("a", "A", "X"), Track("b", "B", "X", year=1970)]
    write_catalogue(tmp_path / "c.parquet", Catalogue(tracks))
    assert pq.read_schema(tmp_path / "c.parquet").names[-1] == "duration_s"
    assert list(read_catalogue(tmp_path / "c.parquet")) == tracks


def test_an_empty_catalogue_is_one(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c.parquet", Catalogue([]))
    assert len(read_catalogue(tmp_path / "c.parquet")) == 0


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="found nothing"):
        read_catalogue(tmp_path / "c.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(UnreadableSource, match="cannot be read"):
        read_catalogue(tmp_path / "text.parquet")
    pq.write_table(pa.table({"track_id": ["a"]}), tmp_path / "thin.parquet")
    with pytest.raises(UnreadableSource, match="title is missing"):
        read_catalogue(tmp_path / "thin.parquet")
