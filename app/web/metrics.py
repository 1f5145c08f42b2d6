"""What is counted of requests: how many, how they ended, how long they took, by route template.

Knows nothing of the routes. Templates, not paths, and known methods only: a caller must not be able to make series.
"""

import os
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Seconds. Denser where the promise lies: tens of milliseconds for a next track.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STAGES = ("gather", "load", "queue", "step", "rank", "commit")


class RequestMetrics:
    """The request series of one worker, in its own registry or one that is shared with others."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._requests = Counter(
            "segue_http_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "segue_http_request_seconds",
            "Time from the head of the request to the end of the answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "segue_stage_seconds",
            "Time per stage of a next-track request.",
            ("stage",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._open = Gauge(
            "segue_http_requests_open",
            "Requests being answered now.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._lag = Histogram(
            "segue_event_loop_lag_seconds",
            "How late a timer of the event loop went off, four times a second.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        # Looking a labelled child up takes three times as long as counting with it.
        self._counters: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._timers: dict[str, Callable[[float], None]] = {}
        self._stage_timers = {stage: self._stages.labels(stage).observe for stage in STAGES}

    def begin(self) -> None:
        """Count a request as open."""
        self._open.inc()

    def end(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request as answered."""
        self._open.dec()
        method = method if method in METHODS else "other"
        key = (route, method, status)
        count = self._counters.get(key)
        if count is None:
            count = self._counters[key] = self._requests.labels(route, method, str(status)).inc
        count()
        observe = self._timers.get(route)
        if observe is None:
            observe = self._timers[route] = self._seconds.labels(route).observe
        observe(seconds)

    def lagged(self, seconds: float) -> None:
        """Take in how late the event loop was."""
        self._lag.observe(seconds)

    def stages(self, stage_us: dict[str, int]) -> None:
        """Take in where one request's time went, in microseconds per stage."""
        for stage, elapsed_us in stage_us.items():
            timer = self._stage_timers.get(stage)
            if timer is not None:
                timer(elapsed_us / 1e6)

    def exposition(self) -> tuple[bytes, str]:
        """Return the metrics page and its content type; with several workers, the sum over all of them."""
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            # prometheus-client itself reads the variable, at import: it is no setting of ours to pass down.
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
