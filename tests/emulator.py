"""A bucket on this machine: moto's S3 behind werkzeug, in a process of its own, so that it can be killed.

One request at a time: what a real service promises of conditional writes, moto keeps only where none overtakes another.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.stores import tethered
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
BUCKET = "segue-tests"
SECRET = "canary-secret"
SERVER = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

class Silent(WSGIRequestHandler):
    def log_request(self, *told): pass

make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False,
            request_handler=Silent).serve_forever()
"""


class Emulator:
    """An S3-compatible service with one bucket, which is gone when it ends."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it and make the bucket."""
        command = [sys.executable, "-c", SERVER, str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *command], cwd=ROOT
        )
        deadline = time.monotonic() + 60.0
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{BUCKET}", method="PUT")
        while True:
            try:
                with urllib.request.urlopen(request, timeout=5):
                    return
            except urllib.error.URLError:
                assert self._process.poll() is None, "the emulator ended at start"
                assert time.monotonic() < deadline, "the emulator did not start"
                time.sleep(0.05)

    def kill(self) -> None:
        """End it as a cable that is pulled does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """Run an emulator that this process's clients and its children find, until the block ends."""
    emulator = Emulator()
    before = {name: os.environ.get(name) for name in emulator.environment}
    try:
        emulator.start()
        os.environ.update(emulator.environment)
        yield emulator
    finally:
        emulator.kill()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
