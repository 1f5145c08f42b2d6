"""Few files, whatever the number of rounds, and each round in exactly one of them."""

from pathlib import Path

import pytest

from app.domain.event_log import Forgotten
from app.formats.event_log import Footer, all_files, current_files, footer_of, name_of, table_of
from app.stores import event_compaction
from app.stores.event_compaction import MOST_FILES, compact, sweep
from app.stores.event_files import write_file
from tests.stores.event_logs import rows

FIRST = 1_763_862_600_000


def write(folder: Path, day: str, number: int) -> None:
    """Write a round of one row."""
    within = folder / f"day={day}"
    within.mkdir(parents=True, exist_ok=True)
    table = table_of([(7, FIRST + number, 0, Forgotten.listener(str(number)))])
    write_file(within / name_of(FIRST + number, FIRST + number), [table], Footer({"7": [FIRST, number, number]}, 0))


def rounds(folder: Path) -> list[int]:
    """Return the rounds whose rows are in the log, in its order."""
    return [int(row["logged_at"].timestamp() * 1000) - FIRST for row in rows(folder)]


def test_files_of_a_day_stay_few(tmp_path: Path) -> None:
    for number in range(200):
        write(tmp_path, "2025-11-23", number)
        compact(tmp_path)
        sweep(tmp_path, grace_s=0.0)
        assert len(all_files(tmp_path)) <= MOST_FILES
    assert rounds(tmp_path) == list(range(200))
    # Rows are not rewritten again and again: new files are joined with each other, not with a large old one.
    assert max(file.last - file.first for file in current_files(tmp_path)) < 200


def test_day_that_has_ended_becomes_one_file(tmp_path: Path) -> None:
    for number in range(10):
        write(tmp_path, "2025-11-22", number)
    compact(tmp_path)
    assert len(current_files(tmp_path)) == 10
    write(tmp_path, "2025-11-23", 10)
    compact(tmp_path)
    ended, today = current_files(tmp_path)
    assert (ended.first, ended.last) == (FIRST, FIRST + 9)
    assert rounds(tmp_path) == list(range(11))
    compact(tmp_path)
    assert current_files(tmp_path) == [ended, today]


def test_files_that_are_full_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write(tmp_path, "2025-11-22", number)
    write(tmp_path, "2025-11-23", 10)
    size = current_files(tmp_path)[0].path.stat().st_size
    monkeypatch.setattr(event_compaction, "FULL_BYTES", 3 * size + size // 2)
    compact(tmp_path)
    assert [file.last - file.first for file in current_files(tmp_path)] == [2, 2, 2, 0, 0]
    compact(tmp_path)
    assert rounds(tmp_path) == list(range(11))


def test_compacted_file_carries_the_cursors_of_its_last_round_and_the_count_of_marks(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, "2025-11-22", number)
    write(tmp_path, "2025-11-23", 3)
    compact(tmp_path)
    assert footer_of(current_files(tmp_path)[0].path) == Footer({"7": [FIRST, 2, 2]}, 3)


def test_parts_stay_a_while_for_those_who_read_them(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, "2025-11-22", number)
    write(tmp_path, "2025-11-23", 3)
    compact(tmp_path)
    sweep(tmp_path)
    assert len(all_files(tmp_path)) == 5
    sweep(tmp_path, grace_s=0.0)
    assert len(all_files(tmp_path)) == 2
    assert rounds(tmp_path) == list(range(4))
