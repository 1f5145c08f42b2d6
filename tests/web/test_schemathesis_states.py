"""Many calls one after the other, what one answered asked of the next: in no order a 500, and never a hang.

The OpenAPI page draws no links, because what may follow a call is the caller's business; here those that an app would
follow are drawn: a listener who was heard, the Location of a training run, a playlist that goes on, a label that moves.
"""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import CHECKS

from tests.web.locked import locked_service
from tests.web.test_openapi import DOCUMENT
from tests.web.test_schemathesis import BETWEEN_FIELDS, ENDLESS, UNTOLD

ROUNDS = 4
RUN = "/v1/admin/training-runs/{run_id}"
LISTENER = "/v1/listeners/{listener_id}"
HEARD = {"listener_id": "$response.body#/listener_id"}
ASKED = {"run_id": "$response.body#/id"}
NAMED = {"checkpoint_id": "$response.body#/checkpoint_id"}


def operation_id(method: str, path: str) -> str:
    return str(DOCUMENT["paths"][path][method]["operationId"])


def link(method: str, path: str, parameters: dict[str, str], body: dict[str, str] | None = None) -> dict[str, Any]:
    drawn: dict[str, Any] = {"operationId": operation_id(method, path), "parameters": parameters}
    return drawn if body is None else {**drawn, "requestBody": body}


def of_a_listener() -> dict[str, Any]:
    """Draw what may be asked of a listener who was just answered."""
    calls = [(path, method) for path in DOCUMENT["paths"] for method in DOCUMENT["paths"][path] if LISTENER in path]
    links = {
        f"{method} {path}": link(method, path, HEARD)
        for path, method in calls
        if ENDLESS not in path and "{track_id}" not in path and "{artist}" not in path
    }
    goes_on = {
        "next": link("post", "/v1/next", {}, {"listener_id": HEARD["listener_id"]}),
        "playlist": link("post", "/v1/playlists", {}, {"listener_id": HEARD["listener_id"]}),
    }
    return links | goes_on


def of_a_run() -> dict[str, Any]:
    """Draw what may be asked of a run that was just begun."""
    calls = [(path, method) for path in DOCUMENT["paths"] for method in DOCUMENT["paths"][path] if path.startswith(RUN)]
    return {f"{method} {path}": link(method, path, ASKED) for path, method in calls if "/events" not in path}


def linked() -> dict[str, Any]:
    """Return the page with the links that an app would follow."""
    page = deepcopy(DOCUMENT)
    labelled = {"checkpoint_id": "$response.body#/stable"}
    for method, path, status, links in (
        (
            "post",
            "/v1/next",
            "200",
            of_a_listener() | {"online": link("get", "/v1/models/{checkpoint_id}/online", NAMED)},
        ),
        ("post", "/v1/playlists", "200", {"map": link("get", "/v1/models/{checkpoint_id}/map", NAMED)}),
        ("post", "/v1/admin/training-runs", "202", of_a_run()),
        ("get", "/v1/models/labels", "200", {"online": link("get", "/v1/models/{checkpoint_id}/online", labelled)}),
    ):
        page["paths"][path][method]["responses"][status]["links"] = links
    return page


SCHEMA = schemathesis.openapi.from_dict(linked()).exclude(path_regex=f"{ENDLESS}|/events$")


@pytest.fixture(scope="module")
def locked(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Where a real server is, and the key to it."""
    with locked_service(model_store, tmp_path_factory.mktemp("stateful") / "data") as (service, headers):
        yield str(service.http.base_url), headers
        assert "Traceback" not in service.log


@pytest.mark.long
def test_calls_that_follow_each_other_are_answered_as_described(locked: tuple[str, dict[str, str]]) -> None:
    """Schemathesis' own state machine, with every check that holds for single calls."""
    base_url, headers = locked
    untold = [check for checks in UNTOLD.values() for check in checks]
    # What one call removed, another may be asked of: both orders are right here, and answered 404 or as a new listener.
    between = CHECKS.get_by_names(["use_after_free", "ensure_resource_availability"])

    failures: list[Exception] = []
    answered: set[str] = set()
    followed: set[str] = set()

    class Calls(SCHEMA.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:  # noqa: ARG002 - as the machine calls it
            return {"base_url": base_url, "headers": headers, "timeout": 20}

        def after_call(self, response: Any, case: Any) -> None:
            answered.add(f"{case.operation.label} {response.status_code}")

        def step(self, input: Any) -> Any:  # noqa: A002 - its name
            if input.transition is not None:
                followed.add(input.case.operation.label)
            return super().step(input)

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            more.pop("additional_checks", None)
            try:
                case.validate_response(response, excluded_checks=[*BETWEEN_FIELDS, *untold, *between], headers=headers)
            except Exception as failure:
                failures.append(failure)
                raise

    for number in range(ROUNDS):
        # A server remembers, so the same calls may be answered otherwise later: Hypothesis calls that flaky.
        with suppress(FlakyStrategyDefinition):
            seed(number)(Calls).run(
                settings=settings(
                    max_examples=4,
                    stateful_step_count=8,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
            )
    assert failures == []
    assert not any(label.endswith(" 500") for label in answered)
    assert len(answered) > 15, answered
    assert followed, "no link was taken"
