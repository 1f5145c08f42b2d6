"""The index of a large catalogue: from an output to the candidates worth an exact look, and the softmax's normaliser.

Knows nothing of exclusions, requests or files.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from app.rnn.retrieval.clusters import Clusters, Look
from app.rnn.retrieval.codes import Codes
from app.rnn.retrieval.space import Space

# As in the predictor: a product of one row is summed in another order than one of several, and which clusters are
# searched must not depend on who else is in the batch.
ROWS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """How an index is searched, as chosen by measuring when it was built.

    `probes` clusters are searched for `head` candidates, more of them for more candidates. `log_total_bias` is taken
    from each estimate.
    """

    probes: int
    head: int
    log_total_bias: float = 0.0


@dataclass(frozen=True, eq=False)
class Index:
    """All that is searched, and how. `playlists` (N, T), -1 behind the last track, are what it was measured with."""

    space: Space
    clusters: Clusters
    codes: Codes
    settings: Settings
    playlists: Tensor

    def with_settings(self, settings: Settings) -> "Index":
        """Return this index, searched otherwise."""
        return replace(self, settings=settings)

    def look(self, outputs: Tensor) -> Look:
        """Compare outputs (B, K) with all clusters."""
        B = len(outputs)
        if spare := -B % ROWS_AT_ONCE:
            outputs = torch.cat((outputs, outputs[:1].expand(spare, -1)))
        look = self.clusters.look(torch.from_numpy(self.space.outputs(outputs.numpy())))
        return Look(look.outputs[:B], look.means[:B], look.variances[:B])

    def candidates(self, look: Look, count: int) -> Tensor:
        """Return the rows (B, count) of about the highest logits, in no order, -1 where fewer were met."""
        # Who asks for more candidates than usual means tracks further down, which lie in more clusters.
        probes = min(self.settings.probes * max(1, count // self.settings.head), len(self.clusters))
        clusters, means = self.clusters.promising(look, probes)
        return torch.from_numpy(self.codes.scan(look.outputs.numpy(), clusters.numpy(), means.numpy(), count))

    def log_total(self, look: Look, best: Tensor) -> Tensor:
        """Estimate (B,) the log of the sum of exp(logit) over the catalogue, given the best logits (B, head).

        These are summed as they are, the tracks below them cluster by cluster. Logits of -inf are of no track.
        """
        below = self.clusters.log_total_below(look, best.masked_fill(best == -torch.inf, torch.inf).amin(1))
        return torch.logaddexp(torch.logsumexp(best, 1), below) - self.settings.log_total_bias
