"""Counts and times of requests, in one process and over several."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.web.metrics import RequestMetrics


def test_requests_are_counted_by_template_method_and_status() -> None:
    """And timed by template."""
    metrics = RequestMetrics()
    for _ in range(3):
        metrics.begin()
        metrics.end("/v1/next", "POST", 200, 0.004)
    page, content_type = metrics.exposition()
    assert b'segue_http_requests_total{method="POST",route="/v1/next",status="200"} 3.0' in page
    assert b'segue_http_request_seconds_bucket{le="0.005",route="/v1/next"} 3.0' in page
    assert b"segue_http_requests_open 0.0" in page
    assert content_type.startswith("text/plain")


def test_a_made_up_method_makes_no_series_of_its_own() -> None:
    """A caller must not be able to fill the memory."""
    metrics = RequestMetrics()
    for method in ("BREW", "PROPFIND"):
        metrics.begin()
        metrics.end("unmatched", method, 405, 0.001)
    page, _ = metrics.exposition()
    assert b'method="other",route="unmatched",status="405"} 2.0' in page
    assert b"BREW" not in page


def test_stages_are_timed_and_unknown_ones_left_out() -> None:
    """Microseconds in, seconds out."""
    metrics = RequestMetrics()
    metrics.stages({"load": 2000, "nap": 5})
    page, _ = metrics.exposition()
    assert b'segue_stage_seconds_sum{stage="load"} 0.002' in page
    assert b"nap" not in page


def test_a_registry_may_be_shared() -> None:
    """Others add their own series to the same page."""
    registry = CollectorRegistry()
    assert RequestMetrics(registry).registry is registry


def test_several_workers_are_shown_as_one(tmp_path: Path) -> None:
    """With PROMETHEUS_MULTIPROC_DIR any worker's page is the sum over all."""
    program = (
        "from app.web.metrics import RequestMetrics\n"
        "metrics = RequestMetrics()\n"
        "metrics.begin()\n"
        "metrics.end('/v1/next', 'POST', 200, 0.004)\n"
        "print(metrics.exposition()[0].decode())\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert 'segue_http_requests_total{method="POST",route="/v1/next",status="200"} 2.0' in pages[1]
