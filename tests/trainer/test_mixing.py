"""Mixing on listening whose answer is known: albums in order, which past sessions tell and a small network does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.dataset.folder import Dataset, Sessions
from app.domain.catalogue import Catalogue, Track
from app.domain.ranking import StepRequest
from app.rnn.checkpoint_files import MIXTURE_FILE
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer
from app.rnn.mixture_file import mixture_tensors
from app.rnn.neighbours import NeighbourSettings
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.folds import FOLDS
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judgement
from app.trainer.mixer_fitting import collect, fit_mixer, mean_surprise
from app.trainer.mixing import is_better, mix, mix_after
from app.trainer.publishing import NETWORK_ALONE, train_and_publish
from app.trainer.recipe import Recipe
from app.trainer.trained import TrainedNetwork
from app.trainer.training import train
from app.trainer.validation import cut
from tests.listening import sessions_of

V = 150
ALBUM = 6
SMALL = Recipe(hidden_size=6, embedding_size=6, batch_events=300, epochs=2, mixture=True, seed=3, validation_share=0.3)


def albums(seed: int = 5, count: int = 260) -> Sessions:
    """Sessions of three albums each, every album in its own fixed order, entered at any of its first tracks."""
    generator = np.random.default_rng(seed)
    order = np.random.default_rng(1).permutation(V).reshape(-1, ALBUM)
    playlists = []
    for _ in range(count):
        chosen = generator.choice(len(order), 3, replace=False)
        playlists.append([int(track) for album in chosen for track in order[album][generator.integers(3) :]])
    return sessions_of(*playlists)


def dataset() -> Dataset:
    return Dataset(Catalogue([Track(f"t{row}", f"Title {row}", f"A{row}") for row in range(V)]), albums(), "f" * 64, {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedNetwork, Path]:
    run_dir = tmp_path_factory.mktemp("run")
    return train(dataset(), SMALL, run_dir), run_dir


def test_what_past_sessions_tell_is_mixed_in(trained: tuple[TrainedNetwork, Path]) -> None:
    network, run_dir = trained
    stages: list[str] = []
    mixing = mix_after(network, albums(), run_dir, stages.append)
    assert mixing.figures["used"]
    assert mixing.figures["mixture"]["mrr@20"] > mixing.figures["network_alone"]["mrr@20"] + 0.2
    assert mixing.figures["mixture"]["log_loss"] < mixing.figures["network_alone"]["log_loss"]
    assert "collecting candidates" in stages
    mixture = mixing.over(albums(), V)
    new = albums(seed=6, count=40)
    alone, mixed = (evaluate(JudgedNetwork(network.network, mixture=each), new) for each in (None, mixture))
    assert mixed.mrr > alone.mrr + 0.2
    again = mix_after(network, albums(), run_dir, stages.append).over(albums(), V)
    assert mixture is not None
    assert again is not None
    for name, tensor in mixture_tensors(mixture).items():
        assert torch.equal(tensor, mixture_tensors(again)[name]), name


def test_the_offline_figure_is_the_online_figure(trained: tuple[TrainedNetwork, Path]) -> None:
    """What evaluation says of each target is where the server's ranking of the same listening has it."""
    network, run_dir = trained
    mixture = mix_after(network, albums(), run_dir, lambda _: None).over(albums(), V)
    new = albums(seed=7, count=6)
    predictor = Predictor("one", network.network, dataset().catalogue, mixture)
    prefixes = [tuple(new[i][:t].tolist()) for i in range(len(new)) for t in range(1, len(new[i]))]
    targets = [int(new[i][t]) for i in range(len(new)) for t in range(1, len(new[i]))]
    steps = predictor.step([StepRequest(None, heard, heard, frozenset(), V) for heard in prefixes])
    judged = 0
    for judgement in JudgedNetwork(network.network, mixture=mixture).judge(new, 20):
        assert judgement.log_probabilities is not None
        for number, target in enumerate(judgement.targets.tolist()):
            ranking = steps[target].ranking
            place = list(ranking.tracks).index(targets[target])
            assert ranking.probabilities[place] == pytest.approx(
                np.exp(judgement.log_probabilities[number]), rel=1e-3, abs=1e-6
            )
            near = [p for p in ranking.probabilities if abs(p / ranking.probabilities[place] - 1) < 1e-3]
            assert abs(int(judgement.places[number]) - (place + 1)) < max(len(near), 1)
            if len(near) == 1:
                assert judgement.places[number] == place + 1
            judged += 1
    assert judged == len(targets)


def test_no_better_than_the_network_is_not_mixed_in(tmp_path: Path) -> None:
    """Where the network foresees everything, nothing is added to it."""
    ring = sessions_of(*[[(start + step) % 12 for step in range(8)] for start in range(12)] * 6)
    data = Dataset(Catalogue([Track(f"t{row}", f"T{row}", "A") for row in range(12)]), ring, "f" * 64, {})
    recipe = Recipe(hidden_size=24, embedding_size=24, batch_events=60, epochs=12, learning_rate=0.02, seed=3)
    network = train(data, recipe, tmp_path).network
    older, newest = ring.split(0.4)
    assert evaluate(JudgedNetwork(network), newest, resamples=0).mrr == 1.0
    mixing = mix(network, older, newest, recipe)
    assert mixing.figures["used"] is False
    assert mixing.over(ring, 12) is None


def test_too_few_sessions_decide_nothing(trained: tuple[TrainedNetwork, Path]) -> None:
    older, newest = albums(count=30).split(0.3)
    mixing = mix(trained[0].network, older, newest, SMALL)
    assert mixing.mixer is None
    assert "9 sessions" in mixing.figures["reason"]


def judged(places: list[int], log_probability: float) -> Metrics:
    """The metrics of a model that puts the targets of sessions of one target each at these places."""

    class Stated:
        name, catalogue_size = "stated", 100

        def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
            tops = np.zeros((len(places), depth), np.int32)
            log_probabilities = np.full(len(places), log_probability)
            yield Judgement(np.arange(len(sessions)), np.array(places), tops, log_probabilities)

    return evaluate(Stated(), sessions_of(*[[1, 2]] * len(places)), resamples=0)


@pytest.mark.parametrize(
    ("mixed", "alone", "better"),
    [
        (judged([1] * 40, -2.0), judged([3] * 40, -1.0), True),
        (judged([3] * 40, -1.0), judged([1] * 40, -2.0), False),
        (judged([1, 30] * 20, -1.0), judged([30, 1] * 19 + [1, 1], -2.0), True),
        (judged([1, 30] * 20, -2.0), judged([30, 1] * 19 + [1, 30], -1.0), False),
        (judged([1, 30] * 20, -1.0), judged([1, 30] * 20, -2.0), False),
    ],
    ids=["surely better", "surely worse", "one hit less, likelier", "as many hits, less likely", "the same places"],
)
def test_where_few_hits_cannot_tell_likelihood_does(mixed: Metrics, alone: Metrics, better: bool) -> None:
    assert is_better(mixed, alone) is better


def test_a_few_long_days_are_enough(trained: tuple[TrainedNetwork, Path]) -> None:
    """A radio's sessions are few and long: what can be drawn among are pieces of them."""
    heard = albums(count=240)
    days = Sessions(heard.tracks, heard.offsets[::30], heard.times)
    older, newest = days.split(0.5)
    assert len(newest) == 4
    mixing = mix(trained[0].network, older, newest, SMALL)
    assert mixing.figures["used"]
    pieces = cut(newest, 50)
    assert mixing.figures["targets"] == len(pieces.tracks) - len(pieces)
    assert 0 < mixing.figures["judged_on"] < mixing.figures["targets"]
    assert mixing.figures["folds"] == 1


def test_few_sessions_all_decide(trained: tuple[TrainedNetwork, Path]) -> None:
    older, newest = albums(count=60).split(0.3)
    mixing = mix(trained[0].network, older, newest, SMALL)
    assert mixing.figures["judged_on"] == mixing.figures["targets"] == len(newest.tracks) - len(newest)
    assert mixing.figures["folds"] == FOLDS


def test_a_mixer_learns_from_its_examples_and_is_the_same_for_the_same_seed(
    trained: tuple[TrainedNetwork, Path],
) -> None:
    older, newest = albums().split(0.3)
    memory = Memory.of(older.tracks, older.offsets, V)
    examples = collect(trained[0].network, memory, NeighbourSettings(), newest)
    assert len(examples) == len(newest.tracks) - len(newest)
    one, same, other = (fit_mixer(examples, 4, 2, seed) for seed in (1, 1, 2))
    assert mean_surprise(one, examples) < mean_surprise(Mixer(0), examples) - 0.5
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, same.state_dict()[name])
    assert not torch.equal(one.weights, other.weights)


def test_what_is_published_answers_with_its_mixture(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "store")
    recipe = replace(SMALL, refit=True)
    published = train_and_publish(dataset(), recipe, store, tmp_path / "run")
    manifest = store.manifest(published.manifest.checkpoint_id)
    assert manifest.training["mixing"]["used"]
    assert MIXTURE_FILE in manifest.files
    assert manifest.metrics["mrr@20"] > manifest.baselines[NETWORK_ALONE]["mrr@20"]
    predictor = store.load(manifest.checkpoint_id)
    assert predictor.mixture is not None
    heard = tuple(albums()[0][:4].tolist())
    asked = StepRequest(None, heard, heard, frozenset(heard), 10)
    assert predictor.step([asked])[0].ranking.tracks[0] == albums()[0][4]
    plain = train_and_publish(dataset(), replace(recipe, mixture=False), store, tmp_path / "run").manifest
    assert MIXTURE_FILE not in plain.files
    assert store.load(plain.checkpoint_id).mixture is None
