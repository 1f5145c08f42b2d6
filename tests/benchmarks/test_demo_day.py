"""The scripted day: who listens when, and how the day is drawn."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.demo.catalogue import demo_catalogue, part_of
from app.domain.catalogue import Catalogue
from benchmarks.day_listeners import HOUR_S, NOON_S, Crowd, Listening, shuffled
from benchmarks.day_operator import Step
from benchmarks.day_picture import BIN_S, binned, draw, table
from benchmarks.day_players import Note, Notes

MIDNIGHT = 1_700_000_000


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return part_of(demo_catalogue(), 120)


@pytest.fixture(scope="module")
def morning(catalogue: Catalogue) -> list[Listening]:
    return list(Crowd(catalogue, 60, seed=1).sessions(10 * HOUR_S, NOON_S, 20))


def test_sessions_begin_in_their_time_and_nobody_plays_past_noon(morning: list[Listening]) -> None:
    assert len(morning) == 40
    begins = [session.times_s[0] for session in morning]
    assert begins == sorted(begins)
    for session in morning:
        assert len(session.track_ids) == len(session.times_s) >= 1
        assert session.times_s[0] >= 10 * HOUR_S
        assert session.times_s[-1] < NOON_S
        assert all(150 <= gap <= 300 for gap in np.diff(session.times_s))


def test_listeners_take_turns(morning: list[Listening]) -> None:
    assert len({session.listener_id for session in morning}) == len(morning)


def test_the_taste_of_the_afternoon_is_another(catalogue: Catalogue) -> None:
    """The pairs that many play together are other pairs."""

    def pairs(crowd: Crowd) -> set[tuple[str, str]]:
        counted: dict[tuple[str, str], int] = {}
        for session in crowd.sessions(NOON_S, 16 * HOUR_S, 60):
            for pair in zip(session.track_ids, session.track_ids[1:], strict=False):
                counted[pair] = counted.get(pair, 0) + 1
        return set(sorted(counted, key=lambda pair: -counted[pair])[:40])

    one, other = (pairs(Crowd(catalogue, 60, seed=seed, in_pairs=True)) for seed in (1, 2))
    assert len(one & other) < 20


def test_what_was_heard_before_lies_before_the_day(catalogue: Catalogue) -> None:
    history = Crowd(catalogue, 60, seed=1).history(50, MIDNIGHT)
    began = history.times[history.offsets[:-1]]
    assert (np.diff(began) >= 0).all()
    assert history.times.max() < MIDNIGHT
    dealt = shuffled(history, seed=3)
    assert sorted(dealt.tracks) == sorted(history.tracks)
    assert not np.array_equal(dealt.tracks, history.tracks)


@pytest.fixture
def notes() -> Notes:
    """The first checkpoint foresees half, then a quarter; the second three quarters."""
    notes = Notes()
    for number in range(900):
        of_first, late = number % 3 > 0, number >= 450
        foreseen = number % 4 < ((1 if late else 2) if of_first else 3)
        notes.add(Note(36_000.0 + 20 * number, 3.0 + number % 7, "first-id" if of_first else "other-id", foreseen))
    return notes


def test_the_curve_is_the_share_foreseen_by_who_suggested(notes: Notes) -> None:
    at, share = binned(notes.notes, "other-id")
    assert np.diff(at) == pytest.approx(BIN_S)
    assert share == pytest.approx(0.75, abs=0.03)
    _, first = binned(notes.notes, "first-id")
    assert first[1] > 0.45
    assert first[-2] < 0.3
    assert len(binned(notes.notes, "nobody")[0]) == 0


def test_the_day_is_drawn_and_told(notes: Notes, tmp_path: Path) -> None:
    names = {"first-id": "first", "other-id": "retrained"}
    steps = [Step("taste shifts", 40_000.0, 0.0), Step("becomes stable", 45_000.0, 1.0)]
    draw(tmp_path / "day.png", notes, steps, names)
    pixels = np.asarray(Image.open(tmp_path / "day.png").convert("L"))
    assert pixels.shape[1] == 1560
    assert (pixels < 200).mean() > 0.005
    shown = table(notes, names)
    assert shown.row_count == 2


@pytest.mark.anyio
async def test_waiting_for_more_ends_when_they_are_there(notes: Notes) -> None:
    waiting = asyncio.create_task(notes.more(2))
    await asyncio.sleep(0)
    for _ in range(2):
        assert not waiting.done()
        notes.add(notes.notes[0])
    await waiting
