"""Names of the log's files: which of them make up the log, whatever a kill left beside them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnreadableSource
from app.formats.event_log import FOOTER, SCHEMA, LogFile, all_files, current_files, footer_of, name_of, superseded

FIRST = 1_763_862_600_000
FILES = st.builds(
    lambda day, first, length: LogFile(day, FIRST + first, FIRST + first + length, Path(f"{day}-{first}-{length}")),
    st.sampled_from(["2025-11-22", "2025-11-23"]),
    st.integers(0, 20),
    st.integers(0, 8),
)


@given(st.lists(FILES, unique=True, max_size=15))
def test_file_is_superseded_by_one_that_holds_all_its_rounds(files: list[LogFile]) -> None:
    covered = superseded(files)
    assert set(covered) == {file for file in files if any(other.covers(file) for other in files)}
    assert all(other.covers(file) and other not in covered for file, other in covered.items())


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    day = tmp_path / "day=2025-11-23"
    day.mkdir()
    for name in (name_of(FIRST, FIRST), name_of(FIRST, FIRST + 5), name_of(FIRST + 6, FIRST + 6), ".aside-1.parquet"):
        (day / name).write_bytes(b"")
    (day / "notes.txt").write_bytes(b"")
    assert [(file.first - FIRST, file.last - FIRST) for file in all_files(tmp_path)] == [(0, 0), (0, 5), (6, 6)]
    assert [(file.first - FIRST, file.last - FIRST) for file in current_files(tmp_path)] == [(0, 5), (6, 6)]


def test_file_of_something_else_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "other.parquet")
    with pytest.raises(UnreadableSource, match="does not say so"):
        footer_of(tmp_path / "other.parquet")


def test_file_of_a_newer_segue_is_told(tmp_path: Path) -> None:
    with pq.ParquetWriter(tmp_path / "newer.parquet", SCHEMA) as writer:
        writer.write_table(SCHEMA.empty_table())
        writer.add_key_value_metadata({FOOTER: b'{"version": 2, "cursors": {}, "marks": 0}'})
    with pytest.raises(UnreadableSource, match="a newer Segue"):
        footer_of(tmp_path / "newer.parquet")
