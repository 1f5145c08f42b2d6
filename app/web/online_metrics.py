"""How well each label foresees what is played, as counters: rates and ratios are for whoever draws them.

Knows nothing of how a play is judged.
"""

from prometheus_client import CollectorRegistry, Counter

from app.domain.online import Tally

MEASURES = {
    "plays": "Plays that a ranking was judged by.",
    "hits": "Of these, tracks that stood among the first twenty.",
    "reciprocal": "Sum of 1 / place of those; by plays it is the MRR@20.",
    "log_loss": "Sum of minus the logarithm of the played track's probability.",
    "offered": "Tracks among the first twenty that were played or skipped.",
    "skipped": "Of these, the skipped.",
}


class OnlineMetrics:
    """Counts tallies by label, in a registry that is shared."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = {
            measure: Counter(f"segue_online_{measure}", text, ("label",), registry=registry)
            for measure, text in MEASURES.items()
        }

        self._left_out = Counter("segue_online_left_out", "Plays that nobody had time to judge.", registry=registry)

    def left_out(self) -> None:
        """Count a play that was not judged."""
        self._left_out.inc()

    def judged(self, label: str, tally: Tally) -> None:
        """Count what came of a ranking."""
        for measure, counter in self._counters.items():
            if amount := getattr(tally, measure):
                counter.labels(label).inc(amount)
