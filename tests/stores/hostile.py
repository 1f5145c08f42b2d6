"""Checkpoints made to do harm, and what is said of each when somebody reads it."""

import io
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from app.errors import CheckpointError, CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.checkpoint_files import (
    CATALOGUE_FILE,
    CODES_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    SEARCH_FILE,
    WEIGHTS_FILE,
    content_hash,
    file_sha256,
)
from app.rnn.manifest import Manifest
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import V, new_draft


class Bomb:
    """Whoever unpickles it leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open, ("exploded", "w")


def signed(folder: Path, **changed: Any) -> Path:
    """Give a folder a manifest whose every hash is right, as only who wants to do harm does; return its new place."""
    manifest = Manifest.from_json((folder / MANIFEST_FILE).read_bytes())
    names = [name for name in manifest.files if (folder / name).is_file()]
    names += [name for name in (CODES_FILE, INDEX_FILE) if (folder / name).is_file() and name not in names]
    files = {name: file_sha256(folder / name) for name in names}
    checkpoint_id = f"{manifest.checkpoint_id.rpartition('-')[0]}-{content_hash(files)}"
    manifest = replace(manifest, **{"files": files, "checkpoint_id": checkpoint_id, **changed})
    (folder / MANIFEST_FILE).unlink()
    (folder / MANIFEST_FILE).write_bytes(manifest.to_json())
    return folder.rename(folder.with_name(manifest.checkpoint_id))


def put(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def reweigh(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS_FILE).items()}
    change(weights)
    (folder / WEIGHTS_FILE).unlink()
    save_file(weights, folder / WEIGHTS_FILE)


def header(folder: Path, claims: int, stated: bytes) -> None:
    put(folder / WEIGHTS_FILE, struct.pack("<Q", claims) + stated)


def resized(folder: Path, size: int) -> Path:
    fields = json.loads((folder / MANIFEST_FILE).read_bytes())["network"]
    return signed(folder, network_fields={**fields, "catalogue_size": size})


def pickled(folder: Path) -> Path:
    buffer = io.BytesIO()
    pickle.dump(Bomb(), buffer)
    put(folder / WEIGHTS_FILE, buffer.getvalue())
    return signed(folder)


def torch_saved(folder: Path) -> Path:
    (folder / WEIGHTS_FILE).unlink()
    torch.save({"input_table": Bomb()}, folder / WEIGHTS_FILE)
    return signed(folder)


def nan_row(folder: Path) -> Path:
    reweigh(folder, lambda weights: weights["input_table"][3].fill_(float("nan")))
    return signed(folder)


def infinite_number(folder: Path) -> Path:
    reweigh(folder, lambda weights: weights["output_table"].view(-1)[-1:].fill_(float("-inf")))
    return signed(folder)


def other_shape(folder: Path) -> Path:
    reweigh(folder, lambda weights: weights.update(input_table=weights["input_table"][:-1].clone()))
    return signed(folder)


def extra_tensor(folder: Path) -> Path:
    reweigh(folder, lambda weights: weights.update(surprise=torch.zeros(3)))
    return signed(folder)


def other_weights(folder: Path) -> Path:
    reweigh(folder, lambda weights: weights["output_table"].mul_(1.5))
    return signed(folder)


def huge_header(folder: Path) -> Path:
    header(folder, 200 * 2**20, b"{" + b" " * 1000)
    return signed(folder)


def negative_header(folder: Path) -> Path:
    header(folder, 2**64 - 1, b"{}")
    return signed(folder)


def nested_header(folder: Path) -> Path:
    header(folder, 200_000, b"[" * 200_000)
    return signed(folder)


def tensor_beyond_the_end(folder: Path) -> Path:
    entry = {"dtype": "F32", "shape": [V, 6], "data_offsets": [2**40, 2**40 + 4 * V * 6]}
    stated = json.dumps(dict.fromkeys(load_file(folder / WEIGHTS_FILE), entry)).encode()
    header(folder, len(stated), stated)
    return signed(folder)


def catalogue_of_another(folder: Path) -> Path:
    other = CheckpointStore(folder.parent / "other").publish(replace(new_draft(5, size=V + 3), probe=(1,)))
    put(folder / CATALOGUE_FILE, (folder.parent / "other" / other.checkpoint_id / CATALOGUE_FILE).read_bytes())
    return signed(folder)


def catalogue_of_another_version(folder: Path) -> Path:
    put(folder / CATALOGUE_FILE, b"PAR9" + (folder / CATALOGUE_FILE).read_bytes()[4:-4] + b"PAR9")
    return signed(folder)


def index_of_another(folder: Path) -> Path:
    """A checkpoint that an index of eight times as many tracks was put into."""
    draft = replace(new_draft(5, size=96), playlists=[[1, 2], [3]], indexed_from=90)
    other = folder.parent / "other" / CheckpointStore(folder.parent / "other").publish(draft).checkpoint_id
    for name in (CODES_FILE, INDEX_FILE):
        shutil.copy(other / name, folder / name)
    return signed(folder)


def half_an_index(folder: Path) -> Path:
    put(folder / CODES_FILE, b"IxF2" + bytes(100))
    return signed(folder)


def search_that_is_none(folder: Path) -> Path:
    put(folder / SEARCH_FILE, b"SQLite format 3\x00" + bytes(5000))
    return signed(folder)


def way_out(folder: Path) -> Path:
    files = Manifest.from_json((folder / MANIFEST_FILE).read_bytes()).files
    (folder.parent / "outside").write_bytes(b"not yours")
    files = {**files, "../outside": file_sha256(folder.parent / "outside")}
    return signed(folder, files=files, checkpoint_id=f"20261122T101500Z-{content_hash(files)}")


def rooted_name(folder: Path) -> Path:
    files = {**Manifest.from_json((folder / MANIFEST_FILE).read_bytes()).files, "/etc/hostname": "ab" * 32}
    return signed(folder, files=files, checkpoint_id=f"20261122T101500Z-{content_hash(files)}")


def link_out(folder: Path) -> Path:
    (folder / WEIGHTS_FILE).rename(folder.parent / "weights")
    (folder / WEIGHTS_FILE).symlink_to(folder.parent / "weights")
    return folder


def linked_report(folder: Path) -> Path:
    (folder / "report").rename(folder.parent / "report")
    (folder / "report").symlink_to(folder.parent / "report")
    return folder


HOSTILE: dict[str, tuple[Callable[[Path], Path], type[CheckpointError], str]] = {
    "pickle renamed": (pickled, CorruptCheckpoint, r"header of .* in weights\.safetensors|weights\.safetensors"),
    "torch.save renamed": (torch_saved, CorruptCheckpoint, r"weights\.safetensors"),
    "NaN in a row": (nan_row, CorruptCheckpoint, r"NaN or infinity in input_table"),
    "infinity": (infinite_number, CorruptCheckpoint, r"NaN or infinity in output_table"),
    "a row too few": (other_shape, IncompatibleCheckpoint, r"input_table of shape \(12, 6\)"),
    "a tensor too many": (extra_tensor, IncompatibleCheckpoint, "unknown .*surprise"),
    "other weights than judged": (other_weights, CorruptCheckpoint, "answer the probe playlist"),
    "header of 200 MB": (huge_header, CorruptCheckpoint, "claims 209715200"),
    "header beyond all sizes": (negative_header, CorruptCheckpoint, "claims 18446744073709551615"),
    "header nested without end": (nested_header, CorruptCheckpoint, "header of .* is not JSON"),
    "tensors beyond the end": (tensor_beyond_the_end, CheckpointError, r"weights\.safetensors"),
    "catalogue of other count": (catalogue_of_another, IncompatibleCheckpoint, "catalogue of 12 tracks.*got 15"),
    "catalogue of no version": (catalogue_of_another_version, CorruptCheckpoint, r"catalogue\.parquet"),
    "index of another": (index_of_another, CheckpointError, r"index\.(faiss|safetensors)"),
    "half an index": (half_an_index, CorruptCheckpoint, r"index\.faiss alone"),
    "search that is none": (search_that_is_none, CorruptCheckpoint, r"tracks\.sqlite"),
    "file name that leads out": (way_out, CorruptCheckpoint, r"\.\./outside"),
    "file name from the root": (rooted_name, CorruptCheckpoint, "/etc/hostname"),
    "linked weights": (link_out, CorruptCheckpoint, r"weights\.safetensors .* symbolic link"),
    "linked folder": (linked_report, CorruptCheckpoint, "symbolic link"),
    "no tracks": (lambda folder: resized(folder, 0), IncompatibleCheckpoint, "0"),
    "fewer tracks than none": (lambda folder: resized(folder, -12), IncompatibleCheckpoint, "-12"),
    "more tracks than memory": (lambda folder: resized(folder, 10**15), IncompatibleCheckpoint, "1000000000000000"),
    "more tracks than numbers": (lambda folder: resized(folder, 10**30), CheckpointError, "10{30}|network"),
}
