"""The OpenAPI page: every route described, every example true to its schema."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from app.web.api import build_api
from app.web.examples import listeners, listening, models, service, training_runs
from app.web.openapi import HEADERS, REQUEST_BODIES
from app.web.problem_table import CODES
from app.web.schemas.added_tracks import AddedTracksAnswer
from app.web.schemas.blocks import BlocksAnswer
from app.web.schemas.events import EventsAnswer
from app.web.schemas.exports import ExportAnswer
from app.web.schemas.health import AliveAnswer, ReadyAnswer
from app.web.schemas.labels import LabelsAnswer
from app.web.schemas.listeners import ListenerAnswer
from app.web.schemas.models import ModelsAnswer
from app.web.schemas.next_tracks import NextAnswer
from app.web.schemas.online import OnlineAnswer
from app.web.schemas.playlists import PlaylistAnswer
from app.web.schemas.problems import ProblemExplained
from app.web.schemas.song_map import SongMapAnswer
from app.web.schemas.state import StateAnswer
from app.web.schemas.tracks import TrackAnswer, TracksAnswer
from app.web.schemas.training_runs import TrainingRunAnswer, TrainingRunsAnswer


@asynccontextmanager
async def nothing(_api: FastAPI) -> AsyncIterator[Mapping[str, object]]:
    yield {}


DOCUMENT = build_api(nothing).openapi()
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """Summary, description, a good answer with an example, and the errors in one shape."""
    assert operation["summary"]
    assert len(operation["description"]) > 30, f"{method} {path}"
    for status, response in operation["responses"].items():
        assert response["description"], f"{method} {path} {status}"
        for media_type, content in response.get("content", {}).items():
            if int(status) >= 400:
                assert media_type == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert {example["value"]["code"] for example in content["examples"].values()} <= set(CODES)
    assert "500" in operation["responses"]
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= set(operation["responses"])


def test_every_reference_leads_somewhere() -> None:
    """Schemas and headers alike; nothing of the framework's own error shape is left."""
    references = set(re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(DOCUMENT)))
    assert {kind for kind, _ in references} == {"schemas", "headers"}
    for kind, name in references:
        assert name in DOCUMENT["components"][kind]
    assert set(DOCUMENT["components"]["headers"]) == set(HEADERS)
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_the_codes_are_listed() -> None:
    """A generated client can tell them apart."""
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(CODES)


REQUESTS = [
    (model, name, example)
    for model, named in zip(
        REQUEST_BODIES,
        (
            listening.EVENTS_REQUESTS,
            listening.NEXT_REQUESTS,
            listening.PLAYLIST_REQUESTS,
            models.ADD_TRACKS_REQUESTS,
            listeners.BLOCKS_REQUESTS,
            listeners.RESET_REQUESTS,
            listeners.MERGE_REQUESTS,
            models.LABEL_REQUESTS,
            training_runs.TRAINING_RUN_REQUESTS,
        ),
        strict=True,
    )
    for name, example in named.items()
]


@pytest.mark.parametrize(("model", "name", "example"), REQUESTS, ids=lambda part: part if isinstance(part, str) else "")
def test_every_request_example_is_a_request(model: Any, name: str, example: dict[str, Any]) -> None:
    """As strict as the route itself."""
    assert model.model_validate_json(json.dumps(example)), name


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (NextAnswer, listening.NEXT_ANSWER),
        (EventsAnswer, listening.EVENTS_ANSWER),
        (PlaylistAnswer, listening.PLAYLIST_ANSWER),
        (TracksAnswer, listening.TRACKS_ANSWER),
        (TrackAnswer, listening.TRACK_ANSWER),
        (ListenerAnswer, listeners.LISTENER_ANSWER),
        (ListenerAnswer, listeners.RESET_ANSWER),
        (ListenerAnswer, listeners.MERGE_ANSWER),
        (ExportAnswer, listeners.EXPORT_ANSWER),
        (BlocksAnswer, listeners.BLOCKS_ANSWER),
        (BlocksAnswer, listeners.UNBLOCKED_ANSWER),
        (ModelsAnswer, models.MODELS_ANSWER),
        (LabelsAnswer, models.LABELS_ANSWER),
        (LabelsAnswer, models.ROLLED_BACK_ANSWER),
        (OnlineAnswer, models.ONLINE_ANSWER),
        (SongMapAnswer, models.SONG_MAP_ANSWER),
        (TrainingRunAnswer, training_runs.TRAINING_RUN_ASKED_ANSWER),
        (TrainingRunAnswer, training_runs.TRAINING_RUN_ANSWER),
        (TrainingRunAnswer, training_runs.TRAINING_RUN_CANCELLED_ANSWER),
        (TrainingRunsAnswer, training_runs.TRAINING_RUNS_ANSWER),
        (AddedTracksAnswer, models.ADDED_TRACKS_ANSWER),
        (AliveAnswer, service.ALIVE_ANSWER),
        (ReadyAnswer, service.READY_ANSWER),
        (StateAnswer, service.STATE_ANSWER),
        (ProblemExplained, service.PROBLEM_EXPLAINED),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_every_answer_example_is_an_answer(model: Any, example: dict[str, Any]) -> None:
    """Whole: no field missing, none too many."""
    adapter = TypeAdapter(model)
    written = json.dumps(example)
    assert json.loads(adapter.dump_json(adapter.validate_json(written))) == json.loads(written)
