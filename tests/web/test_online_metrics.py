"""Tallies become counters by label."""

from prometheus_client import CollectorRegistry, generate_latest

from app.domain.online import Tally
from app.web.online_metrics import OnlineMetrics


def test_tallies_add_up_by_label() -> None:
    registry = CollectorRegistry()
    metrics = OnlineMetrics(registry)
    for _ in range(2):
        metrics.judged("stable", Tally(1, 1, 0.25, 3.5, 1, 0))
    metrics.judged("canary", Tally(skipped=1))
    metrics.left_out()
    page = generate_latest(registry).decode()
    assert 'segue_online_reciprocal_total{label="stable"} 0.5' in page
    assert 'segue_online_log_loss_total{label="stable"} 7.0' in page
    assert 'segue_online_skipped_total{label="canary"} 1.0' in page
    assert 'segue_online_hits_total{label="canary"}' not in page
    assert "segue_online_left_out_total 1.0" in page
