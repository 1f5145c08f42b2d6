import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CheckpointError, CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.checkpoint_files import MANIFEST_FILE, REQUIRED_FILES, content_hash, safe_name
from app.rnn.manifest import MAX_MANIFEST_BYTES, Manifest, Probe, plain, read_manifest
from app.rnn.network import NetworkConfig

FILES = dict.fromkeys(sorted(REQUIRED_FILES), "ab" * 32)
MANIFEST = Manifest(
    checkpoint_id=f"20261122T101500Z-{content_hash(FILES)}",
    created_at="2026-11-22T10:15:00+00:00",
    status="rejected",
    reason="ranks no better than Beyoncé's popularity",
    network_fields=NetworkConfig("gru", 12).to_dict(),
    training={"epochs": 3},
    data={"fingerprint": "cd"},
    metrics={"recall@20": 0.25},
    baselines={"popularity": {"recall@20": 0.125}},
    files=FILES,
    probe=Probe((1, 2), (3, 4), (0.5, 0.25)),
)


def test_a_manifest_reads_back_equal() -> None:
    read = Manifest.from_json(MANIFEST.to_json())
    assert read == MANIFEST
    assert read.network == NetworkConfig("gru", 12)
    assert not read.accepted


@given(st.data())
def test_no_flipped_bit_of_a_manifest_goes_unseen(data: st.DataObject) -> None:
    """The file's own hash covers every byte, its white space too."""
    content = bytearray(MANIFEST.to_json())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CheckpointError):
        Manifest.from_json(bytes(content))


@given(st.data())
def test_a_manifest_cut_short_is_refused(data: st.DataObject) -> None:
    content = MANIFEST.to_json()
    with pytest.raises(CorruptCheckpoint):
        Manifest.from_json(content[: data.draw(st.integers(0, len(content) - 1))])


@given(st.binary(max_size=64) | st.recursive(st.none() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError):
        Manifest.from_json(content)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_named(version: object) -> None:
    content = json.dumps({**MANIFEST.to_dict(), "format_version": version}).encode()
    with pytest.raises(IncompatibleCheckpoint, match="format_version 1"):
        Manifest.from_json(content)


@pytest.mark.parametrize(
    "changed",
    [
        replace(MANIFEST, checkpoint_id="../../etc"),
        replace(MANIFEST, checkpoint_id="20261122T101500Z-000000"),
        replace(MANIFEST, files={"weights.safetensors": "ab" * 32}),
        replace(MANIFEST, files={**FILES, "../outside": "ab" * 32}),
        replace(MANIFEST, files={**FILES, "report/x": "short"}),
        replace(MANIFEST, probe=Probe((1,), (2, 3), (0.5,))),
        replace(MANIFEST, status="unsure"),  # type: ignore[arg-type]
        replace(MANIFEST, reason=3),  # type: ignore[arg-type]
        replace(MANIFEST, metrics=[]),  # type: ignore[arg-type]
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changed: Manifest) -> None:
    """Hashed right and still wrong: written by something else."""
    with pytest.raises(CorruptCheckpoint):
        Manifest.from_json(changed.to_json())


def test_a_manifest_must_lie_in_the_folder_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "20261122T101500Z-ffffff"
    folder.mkdir()
    with pytest.raises(CorruptCheckpoint, match=MANIFEST_FILE):
        read_manifest(folder)
    (folder / MANIFEST_FILE).write_bytes(MANIFEST.to_json())
    with pytest.raises(CorruptCheckpoint, match="got that of"):
        read_manifest(folder)
    (folder / MANIFEST_FILE).write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(CorruptCheckpoint, match="at most"):
        read_manifest(folder)


def test_a_manifest_holds_plain_json_whatever_it_is_given() -> None:
    """NaN is no JSON: a metric that could not be computed is null."""
    given_values = {
        "path": Path("runs") / "one",
        "array": np.array([1.5, np.inf]),
        "scalar": np.float32(0.5),
        "count": np.int64(3),
        "nan": float("nan"),
        "tuple": (1, None, True),
        2: "key",
    }
    assert plain(given_values) == {
        "path": "runs/one",
        "array": [1.5, None],
        "scalar": 0.5,
        "count": 3,
        "nan": None,
        "tuple": [1, None, True],
        "2": "key",
    }
    surrogate = replace(MANIFEST, reason="caf\udce9")
    assert Manifest.from_json(surrogate.to_json()).reason == "caf?"


@given(st.text(max_size=40))
def test_a_safe_name_stays_below_its_folder(name: str) -> None:
    if safe_name(name):
        home = Path("/store/checkpoint")
        assert (home / name).resolve().is_relative_to(home)
        assert not any(part.startswith(".") for part in Path(name).parts)


def test_manifests_are_read_without_torch() -> None:
    """`segue models list` answers at once."""
    code = (
        "import sys, pathlib; from app.stores.checkpoints import CheckpointStore;"
        "CheckpointStore(pathlib.Path('nowhere')).list(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
