"""The OpenAPI page and the service agree: what the page allows is answered as it says, what it forbids is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from app.web.scopes import OPEN
from tests.web.locked import locked_service
from tests.web.test_openapi import DOCUMENT

pytestmark = pytest.mark.slow

# What never ends has tests of its own.
ENDLESS = "stream"
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex=ENDLESS)
# Rules between fields (seeds or a listener; nobody is merged into themselves) no schema can tell, nor that 1.0 is no
# whole number here; and a batch of events is accepted with the one that is malformed rejected inside the answer.
UNTOLD: dict[str, list[Any]] = {"POST /v1/events": [CHECKS.get_by_names(["negative_data_rejection"])[0]]}
BETWEEN_FIELDS = CHECKS.get_by_names(["positive_data_acceptance"])
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)]


@pytest.fixture(scope="module")
def locked(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Where a real server is, and the key to it."""
    with locked_service(model_store, tmp_path_factory.mktemp("described") / "data") as (service, headers):
        yield str(service.http.base_url), headers


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
        for operation in OPERATIONS
        for mode in GenerationMode
        # What takes neither parameters nor a key cannot be asked wrongly.
        if mode is GenerationMode.POSITIVE or operation.path not in OPEN
    ],
)
def test_the_service_is_as_it_is_described(
    locked: tuple[str, dict[str, str]], operation: Any, mode: GenerationMode
) -> None:
    """Every check there is: statuses, media types, schemas, headers, refused nonsense, and keys that are needed."""
    base_url, headers = locked

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        left_out = [*BETWEEN_FIELDS, *UNTOLD.get(operation.label, ())]
        case.call_and_validate(base_url=base_url, headers=headers, excluded_checks=left_out)

    agree()
