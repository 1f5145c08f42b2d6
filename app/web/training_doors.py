"""What the routes need of training runs.

Knows nothing of who carries them out, and of what the other routes need (`doors.py`).
"""

from collections.abc import Sequence
from typing import Protocol

from app.domain.training_runs import TrainingAsk, TrainingRun


class Training(Protocol):
    """Training runs; each call raises JobsUnavailable where they cannot be reached."""

    async def begin(self, ask: TrainingAsk) -> TrainingRun:
        """Ask for a run; raise TrainingRunUnderWay where there is one."""

    async def newest(self) -> Sequence[TrainingRun]:
        """Return the runs that are remembered, newest first."""

    async def get(self, run_id: str) -> TrainingRun:
        """Return a run; raise UnknownTrainingRun."""

    async def told(self, run_id: str) -> Sequence[str]:
        """Return the lines of a run's log; raise UnknownTrainingRun."""

    async def cancel(self, run_id: str) -> TrainingRun:
        """End a run; raise TrainingRunOver where it has ended."""

    async def changed(self, run_id: str, version: int, patience_s: float) -> TrainingRun | None:
        """Return a run as soon as it is at another version; None when it stays at this one for so long."""
