"""The mixture in a checkpoint folder, and the probe that ties it to the network it was fitted to.

A checkpoint without the file ranks by its network alone. Knows nothing of the store around the folder.
"""

import copy
from dataclasses import replace
from pathlib import Path

import torch

from app.errors import CorruptCheckpoint
from app.rnn.checkpoint_files import MIXTURE_FILE
from app.rnn.evidence import heard_rows
from app.rnn.manifest import Manifest, Probe
from app.rnn.mixture import Mixture
from app.rnn.mixture_file import mixture_tensors, read_mixture
from app.rnn.network import RecurrentNetwork
from app.rnn.rankers import exact_ranker


def read_checkpoint_mixture(
    folder: Path, manifest: Manifest, network: RecurrentNetwork, tolerance: float
) -> Mixture | None:
    """Read the mixture, if the manifest names one, and ask the probe again; its files were checked before.

    Raises CorruptCheckpoint or IncompatibleCheckpoint.
    """
    if MIXTURE_FILE not in manifest.files:
        return None
    mixture = read_mixture(folder / MIXTURE_FILE, manifest.network.catalogue_size)
    check_mixed_answer(network, mixture, manifest.probe, tolerance)
    return mixture


def ask_mixed(network: RecurrentNetwork, mixture: Mixture, probe: Probe) -> Probe:
    """Return the probe with the answer of network and mixture added: as many tracks as it has of the network."""
    ranked = _ranked(network, mixture, probe.tracks, len(probe.top))
    return replace(probe, mixed_top=tuple(ranked), probabilities=tuple(ranked.values()))


def check_mixed_answer(network: RecurrentNetwork, mixture: Mixture, probe: Probe, tolerance: float) -> None:
    """Raise CorruptCheckpoint when a probability differs from the probe's by more than `tolerance`."""
    everything = _ranked(network, mixture, probe.tracks, network.config.catalogue_size)
    highest = list(everything.values())[: len(probe.mixed_top)]
    # Written so that NaN, which compares false, is refused too.
    close = probe.mixed_top and all(
        abs(everything.get(row, 1.0) - expected) <= tolerance and abs(found - expected) <= tolerance
        for row, expected, found in zip(probe.mixed_top, probe.probabilities, highest, strict=True)
    )
    if not close:
        raise CorruptCheckpoint(
            f"Expected network and {MIXTURE_FILE} to answer the probe playlist as they did when they were trained, "
            f"got other probabilities than {probe.probabilities}; train and publish again."
        )


def check_same_mixture(trained: Mixture, stored: Mixture | None) -> None:
    """Raise CorruptCheckpoint naming the first array that is stored other than it was trained, to the last bit."""
    read_back = {} if stored is None else mixture_tensors(stored)
    for name, tensor in mixture_tensors(trained).items():
        if name not in read_back or not torch.equal(tensor, read_back[name]):
            raise CorruptCheckpoint(f"{name} in {MIXTURE_FILE} reads back other than it was written; check the disk.")


@torch.inference_mode()
def _ranked(network: RecurrentNetwork, mixture: Mixture, tracks: tuple[int, ...], limit: int) -> dict[int, float]:
    """Return the first tracks after a playlist and their probabilities, on the CPU; leave the network as it was."""
    if network.input_table.device.type != "cpu" or network.training:
        network = copy.deepcopy(network).cpu().eval()
    outputs, _ = network(torch.tensor([tracks], dtype=torch.int64))
    ranker = exact_ranker(network)
    answer = mixture.top(ranker, outputs[:, -1], heard_rows([tracks]), [frozenset()], [limit])[0]
    return dict(zip(answer.tracks, answer.probabilities, strict=True))
