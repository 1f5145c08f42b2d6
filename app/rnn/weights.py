"""A network's weights as a safetensors file: written whole, read by mapping it, never by running stored code.

Knows nothing of manifests or folders; it is told the network's configuration and checks the file against it.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.weights_header import PREFIX_BYTES, header_length

TABLES = ("input_table", "output_table")
"""What grows with the catalogue and may be stored in half precision."""


class _Undrawn(TorchFunctionMode):
    """Leaves out the first weights of a network whose weights are about to be replaced.

    On the meta device there is nothing to draw, but torch imports sympy and its compiler for trying: seconds in every
    worker.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func is torch.randn:
            return torch.empty(*args)
        if func is torch.eye:
            return kwargs["out"]
        if func in (torch.Tensor.div, torch.Tensor.__truediv__, torch.Tensor.normal_, torch.nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def write_weights(path: Path, network: RecurrentNetwork, *, halves: bool = False) -> None:
    """Write the network's weights in float32, with `halves` the tables of rows in float16.

    Raises CorruptCheckpoint naming a weight that is NaN or infinite, or becomes so.
    """
    weights = {
        name: tensor.detach().to("cpu", torch.float16 if halves and name in TABLES else torch.float32).contiguous()
        for name, tensor in network.state_dict().items()
    }
    check_finite(path.name, weights)
    try:
        save_file(weights, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error


def read_network(path: Path, config: NetworkConfig) -> RecurrentNetwork:
    """Build the network of `config` over the file's weights, in evaluation mode, on the CPU, without gradients.

    The weights are mapped, not copied: processes that read the same file share its pages. Raises CorruptCheckpoint
    for a file that is damaged or holds NaN, IncompatibleCheckpoint for one that holds another network.
    """
    network = _empty(config, path.name, _check_header(path))
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptCheckpoint(f"{path.name} cannot be mapped: {error}; publish or copy it again.") from error
    check_finite(path.name, weights)
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def check_finite(file_name: str, weights: dict[str, torch.Tensor]) -> None:
    """Raise CorruptCheckpoint naming the first tensor that holds NaN or infinity."""
    for name, tensor in weights.items():
        # The extremes of a tensor are NaN or infinite when any element is: one pass, no copy.
        if tensor.numel() and not all(math.isfinite(extreme) for extreme in tensor.aminmax()):
            raise CorruptCheckpoint(f"Expected finite weights in {file_name}, got NaN or infinity in {name}; retrain.")


def _check_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape as the file's header states them, without touching the tensors."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(header_length(path.name, file.read(PREFIX_BYTES))))
    except OSError as error:
        raise CorruptCheckpoint(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"The header of {path.name} is not JSON: {error}.") from error
    if not isinstance(header, dict):
        raise CorruptCheckpoint(f"Expected a JSON object as header of {path.name}, got {type(header).__name__}.")
    header.pop("__metadata__", None)
    return {name: _shape(path.name, name, entry) for name, entry in header.items()}


def _shape(file_name: str, name: str, entry: Any) -> tuple[int, ...]:
    try:
        dtype, shape = entry["dtype"], tuple(int(size) for size in entry["shape"])
    except (TypeError, KeyError, ValueError) as error:
        raise CorruptCheckpoint(f"The header of {file_name} does not state the shape of {name}.") from error
    if dtype != "F32" and not (dtype == "F16" and name in TABLES):
        raise IncompatibleCheckpoint(f"Expected {name} in float32 in {file_name}, got {dtype}; publish it again.")
    return shape


def _empty(config: NetworkConfig, file_name: str, found: dict[str, tuple[int, ...]]) -> RecurrentNetwork:
    """Return the network without memory for its weights, once the shapes found in the file are its own."""
    # Checked first, because building even an empty network takes a step per layer.
    if config.num_layers > len(found):
        raise IncompatibleCheckpoint(f"Expected {config.num_layers} layers in {file_name}, got {len(found)} tensors.")
    try:
        with torch.device("meta"), _Undrawn():
            network = RecurrentNetwork(config)
    except (RuntimeError, OverflowError, TypeError) as error:  # torch says TypeError of sizes beyond its numbers
        reason = str(error).partition("\n")[0]
        raise IncompatibleCheckpoint(f"No network can be built from {config}: {reason}.") from error
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if expected.keys() != found.keys():
        absent, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        raise IncompatibleCheckpoint(
            f"{file_name} is not of the network its manifest describes: missing {absent}, unknown {extra}."
        )
    for name, shape in expected.items():
        if found[name] != shape:
            raise IncompatibleCheckpoint(f"Expected {name} of shape {shape} in {file_name}, got {found[name]}.")
    return network
