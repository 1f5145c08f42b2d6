"""Callers that report events whatever happens, as an app with a queue does: each event again and again, under one id,
until it is acknowledged. Knows nothing of what is done to the service meanwhile.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import httpx

# Two callers share a listener, and each goes on to the next one after so many events: all of a listener's are still
# in the recent tracks and the remembered event ids when they are counted.
EVENTS_EACH = 20
TAKEN_IN = {"applied", "duplicate", "late", "unknown_track"}
PATIENCE_S = 30.0


class Report(NamedTuple):
    """One event of one listener: unlike any other of that listener in track and kind together."""

    listener_id: str
    event_id: str
    track_id: str
    kind: str

    @property
    def body(self) -> dict[str, str]:
        """The event as POST /v1/next takes it."""
        return {"event_id": self.event_id, "track_id": self.track_id, "type": self.kind}


class Acknowledged(NamedTuple):
    """An event the service said yes to: when its last try began and when the answer was there, monotonic seconds."""

    report: Report
    began: float
    ended: float


@dataclass
class Told:
    """What one or more callers sent and heard. `wrong` holds answers that nobody is promised, such as a 500."""

    tries: int = 0
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def with_(self, other: "Told") -> "Told":
        """Return what both were told."""
        return Told(
            self.tries + other.tries,
            self.acknowledged + other.acknowledged,
            self.refusals + other.refusals,
            self.wrong + other.wrong,
        )

    @property
    def by_listener(self) -> dict[str, list[Report]]:
        """The acknowledged events of each listener."""
        found: dict[str, list[Report]] = {}
        for one in self.acknowledged:
            found.setdefault(one.report.listener_id, []).append(one.report)
        return found

    def waited_after(self, moment: float) -> float | None:
        """Return how long after a moment the first event begun since then was acknowledged; None if none was."""
        return min((one.ended - moment for one in self.acknowledged if one.began >= moment), default=None)


class Load:
    """Callers in threads of their own, from entering to leaving the `with`; `told` is complete after it."""

    def __init__(
        self, base_url: str, *, callers: int, name: str, pause_s: float = 0.02, listeners: Sequence[str] = ()
    ) -> None:
        """Let each pair of callers make up its listeners, or each caller report of its own one of `listeners`."""
        self._base_url = base_url
        self._pause_s = pause_s
        self._ending = threading.Event()
        plans = [_reports(f"{name}-{number // 2}", number) for number in range(callers)]
        if listeners:
            plans = [_endless(listener, number) for number, listener in enumerate(listeners)]
        self._parts = [Told() for _ in plans]
        self._threads = [
            threading.Thread(target=self._call, args=(plan, part, random.Random(number)), daemon=True)
            for number, (plan, part) in enumerate(zip(plans, self._parts, strict=True))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Let every caller get its last event acknowledged, and end."""
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE_S + 30)
            assert not thread.is_alive(), "a caller hangs: it was not answered"

    @property
    def told(self) -> Told:
        """What all callers were told so far."""
        whole = Told()
        for part in self._parts:
            whole = whole.with_(part)
        return whole

    def _call(self, plan: Iterator[Report], told: Told, draw: random.Random) -> None:
        with httpx.Client(base_url=self._base_url, timeout=15.0) as http:
            for report in plan:
                if self._ending.is_set() or not self._report(http, report, told, draw):
                    return
                time.sleep(self._pause_s * draw.uniform(0.5, 1.5))

    def _report(self, http: httpx.Client, report: Report, told: Told, draw: random.Random) -> bool:
        """Send one event until it is acknowledged; give up only long after the end, and say so."""
        ended = None
        while True:
            began = time.monotonic()
            told.tries += 1
            refusal = _refused(http, report, told, by_next=draw.random() < 0.5)
            if refusal is None:
                told.acknowledged.append(Acknowledged(report, began, time.monotonic()))
                return True
            told.refusals[refusal] += 1
            if self._ending.is_set():
                ended = ended or began
                if began > ended + PATIENCE_S:
                    told.wrong.append(f"{report} was never acknowledged: {refusal}")
                    return False
            # Sooner than Retry-After asks for: more tries meet more of what can go wrong.
            time.sleep(draw.uniform(0.02, 0.2))


def _reports(name: str, caller: int) -> Iterator[Report]:
    """Yield what one of two devices of a listener reports: four tracks played, the fourth of them skipped."""
    first = 1 + 24 * (caller % 2)
    number = 0
    while True:
        for step in range(EVENTS_EACH):
            skip = step % 5 == 4
            track = f"t{first + step - skip}"
            yield Report(f"{name}-{number}", f"{caller}.{number}.{step}", track, "skipped" if skip else "played")
        number += 1


def _endless(listener: str, caller: int) -> Iterator[Report]:
    number = 0
    while True:
        yield Report(listener, f"{caller}.{number}", f"t{1 + number % 50}", "played")
        number += 1


def _refused(http: httpx.Client, report: Report, told: Told, *, by_next: bool) -> str | None:
    """Try once; return why the event was not acknowledged, None when it was."""
    try:
        if by_next:
            body: dict[str, Any] = {"listener_id": report.listener_id, "event": report.body, "n": 1}
            response = http.post("/v1/next", json=body)
        else:
            body = {"events": [{"listener_id": report.listener_id, **report.body}]}
            response = http.post("/v1/events", json=body)
    except httpx.TransportError as failure:
        return type(failure).__name__
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in response.headers:
        return "503"
    if response.status_code != httpx.codes.OK:
        told.wrong.append(f"{response.status_code}: {response.text[:300]}")
        return str(response.status_code)
    [receipt] = response.json()["events"]
    return None if receipt["outcome"] in TAKEN_IN else "degraded"
