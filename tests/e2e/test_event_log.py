"""The event log of a real service: what was acknowledged is in the files, whatever was killed meanwhile."""

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.dataset.importing import ImportSettings, import_sources
from app.formats.event_log import current_files
from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.stores.conftest import lives, until
from tests.stores.event_logs import heard


def collector_of(service: Service) -> int | None:
    """Return the process id of a service's collector, None while there is none."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == service.pid and b"collect" in command and b"app.cli" in command and b"-I" not in command:
            return int(entry.name)
    return None


def test_events_are_collected_while_the_service_runs_and_when_it_ends(
    checkpoints: CheckpointStore, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "events"
    with Service(checkpoints.root, tmp_path / "data", collect_interval_s="0.2") as service:
        service.played("ann", "t1")
        until(lambda: heard(folder), 30.0)
        assert len(heard(folder)["ann"]) == 1
        service.http.delete("/v1/listeners/ann")
        until(lambda: not heard(folder), 30.0)
    with Service(checkpoints.root, tmp_path / "data", collect_interval_s="3600", workers=2) as service:
        until(lambda: collector_of(service))
        # It begins its first round once it has taken the folder.
        until(lambda: (folder / ".lock").read_text() == str(collector_of(service)), 30.0)
        for row in range(20):
            service.played("bob", f"t{row}")
        assert service.stop() == 0
        assert len(heard(folder)["bob"]) == 20


def test_service_can_leave_collecting_to_another(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    with Service(checkpoints.root, tmp_path / "data", collect_events="false") as service:
        service.played("ann", "t1")
        assert collector_of(service) is None
    assert not (tmp_path / "data" / "events").exists()


@pytest.mark.long
# Only Linux lists a process's children in files; macOS, where Segue runs too, has no /proc.
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the collector in /proc")
def test_collector_is_started_again_and_ends_with_the_service(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "events"
    with Service(checkpoints.root, tmp_path / "data", collect_interval_s="0.05") as service:
        for turn in range(3):
            service.played("ann", f"t{turn}")
            until(lambda: collector_of(service), 30.0)
            killed = collector_of(service)
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: collector_of(service) not in (None, killed), 30.0)  # type: ignore[misc]
        until(lambda: len(heard(folder).get("ann", [])) == 3, 30.0)
        last = collector_of(service)
        assert last is not None
        service.kill()
        until(lambda: not lives(last), 10.0)
    assert all(file.path.stat().st_size for file in current_files(folder))


def test_what_was_heard_becomes_a_data_set(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """Events over HTTP, collected by the service, imported by the command: the sessions are those that were played."""
    heard_by = {
        "ann": ["t1", "t2", "t3", "t4"],
        "bob": ["t5", "t6", "t5"],
        "cat": ["t7", "t8"],
        "gone": ["t9", "t10", "t11"],
    }
    with Service(checkpoints.root, tmp_path / "data", collect_interval_s="0.2") as service:
        began = datetime.now(UTC) - timedelta(hours=1)
        minute = {name: [(began + timedelta(minutes=place)).isoformat() for place in range(5)] for name in heard_by}
        events = [
            {"listener_id": name, "type": "played", "track_id": track_id, "at": at}
            for name, tracks in heard_by.items()
            for track_id, at in zip(tracks, minute[name], strict=False)
        ]
        events.append({"listener_id": "ann", "type": "skipped", "track_id": "t4", "at": minute["ann"][4]})
        events.append({"listener_id": "cat", "type": "disliked", "track_id": "t9", "at": minute["cat"][4]})
        answer = service.http.post("/v1/events", json={"events": events})
        assert answer.status_code == 200, answer.text
        assert service.http.delete("/v1/listeners/gone").status_code == 204
        assert service.stop() == 0
    imported = import_sources([str(tmp_path / "data" / "events")], tmp_path / "dataset", ImportSettings())
    catalogue, sessions = imported.dataset.catalogue, imported.dataset.sessions
    found = [[catalogue[row].track_id for row in sessions[number]] for number in range(len(sessions))]
    assert sorted(found) == [["t1", "t2", "t3"], ["t5", "t6", "t5"], ["t7", "t8"]]
