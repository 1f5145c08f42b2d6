"""Alive, ready and measured: three different answers."""

import httpx


def test_ready_tells_the_checkpoint_and_the_session_store(service: httpx.Client) -> None:
    """All is well."""
    response = service.get("/readyz")
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("checkpoint_id")
    assert answer == {"status": "ready", "session_store": "up", "model_store": "up", "refused": None}


def test_a_session_store_that_is_away_is_told_and_keeps_the_worker_in_service(
    service_without_store: httpx.Client,
) -> None:
    """Every worker would leave at once, while each can still answer."""
    response = service_without_store.get("/readyz")
    assert (response.status_code, response.json()["session_store"]) == (200, "down")


def test_without_a_model_the_worker_is_alive_but_not_ready(service_without_model: httpx.Client) -> None:
    """A restart would not help."""
    assert service_without_model.get("/livez").json() == {"status": "alive"}
    response = service_without_model.get("/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "no_checkpoint")


def test_the_metrics_page_counts_requests_by_route_template(service: httpx.Client) -> None:
    """Not by path: a caller must not be able to make series."""
    service.get("/v1/tracks/nobody-knows-it")
    service.get("/v1/no-such-call")
    service.post("/v1/next", json={})
    page = service.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert 'segue_http_requests_total{method="GET",route="/v1/tracks/{track_id}",status="404"}' in page.text
    assert 'route="unmatched",status="404"' in page.text
    assert 'segue_stage_seconds_count{stage="step"}' in page.text
    assert "nobody-knows-it" not in page.text
