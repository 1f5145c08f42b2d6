"""The labels of a checkpoint store: which checkpoint serves, which is tried beside it, and the way back.

`labels.json` is one small file, replaced whole and counted by its version. Knows nothing of where it is kept, and of
what a checkpoint is but an id.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from app.errors import CorruptCheckpoint, InvalidRequest, LabelsChanged, PromotedBefore, UnknownCheckpoint
from app.rnn.manifest import CHECKPOINT_ID

LABELS_FILE = "labels.json"
HISTORY_LENGTH = 100
# There is one run at a time; of several services that share a store, one each.
RUNS_LENGTH = 20

Label = Literal["stable", "canary", "shadow"]
LABELS: tuple[Label, ...] = get_args(Label)


@dataclass(frozen=True, slots=True)
class Canary:
    """A checkpoint that answers a share of the listeners, 0 to 100 percent."""

    checkpoint_id: str
    traffic_percent: float


@dataclass(frozen=True, slots=True)
class Labels:
    """What serves: `version` counts the changes, `history` holds what was stable before, oldest first.

    `runs` are the training runs that have promoted what they published, the last of them last: none does so twice.
    """

    version: int = 0
    stable: str | None = None
    canary: Canary | None = None
    shadow: str | None = None
    history: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    def named(self, label: str) -> str | None:
        """Return the id a label points at, if any."""
        return {
            "stable": self.stable,
            "canary": self.canary.checkpoint_id if self.canary else None,
            "shadow": self.shadow,
        }.get(label)

    def of(self, checkpoint_id: str) -> list[Label]:
        """Return the labels that point at a checkpoint."""
        return [label for label in LABELS if self.named(label) == checkpoint_id]

    @property
    def ids(self) -> frozenset[str]:
        """The checkpoints that have a label."""
        return frozenset(one for one in map(self.named, LABELS) if one is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the labels as the file and the API write them."""
        canary = self.canary and {"id": self.canary.checkpoint_id, "traffic_percent": self.canary.traffic_percent}
        return {
            "version": self.version,
            "stable": self.stable,
            "canary": canary,
            "shadow": self.shadow,
            "history": list(self.history),
            "runs": list(self.runs),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Labels":
        """Read what `to_dict` wrote; raise CorruptCheckpoint for anything else."""
        try:
            canary = fields["canary"]
            labels = cls(
                version=fields["version"],
                stable=_id_or_none(fields["stable"]),
                canary=canary and Canary(_id(canary["id"]), _percent(canary["traffic_percent"])),
                shadow=_id_or_none(fields["shadow"]),
                history=tuple(_id(past) for past in fields["history"]),
                runs=tuple(_run(run) for run in fields.get("runs", ())),
            )
        except (KeyError, TypeError, InvalidRequest) as error:
            raise CorruptCheckpoint(f"{LABELS_FILE} does not hold labels ({error!r}); restore it.") from error
        if not isinstance(labels.version, int) or labels.version < 0:
            raise CorruptCheckpoint(f"Expected a whole number as version in {LABELS_FILE}, got {labels.version!r}.")
        return labels


def read_labels(content: bytes | None) -> Labels:
    """Read the bytes of `labels.json`; a store nobody promoted in has none. Raises CorruptCheckpoint."""
    return Labels() if content is None else Labels.from_dict(read_fields(content))


def read_fields(content: bytes) -> dict[str, Any]:
    """Read the JSON object that `labels.json` is; raise CorruptCheckpoint for anything else."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{LABELS_FILE} is not JSON ({error}); restore it, or remove it.") from error
    if not isinstance(fields, dict):
        raise CorruptCheckpoint(f"Expected a JSON object in {LABELS_FILE}, got {type(fields).__name__}; restore it.")
    return fields


def write_fields(fields: dict[str, Any]) -> bytes:
    """Return the bytes of `labels.json`."""
    return (json.dumps(fields, indent=2) + "\n").encode()


def check_pointing(label: str, traffic_percent: float | None) -> None:
    """Check that a label can be pointed so; raise InvalidRequest."""
    if traffic_percent is not None and label != "canary":
        raise InvalidRequest(f"Expected traffic_percent with the label canary only, got it with {label!r}.")
    if label == "canary":
        _percent(traffic_percent)
    check_label(label)


def pointed(labels: Labels, label: str, checkpoint_id: str, traffic_percent: float | None) -> Labels:
    """Return the labels with one of them pointed at a checkpoint."""
    match label:
        case "canary":
            return replace(labels, canary=Canary(checkpoint_id, _percent(traffic_percent)))
        case "shadow":
            return replace(labels, shadow=checkpoint_id)
        case _ if labels.stable in (None, checkpoint_id):
            return replace(labels, stable=checkpoint_id)
        case _:
            history = (*labels.history, str(labels.stable))[-HISTORY_LENGTH:]
            return replace(labels, stable=checkpoint_id, history=history)


def promoted_by_run(labels: Labels, checkpoint_id: str, run_id: str) -> Labels:
    """Return the labels with `stable` pointed at what a training run published; raise PromotedBefore if it did so.

    That it did is written with the label itself: whatever has become of the label since, another attempt of the same
    run sees it, and leaves it alone.
    """
    if run_id in labels.runs:
        raise PromotedBefore(f"Expected a training run that has promoted nothing yet, got {run_id!r}, which has.")
    runs = (*labels.runs, _run(run_id))[-RUNS_LENGTH:]
    return replace(pointed(labels, "stable", checkpoint_id, None), runs=runs)


def rolled_back(labels: Labels, label: str, is_whole: Callable[[str], bool]) -> Labels:
    """Return the labels with `stable` at what it was before, or without `canary` or `shadow`.

    A checkpoint of the history that is not whole is passed over, and forgotten. Raises UnknownCheckpoint where none is.
    """
    if label != "stable":
        return replace(labels, canary=None) if label == "canary" else replace(labels, shadow=None)
    for place in range(len(labels.history) - 1, -1, -1):
        past = labels.history[place]
        if past != labels.stable and is_whole(past):
            return replace(labels, stable=past, history=labels.history[:place])
    raise UnknownCheckpoint(
        f"Expected an earlier stable checkpoint to go back to, got a history of {len(labels.history)}, none of "
        "them there and whole. Promote another by its id."
    )


def kept_by(labels: Labels, ids: Sequence[str], newest: int) -> set[str]:
    """Return what pruning keeps of the ids, newest first: the newest, the labelled, and where a rollback goes."""
    back = next((past for past in reversed(labels.history) if past != labels.stable and past in ids), None)
    return {*ids[:newest], *labels.ids, *(() if back is None else (back,))}


def check_version(labels: Labels, expected: int | None) -> None:
    """Raise LabelsChanged when a version is expected and the labels are at another."""
    if expected is not None and labels.version != expected:
        raise LabelsChanged(
            f"Expected version {expected} of the labels, got {labels.version}: somebody changed them. "
            "Look at them and decide again."
        )


def check_label(label: str) -> None:
    """Raise InvalidRequest for what is no label."""
    if label not in LABELS:
        raise InvalidRequest(f"Expected the label stable, canary or shadow, got {label!r}.")


def _id(value: Any) -> str:
    if not isinstance(value, str) or not CHECKPOINT_ID.fullmatch(value):
        raise InvalidRequest(f"Expected an id like 20261122T101500Z-3f9c1a, got {value!r}.")
    return value


def _run(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"Expected the id of a training run, got {value!r}.")
    return value


def _id_or_none(value: Any) -> str | None:
    return None if value is None else _id(value)


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRequest(f"Expected traffic_percent from 0 to 100, got {value!r}.")
    return value
