"""The outbox: in order, bounded, and there again after a crash."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from segue_client import Outbox


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 5))
def test_what_is_added_waits_in_its_order(names: list[str], most: int) -> None:
    outbox = Outbox(limit=100)
    numbers = [outbox.add({"event_id": name}) for name in names]
    assert [one.event["event_id"] for one in outbox.before(None, 100)] == names
    assert [one.n for one in outbox.before(None, most)] == numbers[:most]
    for place, number in enumerate(numbers):
        assert [one.n for one in outbox.before(number, 100)] == numbers[:place]
    outbox.done(numbers[:most])
    assert [one.event["event_id"] for one in outbox.before(None, 100)] == names[most:]
    outbox.close()


def test_the_oldest_make_room() -> None:
    outbox = Outbox(limit=3)
    for number in range(10):
        outbox.add({"number": number})
    assert [one.event["number"] for one in outbox.before(None, 100)] == [7, 8, 9]
    assert len(outbox) == 3
    outbox.close()


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    """Also after everything was sent and the file was opened again: a late answer must not take out another event."""
    first = Outbox(tmp_path / "events.db")
    number = first.add({})
    first.done([number])
    first.close()
    second = Outbox(tmp_path / "events.db")
    assert second.add({}) > number
    second.close()


def test_a_killed_process_leaves_its_events(tmp_path: Path) -> None:
    """What was added before the kill is there, whole; another process may use the file meanwhile."""
    file = tmp_path / "events.db"
    beside = Outbox(file)
    script = f"""
import os, signal
from segue_client import Outbox
outbox = Outbox({str(file)!r})
for number in range(20):
    outbox.add({{"number": number}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], timeout=60)
    assert killed.returncode == -9
    assert [one.event["number"] for one in beside.before(None, 100)] == list(range(20))
    beside.close()
