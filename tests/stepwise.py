"""Kills a process at its first step, on the file system above all, then at its second, and so on to the last.

A step is what Python is about to do to something below a folder: open it to write, make, rename, change or remove it
(its audit events), or wait until it is on the disk. SIGKILL, so nothing is tidied up. Knows nothing of what the process
works on.
"""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).parents[1]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = frozenset(
    {
        "os.chmod",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "shutil.copyfile",
        "sqlite3.connect",
    }
)


@dataclass(frozen=True)
class Outcome:
    """Whether the work was killed, and before which step; else how many steps it took."""

    killed_before: str = ""
    steps: int = 0


class Stepwise:
    """A process that imports `module`, calls its `prepare` with a folder, and forks a child for each piece of work.

    So what is imported late is imported once. A `count_also` of the module is told, in each child, what to call before
    steps that are none on the file system. Use it as a context manager.
    """

    def __init__(self, module: str) -> None:
        self._command = [sys.executable, "-c", f"from tests.stepwise import answer; answer({module!r})"]

    def __enter__(self) -> "Stepwise":
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, work: str, folder: Path, kill_before: int = 0) -> Outcome:
        """Have a child do `work(folder)`, killed before its step of this number (from 1); 0 lets it live."""
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        asked.write(f"{kill_before}\t{work}\t{folder}\n")
        asked.flush()
        kind, _, told = answered.readline().rstrip("\n").partition(" ")
        assert kind in {"killed", "done"}, f"{work} failed: {told}"
        return Outcome(steps=int(told)) if kind == "done" else Outcome(killed_before=told)


def answer(module: str) -> None:
    """Do what `Stepwise.run` asks for, each in a child of its own."""
    works = importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        works.prepare(Path(folder))
    for line in sys.stdin:
        kill_before, work, folder = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading) as told:
                said = told.read()
            _, status = os.waitpid(child, 0)
            assert said.startswith("killed") == os.WIFSIGNALED(status), (said, status)
            sys.stdout.write(f"{said or f'failed with {status}'}\n")
            sys.stdout.flush()
            continue
        os.close(reading)
        with os.fdopen(writing, "w", buffering=1) as telling:
            watch = _Watch(Path(folder), int(kill_before), telling)
            sys.addaudithook(watch)
            os.fsync = watch.counting(os.fsync)  # type: ignore[assignment]
            if hasattr(works, "count_also"):
                works.count_also(watch.step)
            try:
                getattr(works, work)(Path(folder))
            except BaseException as error:
                watch.kill_before = 0
                telling.write(f"failed {error!r}")
                os._exit(1)
            telling.write(f"done {watch.steps}")
        os._exit(0)


class _Watch:
    """Counts the steps below a folder, and ends the process before one of them."""

    def __init__(self, folder: Path, kill_before: int, telling: IO[str]) -> None:
        self.kill_before = kill_before
        self.steps = 0
        self._folder = str(folder)
        self._telling = telling

    def counting(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        """Return `fsync`, counted: it is no audit event."""

        def counted(opened: int) -> None:
            self.step("os.fsync", str(Path(f"/proc/self/fd/{opened}").readlink()))
            fsync(opened)

        return counted

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if self._is_step(event, args):
            self.step(event, str(args[0]))

    def step(self, event: str, path: str) -> None:
        """Count what is about to happen to a path; end the process where it is this one's turn."""
        self.steps += 1
        if self.steps == self.kill_before:
            self._telling.write(f"killed {event} {path.removeprefix(self._folder)}")
            self._telling.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_step(self, event: str, args: tuple[object, ...]) -> bool:
        if event == "open":
            changes = isinstance(args[2], int) and bool(args[2] & _WRITING)
        elif event in {"os.remove", "os.rmdir"} and isinstance(args[-1], int) and args[-1] >= 0:
            return True  # trees are removed by names that are relative to an open folder
        else:
            changes = event in _CHANGES
        if not changes or not str(args[0]).startswith(self._folder):
            return False
        # What is there need not be made, and what is not cannot be removed: nothing happens.
        there = os.path.lexists(str(args[0]))
        return not (event == "os.mkdir" and there) and not (event == "os.remove" and not there)
