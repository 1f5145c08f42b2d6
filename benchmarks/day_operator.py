"""What the operator of `demo_day` does over HTTP, each step with a time by which it must have happened.

Knows nothing of listeners and of what the steps are for.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.day_players import Clock

LOOK_S = 1.0


class StepMissed(Exception):
    """A step of the day did not happen, or not in its time."""


@dataclass(frozen=True)
class Step:
    """What happened, when in the day, and how many seconds of the wall it took."""

    what: str
    at_s: float
    took_s: float
    detail: str = ""


@dataclass
class Operator:
    """Asks, labels and waits; every step is kept, and told to `on_step` as it happens."""

    http: httpx.AsyncClient
    clock: Clock
    on_step: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    def note(self, what: str, since: float | None = None, detail: str = "") -> None:
        """Keep a step that has just happened; `since` is when it began, as `time.monotonic` counts."""
        now = time.monotonic()
        step = Step(what, self.clock.now_s, now - (now if since is None else since), detail)
        self.steps.append(step)
        self.on_step(step)

    async def retrain(self, ask: dict[str, Any], within_s: float) -> str:
        """Ask for a training run and wait for its checkpoint; StepMissed where the gate refuses it, or it fails."""
        began = time.monotonic()
        run = (await self._answer("POST", "/v1/admin/training-runs", json=ask))["id"]
        self.note("retraining asked for")
        over = ("published", "refused", "finished", "failed", "cancelled")

        async def ended() -> dict[str, Any] | None:
            now = await self._answer("GET", f"/v1/admin/training-runs/{run}")
            return now if now["state"] in over else None

        found = await self._wait(ended, within_s, f"the end of training run {run}")
        if found["state"] != "published":
            raise StepMissed(f"Expected run {run} to be published, got {found['state']}: {_why(found)}")
        self.note("passed the gate", began, _why(found))
        return str(found["checkpoint_id"])

    async def label(self, label: str, checkpoint_id: str, what: str, **asked: Any) -> None:
        """Point a label at a checkpoint."""
        began = time.monotonic()
        body = {"checkpoint_id": checkpoint_id, **asked}
        await self._answer("PUT", f"/v1/models/labels/{label}", json=body, headers={"If-Match": "*"})
        self.note(what, began, checkpoint_id)

    async def take_away(self, label: str) -> None:
        """Take the label canary or shadow away."""
        await self._answer("POST", f"/v1/models/labels/{label}/rollback")

    async def wins(self, checkpoint_id: str, within_s: float) -> None:
        """Wait until the sequential test says that the canary is better."""
        began = time.monotonic()

        async def better() -> dict[str, Any] | None:
            found = (await self._answer("GET", f"/v1/models/{checkpoint_id}/online"))["comparison"]
            if found and found["verdict"] == "worse":
                raise StepMissed(f"Expected the canary to be better, got {found}.")
            return found if found and found["verdict"] == "better" else None

        found = await self._wait(better, within_s, "the canary to be found better")
        self.note("canary is better", began, _interval(found))

    async def goes_by_itself(self, checkpoint_id: str, within_s: float) -> None:
        """Wait until a canary has been taken away by the service."""
        began = time.monotonic()
        last: dict[str, Any] = {}

        async def gone() -> dict[str, Any] | None:
            compared = (await self._answer("GET", f"/v1/models/{checkpoint_id}/online"))["comparison"]
            last.update(compared or {})
            return last if (await self._answer("GET", "/v1/models/labels"))["canary"] is None else None

        found = await self._wait(gone, within_s, "the bad canary to be rolled back by itself")
        self.note("rolled back by itself", began, _interval(found))

    async def _wait(
        self, look: Callable[[], Awaitable[dict[str, Any] | None]], within_s: float, what: str
    ) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        while (found := await look()) is None:
            if time.monotonic() > deadline:
                raise StepMissed(f"Expected {what} within {within_s:.0f} s; it did not happen.")
            await asyncio.sleep(LOOK_S)
        return found

    async def _answer(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        answer = await self.http.request(method, path, **asked)
        if answer.is_error:
            raise StepMissed(f"Expected {method} {path} to be answered, got {answer.status_code}: {answer.text[:500]}")
        told: dict[str, Any] = answer.json()
        return told


def _why(run: dict[str, Any]) -> str:
    verdict = run["verdict"]
    return " ".join(verdict["reasons"]) if verdict else str(run["error"])


def _interval(found: dict[str, Any]) -> str:
    if found.get("difference") is None:
        return ""
    return f"Hit@20 {found['difference']:+.3f}, between {found['low']:+.3f} and {found['high']:+.3f}"
