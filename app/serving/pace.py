"""How long steps take, from what was seen lately.

Knows nothing of what is asked.
"""

# One request in so many makes up the estimate: it follows a burst within some tens of requests.
MEMORY = 16


class Durations:
    """Remembers how long the steps of a model take, to tell those of `short_s` or less beforehand."""

    def __init__(self, short_s: float) -> None:
        self._short_s = short_s
        self._model: object = None
        self._fixed_s = 0.0
        self._each_s = 0.0

    def are_short(self, model: object, size: int) -> bool:
        """Tell whether a batch of this size is expected to take `short_s` at most; of an unknown model none is."""
        return model is self._model and self._expected_s(size) <= self._short_s

    def note(self, model: object, size: int, took_s: float) -> None:
        """Take in how long a batch took. Half of the surprise is put down to the batch, half to each request in it."""
        if model is not self._model:
            self._model, self._fixed_s, self._each_s = model, took_s / 2, took_s / 2 / size
            return
        surprise_s = (took_s - self._expected_s(size)) / MEMORY
        self._fixed_s = max(0.0, self._fixed_s + surprise_s / 2)
        self._each_s = max(0.0, self._each_s + surprise_s / 2 / size)

    def _expected_s(self, size: int) -> float:
        return self._fixed_s + self._each_s * size
