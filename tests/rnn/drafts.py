"""Small drafts to publish, and ways to damage what was published."""

from pathlib import Path

import torch

from app.domain.catalogue import Catalogue, Track
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork

V = 12


def small_catalogue(size: int = V) -> Catalogue:
    """Tracks with names of several scripts."""
    names = [("Björk", "Jóga"), ("AC/DC", "Back in Black"), ("坂本龍一", "戦場のメリークリスマス"), ("", "???")]
    named = [names[row] if row < len(names) else (f"Artist {row % 5}", f"Song {row}") for row in range(size)]
    return Catalogue([Track(f"t{row}", title, artist) for row, (artist, title) in enumerate(named)])


def new_draft(seed: int = 0, *, accepted: bool = True, size: int = V, **config: object) -> CheckpointDraft:
    """A checkpoint with weights drawn from a seed: what it ranks is arbitrary but fixed."""
    torch.manual_seed(seed)
    settings = {"rnn_kind": "gru", "catalogue_size": size, "hidden_size": 8, "embedding_size": 6, **config}
    return CheckpointDraft(
        network=RecurrentNetwork(NetworkConfig.from_dict(settings)),
        catalogue=small_catalogue(size),
        training={"epochs": 1, "seed": seed, "run": Path("runs") / "one"},
        data={"fingerprint": "0" * 64, "sessions": 3},
        metrics={"recall@20": 0.5, "mrr@20": 0.25, "loss": float("nan")},
        baselines={"popularity": {"recall@20": 0.1}, "markov": {"recall@20": 0.2}},
        verdict=Verdict(accepted, "beats popularity and Markov" if accepted else "does not beat Markov"),
        probe=(0, 3, 5),
        report={"report/report.html": b"<p>How it learned</p>", "report/curve.png": b"\x89PNG"},
    )


def flip_byte(path: Path, at: int) -> None:
    """Turn one bit of a file, as a bad disk does."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1
    path.write_bytes(content)
