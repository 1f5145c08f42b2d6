"""What a training run ends with, and what it says about itself. Knows nothing of how it was trained."""

from dataclasses import asdict, dataclass
from typing import Any

from app.rnn.network import RecurrentNetwork
from app.trainer.recency import TriedHalfLife
from app.trainer.recipe import Recipe


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch as the learning curve shows it: mean training loss, validation figures, speed. Counts from 1."""

    epoch: int
    loss: float
    recall: float
    mrr: float
    log_loss: float
    seconds: float
    events_per_s: float


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """What a run ends with: the network of the best epoch, how it came about, and how fast.

    `recipe` holds what was chosen on the way, `half_lives` what it was chosen from, if anything was tried. `pull_back`
    is the share by which its output table was moved back toward its start.
    """

    network: RecurrentNetwork
    recipe: Recipe
    history: tuple[EpochRecord, ...]
    best_epoch: int
    pull_back: float
    seconds: float
    events_per_s: float
    half_lives: tuple[TriedHalfLife, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return plain JSON values for a checkpoint's manifest."""
        return {
            "recipe": asdict(self.recipe),
            "best_epoch": self.best_epoch,
            "half_lives": [asdict(tried) for tried in self.half_lives],
            "pull_back": self.pull_back,
            "history": [asdict(record) for record in self.history],
            "seconds": round(self.seconds, 1),
            "events_per_s": round(self.events_per_s),
        }
