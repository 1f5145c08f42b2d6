"""A predictor's batch answers as its singles, and its steps as one pass."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalogue import Catalogue, Track
from app.domain.ranking import Step, StepRequest
from app.domain.session import StampedHidden
from app.errors import IncompatibleCheckpoint
from app.rnn.cells import RNN_KINDS
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.predictor import Predictor
from tests.rnn.memories import new_mixture

V = 40


def predictor(checkpoint_id: str = "one") -> Predictor:
    torch.manual_seed(9)
    config = NetworkConfig("gru", V, hidden_size=8, embedding_size=6, skip_input=True, output_size=8, normalised=True)
    catalogue = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(V)])
    return Predictor(checkpoint_id, RecurrentNetwork(config), catalogue)


PREDICTOR = predictor()


def state(step: Step) -> torch.Tensor:
    return PREDICTOR.opened([step.hidden])


def test_twenty_steps_end_with_the_state_of_one_pass() -> None:
    tracks = tuple(torch.randint(V, (20,)).tolist())
    hidden = None
    for track in tracks:
        step = PREDICTOR.step([StepRequest(hidden, (track,), (track,), frozenset(), 5)])[0]
        hidden = step.hidden
    replayed = PREDICTOR.step([StepRequest(None, tracks, tracks, frozenset(), 5)])[0]
    assert step.hidden == replayed.hidden  # to the bit
    assert step.ranking.tracks == replayed.ranking.tracks


@pytest.mark.parametrize("rnn_kind", RNN_KINDS)
@pytest.mark.parametrize(("hidden_size", "embedding_size"), [(16, 0), (33, 0), (50, 25), (100, 64), (128, 128)])
def test_steps_replay_and_company_end_with_the_same_bits(rnn_kind: str, hidden_size: int, embedding_size: int) -> None:
    """Whatever the sizes: one by one, in one pass, and among others who read more or less."""
    torch.manual_seed(1)
    if rnn_kind == "lru":
        hidden_size += hidden_size % 2
    config = NetworkConfig(rnn_kind, V, hidden_size=hidden_size, embedding_size=embedding_size, num_layers=2)
    reader = Predictor("one", RecurrentNetwork(config), PREDICTOR.catalogue)

    def read(hidden: StampedHidden | None, tracks: tuple[int, ...], company: int) -> StampedHidden:
        others = [StepRequest(None, tuple(range(number % 5)), (), frozenset(), 0) for number in range(company)]
        return reader.step([*others, StepRequest(hidden, tracks, tracks, frozenset(), 0)])[-1].hidden

    tracks = tuple(torch.randint(V, (25,)).tolist())
    hidden = None
    for company, track in enumerate(tracks):
        hidden = read(hidden, (track,), company)
    assert {read(None, tracks, company) for company in (0, 1, 7, 30)} == {hidden}


@st.composite
def requests(draw: st.DrawFn) -> list[StepRequest]:
    rows = st.integers(0, V - 1)
    heard = draw(st.lists(rows, max_size=5).map(tuple))
    hidden = PREDICTOR.step([StepRequest(None, heard, heard, frozenset(), 0)])[0].hidden
    return [
        StepRequest(
            draw(st.sampled_from([None, hidden])),
            draw(st.lists(rows, max_size=12).map(tuple)),
            (),
            draw(st.frozensets(rows, max_size=V)),
            draw(st.integers(0, 50)),
        )
        for _ in range(draw(st.integers(1, 9)))
    ]


@given(requests())
@settings(max_examples=40, deadline=None)
def test_a_batch_answers_as_its_singles(batch: list[StepRequest]) -> None:
    for request, together in zip(batch, PREDICTOR.step(batch), strict=True):
        alone = PREDICTOR.step([request])[0]
        assert together.hidden == alone.hidden  # to the bit
        assert together.ranking.tracks == alone.ranking.tracks
        assert together.ranking.probabilities == pytest.approx(alone.ranking.probabilities, abs=1e-5)
        assert len(together.ranking.tracks) == min(request.limit, V - len(request.excluded))


def test_asking_again_without_a_track_gives_the_same_answer() -> None:
    first = PREDICTOR.step([StepRequest(None, (3, 4), (3, 4), frozenset(), 7)])[0]
    again = PREDICTOR.step([StepRequest(first.hidden, (), (3, 4), frozenset(), 7)])[0]
    assert again.hidden == first.hidden
    assert again.ranking.tracks == first.ranking.tracks


def test_a_state_of_another_checkpoint_is_never_read() -> None:
    theirs = predictor("two").step([StepRequest(None, (1,), (1,), frozenset(), 0)])[0].hidden
    with pytest.raises(IncompatibleCheckpoint, match="of two"):
        PREDICTOR.step([StepRequest(theirs, (2,), (2,), frozenset(), 5)])


def test_no_requests_no_steps() -> None:
    assert PREDICTOR.step([]) == []


def test_the_catalogue_has_to_fit_the_network() -> None:
    with pytest.raises(IncompatibleCheckpoint, match=r"catalogue of 40 tracks.*got 1"):
        Predictor("one", PREDICTOR.network, Catalogue([Track("a", "A", "B")]))


def test_warming_up_leaves_answers_alone() -> None:
    request = StepRequest(None, (5,), (5,), frozenset(), 3)
    before = PREDICTOR.step([request])
    PREDICTOR.warm_up()
    assert PREDICTOR.step([request]) == before


@given(requests())
@settings(max_examples=20, deadline=None)
def test_with_a_mixture_a_batch_answers_as_its_singles(batch: list[StepRequest]) -> None:
    """The recent tracks matter to the ranking and to nothing else; without any the network ranks alone."""
    mixed = Predictor("one", PREDICTOR.network, PREDICTOR.catalogue, new_mixture(2, V))
    batch = [replace(request, recent=request.tracks) for request in batch]
    for request, together in zip(batch, mixed.step(batch), strict=True):
        alone = mixed.step([request])[0]
        network = PREDICTOR.step([request])[0]
        torch.testing.assert_close(state(together), state(network), rtol=1e-5, atol=1e-5)
        assert together.ranking.tracks == alone.ranking.tracks
        assert together.ranking.probabilities == pytest.approx(alone.ranking.probabilities, rel=1e-4, abs=1e-7)
        assert len(together.ranking.tracks) == min(request.limit, V - len(request.excluded))
        assert not set(together.ranking.tracks) & request.excluded
        if not request.recent:
            assert together.ranking.tracks == network.ranking.tracks


def test_asking_again_changes_no_state() -> None:
    """Nothing is read: the ranking is that of before, the state the very same, in whatever precision it is kept."""
    rounding = predictor()
    rounding.precision = "half"
    read = rounding.step([StepRequest(None, (3, 5), (3, 5), frozenset(), 9)])[0]
    again = PREDICTOR.step([StepRequest(read.hidden, (), (3, 5), frozenset(), 9)])[0]
    assert again.hidden is read.hidden
    assert again.ranking.tracks == read.ranking.tracks


def test_the_joined_input_is_stored_as_its_track() -> None:
    read = PREDICTOR.step([StepRequest(None, (3, 5), (3, 5), frozenset(), 0)])[0]
    joined = PREDICTOR.network(torch.tensor([[3, 5]]))[1][:, PREDICTOR.network.read_size :]
    assert torch.equal(PREDICTOR.opened([read.hidden])[:, PREDICTOR.network.read_size :], joined)
    assert not PREDICTOR.opened([None]).any()
    assert len(read.hidden.data) <= 4 * PREDICTOR.network.read_size + 4
