"""Logs and stage timings. Knows nothing of what is measured."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import structlog


class Stopwatch:
    """Adds up where one request's time went, in microseconds per stage."""

    def __init__(self) -> None:
        self.stages_us: dict[str, int] = {}

    def add(self, stage: str, elapsed_us: int) -> None:
        """Add time measured elsewhere; a stage walked twice counts twice."""
        self.stages_us[stage] = self.stages_us.get(stage, 0) + elapsed_us

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the enclosed block, also when it fails."""
        started = perf_counter()
        try:
            yield
        finally:
            self.add(name, int((perf_counter() - started) * 1e6))


# One list for good: a logger that was used once keeps the list it had then.
_processors: list[structlog.types.Processor] = []


def configure_logging(log_format: str, log_level: str) -> None:
    """Send structured logs to standard error, for people (`console`) or machines (`json`)."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        # Where rich is installed, the default prints the values of every frame: keys and listeners among them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    _processors[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info if log_format == "json" else _as_is,
        renderer,
    ]
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log_level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _as_is(
    _logger: structlog.types.WrappedLogger, _method: str, event_dict: structlog.types.EventDict
) -> structlog.types.EventDict:
    return event_dict
