import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.checkpoint import (
    PUBLISH_TOLERANCE,
    CheckpointDraft,
    ask,
    check_answer,
    check_same_weights,
    read_checkpoint,
    write_draft,
)
from app.rnn.checkpoint_files import CATALOGUE_FILE, SEARCH_FILE, WEIGHTS_FILE, content_hash, file_sha256
from app.rnn.manifest import Manifest
from app.rnn.weights import write_weights
from tests.rnn.drafts import V, new_draft, small_catalogue


def written(folder: Path, draft: CheckpointDraft) -> Manifest:
    """Write a draft's files and return their manifest."""
    (folder / SEARCH_FILE).write_bytes(b"not read here")
    files = {name: file_sha256(folder / name) for name in (*write_draft(folder, draft), SEARCH_FILE)}
    return Manifest(
        checkpoint_id=f"20261122T101500Z-{content_hash(files)}",
        created_at="2026-11-22T10:15:00+00:00",
        status="accepted",
        reason="",
        network_fields=draft.network.config.to_dict(),
        training={},
        data={},
        metrics={},
        baselines={},
        files=files,
        probe=ask(draft.network, draft.probe),
    )


@pytest.mark.parametrize(
    "config",
    [
        {"rnn_kind": "elman", "activation": "relu", "embedding_size": 0},
        {"rnn_kind": "gru", "num_layers": 2, "layer_norm": True, "dropout": 0.5},
        {"rnn_kind": "lstm", "tied": True, "embedding_size": 8, "normalised": True},
        {"rnn_kind": "gru", "skip_input": True, "output_size": 5, "output_bias": False, "input_dropout": 0.3},
    ],
)
def test_a_network_reads_back_to_the_last_bit(tmp_path: Path, config: dict[str, Any]) -> None:
    """Every option of the network survives the way to the disk and back."""
    draft = new_draft(1, **config)
    network, catalogue = read_checkpoint(tmp_path, written(tmp_path, draft))
    check_same_weights(draft.network, network)
    assert network.config == draft.network.config
    assert list(catalogue) == list(draft.catalogue)
    tracks = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        trained = draft.network.eval()(tracks)[0]
        assert torch.equal(network.logits(network(tracks)[0]), draft.network.logits(trained))


def test_a_read_network_learns_no_more_and_its_weights_are_mapped(tmp_path: Path) -> None:
    network, _ = read_checkpoint(tmp_path, written(tmp_path, new_draft()))
    assert not network.training
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in network.parameters())
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("no /proc on this system")
    assert str(tmp_path / WEIGHTS_FILE) in maps.read_text()


def test_reading_does_not_wait_for_the_compiler_of_torch(tmp_path: Path) -> None:
    """Building a network without memory must not import what takes seconds in every worker."""
    arguments = []
    for rnn_kind in ("gru", "elman"):
        network = new_draft(rnn_kind=rnn_kind, activation="relu").network
        write_weights(tmp_path / rnn_kind, network)
        arguments += [str(tmp_path / rnn_kind), json.dumps(network.config.to_dict())]
    code = (
        "import json, sys; from pathlib import Path; from app.rnn.weights import read_network;"
        "from app.rnn.network import NetworkConfig;"
        "read_network(Path(sys.argv[1]), NetworkConfig.from_dict(json.loads(sys.argv[2])));"
        "read_network(Path(sys.argv[3]), NetworkConfig.from_dict(json.loads(sys.argv[4])));"
        "assert 'sympy' not in sys.modules and 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=Path(__file__).parents[2])


def test_asking_leaves_a_network_in_training_as_it_was() -> None:
    network = new_draft(dropout=0.5).network.train()
    assert ask(network, (1, 2)) == ask(network, (1, 2))
    assert network.training


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_number_is_named_and_refused(tmp_path: Path, value: float) -> None:
    draft = new_draft()
    with torch.no_grad():
        draft.network.input_table[3, 2] = value
    with pytest.raises(CorruptCheckpoint, match=r"weights\.safetensors.* input_table"):
        write_draft(tmp_path, draft)


def test_weights_with_nan_are_refused_though_they_hash_right(tmp_path: Path) -> None:
    """Whoever writes the files and the manifest by hand is refused too."""
    manifest = written(tmp_path, new_draft())
    path = tmp_path / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-4:] = b"\x00\x00\xc0\x7f"
    path.write_bytes(content)
    files = {**manifest.files, WEIGHTS_FILE: file_sha256(path)}
    with pytest.raises(CorruptCheckpoint, match="NaN"):
        read_checkpoint(tmp_path, replace(manifest, files=files))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_size": 9}, "shape"),
        ({"rnn_kind": "lstm"}, r"weights\.safetensors"),
        ({"num_layers": 10**9}, "layers"),
        ({"hidden_size": 10**12}, "weights|network"),
        ({"layer_norm": True}, "missing .*norm"),
        ({"rnn_kind": "transformer"}, "elman, gru, lstm, mingru, lru"),
        ({"rnn_kind": 7}, "rnn_kind"),
        ({"hidden_size": "big"}, "hidden_size|big"),
        ({"catalogue_size": V + 1}, "shape|catalogue"),
        ({"flux": 1}, "flux"),
    ],
)
def test_a_manifest_of_another_network_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """Shapes are compared before anything is built, so that a wrong size costs neither memory nor time."""
    manifest = written(tmp_path, new_draft())
    other = replace(manifest, network_fields={**manifest.network_fields, **change})
    with pytest.raises(IncompatibleCheckpoint, match=reason):
        read_checkpoint(tmp_path, other)


def test_a_catalogue_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleCheckpoint, match=r"12 tracks.*got 11"):
        replace(new_draft(), catalogue=small_catalogue(V - 1)).check()
    other = written(tmp_path, replace(new_draft(), catalogue=small_catalogue(V - 1)))
    with pytest.raises(IncompatibleCheckpoint, match=r"12 tracks.*got 11"):
        read_checkpoint(tmp_path, other)


@pytest.mark.parametrize("probe", [(), (V,), (-1,)])
def test_a_probe_outside_the_catalogue_is_refused(probe: tuple[int, ...]) -> None:
    with pytest.raises(IncompatibleCheckpoint, match="probe"):
        replace(new_draft(), probe=probe).check()


@pytest.mark.parametrize("name", ["report.html", "report/../x", "/report/x", "report/.x", "report/a/b", "report\\x"])
def test_a_report_outside_its_folder_is_refused(name: str) -> None:
    with pytest.raises(IncompatibleCheckpoint, match="report"):
        replace(new_draft(), report={name: b""}).check()


def test_the_probe_tells_other_weights_from_the_trained_ones(tmp_path: Path) -> None:
    draft = new_draft()
    probe = ask(draft.network, draft.probe)
    check_answer(draft.network, probe, 0.0)
    nudged = copy.deepcopy(draft.network)
    with torch.no_grad():
        nudged.input_table[draft.probe[-1]] += 1e-2
    with pytest.raises(CorruptCheckpoint, match="probe"):
        check_answer(nudged, probe, PUBLISH_TOLERANCE)
    with pytest.raises(CorruptCheckpoint, match="input_table"):
        check_same_weights(draft.network, nudged)
    for unusable in (
        replace(probe, logits=(float("nan"),) * len(probe.top)),
        replace(probe, top=(V,)),
        replace(probe, top=()),
    ):
        with pytest.raises(CorruptCheckpoint, match="probe"):
            check_answer(draft.network, unusable, PUBLISH_TOLERANCE)
    manifest = written(tmp_path, draft)
    with pytest.raises(CorruptCheckpoint, match="probe"):
        read_checkpoint(tmp_path, replace(manifest, probe=ask(new_draft(7).network, draft.probe)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 64,
        (10**12).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (8).to_bytes(8, "little") + b'{"a": 1}',
        (9).to_bytes(8, "little") + b'{"a": {}}',
        (4).to_bytes(8, "little") + b"nope",
    ],
)
def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    """A header's length is believed only within bounds."""
    manifest = written(tmp_path, new_draft())
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    files = {**manifest.files, WEIGHTS_FILE: file_sha256(tmp_path / WEIGHTS_FILE)}
    with pytest.raises(CorruptCheckpoint, match=r"weights\.safetensors"):
        read_checkpoint(tmp_path, replace(manifest, files=files))


def test_weights_in_another_precision_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    manifest = written(tmp_path, new_draft())
    path = tmp_path / WEIGHTS_FILE
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path)
    files = {**manifest.files, WEIGHTS_FILE: file_sha256(path)}
    with pytest.raises(IncompatibleCheckpoint, match="float32"):
        read_checkpoint(tmp_path, replace(manifest, files=files))


def test_a_catalogue_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    manifest = written(tmp_path, new_draft())
    (tmp_path / CATALOGUE_FILE).write_bytes(b"PAR1 but not really")
    files = {**manifest.files, CATALOGUE_FILE: file_sha256(tmp_path / CATALOGUE_FILE)}
    with pytest.raises(CorruptCheckpoint, match=r"catalogue\.parquet"):
        read_checkpoint(tmp_path, replace(manifest, files=files))
