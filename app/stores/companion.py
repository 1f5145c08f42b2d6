"""A process of our own beside the service: started with it, started again if it dies alone, ended with it.

Knows nothing of what the process does.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from app.stores import tethered

logger = logging.getLogger(__name__)

SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0


class Companion:
    """Runs `segue` with these arguments, in this environment, as long as the block lasts.

    At the end it is asked to end, and killed if it has not after `patience_s`. It also ends when this process does.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], *, patience_s: float) -> None:
        self._command = [sys.executable, "-m", "app.cli", *arguments]
        self._environment = environment
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        # On Linux a child ends with the thread that started it: one that lives as long as the service.
        self._supervisor = threading.Thread(target=self._supervise, name=f"segue-{arguments[0]}", daemon=True)

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        deadline = time.monotonic() + self._patience_s
        while self._supervisor.is_alive():
            # Again and again: the supervisor may have been about to start it once more.
            if (process := self._process) is not None:
                if time.monotonic() < deadline:
                    process.terminate()
                else:
                    process.kill()
            self._supervisor.join(0.1)

    def _supervise(self) -> None:
        """Start the process, wait for it to end, start it again, ever more slowly if it does not stay."""
        pause_s = SHORTEST_PAUSE_S
        while not self._ending.is_set():
            started = time.monotonic()
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *self._command],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    # A Ctrl-C in the terminal is for the service, which ends this one after its last request.
                    start_new_session=True,
                )
                self._process.wait()
            except OSError as error:  # no process or memory to be had: the same as ending at once
                logger.error("segue %s cannot be started: %s", self._command[3], error)
            if self._ending.is_set():
                return
            lived_s = time.monotonic() - started
            pause_s = SHORTEST_PAUSE_S if lived_s > STEADY_AFTER_S else min(2 * pause_s, LONGEST_PAUSE_S)
            logger.error("segue %s ended by itself after %.1f s and is started again.", self._command[3], lived_s)
            self._ending.wait(pause_s)
