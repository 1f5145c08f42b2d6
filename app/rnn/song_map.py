"""The song map of a network: its most popular tracks, placed by the vectors it ranks them with.

Popular is what is probable before anything was heard. Knows nothing of files, nor of how places are found.
"""

import numpy as np
import torch
from torch import Tensor

from app.domain.catalogue import Catalogue
from app.domain.song_map import MOST_POINTS, MapPoint, SongMap
from app.rnn.network import PADDING, RecurrentNetwork
from app.rnn.projection import components, places

CLUSTERS = 12
# The main directions are enough to tell groups apart, and the rest is mostly noise.
_DIRECTIONS = 10


@torch.inference_mode()
def song_map_of(network: RecurrentNetwork, catalogue: Catalogue) -> SongMap:
    """Return the map of a network over its catalogue; the same network gives the same map."""
    rows = _popular(network)
    found = components(network.ranking_rows(network.stored_table.detach()[rows]).cpu())
    at = [[round(x, 4), round(y, 4)] for x, y in places(found).tolist()]
    clusters = _clusters(found)
    points = []
    for row, (x, y), cluster in zip(rows.tolist(), at, clusters, strict=True):
        track = catalogue[row]
        genre = track.genre or next(iter(track.tags), None)
        points.append(MapPoint(track.track_id, track.title, track.artist, genre, x, y, cluster))
    return SongMap(len(catalogue), tuple(points))


def _popular(network: RecurrentNetwork) -> Tensor:
    """Return the rows of the most probable tracks of all before anything was heard, on the CPU."""
    was_training = network.training
    outputs, _ = network.eval()(torch.full((1, 1), PADDING, device=network.input_table.device))
    network.train(was_training)
    logits = network.logits(outputs[0, -1]).float().cpu()
    return logits.topk(min(MOST_POINTS, len(logits))).indices


def _clusters(found: Tensor) -> list[int]:
    if len(found) < CLUSTERS:
        return [0] * len(found)
    # Imported where it is needed, at publish: a worker that only answers would be ready a second later.
    from scipy.cluster.vq import kmeans, vq

    directions = found[:, :_DIRECTIONS].double().numpy()
    centres, _ = kmeans(directions, CLUSTERS, iter=3, rng=np.random.default_rng(0))
    labels, _ = vq(directions, centres)
    return [int(label) for label in labels]
