"""An index in a checkpoint folder: the codes as faiss writes them, and beside them how they are searched.

Both are mapped or small, so that workers share them. Knows nothing of manifests or of how an index is made.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.retrieval.clusters import Clusters
from app.rnn.retrieval.codes import Codes
from app.rnn.retrieval.index import Index, Settings
from app.rnn.retrieval.space import Space
from app.rnn.weights import check_finite

FORMAT_VERSION = 1
_SHAPES = {
    "of_outputs": ("K + 1", "D"),
    "of_rows": ("K + 1", "D"),
    "means": ("L", "D"),
    "variances": ("L", "D"),
    "sizes": ("L",),
    "playlists": ("N", "T"),
}


def write_index(codes_path: Path, path: Path, index: Index) -> None:
    """Write the codes to one file and all else to another."""
    index.codes.write(codes_path)
    tensors = {
        "of_outputs": torch.from_numpy(index.space.of_outputs),
        "of_rows": torch.from_numpy(index.space.of_rows),
        "means": index.clusters.means,
        "variances": index.clusters.variances,
        "sizes": index.clusters.log_sizes.exp().round(),
        "playlists": index.playlists,
    }
    stated = {"format_version": FORMAT_VERSION, **asdict(index.settings)}
    try:
        save_file({n: t.contiguous() for n, t in tensors.items()}, path, metadata={"index": json.dumps(stated)})
    except SafetensorError as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error


def read_index(codes_path: Path, path: Path, catalogue_size: int, vector_size: int) -> Index:
    """Read an index of so many rows of so many numbers, its codes mapped.

    Raises CorruptCheckpoint for files that are damaged, IncompatibleCheckpoint for those of another version, catalogue
    or network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            stated = json.loads((file.metadata() or {}).get("index", "{}"))
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptCheckpoint(f"{path.name} cannot be read: {error}; publish or copy it again.") from error
    settings = _settings(path.name, stated)
    sizes = _sizes(path.name, tensors)
    check_finite(path.name, {name: tensor for name, tensor in tensors.items() if name != "playlists"})
    if sizes["K + 1"] != vector_size + 1 or int(tensors["sizes"].double().sum()) != catalogue_size:
        raise IncompatibleCheckpoint(
            f"Expected an index of {catalogue_size} rows of {vector_size} numbers in {path.name}, got one of "
            f"{int(tensors['sizes'].double().sum())} rows of {sizes['K + 1'] - 1}; publish the checkpoint again."
        )
    if not (1 <= settings.probes <= sizes["L"] and settings.head >= 1 and math.isfinite(settings.log_total_bias)):
        raise CorruptCheckpoint(f"Expected 1 to {sizes['L']} probes in {path.name}, got {settings}; publish it again.")
    clusters = Clusters(tensors["means"], tensors["variances"], tensors["sizes"].log())
    return Index(
        Space(tensors["of_outputs"].numpy(), tensors["of_rows"].numpy()),
        clusters,
        Codes.read(codes_path, catalogue_size, sizes["L"], sizes["D"]),
        settings,
        tensors["playlists"],
    )


def _settings(file_name: str, stated: object) -> Settings:
    try:
        fields = dict(stated)  # type: ignore[call-overload]
        if (version := fields.pop("format_version")) != FORMAT_VERSION:
            raise IncompatibleCheckpoint(
                f"Expected an index of format version {FORMAT_VERSION} in {file_name}, got {version!r}. "
                "Use the version of Segue that published it, or publish it again."
            )
        return Settings(int(fields["probes"]), int(fields["head"]), float(fields["log_total_bias"]))
    except (TypeError, ValueError, KeyError) as error:
        raise CorruptCheckpoint(f"{file_name} does not say how the index is searched: {error!r}.") from error


def _sizes(file_name: str, tensors: dict[str, Tensor]) -> dict[str, int]:
    """Return what the letters of `_SHAPES` stand for, once all tensors agree about it."""
    sizes: dict[str, int] = {}
    for name, letters in _SHAPES.items():
        if name not in tensors or tensors[name].dim() != len(letters):
            raise CorruptCheckpoint(f"Expected {name} of shape {letters} in {file_name}; publish it again.")
        if name != "playlists" and tensors[name].dtype != torch.float32:
            raise CorruptCheckpoint(f"Expected {name} in float32 in {file_name}, got {tensors[name].dtype}.")
        for letter, size in zip(letters, tensors[name].shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise IncompatibleCheckpoint(
                    f"Expected {name} of shape {letters} with {letter} = {sizes[letter]} in {file_name}, "
                    f"got {tuple(tensors[name].shape)}; publish the checkpoint again."
                )
    return sizes
