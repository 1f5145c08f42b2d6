"""The tables: one line a model, between the markers and nowhere else."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.quality_table import BEGIN, END, render, write_into

Record = dict[str, Any]


def test_a_quick_look_is_not_shown(records: list[Record]) -> None:
    assert render(records, []).count("\n") == 1


def test_every_model_has_a_line_of_as_many_cells_as_the_head(records: list[Record]) -> None:
    head, _, *lines = render([record | {"whole": True} for record in records], []).split("\n\n")[0].splitlines()
    assert len(lines) == 7
    assert {line.count("|") for line in lines} == {head.count("|")}
    assert any(line.startswith("| demo | tiny | network alone | 5 | .") for line in lines)
    assert any(line.startswith("| demo | tiny | served | 5 | .") for line in lines)


def test_calibration_is_shown_of_what_gives_probabilities(records: list[Record]) -> None:
    """Neighbours and counts of pairs give none."""
    whole = [record | {"whole": True} for record in records]
    for record in whole:
        errors = record["metrics"]
        shown = [f"{errors[name]:.4f}".lstrip("0") for name in ("calibration_error@1", "calibration_error@20")
                 if name in errors]  # fmt: skip
        assert len(shown) == (0 if record["answers"] == "baseline" else 2)
        assert f"| {' / '.join(shown)} |" in render([record], [])


def test_the_newest_result_is_shown(records: list[Record]) -> None:
    whole = [record | {"whole": True} for record in records]
    again = whole[-1] | {"date": "2031-01-02T03:04:05+00:00"}
    assert render([*whole, again], []).count("| tiny |") == 2
    assert "2031-01-02" in render([*whole, again], [])


def test_the_race_has_a_table_of_its_own(records: list[Record]) -> None:
    run = {"reached_s": 61.2, "reached_cpu_s": 100.0, "seconds": 65.0, "cpu_seconds": 110.0, "events_per_s": 9000.0,
           "epochs": 0.7}  # fmt: skip
    stopped = run | {"reached_s": None, "seconds": 600.0}
    race = {"whole": True, "level": 0.2, "targets": 20000, "load_before": 1.0, "load_after": 2.0,
            "date": "2026-11-23T00:00:00+00:00", "runs": {"gru": run, "gru4rec-2018-xe": stopped}}  # fmt: skip
    text = render([records[-1] | {"whole": True}], [race])
    assert "Recall@20 = 0.20 on 20,000 of" in text
    assert "| gru | 61 | 100 | 9,000 | 0.7 |" in text
    assert "| gru4rec-2018-xe | not within 600 |" in text


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    write_into(page, "new")
    assert page.read_text("utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("mine\n", "utf-8")
    with pytest.raises(ValueError, match="Put them back"):
        write_into(page, "new")
    assert page.read_text("utf-8") == "mine\n"
