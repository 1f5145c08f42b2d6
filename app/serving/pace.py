"""How long it pays to wait for company, from how fast requests have come lately. Knows nothing of what they ask."""

# One request in so many makes up the estimate: it follows a burst within some tens of requests.
MEMORY = 16
# A pause says no more than that company was not to be had: counted in full it would outweigh the burst after it.
LONGEST_GAP = 4


class Pace:
    """Watches the gaps between requests; a wait is `longest_s`, or none at all where on average nobody would come."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._latest = 0.0
        self._gap_s = LONGEST_GAP * longest_s

    def arrived(self, now: float) -> None:
        """Take in that a request came at `now`, in seconds of any clock that does not go back."""
        gap_s = min(now - self._latest, LONGEST_GAP * self._longest_s)
        self._gap_s += (gap_s - self._gap_s) / MEMORY
        self._latest = now

    def wait_s(self) -> float:
        """Return how long the first of a batch had better wait for others, in seconds."""
        return self._longest_s if self._gap_s <= self._longest_s else 0.0
