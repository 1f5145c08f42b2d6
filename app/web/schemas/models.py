"""Published checkpoints as callers see them.

Knows nothing of files or weights.
"""

from collections.abc import Sequence
from typing import Any

from typing_extensions import TypedDict

from app.errors import NoCheckpoint
from app.web.checkpoint_doors import CheckpointLabels, Following, PublishedCheckpoint
from app.web.schemas.labels import LabelsAnswer, labels_answer


class CheckpointAnswer(TypedDict):
    """One checkpoint: what it is and how it ranks, with the baselines on the same sessions beside it."""

    checkpoint_id: str
    created_at: str
    status: str
    reason: str
    network: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    baselines: dict[str, dict[str, Any]]


class RefusedAnswer(TypedDict):
    """A checkpoint that was promoted but must not serve, and why."""

    checkpoint_id: str
    reason: str


class ModelsAnswer(TypedDict):
    """Every whole checkpoint, newest first, and which one this worker serves."""

    serving: str | None
    refused: RefusedAnswer | None
    labels: LabelsAnswer
    models: list[CheckpointAnswer]


def serving_id(reloader: Following) -> str | None:
    """Return the checkpoint that answers now, if any does."""
    try:
        return reloader.current.predictor.checkpoint_id
    except NoCheckpoint:
        return None


def refused_answer(reloader: Following) -> RefusedAnswer | None:
    """Write the refused checkpoint, if there is one."""
    refusal = reloader.refusal
    return {"checkpoint_id": refusal.checkpoint_id, "reason": refusal.reason} if refusal else None


def models_answer(
    published: Sequence[PublishedCheckpoint], labels: CheckpointLabels, reloader: Following
) -> ModelsAnswer:
    """Write the store's listing for the wire."""
    newest_first = sorted(published, key=lambda checkpoint: checkpoint.checkpoint_id, reverse=True)
    return {
        "serving": serving_id(reloader),
        "refused": refused_answer(reloader),
        "labels": labels_answer(labels),
        "models": [
            {
                "checkpoint_id": checkpoint.checkpoint_id,
                "created_at": checkpoint.created_at,
                "status": checkpoint.status,
                "reason": checkpoint.reason,
                "network": checkpoint.network_fields,
                "training": checkpoint.training,
                "data": checkpoint.data,
                "metrics": checkpoint.metrics,
                "baselines": checkpoint.baselines,
            }
            for checkpoint in newest_first
        ],
    }
