"""From vectors to places: what is alike lies together, on a plane of known bounds."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rnn.projection import COMPONENTS, components, nearest, places


def bunches(each: int, count: int, size: int) -> torch.Tensor:
    """Return `count` bunches of vectors, each around a direction of its own."""
    draw = torch.Generator().manual_seed(1)
    centres = torch.randn(count, size, generator=draw)
    return torch.cat([centre + 0.3 * torch.randn(each, size, generator=draw) for centre in centres])


def test_what_is_alike_lies_together() -> None:
    """Nearly all of a point's nearest on the map are of its own bunch."""
    at = places(components(bunches(40, 5, 32)))
    apart = torch.cdist(at, at).fill_diagonal_(torch.inf)
    own = torch.arange(200) // 40
    near = apart.topk(5, largest=False).indices
    assert float((own[near] == own[:, None]).float().mean()) > 0.95


def test_the_same_vectors_give_the_same_map_whatever_was_drawn_before() -> None:
    vectors = bunches(30, 3, 8)
    first = places(components(vectors))
    torch.rand(7)
    assert torch.equal(first, places(components(vectors)))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(["random", "alike", "zeros", "not numbers"]))
def test_every_place_is_on_the_map(count: int, size: int, kind: str) -> None:
    """Also where there is nothing to tell tracks apart by."""
    drawn = torch.randn(count, size, generator=torch.Generator().manual_seed(count))
    vectors = {"random": drawn, "alike": drawn[:1].expand(count, size), "zeros": drawn * 0, "not numbers": drawn / 0}
    found = components(vectors[kind])
    at = places(found)
    assert found.shape == (count, min(size, COMPONENTS))
    assert at.shape == (count, 2)
    assert bool((at.abs() <= 1).all())


def test_nobody_is_a_neighbour_of_its_own() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    assert nearest(vectors, 1).flatten().tolist() == [1, 0, 3, 2]
