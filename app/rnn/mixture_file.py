"""A mixture as a safetensors file: the memory's arrays, the mixer's weights, and as metadata how to search.

Read by mapping it, so that workers share its pages. Knows nothing of manifests or folders.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer
from app.rnn.mixture import Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.weights import check_finite

FORMAT_VERSION = 1
_MEMORY = "memory."
_MIXER = "mixer."


def mixture_tensors(mixture: Mixture) -> dict[str, torch.Tensor]:
    """Return all arrays and weights by the names the file gives them."""
    arrays = {f"{_MEMORY}{name}": np.ascontiguousarray(array) for name, array in mixture.memory.arrays().items()}
    weights = {f"{_MIXER}{name}": tensor.contiguous() for name, tensor in mixture.mixer.state_dict().items()}
    return {**{name: torch.from_numpy(array) for name, array in arrays.items()}, **weights}


def write_mixture(path: Path, mixture: Mixture) -> None:
    """Write a mixture; raise CorruptCheckpoint naming an array that holds NaN or infinity."""
    tensors = mixture_tensors(mixture)
    check_finite(path.name, tensors)
    stated = {
        "format_version": FORMAT_VERSION,
        "hidden_size": mixture.mixer.hidden_size,
        "neighbours": mixture.settings.to_dict(),
    }
    try:
        save_file(tensors, path, metadata={"mixture": json.dumps(stated)})
    except SafetensorError as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error


def read_mixture(path: Path, catalogue_size: int) -> Mixture:
    """Read a mixture over a catalogue, its arrays mapped.

    Raises CorruptCheckpoint for a file that is damaged, IncompatibleCheckpoint for one of another version or catalogue.
    """
    try:
        with safe_open(path, framework="pt") as file:
            stated = json.loads((file.metadata() or {}).get("mixture", "{}"))
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptCheckpoint(f"{path.name} cannot be mapped: {error}; publish or copy it again.") from error
    if stated.get("format_version") != FORMAT_VERSION:
        raise IncompatibleCheckpoint(
            f"Expected a mixture of format version {FORMAT_VERSION} in {path.name}, got "
            f"{stated.get('format_version')!r}. Use the version of Segue that published it, or train again."
        )
    check_finite(path.name, tensors)
    memory = Memory.from_arrays({name: tensor.numpy() for name, tensor in _of(tensors, _MEMORY).items()})
    if memory.catalogue_size != catalogue_size:
        raise IncompatibleCheckpoint(
            f"Expected a memory of {catalogue_size} tracks in {path.name}, got {memory.catalogue_size}."
        )
    try:
        settings = NeighbourSettings(**stated["neighbours"])
        mixer = Mixer(int(stated["hidden_size"]))
        mixer.load_state_dict(_of(tensors, _MIXER))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise IncompatibleCheckpoint(
            f"Expected the mixture of this version in {path.name}, got: {error}. Train and publish again."
        ) from error
    return Mixture(memory, settings, mixer.requires_grad_(False).eval())


def _of(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
