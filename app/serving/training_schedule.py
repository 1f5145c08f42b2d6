"""When to train without being asked: at the times of a cron expression, or after so many new events.

Every worker looks, one of them is first: what was seen last is kept beside the runs. Knows nothing of what a run does,
and of where events are counted.
"""

from collections.abc import Callable

from croniter import croniter

from app.errors import InvalidSetting
from app.stores.training_runs import TrainingRuns

CRON = "cron"
EVENTS = "events"


class TrainingSchedule:
    """The schedule of the settings. `counted` tells how many events the log holds; it is asked only if needed."""

    def __init__(
        self, runs: TrainingRuns, *, cron: str | None, every_events: int | None, counted: Callable[[], int]
    ) -> None:
        if cron is not None and not croniter.is_valid(cron):
            raise InvalidSetting(
                f"Expected a cron expression of five fields in SEGUE_TRAINING_CRON, such as '0 4 * * *', got {cron!r}."
            )
        self._runs = runs
        self._cron = cron
        self._every_events = every_events
        self._counted = counted

    def due(self, now: float) -> str | None:
        """Return why a run is due, once for each reason; None while none is.

        A time that passed while nobody looked is due once somebody does. The first look at a cron expression only takes
        note of the time.
        """
        if self._cron is not None and self._time_has_come(self._cron, now):
            return f"schedule {self._cron}"
        if self._every_events is not None and self._is_enough(self._every_events):
            return f"schedule every {self._every_events:,} events"
        return None

    def _time_has_come(self, cron: str, now: float) -> bool:
        latest = int(croniter(cron, now).get_prev(float))
        if (seen := self._runs.seen(CRON)) == latest:
            return False
        seen_before = self._runs.see(CRON, latest)
        return seen is not None and seen_before == seen and latest > seen

    def _is_enough(self, every_events: int) -> bool:
        events, seen = self._counted(), self._runs.seen(EVENTS)
        if seen is not None and events < seen:  # somebody was forgotten, or old days were moved away
            self._runs.see(EVENTS, events)
        return events - (seen or 0) >= every_events and self._runs.see(EVENTS, events) == seen
