"""The event log as an import reads it: what the network would have read, of those who may be read."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.dataset.importing import ImportSettings, import_sources
from app.dataset.sources import files_of
from app.domain.event_log import Forgotten, LogEntry, Merged
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.session import ListenerSession, SessionLimits
from app.errors import UnreadableSource
from app.formats import event_log_plays
from app.formats.columns import Layout
from app.formats.event_log import MANIFEST, Footer, Logged, name_of, table_of
from app.formats.event_log_plays import read_event_log
from app.formats.source import SourceFile
from app.stores.event_files import write_file
from app.stores.keys import lane_of

START = 1_700_000_000.0
ROUND = 1_763_862_600_000
UNBOUNDED = SessionLimits(recent_tracks=10_000, event_ids=10_000)


class Log:
    """A log written by hand, one file a round."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rounds = ROUND
        self._logged_ms = int(START * 1000)
        folder.mkdir(exist_ok=True, parents=True)
        (folder / MANIFEST).write_text('{"format": "segue event log", "version": 1}')

    def add(self, *written: LogEntry | Forgotten | Merged, lane: int | None = None) -> None:
        """Write a round; a mark of a digest needs to be told its lane."""
        logged: list[Logged] = []
        for one in written:
            self._logged_ms += 1
            own = lane_of(one.listener_id) if not isinstance(one, Forgotten) else lane
            assert own is not None
            logged.append((own, self._logged_ms, 0, one))
        self._rounds += 1
        day = self.folder / "day=2023-11-14"
        day.mkdir(exist_ok=True)
        write_file(day / name_of(self._rounds, self._rounds), [table_of(logged)], Footer({}, 0))

    def read(self) -> list[tuple[str, int, str]]:
        """Return what an import reads: listener, second, track."""
        found = []
        for batch in read_event_log(SourceFile(self.folder / MANIFEST), Layout()):
            rows = batch.events.to_pydict()
            found += list(zip(rows["listener"], map(int, rows["time"]), rows["track_id"], strict=True))
        return found


def entry(listener: str, track: str, after_s: float, kind: str = "played", outcome: str = "applied") -> LogEntry:
    at = START + after_s
    return LogEntry(
        f"{listener} {track} {after_s}", listener, EventKind(kind), track, at, at, Outcome(outcome), 1, "s", "c"
    )


def test_plays_are_read_with_who_and_when(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0), entry("bob", "t9", 5), entry("ann", "t2", 200.9))
    log.add(entry("ann", "t3", 400, "finished"), entry("ann", "t4", 600, outcome="unknown_track"))
    second = int(START)
    assert sorted(log.read()) == [
        ("ann", second, "t1"),
        ("ann", second + 200, "t2"),
        ("ann", second + 400, "t3"),
        ("ann", second + 600, "t4"),
        ("bob", second + 5, "t9"),
    ]


def tracks(log: Log, listener: str) -> list[str]:
    return [track for who, _, track in log.read() if who == listener]


def test_skip_in_a_later_round_takes_the_play_back(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0), entry("ann", "t2", 10))
    log.add(entry("ann", "t2", 15, "skipped"), entry("ann", "t3", 16), entry("ann", "t3", 20, "liked"))
    assert tracks(log, "ann") == ["t1", "t3"]


def test_late_event_stands_where_its_time_puts_it(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0), entry("ann", "t3", 500), entry("ann", "t2", 250, outcome="late"))
    assert tracks(log, "ann") == ["t1", "t2", "t3"]


Step = tuple[EventKind, str, int]  # kind, track, seconds since the one before
STEPS = st.tuples(st.sampled_from(EventKind), st.sampled_from("abc"), st.sampled_from([1, 30, 1799, 1800, 5000]))


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=40))
@example(steps=[(EventKind.PLAYED, "a", 1), (EventKind.LIKED, "a", 1799), (EventKind.FINISHED, "a", 1799)])
def test_heard_is_what_the_network_reads(tmp_path_factory: pytest.TempPathFactory, steps: list[Step]) -> None:
    """One rule for serving and learning: the advancing tracks of a session that forgets nothing."""
    log = Log(tmp_path_factory.mktemp("log"))
    session, at, entries = ListenerSession("ann"), START, []
    for number, (kind, track, pause) in enumerate(steps):
        at += pause
        event = ListenerEvent(str(number), "ann", kind, track, at)
        session, _ = session.after(event, known=True, now=at, limits=UNBOUNDED)
        entries.append(entry("ann", track, at - START, kind.value))
    for first in range(0, len(entries), 7):
        log.add(*entries[first : first + 7])
    assert tracks(log, "ann") == [heard.track_id for heard in session.recent if heard.advances]


def test_forgotten_listener_is_left_out_until_coming_back(tmp_path: Path) -> None:
    """Also of files that nobody rewrote, as copies elsewhere are."""
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0), entry("bob", "t1", 0))
    log.add(Forgotten.listener("ann"), lane=lane_of("ann"))
    assert tracks(log, "ann") == []
    log.add(entry("ann", "t5", 900))
    assert tracks(log, "ann") == ["t5"]
    assert tracks(log, "bob") == ["t1"]


def test_merged_listener_is_read_as_the_other(tmp_path: Path) -> None:
    """What is heard under the old id afterwards is somebody else's again."""
    log = Log(tmp_path)
    log.add(entry("device", "t1", 0), entry("tablet", "t3", 20), entry("ann", "t2", 10))
    log.add(Merged("tablet", "device"))
    log.add(Merged("device", "ann"))
    log.add(entry("device", "t8", 3000))
    assert sorted(log.read()) == [
        ("ann", int(START), "t1"),
        ("ann", int(START) + 10, "t2"),
        ("ann", int(START) + 20, "t3"),
        ("device", int(START) + 3000, "t8"),
    ]


def test_with_a_listener_those_are_forgotten_who_had_been_merged(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("device", "t1", 0), entry("tablet", "t3", 20), entry("ann", "t2", 10))
    log.add(Merged("tablet", "device"), Merged("device", "ann"))
    log.add(entry("device", "t8", 3000))
    log.add(Forgotten.listener("ann"), lane=lane_of("ann"))
    assert log.read() == [("device", int(START) + 3000, "t8")]


def test_two_merged_into_each_other_come_to_an_end(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0), entry("bob", "t2", 10))
    log.add(Merged("ann", "bob"))
    log.add(Merged("bob", "ann"))
    assert tracks(log, "ann") == ["t1", "t2"]


def test_superseded_files_are_not_read(tmp_path: Path) -> None:
    """As a kill leaves them between the renaming of a compacted file and the removal of its parts."""
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0))
    log.add(entry("ann", "t2", 10))
    both = [(lane_of("ann"), ROUND, number, entry("ann", f"t{number}", number)) for number in (1, 2)]
    whole = tmp_path / "day=2023-11-14" / name_of(ROUND + 1, ROUND + 2)
    write_file(whole, [table_of(both)], Footer({}, 0))
    assert tracks(log, "ann") == ["t1", "t2"]


def test_large_log_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path)
    for round_ in range(3):
        log.add(*(entry(f"listener {number}", f"t{round_}", round_ * 10) for number in range(50)))
    whole = sorted(log.read())
    monkeypatch.setattr(event_log_plays, "MOST_ROWS", 10)
    assert sorted(log.read()) == whole
    assert len(whole) == 150


def test_log_is_imported_as_one_source(tmp_path: Path) -> None:
    """By its folder or a folder around it; sessions are cut at the idle gap like anybody's."""
    log = Log(tmp_path / "data" / "events")
    log.add(*(entry("ann", f"t{number}", number * 60) for number in range(4)))
    log.add(*(entry("ann", f"t{number}", 9000 + number * 60) for number in range(3)))
    (tmp_path / "data" / "more.csv").write_text("session_id,track_id\n1,t1\n1,t2\n")
    files, _ = files_of([str(tmp_path / "data")], forced=False, encoding=None)
    assert sorted(file.source.name for file in files) == ["event-log.json", "more.csv"]
    imported = import_sources([str(tmp_path / "data")], tmp_path / "dataset", ImportSettings())
    assert imported.dataset.summary["formats"] == {"csv": 1, "event-log": 1}
    assert imported.dataset.summary["sessions"] == 3
    assert imported.dataset.summary["events"] == 9


def test_empty_log_is_nothing_to_import(tmp_path: Path) -> None:
    log = Log(tmp_path / "events")
    with pytest.raises(UnreadableSource, match="found no event"):
        import_sources([str(log.folder)], tmp_path / "dataset", ImportSettings())
    log.add(Forgotten.listener("ann"), lane=lane_of("ann"))
    with pytest.raises(UnreadableSource, match="found no event"):
        import_sources([str(log.folder)], tmp_path / "dataset", ImportSettings())


def test_single_file_of_a_log_is_refused(tmp_path: Path) -> None:
    """Alone it does not say whether a play was skipped, or its listener forgotten, in the next."""
    log = Log(tmp_path / "events")
    log.add(entry("ann", "t1", 0))
    [file] = log.folder.glob("day=*/*.parquet")
    with pytest.raises(UnreadableSource, match="one of its files"):
        import_sources([str(file)], tmp_path / "dataset", ImportSettings())


def test_damaged_file_and_newer_log_are_refused(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(entry("ann", "t1", 0))
    [file] = log.folder.glob("day=*/*.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UnreadableSource, match="Parquet magic bytes"):
        log.read()
    (tmp_path / MANIFEST).write_text('{"format": "segue event log", "version": 2}')
    with pytest.raises(UnreadableSource, match="newer Segue"):
        log.read()
