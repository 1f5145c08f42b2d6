"""How well a checkpoint foresees what is played, as callers see it.

Knows nothing of how a play is judged.
"""

from collections.abc import Sequence

from typing_extensions import TypedDict

from app.domain.online import Arm, Comparison


class OnlineTallyAnswer(TypedDict):
    """One label of a checkpoint while another stood beside it. Ratios are null while there is nothing to divide by."""

    label: str
    beside: str | None
    plays: int
    hit_at_20: float | None
    mrr_at_20: float | None
    log_loss: float | None
    skip_rate: float | None


class ComparisonAnswer(TypedDict):
    """Hit@20 of canary less that of stable, with an interval that holds whenever one looks."""

    difference: float | None
    low: float | None
    high: float | None
    verdict: str


class OnlineAnswer(TypedDict):
    """How well a checkpoint foresees what is played, and how canary and stable compare, where there is a canary."""

    checkpoint_id: str
    labels: list[OnlineTallyAnswer]
    comparison: ComparisonAnswer | None


def online_answer(checkpoint_id: str, arms: Sequence[Arm], comparison: Comparison | None) -> OnlineAnswer:
    """Write tallies and comparison for the wire."""
    return {
        "checkpoint_id": checkpoint_id,
        "labels": [_tally_answer(arm) for arm in arms],
        "comparison": None
        if comparison is None
        else {
            "difference": comparison.difference,
            "low": comparison.low,
            "high": comparison.high,
            "verdict": comparison.verdict,
        },
    }


def _tally_answer(arm: Arm) -> OnlineTallyAnswer:
    total = arm.total
    return {
        "label": arm.label,
        "beside": None if arm.beside == "-" else arm.beside,
        "plays": total.plays,
        "hit_at_20": _per(total.hits, total.plays),
        "mrr_at_20": _per(total.reciprocal, total.plays),
        "log_loss": _per(total.log_loss, total.plays),
        "skip_rate": _per(total.skipped, total.offered),
    }


def _per(amount: float, count: int) -> float | None:
    return round(amount / count, 6) if count else None
