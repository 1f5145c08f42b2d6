import pytest
import torch

from app.rnn.network import PADDING
from app.rnn.rankers import exact_ranker
from app.rnn.retrieval import measuring
from app.rnn.retrieval.building import as_playlists, build_index, clusters_for, outputs_after
from app.rnn.retrieval.measuring import WANTED_RECALL, chosen
from tests.rnn.retrieval.indexes import CLUSTERS, clustered_network, playlists, small_index


def test_the_settings_chosen_find_and_estimate_as_well_as_wanted() -> None:
    network = clustered_network()
    index, figures = chosen(small_index(), network, exact_ranker(network))
    assert 1 < index.settings.probes <= CLUSTERS
    assert figures.recall_at_20 >= WANTED_RECALL - 0.01  # on outputs that chose nothing
    assert abs(figures.log_total_error_mean) < 0.02
    assert figures.log_total_error_std < 0.05
    assert figures.outputs == len(playlists()) // 2


def test_more_candidates_are_looked_at_where_no_number_of_clusters_finds_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty candidates by their codes are not the best twenty, whatever is searched."""
    monkeypatch.setattr(measuring, "_HEADS", (20, 128))
    monkeypatch.setattr(measuring, "WANTED_ERROR", 10.0)
    network = clustered_network()
    index, figures = chosen(small_index(), network, exact_ranker(network))
    assert index.settings.head == 128
    assert figures.recall_at_20 >= WANTED_RECALL - 0.01


def test_clusters_that_find_nothing_more_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where enough is never found, the fewest clusters are searched that find nearly as much as all."""
    monkeypatch.setattr(measuring, "_HEADS", (20,))
    monkeypatch.setattr(measuring, "WANTED_RECALL", 1.1)
    network = clustered_network()
    index, _ = chosen(small_index(), network, exact_ranker(network))
    assert index.settings.probes < CLUSTERS


@pytest.mark.parametrize("config", [{"normalised": True}, {"tied": False, "temperature": 1.7}, {"output_bias": False}])
def test_every_kind_of_output_is_indexed(config: dict[str, object]) -> None:
    """Cosine softmax, a table of its own with a temperature, no bias."""
    network = clustered_network(2, **config)
    index = build_index(network, as_playlists(playlists()), CLUSTERS)
    index, figures = chosen(index, network, exact_ranker(network))
    assert figures.recall_at_20 >= WANTED_RECALL - 0.02
    assert figures.log_total_error_max < 0.3


def test_an_index_is_the_same_whenever_it_is_made() -> None:
    again = build_index(clustered_network(), as_playlists(playlists()), CLUSTERS)
    assert torch.equal(again.clusters.means, small_index().clusters.means)


def test_playlists_of_all_lengths_are_read_to_their_end() -> None:
    network = clustered_network()
    together = outputs_after(network, as_playlists([[5], [7, 8, 9]]))
    alone = torch.cat([outputs_after(network, as_playlists([rows])) for rows in ([5], [7, 8, 9])])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert as_playlists([[5], [7, 8, 9]]).tolist() == [[5, PADDING, PADDING], [7, 8, 9]]


@pytest.mark.parametrize(("tracks", "clusters"), [(200_000, 1024), (1_000_000, 2048), (10_000_000, 8192)])
def test_clusters_grow_with_the_root_of_the_catalogue(tracks: int, clusters: int) -> None:
    assert clusters_for(tracks) == clusters
