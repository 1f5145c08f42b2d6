"""The files of one checkpoint folder that torch or the catalogue are needed for, and the probe that ties them together.

Knows nothing of the store around the folder: labels, publishing and the search index are told of elsewhere.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from app.domain.catalogue import Catalogue
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.checkpoint_catalogue import read_checkpoint_catalogue, write_checkpoint_catalogue
from app.rnn.checkpoint_files import MIXTURE_FILE, WEIGHTS_FILE, check_files, safe_name
from app.rnn.manifest import Manifest, Probe, Verdict
from app.rnn.mixture import Mixture
from app.rnn.mixture_file import write_mixture
from app.rnn.network import RecurrentNetwork
from app.rnn.weights import TABLES, read_network, write_weights

PROBE_TOP = 10

INDEXED_FROM = 150_000
"""Tracks from which on a catalogue is ranked by an index, and its rows kept in half precision."""

_MOST_IN_HALVES = 2.0**15

# The same weights on the same machine: only the order of additions can differ, with where in memory they lie.
PUBLISH_TOLERANCE = 1e-5
# Another machine adds in another order, with other vector lengths; wrong weights are off by far more.
LOAD_TOLERANCE = 1e-3


@dataclass(frozen=True)
class CheckpointDraft:
    """What a trainer hands over to be published. `report` maps names like `report/report.html` to their content.

    `probe` is a playlist of catalogue rows whose answer is stored and asked again wherever the checkpoint is read.
    Without a `mixture` the network ranks alone. `playlists` are beginnings of held-out sessions in catalogue rows: with
    them, a catalogue of `indexed_from` tracks and more gets an index. Tracks that are not `searchable` are not found by
    their names, which spares the time of making that index.
    """

    network: RecurrentNetwork
    catalogue: Catalogue
    training: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    baselines: dict[str, dict[str, Any]]
    verdict: Verdict
    probe: tuple[int, ...]
    report: dict[str, bytes] = field(default_factory=dict)
    mixture: Mixture | None = None
    playlists: Sequence[Sequence[int]] = ()
    searchable: bool = True
    indexed_from: int = INDEXED_FROM

    @property
    def is_indexed(self) -> bool:
        """Whether an index is made: the catalogue is large, and there are playlists to measure it with."""
        return bool(self.playlists) and self.network.config.catalogue_size >= self.indexed_from

    @property
    def in_halves(self) -> bool:
        """Whether the rows of tracks are stored in half precision: those of a large catalogue that fit into it."""
        weights = self.network.state_dict()
        tables = [weights[name] for name in TABLES if name in weights]
        return self.is_indexed and all(
            abs(float(most)) <= _MOST_IN_HALVES for table in tables for most in table.aminmax()
        )

    def check(self) -> None:
        """Raise IncompatibleCheckpoint for a draft whose parts do not belong together."""
        size = self.network.config.catalogue_size
        _check_sizes(len(self.catalogue), size)
        if self.mixture is not None and self.mixture.memory.catalogue_size != size:
            remembered = self.mixture.memory.catalogue_size
            raise IncompatibleCheckpoint(f"Expected a memory of the network's {size} tracks, got one of {remembered}.")
        if not self.probe or not all(0 <= row < size for row in self.probe):
            raise IncompatibleCheckpoint(f"Expected a probe of catalogue rows 0 to {size - 1}, got {self.probe}.")
        if not all(0 <= row < size for rows in self.playlists for row in rows):
            raise IncompatibleCheckpoint(f"Expected playlists of catalogue rows 0 to {size - 1}, got others.")
        for name in self.report:
            if not safe_name(name) or not name.startswith("report/"):
                raise IncompatibleCheckpoint(f"Expected report files named like report/report.html, got {name!r}.")


def write_draft(folder: Path, draft: CheckpointDraft) -> list[str]:
    """Write catalogue, weights, mixture and report into an empty folder; return the names written."""
    names = [*write_checkpoint_catalogue(folder, draft.catalogue), WEIGHTS_FILE, *draft.report]
    write_weights(folder / WEIGHTS_FILE, draft.network, halves=draft.in_halves)
    for name, content in draft.report.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    if draft.mixture is not None:
        write_mixture(folder / MIXTURE_FILE, draft.mixture)
        names.append(MIXTURE_FILE)
    return names


def read_checkpoint(
    folder: Path, manifest: Manifest, check: Callable[[Path, Mapping[str, str]], None] = check_files
) -> tuple[RecurrentNetwork, Catalogue]:
    """Check every file against the manifest, then read the network (its weights mapped) and the catalogue.

    `check` is told the folder and the SHA-256 of each file, and raises when one differs.
    The probe is asked again, so that a network which computes something else than it did when it was trained never
    serves. Raises CorruptCheckpoint or IncompatibleCheckpoint, naming the file.
    """
    check(folder, manifest.files)
    network = read_network(folder / WEIGHTS_FILE, manifest.network)
    catalogue = read_checkpoint_catalogue(folder, manifest)
    _check_sizes(len(catalogue), manifest.network.catalogue_size)
    check_answer(network, manifest.probe, LOAD_TOLERANCE)
    return network, catalogue


def ask(network: RecurrentNetwork, tracks: tuple[int, ...]) -> Probe:
    """Return the network's answer to a playlist: the rows of the highest logits after it, and these logits."""
    values, rows = torch.topk(_logits(network, tracks), min(PROBE_TOP, network.config.catalogue_size))
    return Probe(tracks, tuple(rows.tolist()), tuple(values.tolist()))


def check_answer(network: RecurrentNetwork, probe: Probe, tolerance: float) -> None:
    """Raise CorruptCheckpoint when the network's logits differ from the probe's by more than `tolerance`.

    Logits are compared rather than places: two tracks that tie to the last digit may change places anywhere.
    `tolerance` is relative to the largest logit, and absolute below 1. Of a table in half precision only the probe's
    rows are looked at: to widen all of it takes seconds, and its bytes were hashed.
    """
    V = network.config.catalogue_size
    if not probe.top or not all(0 <= row < V for row in (*probe.tracks, *probe.top)):
        raise CorruptCheckpoint(f"Expected a probe of catalogue rows 0 to {V - 1}, got {probe}.")
    expected = torch.tensor(probe.logits)
    if network.in_halves:
        logits = highest = _logits(network, probe.tracks, probe.top)
    else:
        everything = _logits(network, probe.tracks)
        logits, highest = everything[list(probe.top)], torch.topk(everything, len(probe.top)).values
    allowed = tolerance * max(1.0, float(expected.abs().max()))
    off = float(torch.maximum((logits - expected).abs(), (highest - expected).abs()).max())
    # Written so that NaN, which compares false, is refused too.
    if not off <= allowed:
        raise CorruptCheckpoint(
            f"Expected the network of {WEIGHTS_FILE} to answer the probe playlist as the trained one did, "
            f"got logits off by {off:.3g}; train and publish again."
        )


def check_same_weights(trained: RecurrentNetwork, stored: RecurrentNetwork) -> None:
    """Raise CorruptCheckpoint naming the first weight that is stored other than it was trained, to the last bit.

    To the last bit of half precision, where it is stored in that.
    """
    read_back = stored.state_dict()
    for name, tensor in trained.state_dict().items():
        if not torch.equal(tensor.detach().to("cpu", read_back[name].dtype), read_back[name]):
            raise CorruptCheckpoint(f"{name} in {WEIGHTS_FILE} reads back other than it was written; check the disk.")


def _logits(network: RecurrentNetwork, tracks: Sequence[int], rows: Sequence[int] | None = None) -> torch.Tensor:
    """Return the logits (V,) after a playlist, or those of some rows; leave the network as it was.

    They are computed in evaluation mode, on the CPU.
    """
    if network.input_table.device.type != "cpu":
        network = copy.deepcopy(network).cpu()
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            outputs, _ = network(torch.tensor([tracks], dtype=torch.int64))
            return network.logits(outputs[0, -1], None if rows is None else list(rows))
    finally:
        network.train(training)


def _check_sizes(catalogue_size: int, network_size: int) -> None:
    if catalogue_size != network_size:
        raise IncompatibleCheckpoint(
            f"Expected a catalogue of {network_size} tracks, one for each row of the network, got {catalogue_size}."
        )
