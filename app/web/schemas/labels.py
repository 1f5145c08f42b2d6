"""Labels as callers see and set them.

Knows nothing of where they are kept.
"""

from pydantic import Field
from typing_extensions import TypedDict

from app.web.checkpoint_doors import CheckpointLabels
from app.web.schemas.fields import RequestBody


class LabelRequest(RequestBody):
    """Which checkpoint a label is to name."""

    checkpoint_id: str = Field(min_length=1, max_length=64, description="An id, or the beginning or end of one.")
    traffic_percent: float | None = Field(
        None, ge=0, le=100, allow_inf_nan=False, description="Share of the listeners; for `canary`, which needs it."
    )
    force: bool = Field(False, description="Whether to label a checkpoint that the evaluation gate rejected.")


class CanaryAnswer(TypedDict):
    """A checkpoint that answers a share of the listeners."""

    checkpoint_id: str
    traffic_percent: float


class LabelsAnswer(TypedDict):
    """Which checkpoints are meant to serve; `version` counts the changes and is the ETag."""

    version: int
    stable: str | None
    canary: CanaryAnswer | None
    shadow: str | None


def labels_answer(labels: CheckpointLabels) -> LabelsAnswer:
    """Write the labels for the wire."""
    canary = labels.canary
    return {
        "version": labels.version,
        "stable": labels.stable,
        "canary": None
        if canary is None
        else {"checkpoint_id": canary.checkpoint_id, "traffic_percent": canary.traffic_percent},
        "shadow": labels.shadow,
    }
