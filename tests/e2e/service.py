"""A real service in its own processes, started and ended by the tests."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.ports import free_port

START_TIMEOUT_S = 100.0


class Service:
    """`segue serve` over a model store and a data folder; use it as a context manager."""

    def __init__(self, model_store: Path | str, data_dir: Path, *, workers: int = 1, **settings: str) -> None:
        self.port = free_port()
        self._log = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        self._environment = {
            **os.environ,
            "SEGUE_MODEL_STORE": str(model_store),
            "SEGUE_DATA_DIR": str(data_dir),
            "SEGUE_PORT": str(self.port),
            "SEGUE_WORKERS": str(workers),
            "SEGUE_RELOAD_INTERVAL_S": "0.2",
            "SEGUE_RUN_WORKER": "false",  # a process more in every test, for the few that train
            **{f"SEGUE_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20.0)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.stop()

    @property
    def log(self) -> str:
        """Everything the service wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    @property
    def descendants(self) -> list[int]:
        """The processes that the service started, and those started by them."""
        found = [self.pid]
        for pid in found:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                found.extend(map(int, (thread / "children").read_text().split()))
        return found[1:]

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the service ended at start:\n{self.log}"
            try:
                if self.http.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the service was not ready in {START_TIMEOUT_S} s:\n{self.log}")

    def terminate(self) -> None:
        """Ask the service to end, as an operator does."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Wait for the service to end and return its exit code."""
        assert self._process is not None
        return self._process.wait(30)

    def stop(self) -> int:
        """Ask the service to end, unless it has, and return its exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """End the service the way a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self.http.get("/livez")
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError("a worker outlived the service")

    def next(self, listener_id: str | None = None, **body: Any) -> dict[str, Any]:
        """Call POST /v1/next and demand a 200."""
        if listener_id is not None:
            body["listener_id"] = listener_id
        response = self.http.post("/v1/next", json=body)
        assert response.status_code == httpx.codes.OK, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def played(self, listener_id: str, track_id: str, **body: Any) -> dict[str, Any]:
        """Report one played track and return what comes next."""
        return self.next(listener_id, event={"type": "played", "track_id": track_id}, **body)
