"""The temperature: found where it is known, never worse than none, the same where it serves and is judged."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.domain.catalogue import Catalogue, Track
from app.domain.ranking import StepRequest
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.predictor import Predictor
from app.trainer.evaluation import evaluate
from app.trainer.judged_network import JudgedNetwork
from app.trainer.recipe import Recipe
from app.trainer.temperature import LEAST_TARGETS, fit_temperature
from app.trainer.training import train
from app.trainer.validation import validate
from tests.listening import ring_walks, sessions_of

V = 30
CATALOGUE = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(V)])


def network_of() -> RecurrentNetwork:
    """A network with a bias that is sure of something."""
    torch.manual_seed(3)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=8, embedding_size=8))
    with torch.no_grad():
        network.output_table.mul_(8.0) if network.output_table is not None else None
        network.output_bias.normal_() if network.output_bias is not None else None
    return network.eval()


def drawn_from(network: RecurrentNetwork, count: int) -> Sessions:
    """Return sessions of two tracks, the second drawn from what the network says after the first."""
    torch.manual_seed(11)
    firsts = torch.randint(V, (count,))
    with torch.inference_mode():
        outputs, _ = network(firsts[:, None])
        seconds = torch.multinomial(network.logits(outputs[:, 0]).softmax(1), 1)
    return sessions_of(*torch.cat((firsts[:, None], seconds), 1).tolist())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 3.0])
def test_the_temperature_the_listening_was_drawn_at_is_found(temperature: float) -> None:
    network = network_of()
    found = fit_temperature(network, drawn_from(network.tempered(temperature), 4000))
    assert found == pytest.approx(temperature, rel=0.06)


def test_a_network_that_has_a_temperature_gets_the_same_as_without() -> None:
    network = network_of()
    sessions = drawn_from(network.tempered(2.0), 1000)
    assert fit_temperature(network.tempered(3.0), sessions) == pytest.approx(
        fit_temperature(network, sessions), rel=1e-3
    )


def test_no_other_temperature_is_better() -> None:
    network = network_of()
    sessions = drawn_from(network.tempered(1.6), 500)
    found = fit_temperature(network, sessions)
    losses = {t: validate(network.tempered(t), sessions).log_loss for t in (1.0, found / 1.05, found, found * 1.05)}
    assert min(losses, key=lambda t: losses[t]) == found


def test_a_temperature_changes_no_place_and_makes_the_figures_honest() -> None:
    network = network_of()
    sessions = drawn_from(network.tempered(2.5), 3000)
    raw = evaluate(JudgedNetwork(network), sessions, resamples=0)
    fitted = evaluate(JudgedNetwork(network.tempered(fit_temperature(network, sessions))), sessions, resamples=0)
    assert fitted.figures == raw.figures
    assert raw.log_loss is not None
    assert fitted.log_loss is not None
    assert fitted.log_loss < raw.log_loss
    assert raw.reliabilities[1].error > 0.1
    assert fitted.reliabilities[1].error < 0.04
    assert fitted.to_dict()["calibration_error@1"] == fitted.reliabilities[1].error
    assert len(fitted.to_dict()["reliability"]["20"]) == 15


def test_what_is_served_is_what_is_judged() -> None:
    """The server's probabilities are the softmax of logits over the temperature, and those evaluation counts."""
    network = network_of().tempered(1.9)
    ranking = Predictor("one", network, CATALOGUE).step([StepRequest(None, (3, 5), (3, 5), frozenset(), V)])[0].ranking
    with torch.inference_mode():
        outputs, _ = network.tempered(1.0)(torch.tensor([[3, 5]]))
        expected = (network.tempered(1.0).logits(outputs[0, -1]) / 1.9).softmax(0)
    assert ranking.probabilities == pytest.approx(expected[list(ranking.tracks)].tolist(), rel=1e-5)
    judged = list(JudgedNetwork(network).judge(sessions_of([3, 5, 7]), 20))
    assert len(judged) == 1
    assert judged[0].probabilities is not None
    assert judged[0].log_probabilities is not None
    assert judged[0].probabilities[-1] == pytest.approx(list(ranking.probabilities[:20]), rel=1e-5)
    assert judged[0].log_probabilities[-1] == pytest.approx(math.log(float(expected[7])), rel=1e-5)


def test_too_few_targets_or_broken_weights_leave_it_as_it_is() -> None:
    network = network_of().tempered(1.5)
    assert fit_temperature(network, drawn_from(network, LEAST_TARGETS - 1)) == 1.5
    sessions = drawn_from(network, 500)
    torch.nn.init.constant_(network.input_table, math.nan)
    assert fit_temperature(network, sessions) == 1.5


def test_what_is_always_right_is_not_made_infinitely_sure() -> None:
    network = network_of()
    with torch.inference_mode():
        outputs, _ = network(torch.arange(V)[:, None])
        followers = network.logits(outputs[:, 0]).argmax(1)
    sessions = sessions_of(*([row, int(followers[row])] for row in list(range(V)) * 10))
    assert fit_temperature(network, sessions) == pytest.approx(0.25, rel=0.01)


def test_training_ends_with_a_fitted_temperature(tmp_path: Path) -> None:
    """Too few sessions for so many epochs: the network grows surer than it may be, and is told so."""
    sessions = sessions_of(*ring_walks(V, 200, 8, noise=0.5, seed=8).tolist())
    recipe = Recipe(
        hidden_size=32, embedding_size=32, batch_events=64, epochs=6, learning_rate=0.02, table_learning_rate=0.2,
        patience=6, validation_share=0.2, refit=True,
    )  # fmt: skip
    dataset = Dataset(CATALOGUE, sessions, fingerprint_of(CATALOGUE, sessions), {})
    trained = train(dataset, replace(recipe, refit=False), tmp_path / "search")
    temperature = trained.network.config.temperature
    newest = sessions.split(0.2)[1]
    assert temperature > 1.02
    assert validate(trained.network, newest).log_loss < validate(trained.network.tempered(1.0), newest).log_loss
    # The refit goes by what the search found, since it learns from the newest sessions too.
    assert train(dataset, recipe, tmp_path / "refit").network.config.temperature == temperature
