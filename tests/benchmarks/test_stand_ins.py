"""Made-up listening: each kind keeps the rules it states, and quality is measured on it like on any other."""

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality_data import load
from benchmarks.stand_ins import KINDS, main, stand_in


def draw(kind: str, count: int, seed: int = 3) -> list[list[int]]:
    return list(islice(KINDS[kind](np.random.default_rng(seed)), count))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_sessions(kind: str) -> None:
    assert draw(kind, 30) == draw(kind, 30) != draw(kind, 30, seed=4)


def test_a_third_of_the_clicks_go_back() -> None:
    steps = [track in seen[:place] for seen in draw("clicks", 2_000) for place, track in enumerate(seen) if place]
    assert 0.3 < np.mean(steps) < 0.5


def test_a_station_does_not_repeat_itself_soon() -> None:
    for day in draw("radio", 24):
        assert len(day) == 60
        assert all(track not in day[max(0, place - 40) : place] for place, track in enumerate(day))


def test_a_playlist_holds_nothing_twice_and_two_topics_at_most() -> None:
    for heard in draw("playlists", 200):
        assert len(set(heard)) == len(heard)
        assert len({track // 68 for track in heard}) <= 2


def test_albums_go_on_in_order_and_stay_with_the_artist() -> None:
    steps = [step for heard in draw("albums", 300) for step in pairwise(heard)]
    assert np.mean([after == before + 1 for before, after in steps]) > 0.8
    assert all(before // 48 == after // 48 for before, after in steps)


def test_a_taste_that_moves_is_another_one_in_the_end() -> None:
    heard = draw("moving", 6_000)
    early, late = ({step for each in part for step in pairwise(each)} for part in (heard[:1_000], heard[-1_000:]))
    assert len(early & late) < 0.5 * len(early)


def test_what_is_written_can_be_measured_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--kinds", "albums"]) == 0
    assert "albums: 4,000 sessions" in capsys.readouterr().out
    measured = load(str(tmp_path / "albums"))
    assert measured.name == "albums"
    assert len(measured.test) == 400
    assert stand_in("albums", tmp_path).fingerprint == stand_in("albums", tmp_path).fingerprint
