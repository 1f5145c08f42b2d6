"""The folder of one training run: what has to be kept so that a killed run goes on.

    run/
      state.safetensors        weights, optimiser state, and as metadata the point reached; replaced as one
      best-0003.safetensors    the weights of the best epoch so far
      searched.safetensors     the weights the search ended with
      final.safetensors        the weights the run ended with

Nothing is pickled. A crash at any moment leaves the state of before or of after. Knows nothing of how learning works.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from app.errors import DataFolderInUse, NothingToResume

FORMAT_VERSION = 3
_STATE = "state.safetensors"
_SEARCHED = "searched.safetensors"
_FINAL = "final.safetensors"


@dataclass(slots=True)
class RunState:
    """The point a run has reached: `batch` batches of `epoch` (from 0) are done.

    `history` holds one entry per finished epoch; `losses` and `events` add up the unfinished one. `identity` is what
    must not change between interruption and resumption: data and recipe. `half_life` is known, if it is to be chosen,
    before the search, with what was tried; `pull_back` and `temperature` are known after it.
    """

    identity: dict[str, Any]
    refit: bool = False
    epoch: int = 0
    batch: int = 0
    losses: float = 0.0
    events: int = 0
    seconds: float = 0.0
    events_learned: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    half_life: float | None = None
    half_lives: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    pull_back: float = 0.0
    temperature: float | None = None
    finished: bool = False
    format_version: int = FORMAT_VERSION


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def is_begun(self) -> bool:
        """Whether there is a state to resume."""
        return (self._path / _STATE).is_file()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other training out of the folder; raise DataFolderInUse while one is at work there.

        The kernel lets go when the process ends, however it ends.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderInUse(
                f"Expected the run folder {str(self._path)!r} to be free, but another training is at work there. "
                "Wait for it, or name another folder with --run-dir."
            ) from error
        else:
            yield
        finally:
            os.close(opened)

    def clear(self) -> None:
        """Forget an earlier run in this folder; other files are left alone."""
        self._path.mkdir(parents=True, exist_ok=True)
        for path in [
            self._path / _STATE,
            self._path / _SEARCHED,
            self._path / _FINAL,
            *self._path.glob("best-*.safetensors"),
            *self._path.glob("*.partial"),
        ]:
            path.unlink(missing_ok=True)

    def save(self, state: RunState, tensors: dict[str, Tensor]) -> None:
        """Replace the state on disk by this one."""
        self._write(_STATE, tensors, asdict(state))
        for path in self._path.glob("best-*.safetensors"):
            if state.best_epoch is None or path.name != _best_name(state.best_epoch):
                path.unlink()

    def save_best(self, epoch: int, weights: dict[str, Tensor]) -> None:
        """Write the weights of an epoch that was the best so far; the state saved next will name it."""
        self._write(_best_name(epoch), weights, {})

    def load(self) -> tuple[RunState, dict[str, Tensor]]:
        """Read the newest state. Raises NothingToResume when there is none or it cannot be read."""
        path = self._path / _STATE
        if not path.is_file():
            raise NothingToResume(f"Expected an interrupted run in {self._path}, found none. Train without --resume.")
        try:
            with safe_open(path, framework="pt") as file:
                stored = json.loads((file.metadata() or {})["state"])
            state = RunState(**stored)
            tensors = load_file(path)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise NothingToResume(f"{path} cannot be read ({error}). Train without --resume.") from error
        if state.format_version != FORMAT_VERSION:
            raise NothingToResume(
                f"Expected a run of format version {FORMAT_VERSION}, got {state.format_version}. "
                "Train without --resume."
            )
        return state, tensors

    def load_best(self, epoch: int) -> dict[str, Tensor]:
        """Read the weights of the best epoch. Raises NothingToResume when they cannot be read."""
        return self._read(_best_name(epoch))

    def save_searched(self, weights: dict[str, Tensor]) -> None:
        """Write what the search ended with; the state saved next will hold a temperature."""
        self._write(_SEARCHED, weights, {})

    def load_searched(self) -> dict[str, Tensor]:
        """Read what the search ended with. Raises NothingToResume when it cannot be read."""
        return self._read(_SEARCHED)

    def save_final(self, weights: dict[str, Tensor]) -> None:
        """Write what the run ended with; the state saved next will say that it has."""
        self._write(_FINAL, weights, {})

    def load_final(self) -> dict[str, Tensor]:
        """Read what the run ended with. Raises NothingToResume when it cannot be read."""
        return self._read(_FINAL)

    def _read(self, name: str) -> dict[str, Tensor]:
        try:
            return load_file(self._path / name)
        except (SafetensorError, OSError) as error:
            raise NothingToResume(f"{self._path / name} cannot be read ({error}). Train without --resume.") from error

    def _write(self, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        aside = self._path / f"{name}.partial"
        kept = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        save_file(kept, aside, metadata={"state": json.dumps(state)})
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(self._path / name)


def _best_name(epoch: int) -> str:
    return f"best-{epoch + 1:04d}.safetensors"
