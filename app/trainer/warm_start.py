"""A warm start: a run begins with what a published network has learned, over the catalogue of today.

Tracks that both catalogues hold begin with their rows; new ones as tracks of their artist, genre, tags and decade are
(`newcomers.py`). Knows nothing of stores and files.
"""

from dataclasses import dataclass, fields

import torch

from app.domain.catalogue import Catalogue
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.newcomers import with_newcomers
from app.trainer.recipe import Recipe

# What is the run's own: how many tracks there are, and what only learning knows of or finds out.
_OF_THE_RUN = frozenset({"catalogue_size", "temperature", "dropout", "input_dropout"})


@dataclass(frozen=True, eq=False)
class WarmStart:
    """The checkpoint that a run begins with, and the unix time of the newest event it may have learned."""

    checkpoint_id: str
    network: RecurrentNetwork
    catalogue: Catalogue
    learned_until: float = 0.0

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the shape of this network, whose weights fit no other."""
        config = self.network.config
        shape = {field.name: getattr(config, field.name) for field in fields(NetworkConfig)}
        # Pulled back, the output table moves toward the checkpoint's, which a cosine softmax is needed for.
        pull_back = recipe.pull_back and config.normalised
        return recipe.changed(
            {**{name: value for name, value in shape.items() if name not in _OF_THE_RUN}, "pull_back": pull_back}
        )

    @torch.no_grad()
    def begin(self, network: RecurrentNetwork, catalogue: Catalogue) -> None:
        """Give a network over a catalogue (V) this one's weights."""
        new = [track for track in catalogue if self.catalogue.index_of(track.track_id) is None]
        grown = with_newcomers(self.network, self.catalogue, new) if new else self.network
        row_of_new = {track.track_id: len(self.catalogue) + place for place, track in enumerate(new)}
        rows = torch.tensor([row_of_new.get(track.track_id, self._row(track.track_id)) for track in catalogue])
        learned = grown.state_dict()
        begun = {}
        for name, tensor in network.state_dict().items():
            begun[name] = learned[name].float()
            if name in ("input_table", "output_table", "output_bias"):
                begun[name] = begun[name][rows]
            assert begun[name].shape == tensor.shape, f"{name} has another shape. This is a bug."
        network.load_state_dict(begun)

    def _row(self, track_id: str) -> int:
        row = self.catalogue.index_of(track_id)
        return -1 if row is None else row
