"""The predictor: one checkpoint's network, mixture and ranking, answering batches of steps.

It knows nothing of queues, listeners or where the checkpoint came from. A batch answers as its singles would.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from app.domain.catalogue import Catalogue
from app.domain.ranking import Step, StepRequest
from app.domain.session import StampedHidden
from app.errors import IncompatibleCheckpoint
from app.rnn.evidence import heard_rows
from app.rnn.hidden import last_tracks, stamp, unstamp
from app.rnn.hidden_bytes import Precision
from app.rnn.mixture import Mixture
from app.rnn.network import PADDING, RecurrentNetwork
from app.rnn.ragged import Ragged
from app.rnn.rankers import ranker_of
from app.rnn.retrieval.index import Index

# A product of one row is summed in another order than one of several, so its last bits differ. In batches of eights a
# state has the same bits whoever keeps it company and however many tracks were read at once: a listener's state can be
# compared with its replay to the bit.
ROWS_AT_ONCE = 8
# Numbers that a processor takes at once: what is left at the end is computed in another way, to other last bits. So
# nobody's numbers may stand there.
NUMBERS_AT_ONCE = 32


class Predictor:
    """Advances hidden states and ranks what may follow, for one checkpoint."""

    def __init__(
        self,
        checkpoint_id: str,
        network: RecurrentNetwork,
        catalogue: Catalogue,
        mixture: Mixture | None = None,
        precision: Precision = "single",
        index: Index | None = None,
    ) -> None:
        """Take what a checkpoint holds; without a mixture the network ranks alone, without an index exactly.

        `precision` is that of the hidden states it hands out; it reads both.
        """
        if network.config.catalogue_size != len(catalogue):
            raise IncompatibleCheckpoint(
                f"Expected a catalogue of {network.config.catalogue_size} tracks for the network of checkpoint "
                f"{checkpoint_id}, got {len(catalogue)}. Publish the checkpoint again."
            )
        self.checkpoint_id = checkpoint_id
        self.network = network.eval()
        self.catalogue = catalogue
        self.mixture = mixture
        self.precision = precision
        self.ranker = ranker_of(network, index)
        self._lines = max(ROWS_AT_ONCE, NUMBERS_AT_ONCE // math.gcd(NUMBERS_AT_ONCE, network.config.hidden_size))

    @torch.inference_mode()
    def step(self, requests: Sequence[StepRequest]) -> list[Step]:
        """Answer each request: read its tracks on top of its hidden state, rank what may follow."""
        hidden = self.opened([request.hidden for request in requests])
        playlists = Ragged.of([request.tracks for request in requests], self._lines)
        outputs, hidden = self.network.read_ragged(playlists, hidden)
        excluded, limits = [request.excluded for request in requests], [request.limit for request in requests]
        if self.mixture is None:
            rankings = self.ranker.top(outputs, excluded, limits)
        else:
            # Who asks for no ranking is not searched for.
            heard = heard_rows([request.recent if request.limit else () for request in requests])
            rankings = self.mixture.top(self.ranker, outputs, heard, excluded, limits)
        states = self._sealed(requests, hidden)
        return [Step(state, ranking) for state, ranking in zip(states, rankings, strict=True)]

    def opened(self, stamped: Sequence[StampedHidden | None]) -> Tensor:
        """Return the hidden states (B, S) as the network carries them."""
        joins = self.network.config.skip_input
        hidden = unstamp(self.checkpoint_id, stamped, self.network.read_size, with_last=joins)
        return torch.cat((hidden, self.network.joined(last_tracks(stamped))), 1) if joins else hidden

    def _sealed(self, requests: Sequence[StepRequest], hidden: Tensor) -> list[StampedHidden]:
        """Return the states to be stored; where nothing was read it is the one that came."""
        last = [request.tracks[-1] if request.tracks else PADDING for request in requests]
        read = hidden[:, : self.network.read_size]
        states = stamp(self.checkpoint_id, read, self.precision, last if self.network.config.skip_input else None)
        return [
            state if request.tracks or request.hidden is None else request.hidden
            for request, state in zip(requests, states, strict=True)
        ]

    def warm_up(self) -> None:
        """Take the first, slow steps before a listener waits for them: kernels, the table's pages, song look-up."""
        for size in (1, 8):
            heard = [(row % len(self.catalogue),) for row in range(size)]
            self.step([StepRequest(None, tracks, tracks, frozenset(), 10) for tracks in heard])
        if len(self.catalogue):
            self.catalogue.same_song(0)
            self.catalogue.of_artist("")
