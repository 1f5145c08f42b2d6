"""Training runs as callers ask for them and see them.

Knows nothing of how a run is carried out.
"""

from collections.abc import Sequence

from pydantic import Field
from typing_extensions import TypedDict

from app.domain.training_runs import TrainingAsk, TrainingRun
from app.web.schemas.fields import RequestBody, rfc_3339

# Names, never paths: what they lead to is the worker's own.
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class TrainingRunRequest(RequestBody):
    """What to learn, in which manner, and from where on."""

    recipe: str = Field(
        "gru", pattern=_NAME, description="A recipe that ships, or one of `recipes/` in the worker's data folder."
    )
    data: str | None = Field(
        None,
        pattern=_NAME,
        description="A data set in the worker's data folder to learn beside the event log. null: SEGUE_TRAINING_DATA.",
    )
    window_days: float | None = Field(
        None, gt=0, le=36_500, allow_inf_nan=False, description="Leave out sessions that began earlier. null: none."
    )
    base: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Begin with this checkpoint's network: an id, part of one, or a label. null: begin anew.",
    )
    dry_run: bool = Field(False, description="Whether only to tell what would be learned from.")
    promote: bool = Field(False, description="Whether to make the checkpoint stable if the gate accepts it.")

    def ask(self) -> TrainingAsk:
        """Return the request in the words of the domain."""
        return TrainingAsk(self.recipe, self.data, self.window_days, self.base, self.dry_run, self.promote)


class RunProgressAnswer(TypedDict):
    """How far a run is. null is what its stage does not know; recall and mrr are at 20, of the newest validation."""

    stage: str
    epoch: int | None
    epochs: int | None
    loss: float | None
    events_per_s: float | None
    time_left_s: float | None
    recall: float | None
    mrr: float | None


class LearnsAnswer(TypedDict):
    """What a run learns from; `logged_` is the part from the event log, `unknown_tracks` are in no catalogue."""

    sessions: int
    events: int
    tracks: int
    logged_sessions: int
    logged_events: int
    unknown_tracks: int


class RunMetricsAnswer(TypedDict):
    """Recall and MRR at 20 on what was held out."""

    recall: float
    mrr: float


class RunVerdictAnswer(TypedDict):
    """What the gate said of the model beside what it was compared with."""

    accepted: bool
    reasons: list[str]
    metrics: dict[str, RunMetricsAnswer]


class TrainingRunAnswer(TypedDict):
    """One run. `state`: queued, running, published, refused, finished (a dry run), failed, cancelled."""

    id: str
    state: str
    recipe: str
    data: str | None
    window_days: float | None
    base: str | None
    dry_run: bool
    promote: bool
    asked_by: str
    requested_at: str
    started_at: str | None
    ended_at: str | None
    attempts: int
    progress: RunProgressAnswer | None
    learns: LearnsAnswer | None
    checkpoint_id: str | None
    verdict: RunVerdictAnswer | None
    error: str | None


class TrainingRunsAnswer(TypedDict):
    """The newest runs, newest first."""

    runs: list[TrainingRunAnswer]


def training_run_answer(run: TrainingRun) -> TrainingRunAnswer:
    """Write a run for the wire."""
    ask, progress, learns, verdict = run.ask, run.progress, run.learns, run.verdict
    return {
        "id": run.run_id,
        "state": run.state.value,
        "recipe": ask.recipe,
        "data": ask.data,
        "window_days": ask.window_days,
        "base": ask.base,
        "dry_run": ask.dry_run,
        "promote": ask.promote,
        "asked_by": run.asked_by,
        "requested_at": rfc_3339(run.requested_at),
        "started_at": None if run.started_at is None else rfc_3339(run.started_at),
        "ended_at": None if run.ended_at is None else rfc_3339(run.ended_at),
        "attempts": run.attempts,
        "progress": None
        if progress is None
        else {
            "stage": progress.stage,
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "loss": progress.loss,
            "events_per_s": progress.events_per_s,
            "time_left_s": progress.time_left_s,
            "recall": progress.recall,
            "mrr": progress.mrr,
        },
        "learns": None
        if learns is None
        else {
            "sessions": learns.sessions,
            "events": learns.events,
            "tracks": learns.tracks,
            "logged_sessions": learns.logged_sessions,
            "logged_events": learns.logged_events,
            "unknown_tracks": learns.unknown_tracks,
        },
        "checkpoint_id": run.checkpoint_id,
        "verdict": None
        if verdict is None
        else {
            "accepted": verdict.accepted,
            "reasons": list(verdict.reasons),
            "metrics": {
                name: {"recall": figures["recall"], "mrr": figures["mrr"]} for name, figures in verdict.metrics.items()
            },
        },
        "error": run.error,
    }


def training_runs_answer(runs: Sequence[TrainingRun]) -> TrainingRunsAnswer:
    """Write runs for the wire."""
    return {"runs": [training_run_answer(run) for run in runs]}
