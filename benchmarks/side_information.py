"""What new tracks are worth that join a trained model without training: a tenth of all tracks, held out of training.

A recipe learns from sessions without the held-out tracks; they are added as `segue models add-tracks` does it, and
all is judged on test sessions that hold them. Run `python -m benchmarks.side_information --help`.
"""

import argparse
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from app.dataset.folder import Dataset, Sessions
from app.domain.catalogue import Catalogue
from app.domain.spelling import text_key
from app.rnn.mixture import Mixture
from app.rnn.network import RecurrentNetwork
from app.rnn.newcomers import remembering_newcomers, with_newcomers
from app.trainer.judged_network import JudgedNetwork
from app.trainer.mixing import mix_after
from app.trainer.recipe import Recipe, find_recipe
from app.trainer.targets import Targets, play_counts
from app.trainer.training import train
from benchmarks.quality_data import NAMES, Measured, load

HELD_OUT = 0.1
SHOWN = 20

Rows = Callable[[NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A data set whose catalogue ends with the tracks held out, `known` being the number of the others."""

    catalogue: Catalogue
    known: int
    training: Sessions
    training_with_new: Sessions
    test: Sessions

    @property
    def new(self) -> Catalogue:
        """The tracks held out."""
        return Catalogue([self.catalogue[row] for row in range(self.known, len(self.catalogue))])

    @property
    def before(self) -> Catalogue:
        """The tracks learned."""
        return Catalogue([self.catalogue[row] for row in range(self.known)])


def hold_out(measured: Measured, sessions: int, seed: int = 3) -> HeldOut:
    """Hold out a tenth of the tracks played in training; take about so many test sessions."""
    catalogue, training = measured.training.catalogue, measured.training.sessions
    played = np.flatnonzero(play_counts(training, len(catalogue)))
    drawn = np.random.default_rng(seed).permutation(played)[: int(len(played) * HELD_OUT)]
    is_new = np.isin(np.arange(len(catalogue)), drawn)
    order = np.concatenate((np.flatnonzero(~is_new), np.flatnonzero(is_new)))
    row = np.empty(len(order), np.int64)
    row[order] = np.arange(len(order))
    test = measured.test.select(np.arange(0, len(measured.test), max(len(measured.test) // sessions, 1)))
    return HeldOut(
        Catalogue([catalogue[old] for old in order]),
        len(order) - len(drawn),
        _renumbered(training, np.where(is_new, -1, row)),
        _renumbered(training, row),
        _renumbered(test, row),
    )


def _renumbered(sessions: Sessions, rows: NDArray[np.int64]) -> Sessions:
    """Return the sessions in other rows, without the events whose row is -1."""
    tracks = rows[sessions.tracks]
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))[tracks >= 0]
    lengths = np.bincount(session, minlength=len(sessions))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[lengths > 0])])
    return Sessions(tracks[tracks >= 0].astype(np.int32), offsets, sessions.times[tracks >= 0])


def variants(held: HeldOut, recipe: Recipe) -> Iterator[tuple[str, RecurrentNetwork, Mixture | None]]:
    """Train without the new tracks; yield each way of adding them, and last a network that was trained with them."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train(Dataset(held.before, held.training, "", {}), recipe, Path(folder))
        mixing = mix_after(trained, held.training, Path(folder), lambda _: None) if recipe.mixture else None
    network, new = trained.network, list(held.new)
    generator = np.random.default_rng(0)
    yield "drawn rows", _joined(network, len(new), lambda y: generator.standard_normal((len(new), y.shape[1]))), None
    yield "artist mean", _joined(network, len(new), lambda rows: _artist_means(held, rows)), None
    grown = with_newcomers(network, held.before, new)
    yield "segue models add-tracks", grown, None
    mixture = mixing.over(held.training, held.known) if mixing is not None else None
    if mixture is not None:
        yield (
            "the same, as served",
            grown,
            replace(mixture, memory=remembering_newcomers(mixture.memory, len(new))),
        )
    with tempfile.TemporaryDirectory() as folder:
        every = train(Dataset(held.catalogue, held.training_with_new, "", {}), recipe, Path(folder))
    yield "trained with them", every.network, None


def _joined(network: RecurrentNetwork, count: int, rows: Rows) -> RecurrentNetwork:
    """Return the network with rows made from those of each table; a cosine softmax takes their directions."""
    state = dict(network.state_dict())
    for name in ("input_table", "output_table"):
        if name in state:
            table = functional.normalize(state[name], dim=1) if network.config.normalised else state[name]
            added = torch.from_numpy(rows(table.numpy()).astype(np.float32))
            added = functional.normalize(added, dim=1) if network.config.normalised else added
            state[name] = torch.cat((table, added))
    if (bias := state.get("output_bias")) is not None:
        state["output_bias"] = functional.pad(bias, (0, count), value=float(bias.mean()))
    grown = RecurrentNetwork(replace(network.config, catalogue_size=network.config.catalogue_size + count))
    grown.load_state_dict(state)
    return grown.eval()


def _artist_means(held: HeldOut, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the plain mean of each new track's artist, of the whole catalogue where the artist is new too."""
    of_artist: dict[str, list[int]] = {}
    for row in range(held.known):
        of_artist.setdefault(text_key(held.catalogue[row].artist), []).append(row)
    everything = rows.mean(axis=0)
    known = [of_artist.get(text_key(track.artist)) for track in held.new]
    return np.stack([everything if same is None else rows[same].mean(axis=0) for same in known])


def judge(held: HeldOut, network: RecurrentNetwork, mixture: Mixture | None) -> tuple[NDArray[np.int64], float]:
    """Return the place of every target, and which share of the tracks shown is new."""
    places, shown = np.zeros(len(Targets.of(held.test)), np.int64), []
    for judgement in JudgedNetwork(network, mixture=mixture).judge(held.test, SHOWN):
        places[judgement.targets] = judgement.places
        shown.append(judgement.tops.ravel())
    return places, float((np.concatenate(shown) >= held.known).mean())


def popularity(held: HeldOut) -> NDArray[np.int64]:
    """Return the place of every target where plays in training decide, ties against it: no new track has any."""
    plays = play_counts(held.training, len(held.catalogue))
    return len(plays) - np.searchsorted(np.sort(plays), plays[Targets.of(held.test).tracks], "left")


def main() -> None:
    """Measure the data sets that are named, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", choices=NAMES)
    parser.add_argument("--recipe", default="gru")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, in TOML")
    parser.add_argument("--test-sessions", type=int, default=600)
    asked = parser.parse_args()
    recipe = find_recipe(asked.recipe).changed(tomllib.loads("\n".join(asked.set)))
    for name in asked.data:
        held = hold_out(load(name), asked.test_sessions)
        new = Targets.of(held.test).tracks >= held.known
        print(f"\n{name}: {len(new):,} targets, {new.mean():.1%} of them new tracks ({len(held.new):,} of all)")
        print(
            "| new tracks | R@20 / MRR@20 of new | of others | of all | new among those shown |\n|---|---|---|---|---|"
        )
        _print("popularity", popularity(held), new, 0.0)
        for label, network, mixture in variants(held, recipe):
            places, share = judge(held, network, mixture)
            _print(label, places, new, share)


def _print(label: str, places: NDArray[np.int64], new: NDArray[np.bool_], share: float) -> None:
    parts = [places[new], places[~new], places]
    figures = [f"{(part <= SHOWN).mean():.4f} / {np.where(part <= SHOWN, 1 / part, 0).mean():.4f}" for part in parts]
    print(f"| {label} | {' | '.join(figures)} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
