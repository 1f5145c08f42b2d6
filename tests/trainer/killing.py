"""Killing a process in the middle of what it does."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.trainer.forked import PROCESSES


def killed_once_there(work: Callable[[Path], None], folder: Path, name: str) -> None:
    """Let a process work in a folder, and send it SIGKILL once it has written `name` there."""
    process = PROCESSES.Process(target=work, args=(folder,))
    process.start()
    waiting_until = time.monotonic() + 90
    while not (folder / name).exists() and time.monotonic() < waiting_until:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
