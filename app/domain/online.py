"""How well what serves foresees what is played: tallies by label, and a test that may be looked at all the time.

Listeners, not events, are what chance draws: each belongs for good to one of `BUCKETS` parts, and an error is
estimated by leaving out one part after the other. Knows nothing of networks and of where tallies are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from zlib import crc32

BUCKETS = 64
HEADLINE = 20
ALPHA = 0.05
# The interval is tightest where the difference is known to a percentage point: information 1 / 0.01², divided by
# -W(-α²/e) - 1 = 8.2 (Howard et al. 2021, equation 26).
TIGHTEST = 1 / 0.01**2 / 8.2
# Below this an estimated error is not to be believed.
LEAST_BUCKETS = 32
LEAST_PLAYS = 500


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one ranking: where the track stood that was then played or skipped, None below the first hundred.

    `was_offered` tells that it counts as offered: a skip of a track whose play was counted does not again.
    """

    place: int | None
    log_loss: float
    skipped: bool = False
    was_offered: bool = True

    @property
    def foreseen(self) -> bool:
        """Whether the track was among those that a caller sees."""
        return self.place is not None and self.place <= HEADLINE

    @property
    def tally(self) -> "Tally":
        """Return the tally of this one."""
        offered, skipped = int(self.foreseen and self.was_offered), int(self.foreseen and self.skipped)
        if self.skipped:
            return Tally(offered=offered, skipped=skipped)
        reciprocal = 1 / self.place if self.foreseen and self.place else 0.0
        return Tally(1, int(self.foreseen), reciprocal, self.log_loss, offered, 0)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over trials: plays, those foreseen, their reciprocal places, log-loss; tracks offered, and skipped."""

    plays: int = 0
    hits: int = 0
    reciprocal: float = 0.0
    log_loss: float = 0.0
    offered: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.plays + other.plays,
            self.hits + other.hits,
            self.reciprocal + other.reciprocal,
            self.log_loss + other.log_loss,
            self.offered + other.offered,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """One label of one checkpoint while another stood beside it; tallies by bucket."""

    checkpoint_id: str
    label: str
    beside: str
    tallies: Mapping[int, Tally]

    @property
    def total(self) -> Tally:
        """The sum over all buckets."""
        return sum(self.tallies.values(), Tally())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hit@20 of canary less that of stable, with the ends of an interval that holds at every moment at once.

    `verdict` is `better` or `worse` once the interval leaves 0 out, `undecided` until then.
    """

    difference: float | None
    low: float | None
    high: float | None
    verdict: str


def bucket_of(listener_id: str) -> int:
    """Return the bucket of a listener: the same for ever."""
    # Not the lane's checksum alone: what a lane's node suffers must not look like one bucket's taste.
    return crc32(b"bucket" + listener_id.encode("utf-8", "surrogatepass")) % BUCKETS


def compare(stable: Arm, canary: Arm, alpha: float = ALPHA) -> Comparison:
    """Compare two arms; the answer may be asked for after every event, and acted upon the first time it is decided.

    The difference of two ratios has the error of a delete-a-group jackknife over listeners (Miller 1974; Kott 2001).
    Its estimates over time move like a Brownian motion in information 1 / error² (Jennison and Turnbull 1997), to
    which the two-sided normal mixture bound applies (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021,
    equation 14): with probability 1 - alpha the true difference is never outside the interval. Asymptotic, so nothing
    is said before there are `LEAST_PLAYS` of `LEAST_BUCKETS` buckets on both sides.
    """
    sides = [_ratio(list(arm.tallies.values())) for arm in (stable, canary)]
    if sides[0] is None or sides[1] is None:
        return Comparison(None, None, None, "undecided")
    (one, one_variance), (other, other_variance) = sides[0], sides[1]
    difference, variance = other - one, max(one_variance + other_variance, 1e-12)
    information = 1 / variance
    reach = sqrt((information + TIGHTEST) * log((information + TIGHTEST) / (TIGHTEST * alpha**2))) / information
    low, high = difference - reach, difference + reach
    verdict = "worse" if high < 0 else "better" if low > 0 else "undecided"
    return Comparison(difference, low, high, verdict)


def _ratio(tallies: Sequence[Tally]) -> tuple[float, float] | None:
    """Return hits per play and its variance, None where there is too little of either."""
    heard = [tally for tally in tallies if tally.plays]
    hits, plays = sum(tally.hits for tally in heard), sum(tally.plays for tally in heard)
    groups = len(heard)
    if groups < LEAST_BUCKETS or plays < LEAST_PLAYS:
        return None
    without = [(hits - tally.hits) / (plays - tally.plays) for tally in heard]
    mean = sum(without) / groups
    return hits / plays, (groups - 1) / groups * sum((one - mean) ** 2 for one in without)
