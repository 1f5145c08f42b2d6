"""The labels of a checkpoint store: which checkpoint serves, which is tried beside it, and the way back.

`labels.json` is one small file, replaced whole under a lock and counted by its version. Knows nothing of networks:
a checkpoint is an id, a manifest and files that hash to what it says.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from app.errors import (
    CheckpointError,
    CorruptCheckpoint,
    InvalidRequest,
    LabelsChanged,
    UnknownCheckpoint,
    WorseThanBaseline,
)
from app.rnn.checkpoint_files import check_files
from app.rnn.manifest import CHECKPOINT_ID, Manifest, read_manifest
from app.stores.durable_files import locked, replace_file

LABELS_FILE = "labels.json"
LOCK_FILE = ".lock"
HISTORY_LENGTH = 100

Label = Literal["stable", "canary", "shadow"]
LABELS: tuple[Label, ...] = get_args(Label)


@dataclass(frozen=True, slots=True)
class Canary:
    """A checkpoint that answers a share of the listeners, 0 to 100 percent."""

    checkpoint_id: str
    traffic_percent: float


@dataclass(frozen=True, slots=True)
class Labels:
    """What serves: `version` counts the changes, `history` holds what was stable before, oldest first."""

    version: int = 0
    stable: str | None = None
    canary: Canary | None = None
    shadow: str | None = None
    history: tuple[str, ...] = ()

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

    def to_dict(self) -> dict[str, Any]:
        """Return the labels as the file and the API write them."""
        canary = self.canary and {"id": self.canary.checkpoint_id, "traffic_percent": self.canary.traffic_percent}
        return {
            "version": self.version,
            "stable": self.stable,
            "canary": canary,
            "shadow": self.shadow,
            "history": list(self.history),
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
            )
        except (KeyError, TypeError, InvalidRequest) as error:
            raise CorruptCheckpoint(f"{LABELS_FILE} does not hold labels ({error!r}); restore it.") from error
        if not isinstance(labels.version, int) or labels.version < 0:
            raise CorruptCheckpoint(f"Expected a whole number as version in {LABELS_FILE}, got {labels.version!r}.")
        return labels


def read_labels(root: Path) -> Labels:
    """Read a store's labels; a store nobody promoted in has none."""
    try:
        content = (root / LABELS_FILE).read_bytes()
    except FileNotFoundError:
        return Labels()
    except OSError as error:
        raise CorruptCheckpoint(f"{LABELS_FILE} cannot be read: {error.strerror}; restore it.") from error
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{LABELS_FILE} is not JSON ({error}); restore it, or remove it.") from error
    if not isinstance(fields, dict):
        raise CorruptCheckpoint(f"Expected a JSON object in {LABELS_FILE}, got {type(fields).__name__}; restore it.")
    return Labels.from_dict(fields)


def promote(
    root: Path,
    label: str,
    checkpoint_id: str,
    *,
    traffic_percent: float | None = None,
    expected_version: int | None = None,
    force: bool = False,
) -> Labels:
    """Point a label at a checkpoint whose files are whole; return the new labels.

    Raises LabelsChanged when `expected_version` is given and somebody changed the labels since, WorseThanBaseline for
    a rejected checkpoint unless `force`d, UnknownCheckpoint or CorruptCheckpoint for one that cannot serve.
    """
    if traffic_percent is not None and label != "canary":
        raise InvalidRequest(f"Expected traffic_percent with the label canary only, got it with {label!r}.")
    if label == "canary":
        _percent(traffic_percent)
    _check_label(label)
    # Hashing a large checkpoint takes a while, and it cannot change: others need not wait for it.
    manifest = _whole(root, checkpoint_id)
    if not manifest.accepted and not force:
        raise WorseThanBaseline(
            f"Expected an accepted checkpoint, got {checkpoint_id}, rejected because: {manifest.reason} "
            "Train a better one, or promote it with force."
        )

    def moved(labels: Labels) -> Labels:
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

    return _change(root, expected_version, moved, needs=checkpoint_id)


def rollback(root: Path, label: str = "stable", *, expected_version: int | None = None) -> Labels:
    """Return `stable` to what it was before, or take the label `canary` or `shadow` away; return the new labels.

    A checkpoint of the history that was removed or is damaged is passed over, and forgotten.
    """
    _check_label(label)

    def back(labels: Labels) -> Labels:
        if label != "stable":
            return replace(labels, canary=None) if label == "canary" else replace(labels, shadow=None)
        for place in range(len(labels.history) - 1, -1, -1):
            past = labels.history[place]
            if past != labels.stable and _is_whole(root, past):
                return replace(labels, stable=past, history=labels.history[:place])
        raise UnknownCheckpoint(
            f"Expected an earlier stable checkpoint to go back to, got a history of {len(labels.history)}, none of "
            "them there and whole. Promote another by its id."
        )

    return _change(root, expected_version, back)


def previous_stable(root: Path) -> str | None:
    """Return the checkpoint a rollback would go back to, if its folder is there."""
    labels = read_labels(root)
    return next((past for past in reversed(labels.history) if past != labels.stable and (root / past).is_dir()), None)


def _change(root: Path, expected_version: int | None, change: Callable[[Labels], Labels], needs: str = "") -> Labels:
    if not root.is_dir():
        raise UnknownCheckpoint(f"Expected a checkpoint store at {root}, found nothing. Publish a checkpoint first.")
    with locked(root / LOCK_FILE):
        labels = read_labels(root)
        if expected_version is not None and labels.version != expected_version:
            raise LabelsChanged(
                f"Expected version {expected_version} of the labels, got {labels.version}: somebody changed them. "
                "Look at them and decide again."
            )
        # Pruning takes the same lock, so what is there now is there when the label points at it.
        if needs and not (root / needs).is_dir():
            raise UnknownCheckpoint(f"Checkpoint {needs} was removed in the meantime. Promote another.")
        changed = replace(change(labels), version=labels.version + 1)
        replace_file(root / LABELS_FILE, (json.dumps(changed.to_dict(), indent=2) + "\n").encode())
        return changed


def _whole(root: Path, checkpoint_id: str) -> Manifest:
    if not CHECKPOINT_ID.fullmatch(checkpoint_id) or not (root / checkpoint_id).is_dir():
        raise UnknownCheckpoint(
            f"Expected the id of a published checkpoint, got {checkpoint_id!r}. `segue models list` shows them."
        )
    manifest = read_manifest(root / checkpoint_id)
    check_files(root / checkpoint_id, manifest.files)
    return manifest


def _is_whole(root: Path, checkpoint_id: str) -> bool:
    try:
        _whole(root, checkpoint_id)
    except (CheckpointError, UnknownCheckpoint):
        return False
    return True


def _check_label(label: str) -> None:
    if label not in LABELS:
        raise InvalidRequest(f"Expected the label stable, canary or shadow, got {label!r}.")


def _id(value: Any) -> str:
    if not isinstance(value, str) or not CHECKPOINT_ID.fullmatch(value):
        raise InvalidRequest(f"Expected an id like 20261122T101500Z-3f9c1a, got {value!r}.")
    return value


def _id_or_none(value: Any) -> str | None:
    return None if value is None else _id(value)


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRequest(f"Expected traffic_percent from 0 to 100, got {value!r}.")
    return value
