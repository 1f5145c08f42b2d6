"""What came of a training run, as the model store knows it: a manifest names the run that published it.

So a run that was killed before its last word is told truthfully. Knows nothing of where runs are kept.
"""

from collections.abc import Mapping
from typing import Any

from app.domain.training_runs import RunState, RunVerdict, TrainingRun
from app.rnn.manifest import Manifest
from app.stores.checkpoints import CheckpointStore

RUN = "training_run"


def published_by(store: CheckpointStore, run: TrainingRun) -> Manifest | None:
    """Return the manifest of the checkpoint that a run published, if it came so far."""
    return next((manifest for manifest in store.list() if manifest.data.get(RUN) == run.run_id), None)


def told_in(run: TrainingRun) -> Mapping[str, Any]:
    """Return what the manifest of a run's checkpoint is to say of it."""
    return {RUN: run.run_id}


def ended_with(run: TrainingRun, manifest: Manifest, now: float) -> TrainingRun:
    """Return the run at its end, with what it published."""
    judged = {str(manifest.metrics.get("model", "model")): manifest.metrics, **manifest.baselines}
    figures = {
        name: {"recall": float(each["recall@20"] or 0.0), "mrr": float(each["mrr@20"] or 0.0)}
        for name, each in judged.items()
    }
    return run.ended(
        RunState.PUBLISHED if manifest.accepted else RunState.REFUSED,
        now,
        checkpoint_id=manifest.checkpoint_id,
        verdict=RunVerdict(manifest.accepted, (manifest.reason,), figures),
    )
