"""How far a training run is, for whoever watches. Knows nothing of terminals."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.trainer.validation import Validation


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a run stands. Epochs and batches count from 1; `loss` is the epoch's mean so far.

    `remaining_s` is until the last epoch; early stopping may end the run before. `validation` is that of the newest
    finished epoch. `refit` marks the second run, over all sessions.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    events_per_s: float
    remaining_s: float
    refit: bool
    validation: Validation | None

    @property
    def share(self) -> float:
        """How much of this run is done, from 0 to 1."""
        return (self.epoch - 1 + self.batch / max(self.batches, 1)) / self.epochs


OnProgress = Callable[[TrainingProgress], None]


class Meter:
    """Measures how fast events are learned from, leaving out validation and saving."""

    def __init__(self, seconds: float = 0.0, events: int = 0) -> None:
        self._events = events
        self._seconds = seconds
        self._since = time.perf_counter()

    def resume(self) -> None:
        """Start the clock again after a pause."""
        self._since = time.perf_counter()

    def add(self, events: int) -> None:
        """Count the events learned from since the last call."""
        now = time.perf_counter()
        self._seconds += now - self._since
        self._since = now
        self._events += events

    @property
    def events(self) -> int:
        """Events learned from so far."""
        return self._events

    @property
    def seconds(self) -> float:
        """Time spent learning so far."""
        return self._seconds

    @property
    def events_per_s(self) -> float:
        """Events per second so far."""
        return self._events / self._seconds if self._seconds else 0.0
