"""Training on data whose answer is known: what can be foreseen is learned, what cannot is not, and nothing is lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.dataset.importing import ImportSettings, import_sources
from app.domain.catalogue import Catalogue, Track
from app.errors import NotANumber, NothingToLearn
from app.rnn.cells import RNN_KINDS
from app.trainer.baselines import markov
from app.trainer.evaluation import evaluate
from app.trainer.judged_network import JudgedNetwork
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe, find_recipe
from app.trainer.training import train
from app.trainer.validation import cut, thinned, validate
from tests.listening import dataset_of, sessions_of
from tests.trainer.made_sessions import SAMPLED, SMALL, V, assert_same, markov_chain, second_order


@pytest.mark.parametrize("rnn_kind", RNN_KINDS)
def test_the_predictable_is_learned(rnn_kind: str, tmp_path: Path) -> None:
    trained = train(markov_chain(0.0), replace(SMALL, rnn_kind=rnn_kind, epochs=8, refit=True), tmp_path)
    assert trained.history[-1].mrr > 0.95
    assert validate(trained.network, markov_chain(0.0).sessions).mrr > 0.95


def test_the_plain_elman_with_relu_learns_too(tmp_path: Path) -> None:
    recipe = replace(SMALL, rnn_kind="elman", activation="relu", embedding_size=0, epochs=8)
    assert train(markov_chain(0.0), recipe, tmp_path).history[-1].mrr > 0.95


def test_sampled_negatives_teach_the_same(tmp_path: Path) -> None:
    trained = train(markov_chain(0.0), replace(SAMPLED, epochs=8), tmp_path)
    assert trained.history[-1].mrr > 0.95


def test_the_random_is_not_learned(tmp_path: Path) -> None:
    """Where every track is as likely as any other, MRR@20 of chance is the mean of 1/place: 0.09 of 40 tracks."""
    trained = train(markov_chain(1.0), SMALL, tmp_path)
    chance = sum(1 / place for place in range(1, 21)) / V
    assert trained.history[-1].mrr == pytest.approx(chance, abs=0.03)


def test_noise_is_told_from_rule(tmp_path: Path) -> None:
    """A follower that comes three times of four gets about that probability."""
    data = markov_chain(0.25, count=600)
    recipe = replace(SMALL, hidden_size=32, embedding_size=32, epochs=6, batch_events=400, table_learning_rate=0.2)
    trained = train(data, recipe, tmp_path)
    with torch.inference_mode():
        outputs, _ = trained.network(torch.arange(V).view(V, 1))
        probabilities = trained.network.logits(outputs[:, -1]).softmax(1)
    followers = probabilities[torch.arange(V), (torch.arange(V) * 7 + 3) % V]
    assert float(followers.mean()) == pytest.approx(0.75 + 0.25 / V, abs=0.15)


def test_the_state_remembers_more_than_the_last_track(tmp_path: Path) -> None:
    """A sum of two tracks cannot be foretold from one of them."""
    recipe = replace(SMALL, hidden_size=32, epochs=20, patience=20, learning_rate=0.03)
    assert train(second_order(), recipe, tmp_path).history[-1].mrr > 0.7


def test_the_start_of_sessions_is_learned(tmp_path: Path) -> None:
    generator = np.random.default_rng(23)
    playlists = generator.integers(V, size=(300, 4))
    playlists[:, 0] = 5
    trained = train(dataset_of(playlists, V), SMALL, tmp_path)
    with torch.inference_mode():
        outputs, _ = trained.network(torch.tensor([[-1]]))
        assert int(trained.network.logits(outputs)[0, 0].argmax()) == 5


@pytest.mark.parametrize(
    "recipe",
    [SMALL, replace(SAMPLED, dropout=0.2, row_adagrad=True), replace(SMALL, cooccurrence_start=True, refit=True)],
    ids=["full", "sampled", "refit"],
)
def test_the_same_seed_gives_the_same_network_and_another_another(recipe: Recipe, tmp_path: Path) -> None:
    data, recipe = markov_chain(0.2, count=100), replace(recipe, epochs=2)
    one, other = (train(data, recipe, tmp_path / name) for name in ("one", "other"))
    assert_same(one.network, other.network)
    assert one.history[0].loss == other.history[0].loss
    different = train(data, replace(recipe, seed=4), tmp_path / "different")
    assert not torch.equal(different.network.input_table, one.network.input_table)


def test_training_stops_when_it_gets_no_better_and_keeps_the_best(tmp_path: Path) -> None:
    data = markov_chain(1.0, count=100)
    trained = train(data, replace(SMALL, epochs=40, patience=2), tmp_path)
    assert len(trained.history) == trained.best_epoch + 2
    best = max(trained.history, key=lambda record: record.recall + record.mrr)
    assert best.epoch == trained.best_epoch
    found = validate(trained.network, data.sessions.split(0.1)[1])
    assert (found.recall, found.mrr) == (best.recall, best.mrr)


def test_a_loss_that_is_no_number_says_where_and_what_to_try(tmp_path: Path) -> None:
    recipe = replace(
        SMALL, rnn_kind="elman", activation="relu", embedding_size=0, table_learning_rate=1e37, learning_rate=1e30
    )
    with pytest.raises(NotANumber, match=r"epoch 1, batch \d+.*Lower learning_rate"):
        train(markov_chain(0.2), recipe, tmp_path)


@pytest.mark.parametrize("playlists", [np.zeros((0, 1), np.int64), np.zeros((30, 1), np.int64)], ids=["none", "single"])
def test_sessions_without_a_target_are_refused(
    playlists: np.ndarray[tuple[int, int], np.dtype[np.int64]], tmp_path: Path
) -> None:
    with pytest.raises(NothingToLearn, match="Import more listening"):
        train(dataset_of(playlists, V), SMALL, tmp_path)


def test_progress_counts_up_and_ends(tmp_path: Path) -> None:
    steps: list[TrainingProgress] = []
    train(markov_chain(0.2, count=60), replace(SMALL, epochs=2, refit=True), tmp_path, on_progress=steps.append)
    search = [step for step in steps if not step.refit]
    assert [step.share for step in search] == sorted(step.share for step in search)
    assert search[-1].share == 1.0
    assert search[-1].remaining_s == 0.0
    assert all(step.events_per_s > 0 for step in steps)
    assert search[0].validation is None
    assert search[-1].validation is not None
    assert steps[-1].refit


def test_training_leaves_the_random_numbers_of_others_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(markov_chain(0.2, count=60), replace(SMALL, epochs=1), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_rows_that_were_not_touched_do_not_move(tmp_path: Path) -> None:
    """A step on a large catalogue costs what it touches, not what there is."""
    data = markov_chain(0.0, count=40)
    wide = replace(data, catalogue=Catalogue([Track(f"t{row}", f"T {row}", "A") for row in range(3000)]))
    recipe = replace(SAMPLED, epochs=1, negatives_power=1.0, cooccurrence_start=True)
    trained = train(wide, recipe, tmp_path)
    lengths = trained.network.input_table.detach()[V:].norm(dim=1)
    assert int((lengths.sub(1.0).abs() < 1e-5).sum()) > 2000


def test_thinning_spreads_over_all_sessions() -> None:
    sessions = markov_chain(0.2, count=100).sessions
    few = thinned(sessions, 100)
    assert len(few) == 10
    assert few[0].tolist() == sessions[0].tolist()
    assert few[9].tolist() == sessions[99].tolist()
    assert thinned(sessions, 10_000) is sessions


def test_long_sessions_are_cut_into_pieces() -> None:
    pieces = cut(sessions_of([1, 2, 3, 4, 5], [6, 7], [8]), 2)
    assert [pieces[number].tolist() for number in range(len(pieces))] == [[1, 2], [3, 4], [5], [6, 7], [8]]
    whole = cut(sessions_of([1, 2, 3], [4]), 3)
    assert whole.offsets.tolist() == [0, 3, 4]


@pytest.mark.data
@pytest.mark.slow
def test_set_lists_of_thirty_years_are_learned(tmp_path: Path) -> None:
    """On the newest tenth of the Grateful Dead's set lists: above Markov, and Slipknot! where it belongs."""
    source = Path(__file__).resolve().parents[3] / "shared" / "data" / "gratefuldead.tsv.gz"
    if not source.is_file():
        pytest.skip(f"the listening data {source.name} is not beside the project")
    data = import_sources([str(source)], tmp_path / "dataset", ImportSettings()).dataset
    older, newest = data.sessions.split(0.1)
    trained = train(replace(data, sessions=older), find_recipe("gru").changed({"epochs": 4}), tmp_path / "run")
    found = evaluate(JudgedNetwork(trained.network), newest, resamples=0)
    floor = evaluate(markov.fit(older, len(data.catalogue)), newest, resamples=0)
    assert found.recall > floor.recall + 0.02
    assert found.mrr > floor.mrr
    rows = {track.title: row for row, track in enumerate(data.catalogue)}
    with torch.inference_mode():
        outputs, _ = trained.network(torch.tensor([[rows["Help On The Way"]]]))
        first = int(trained.network.logits(outputs)[0, 0].argmax())
    assert data.catalogue[first].title == "Slipknot!"
