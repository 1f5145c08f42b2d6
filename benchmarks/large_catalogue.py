"""A published checkpoint over a catalogue of any size, to measure with what a small machine has no listening for.

    python -m benchmarks.large_catalogue --tracks 1000000 --store data/large --promote

A GRU is really trained, on the demo, or taken from `--base`; then its catalogue is enlarged. Each new track lies
between a track that was learned and one of its nearest neighbours, with noise of the shape the learned rows have, so
that rows are clustered as trained ones are. Popularity follows Zipf's law; bias and length of a row follow popularity.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.demo.dataset import demo_dataset
from app.domain.catalogue import Catalogue, Track
from app.formats.mapped_catalogue import read_mapped_catalogue, write_mapped_catalogue
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import RecurrentNetwork
from app.stores.checkpoints import CheckpointStore
from app.trainer.publishing import train_and_publish
from app.trainer.recipe import Recipe, find_recipe

AT_ONCE = 100_000
NEIGHBOURS = 10
NOISE = 0.5  # of the distance between a learned row and its neighbours
ZIPF = 0.9
BIAS_OF_POPULARITY = 0.5
LENGTH_OF_POPULARITY = 0.05
TRACKS_PER_ARTIST = 10
PLAYLISTS = 1024
HALVES_FROM = 2_000_000  # what is published in half precision need not be made in single
SEARCHABLE = 2_000_000  # the search index takes half a minute and 50 MB of disk for a million tracks
LONGEST = 10
_ODD = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Learned:
    """What the trained network knows of its tracks: rows (P, K), biases (P,), each one's neighbours (P, NEIGHBOURS)."""

    network: RecurrentNetwork
    tracks: list[Track]
    rows: NDArray[np.float32]
    bias: NDArray[np.float32]
    neighbours: NDArray[np.int64]
    noise: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Growth:
    """Where each new track comes from: its parents (V,), how near it is to the first, its popularity in ln of plays."""

    parents: NDArray[np.int32]
    others: NDArray[np.int32]
    shares: NDArray[np.float32]
    popularity: NDArray[np.float32]


def build(store: Path, tracks: int, hidden: int = 128, seed: int = 1, base: Path | None = None) -> str:
    """Publish a checkpoint of so many tracks into a store; return its id.

    `base` is the folder of a checkpoint with tied rows to grow from; without one, a network is trained on the demo and
    kept in `store/base` for the next time.
    """
    learned = learn(base or _demo_base(store / "base", hidden, seed))
    growth = grow(learned, tracks, seed)
    network = enlarged(learned, growth, seed)
    playlists = listen(learned, growth, seed)
    with TemporaryDirectory(dir=store) as aside:
        path = Path(aside) / "catalogue.arrow"
        write_mapped_catalogue(path, named(learned, growth))
        return _published(store, network, read_mapped_catalogue(path), playlists, learned, seed)


def _published(
    store: Path,
    network: RecurrentNetwork,
    catalogue: Catalogue,
    playlists: list[list[int]],
    learned: Learned,
    seed: int,
) -> str:
    draft = CheckpointDraft(
        network=network,
        catalogue=catalogue,
        training={"recipe": "enlarged", "seed": seed},
        data={"tracks": len(catalogue), "learned_tracks": len(learned.tracks), "synthetic": True},
        metrics={},
        baselines={},
        verdict=Verdict(True, "Enlarged with noise, for measuring speed. It recommends nothing to anybody."),
        probe=tuple(playlists[0]),
        playlists=playlists,
        searchable=len(catalogue) <= SEARCHABLE,
    )
    return CheckpointStore(store).publish(draft).checkpoint_id


def learn(folder: Path) -> Learned:
    """Take a checkpoint's network and tracks, and look up which of its rows are near each other."""
    predictor = CheckpointStore(folder.parent).load(folder.name)
    network = predictor.network
    assert network.config.tied, f"Expected a checkpoint with tied rows to grow from, got {folder.name}."
    rows = network.ranking_table().numpy()
    bias = network.ranking_bias()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -1.0)
    neighbours = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    apart = (rows[neighbours] - rows[:, None]).reshape(-1, rows.shape[1])
    scales, axes = np.linalg.eigh(np.cov(apart.T))
    noise = NOISE * (axes * np.sqrt(np.maximum(scales, 0.0))) @ axes.T
    return Learned(
        network,
        list(predictor.catalogue),
        rows,
        np.zeros(len(rows), np.float32) if bias is None else bias.numpy(),
        neighbours,
        noise.astype(np.float32),
    )


def grow(learned: Learned, tracks: int, seed: int) -> Growth:
    """Draw where `tracks` tracks come from; popular learned tracks have more children."""
    draw = np.random.default_rng([seed, tracks])
    weight = np.exp(0.5 * (learned.bias - learned.bias.max())).astype(np.float64)
    parents = np.sort(draw.choice(len(weight), tracks, p=weight / weight.sum())).astype(np.int32)
    others = learned.neighbours[parents, draw.integers(0, NEIGHBOURS, tracks)].astype(np.int32)
    popularity = -ZIPF * np.log(1.0 + draw.permutation(tracks)).astype(np.float32)
    shares = (draw.random(tracks, np.float32) * 0.5).astype(np.float32)
    # Row order says nothing of what is alike, as in a catalogue that grew over years.
    order = draw.permutation(tracks)
    return Growth(parents[order], others[order], shares, popularity - popularity.mean())


def enlarged(learned: Learned, growth: Growth, seed: int) -> RecurrentNetwork:
    """Return the network with rows and biases for the new tracks; all else is as it was trained."""
    V, K = len(growth.parents), learned.rows.shape[1]
    table = torch.empty(V, K, dtype=torch.float16 if V >= HALVES_FROM else torch.float32)
    bias = torch.empty(V)
    for first in range(0, V, AT_ONCE):
        rows, of_popularity = _rows(learned, growth, slice(first, first + AT_ONCE), seed)
        table[first : first + AT_ONCE] = torch.from_numpy(rows)
        bias[first : first + AT_ONCE] = torch.from_numpy(of_popularity)
    config = replace(learned.network.config, catalogue_size=V, output_bias=True)
    state: dict[str, Tensor] = {**learned.network.state_dict(), "input_table": table, "output_bias": bias}
    with torch.device("meta"):
        network = RecurrentNetwork(config)
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False).eval()


def _rows(learned: Learned, growth: Growth, here: slice, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return rows (n, K) and biases (n,) of some new tracks, the same however many are made at once."""
    parents, others, shares = growth.parents[here], growth.others[here], growth.shares[here]
    popularity = growth.popularity[here]
    draw = np.random.default_rng([seed, here.start])
    noise = draw.standard_normal((len(parents), learned.rows.shape[1]), np.float32) @ learned.noise
    rows = learned.rows[parents] * (1 - shares)[:, None] + learned.rows[others] * shares[:, None] + noise
    rows *= (1.0 + LENGTH_OF_POPULARITY * popularity / growth.popularity.std())[:, None]
    bias = learned.bias[parents] * (1 - shares) + learned.bias[others] * shares + BIAS_OF_POPULARITY * popularity
    return rows.astype(np.float32), bias.astype(np.float32)


@torch.inference_mode()
def listen(learned: Learned, growth: Growth, seed: int) -> list[list[int]]:
    """Return playlists as the trained network would play them, each track replaced by one of its children."""
    draw, torch_draw = np.random.default_rng([seed, 7]), torch.Generator().manual_seed(seed)
    heard = torch.multinomial(
        learned.network.logits(torch.zeros(learned.rows.shape[1])).softmax(0), PLAYLISTS, True, generator=torch_draw
    )
    playlists, hidden = heard.unsqueeze(1), None
    for _ in range(LONGEST - 1):
        outputs, hidden = learned.network(playlists[:, -1:], hidden)
        following = torch.multinomial(learned.network.logits(outputs[:, -1]).softmax(1), 1, generator=torch_draw)
        playlists = torch.cat((playlists, following), 1)
    order = np.argsort(growth.parents, kind="stable")
    starts = np.searchsorted(growth.parents[order], np.arange(len(learned.rows) + 1))
    plays = np.cumsum(np.exp(growth.popularity[order].astype(np.float64)))
    before = np.concatenate(([0.0], plays))
    parents = playlists.numpy()
    low, high = before[starts[parents]], before[starts[parents + 1]]
    children = order[np.minimum(np.searchsorted(plays, draw.uniform(low, high), side="right"), len(order) - 1)]
    lengths = draw.integers(1, LONGEST + 1, PLAYLISTS)
    return [rows[:length] for rows, length in zip(children.tolist(), lengths.tolist(), strict=True)]


def named(learned: Learned, growth: Growth) -> Iterator[Track]:
    """Yield the new tracks: artists make some ten tracks of one kind, titles are made of words of learned ones."""
    words = sorted({word for track in learned.tracks for word in track.title.split() if word.isalpha()})
    children = np.zeros(len(learned.tracks), np.int64)
    for row, parent in enumerate(growth.parents.tolist()):
        number = int(children[parent])
        children[parent] += 1
        source = learned.tracks[parent]
        scrambled = ((row + 1) * _ODD) & (2**64 - 1)
        first, second = words[scrambled % len(words)], words[(scrambled >> 24) % len(words)]
        album, artist = number // TRACKS_PER_ARTIST, f"{source.artist} {number // TRACKS_PER_ARTIST + 1}"
        yield Track(
            track_id=f"{scrambled:016x}",
            title=f"{first} {second}",
            artist=artist,
            album=f"{words[(scrambled >> 40) % len(words)]} {album % 3 + 1}",
            year=source.year,
            genre=source.genre,
            tags=source.tags,
            duration_s=120 + scrambled % 240,
        )


def _demo_base(folder: Path, hidden: int, seed: int) -> Path:
    """Train on the demo, unless a network of that size was kept; return its checkpoint's folder."""
    store = CheckpointStore(folder)
    kept = [manifest for manifest in store.list() if manifest.network_fields["hidden_size"] == hidden]
    if kept:
        return folder / kept[0].checkpoint_id
    dataset = demo_dataset(folder / "demo")
    manifest = train_and_publish(dataset, _recipe(hidden, seed), store, folder / "run").manifest
    return folder / manifest.checkpoint_id


def _recipe(hidden: int, seed: int) -> Recipe:
    return replace(
        find_recipe("gru"),
        name="gru4rec-tied",
        hidden_size=hidden,
        embedding_size=hidden,
        output_size=0,
        tied=True,
        skip_input=False,
        residual=0.0,
        normalised=False,
        normalised_input=False,
        output_bias=True,
        pull_back=False,
        epochs=3,
        batch_events=1536,
        refit=False,
        mixture=False,
        seed=seed,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--hidden", type=int, default=128, help="length of hidden states and rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", type=Path, required=True, help="the model store to publish into")
    parser.add_argument("--base", type=Path, help="folder of a checkpoint with tied rows, instead of training")
    parser.add_argument("--promote", action="store_true", help="point stable at it")
    asked = parser.parse_args()
    begun = time.perf_counter()
    checkpoint_id = build(asked.store, asked.tracks, asked.hidden, asked.seed, asked.base)
    if asked.promote:
        CheckpointStore(asked.store).promote("stable", checkpoint_id)
    print(f"{checkpoint_id}  {asked.tracks:,} tracks in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
