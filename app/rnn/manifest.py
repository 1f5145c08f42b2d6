"""The manifest of a checkpoint: what it is, how it was judged, and what each of its files must hash to.

Knows nothing of tensors, so that listing checkpoints never waits for torch.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint, InvalidRequest
from app.rnn.checkpoint_files import MANIFEST_FILE, REQUIRED_FILES, SHA256, content_hash, safe_name

if TYPE_CHECKING:
    from app.rnn.network import NetworkConfig

FORMAT_VERSION = 1

# A manifest is a few kilobytes; what is far larger was not written by Segue and is not worth parsing.
MAX_MANIFEST_BYTES = 16 * 2**20

CHECKPOINT_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")

Status = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluation gate says of a draft, and why."""

    accepted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A fixed playlist (catalogue rows) and the trainer's own answer to it: the network's top rows and their logits.

    `mixed_top` and their `probabilities` are the answer of network and mixture together; empty without a mixture.
    """

    tracks: tuple[int, ...]
    top: tuple[int, ...]
    logits: tuple[float, ...]
    mixed_top: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the probe as the manifest holds it."""
        network = {"tracks": self.tracks, "top": self.top, "logits": self.logits}
        mixed = {"mixed_top": self.mixed_top, "probabilities": self.probabilities}
        return {**network, **mixed} if self.mixed_top else dict(network)


@dataclass(frozen=True)
class Manifest:
    """One published checkpoint in words and numbers. `created_at` is RFC 3339 in UTC; `files` maps name to SHA-256.

    `network_fields` is the network's configuration as it stands in the file; `network` is the same as a value.
    `index` tells how the index of a large catalogue is searched and how good it was found to be; empty without one.
    """

    checkpoint_id: str
    created_at: str
    status: Status
    reason: str
    network_fields: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    baselines: dict[str, dict[str, Any]]
    files: dict[str, str]
    probe: Probe
    index: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def accepted(self) -> bool:
        """Whether the checkpoint passed the evaluation gate."""
        return self.status == "accepted"

    @cached_property
    def network(self) -> "NetworkConfig":
        """The network's configuration; the first reading imports torch."""
        from app.rnn.network import NetworkConfig

        try:
            return NetworkConfig.from_dict(self.network_fields)
        except (InvalidRequest, TypeError, ValueError, KeyError) as error:
            raise IncompatibleCheckpoint(
                f"Expected a network this version of Segue can build in {MANIFEST_FILE} of {self.checkpoint_id}, "
                f"got {self.network_fields!r}: {error}. Upgrade Segue or train again."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest in plain JSON values, in the order of the file."""
        return {
            "format_version": self.format_version,
            "checkpoint_id": self.checkpoint_id,
            "created_at": self.created_at,
            "status": self.status,
            "reason": self.reason,
            "network": plain(self.network_fields),
            "training": plain(self.training),
            "data": plain(self.data),
            "metrics": plain(self.metrics),
            "baselines": plain(self.baselines),
            "files": dict(sorted(self.files.items())),
            "probe": plain(self.probe.to_dict()),
            **({"index": plain(self.index)} if self.index else {}),
        }

    def to_json(self) -> bytes:
        """Return the bytes of `checkpoint.json`.

        `manifest_sha256` is the SHA-256 of the file itself with that one value written as 64 zeros.
        """
        fields = {"manifest_sha256": _BLANK, **self.to_dict()}
        blank = (json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")
        return blank.replace(_BLANK.encode(), hashlib.sha256(blank).hexdigest().encode(), 1)

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Read the bytes of `checkpoint.json`; raise CorruptCheckpoint or IncompatibleCheckpoint."""
        fields = _parsed(content)
        version = fields.get("format_version")
        if version != FORMAT_VERSION:
            raise IncompatibleCheckpoint(
                f"Expected format_version {FORMAT_VERSION} in {MANIFEST_FILE}, got {version!r}. "
                "Use the version of Segue that published it, or train again."
            )
        written = fields.get("manifest_sha256")
        if not isinstance(written, str) or not SHA256.fullmatch(written):
            raise CorruptCheckpoint(f"Expected a SHA-256 as manifest_sha256 in {MANIFEST_FILE}, got {written!r}.")
        if hashlib.sha256(content.replace(written.encode(), _BLANK.encode(), 1)).hexdigest() != written:
            raise CorruptCheckpoint(f"{MANIFEST_FILE} was changed after it was published: its SHA-256 differs.")
        try:
            manifest = cls(
                checkpoint_id=_text(fields, "checkpoint_id"),
                created_at=_text(fields, "created_at"),
                status=_status(fields),
                reason=_text(fields, "reason"),
                network_fields=_object(fields, "network"),
                training=_object(fields, "training"),
                data=_object(fields, "data"),
                metrics=_object(fields, "metrics"),
                baselines=_object(fields, "baselines"),
                files={str(name): str(digest) for name, digest in _object(fields, "files").items()},
                probe=_probe(_object(fields, "probe")),
                index=_object(fields, "index") if "index" in fields else {},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptCheckpoint(f"{MANIFEST_FILE} does not hold what a manifest must: {error}.") from error
        manifest._check()
        return manifest

    def _check(self) -> None:
        if not CHECKPOINT_ID.fullmatch(self.checkpoint_id):
            raise CorruptCheckpoint(f"Expected an id like 20261122T101500Z-3f9c1a, got {self.checkpoint_id!r}.")
        if missing := REQUIRED_FILES - self.files.keys():
            raise CorruptCheckpoint(f"Expected {sorted(missing)} among the files of {MANIFEST_FILE}, got none.")
        for name, digest in self.files.items():
            if not safe_name(name) or not SHA256.fullmatch(digest):
                raise CorruptCheckpoint(f"Expected a file name and its SHA-256 in {MANIFEST_FILE}, got {name!r}.")
        if content_hash(self.files) != self.checkpoint_id.rpartition("-")[2]:
            raise CorruptCheckpoint(f"The files of {self.checkpoint_id} are not those its id was made from.")


def read_manifest(folder: Path) -> Manifest:
    """Read a checkpoint folder's manifest; raise CorruptCheckpoint when it is missing, changed or another's."""
    path = folder / MANIFEST_FILE
    try:
        if path.is_symlink() or not path.is_file():
            raise CorruptCheckpoint(f"Expected a plain file {MANIFEST_FILE} in {folder.name}, got none.")
        if (size := path.stat().st_size) > MAX_MANIFEST_BYTES:
            raise CorruptCheckpoint(f"Expected at most {MAX_MANIFEST_BYTES} bytes of {MANIFEST_FILE}, got {size}.")
        manifest = Manifest.from_json(path.read_bytes())
    except OSError as error:
        raise CorruptCheckpoint(f"{MANIFEST_FILE} in {folder.name} cannot be read: {error.strerror}.") from error
    if manifest.checkpoint_id != folder.name:
        raise CorruptCheckpoint(f"Expected {MANIFEST_FILE} of {folder.name}, got that of {manifest.checkpoint_id}.")
    return manifest


def plain(value: Any) -> Any:
    """Turn numbers of numpy or torch, tuples and mappings into JSON values; what is no number (NaN, Inf) into null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


_BLANK = "0" * 64


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{MANIFEST_FILE} is not JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise CorruptCheckpoint(f"Expected a JSON object in {MANIFEST_FILE}, got {type(fields).__name__}.")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"expected text as {name!r}, got {type(value).__name__}")
    return value


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields[name]
    if not isinstance(value, dict):
        raise TypeError(f"expected an object as {name!r}, got {type(value).__name__}")
    return value


def _status(fields: dict[str, Any]) -> Status:
    match fields["status"]:
        case "accepted":
            return "accepted"
        case "rejected":
            return "rejected"
        case other:
            raise ValueError(f"expected status 'accepted' or 'rejected', got {other!r}")


def _probe(fields: dict[str, Any]) -> Probe:
    probe = Probe(
        tracks=tuple(int(row) for row in fields["tracks"]),
        top=tuple(int(row) for row in fields["top"]),
        logits=tuple(float(logit) for logit in fields["logits"]),
        mixed_top=tuple(int(row) for row in fields.get("mixed_top", ())),
        probabilities=tuple(float(probability) for probability in fields.get("probabilities", ())),
    )
    if len(probe.top) != len(probe.logits) or len(probe.mixed_top) != len(probe.probabilities):
        raise ValueError("expected as many probe logits and probabilities as tracks, got others")
    return probe
