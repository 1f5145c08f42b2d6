"""A training run as it is asked for, how it stands, and what came of it.

    queued -> running -> published | refused | finished | failed | cancelled

`finished` is the end of a dry run. A run that lost its worker is queued once more and goes on from what it had kept.
Knows nothing of where runs are kept, and of how they are carried out.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex
from typing import Any


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PUBLISHED = "published"
    REFUSED = "refused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class TrainingAsk:
    """What a run is to do: learn what, in which manner, and from where on.

    `data` names a data set beside the event log, `window_days` leaves out what is older, `base` is the checkpoint whose
    network the run begins with. A dry run tells what would be learned. With `promote` an accepted checkpoint is made
    stable.
    """

    recipe: str = "gru"
    data: str | None = None
    window_days: float | None = None
    base: str | None = None
    dry_run: bool = False
    promote: bool = False


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is. What a stage does not know is None; recall and MRR are of the newest validation, at 20."""

    stage: str
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None
    events_per_s: float | None = None
    time_left_s: float | None = None
    recall: float | None = None
    mrr: float | None = None


@dataclass(frozen=True, slots=True)
class Learns:
    """What a run learns from: everything, how much of it is from the event log, and what the log names in vain."""

    sessions: int
    events: int
    tracks: int
    logged_sessions: int
    logged_events: int
    unknown_tracks: int


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What the gate said; `metrics` maps the model and what it was compared with to recall and MRR at 20."""

    accepted: bool
    reasons: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One run. Times are seconds since 1970; `attempts` counts how often it was begun, `carrier` is who has it now."""

    run_id: str
    ask: TrainingAsk
    requested_at: float
    asked_by: str = "caller"
    state: RunState = RunState.QUEUED
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    carrier: str = ""
    progress: RunProgress | None = None
    learns: Learns | None = None
    checkpoint_id: str | None = None
    verdict: RunVerdict | None = None
    error: str | None = None
    version: int = field(default=0, compare=False)
    """Counts the changes; the store's own."""

    @classmethod
    def asked(cls, ask: TrainingAsk, now: float, *, by: str = "caller") -> "TrainingRun":
        """Return a new run under an id of its own, which tells when it was asked for."""
        at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        return cls(f"run-{at}-{token_hex(3)}", ask, now, by)

    def begun(self, carrier: str, now: float) -> "TrainingRun":
        """Return the run in the hands of a carrier; one that is not queued is somebody else's and stays so."""
        if self.state is not RunState.QUEUED:
            return self
        started_at = now if self.started_at is None else self.started_at
        return replace(self, state=RunState.RUNNING, started_at=started_at, attempts=self.attempts + 1, carrier=carrier)

    def is_with(self, carrier: str) -> bool:
        """Tell whether the run is in these hands."""
        return self.state is RunState.RUNNING and self.carrier == carrier

    def queued_again(self) -> "TrainingRun":
        """Return the run without the worker it had."""
        return replace(self, state=RunState.QUEUED, carrier="")

    def cancelled(self, now: float) -> "TrainingRun":
        """Return the run as nobody wants it any more."""
        return self.ended(RunState.CANCELLED, now)

    def ended(self, state: RunState, now: float, **outcome: Any) -> "TrainingRun":
        """Return the run at its end."""
        return replace(self, state=state, ended_at=now, **outcome)

    def to_json(self) -> bytes:
        """Write the run, less its version."""
        fields = asdict(self)
        del fields["version"]
        return json.dumps(fields).encode()

    @classmethod
    def from_json(cls, written: bytes, version: int) -> "TrainingRun":
        """Read what `to_json` wrote."""
        fields = json.loads(written)
        made: dict[str, Any] = {
            "ask": TrainingAsk(**fields.pop("ask")),
            "state": RunState(fields.pop("state")),
            "progress": _made(RunProgress, fields.pop("progress")),
            "learns": _made(Learns, fields.pop("learns")),
            "verdict": _made(RunVerdict, fields.pop("verdict")),
        }
        if made["verdict"] is not None:
            made["verdict"] = replace(made["verdict"], reasons=tuple(made["verdict"].reasons))
        return cls(**fields, **made, version=version)


def _made(kind: Any, fields: dict[str, Any] | None) -> Any:
    return None if fields is None else kind(**fields)
