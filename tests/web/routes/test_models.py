"""GET /v1/models against the real service."""

from pathlib import Path

import httpx

from app.stores.checkpoints import CheckpointStore


def test_every_checkpoint_is_listed_with_the_one_that_serves(service: httpx.Client, model_store: Path) -> None:
    """Metrics beside baselines, rejected ones with the reason."""
    answer = service.get("/v1/models").json()
    stable = CheckpointStore(model_store).labels().stable
    assert answer["serving"] == answer["labels"]["stable"] == stable
    assert answer["refused"] is None
    assert {model["status"]: model["reason"] for model in answer["models"]} == {
        "accepted": "beats popularity and Markov",
        "rejected": "does not beat Markov",
    }
    [serving] = [model for model in answer["models"] if model["checkpoint_id"] == stable]
    assert serving["network"]["hidden_size"] == 16
    assert serving["metrics"]["recall@20"] > serving["baselines"]["popularity"]["recall@20"]
    ids = [model["checkpoint_id"] for model in answer["models"]]
    assert ids == sorted(ids, reverse=True)


def test_an_empty_store_is_an_empty_list(service_without_model: httpx.Client) -> None:
    """Nothing serves, nothing is labelled."""
    answer = service_without_model.get("/v1/models").json()
    assert (answer["serving"], answer["models"], answer["labels"]["stable"]) == (None, [], None)
