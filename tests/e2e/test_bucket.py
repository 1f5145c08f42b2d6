"""A service whose checkpoints are in a bucket: trained, published, served, followed, and served on when it is gone."""

import uuid
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.stores.bucket import Bucket
from app.stores.bucket_depot import BucketDepot
from app.stores.checkpoint_cache import CheckpointCache
from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.emulator import BUCKET, running_emulator
from tests.listening import ring, written
from tests.serving.conftest import draft
from tests.stores.conftest import until

PATIENCE_S = 60.0
TRACKS = 30


def segue(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
@pytest.mark.long
def test_a_service_follows_a_bucket_and_outlives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"s3://{BUCKET}/{uuid.uuid4()}"
    # The trainer's machine and the servers' have caches of their own.
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "trainer"))
    with running_emulator() as emulator:
        changes = ("hidden_size=8", "epochs=2", "refit=false", "mixture=false")
        quick = [part for change in changes for part in ("--set", change)]
        data = written(ring(TRACKS, 200, 8), tmp_path / "ring")
        segue("train", data, "--store", url, "--run-dir", tmp_path / "run", "--threads", "1", *quick)
        trained = CheckpointStore(BucketDepot(Bucket(url), CheckpointCache(tmp_path / "other", 10**9)))
        first = trained.ids()[0]
        if trained.labels().stable is None:  # whatever the gate thinks of two epochs
            segue("models", "promote", first, "--force", "--store", url)
        with Service(url, tmp_path / "server") as service:

            def serves(checkpoint_id: str) -> bool:
                return bool(service.next("ann")["checkpoint_id"] == checkpoint_id)

            assert serves(first)
            assert service.played("ann", "t1")["tracks"]
            second = trained.publish(draft(2)).checkpoint_id
            segue("models", "promote", second, "--store", url)
            until(lambda: serves(second), PATIENCE_S)
            segue("models", "rollback", "--store", url)
            until(lambda: serves(first), PATIENCE_S)
            assert first in segue("models", "list", "--json", "--store", url)
            assert first in segue("models", "show", first, "--store", url)
            etag = service.http.get("/v1/models/labels").headers["etag"]
            moved = service.http.put(
                "/v1/models/labels/stable", json={"checkpoint_id": second}, headers={"If-Match": etag}
            )
            assert moved.status_code == httpx.codes.OK, moved.text
            assert serves(second)
            assert trained.labels().stable == second
            assert service.http.get("/readyz").json()["model_store"] == "up"

            emulator.kill()
            until(lambda: service.http.get("/readyz").json()["model_store"] == "down", PATIENCE_S)
            assert serves(second)
            refused = service.http.get("/v1/models/labels")
            assert (refused.status_code, refused.json()["code"]) == (503, "model_store_unavailable")
            assert "labels_unreadable" in service.log
            service.stop()
            service.start()
            assert serves(second), "what this machine has seen is enough to begin with"
            assert service.http.get("/readyz").json()["model_store"] == "down"
            assert emulator.environment["AWS_SECRET_ACCESS_KEY"] not in service.log
