"""docs/api.md is true: every example runs against the real service and comes back in the shape that is printed."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.stores.checkpoints import CheckpointStore
from app.web.problem_table import PROBLEMS
from tests.web.test_openapi import DOCUMENT

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```sh\n(?P<command>curl .*?)\n```\n```(?P<language>json|text)\n(?P<answer>.*?)\n```", re.DOTALL)
# The checkpoint that the page names.
PRINTED = "20261122T233428Z-af41cf"
CREATES = frozenset({"/v1/admin/tracks"})
RUNS = "/v1/admin/training-runs"
PRINTED_RUN = "run-20261123T081500Z-5c1d2e"
# Values that say what kind of answer it is are compared, not only their type.
TELLING = frozenset({"type", "status", "code", "outcome", "in", "field", "expected", "got", "degraded", "read"})


@dataclass
class Call:
    """What a curl command asks for."""

    url: str = ""
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    prints_status: bool = False
    lasts: bool = False

    @classmethod
    def of(cls, command: str) -> "Call":
        """Read the few options of curl that the page uses; any other fails the test."""
        call = cls()
        words = iter(shlex.split(command)[1:])
        for word in words:
            match word:
                case "-s":
                    pass
                case "-sN":
                    call.lasts = True
                case "-m":
                    next(words)
                case "-X":
                    call.method = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    call.headers[name] = value
                case "-d":
                    call.body = next(words)
                    call.method = "POST" if call.method == "GET" else call.method
                case "-w":
                    call.prints_status = next(words) == "%{http_code}"
                case url:
                    assert url.startswith("localhost:8000/"), url
                    call.url = url.removeprefix("localhost:8000")
        return call

    def send(self, client: httpx.Client) -> tuple[httpx.Response, str]:
        """Return the response and what curl would print, of an answer that lasts the first event."""
        if self.lasts:
            with client.stream(self.method, self.url, headers=self.headers) as response:
                lines = response.iter_lines()
                return response, "\n".join([next(lines) for _ in range(5)])
        response = client.request(self.method, self.url, headers=self.headers, content=self.body)
        return response, response.text + (str(response.status_code) if self.prints_status else "")

    @property
    def good(self) -> int:
        """The status of the answer where all is well."""
        if self.url in CREATES:
            return 201
        return 202 if self.url.startswith(RUNS) and self.method != "GET" else 200


EXAMPLES = [(Call.of(match["command"]), match["language"], match["answer"]) for match in EXAMPLE.finditer(PAGE)]


@pytest.fixture
def fresh(service: httpx.Client, model_store: Path) -> Iterator[httpx.Client]:
    """The page begins with listeners nobody has heard of; what it publishes and labels is taken away again."""
    labels = (model_store / "labels.json").read_bytes()
    (model_store / "labels.json").write_text(json.dumps({**json.loads(labels), "version": 1}), encoding="utf-8")
    published = set(CheckpointStore(model_store).ids())
    for listener_id in ("ann", "bob"):
        service.delete(f"/v1/listeners/{listener_id}")
    yield service
    for listener_id in ("ann", "bob"):
        service.delete(f"/v1/listeners/{listener_id}")
    for checkpoint_id in set(CheckpointStore(model_store).ids()) - published:
        shutil.rmtree(model_store / checkpoint_id)
    (model_store / "labels.json").write_bytes(labels)


def test_every_example_comes_back_in_the_shape_that_is_printed(fresh: httpx.Client) -> None:
    """From the top of the page to its end, as a reader would try them."""
    serving = fresh.get("/readyz").json()["checkpoint_id"]
    run = ""  # what the page asks for, and then looks at
    for call, language, printed in EXAMPLES:
        call.body = call.body and call.body.replace(PRINTED, serving)
        call.url = call.url.replace(f"{RUNS}/{PRINTED_RUN}", run)
        response, answer = call.send(fresh)
        if language == "json":
            expected = json.loads(printed)
            assert response.status_code == (expected["status"] if "request_id" in expected else call.good), answer
            run = response.headers.get("location", run)
            assert shape(json.loads(answer)) == shape(expected), f"{call.method} {call.url}"
        elif call.lasts:
            assert [line[:8] for line in answer.splitlines()] == [line[:8] for line in printed.splitlines()]
        elif call.url.endswith("/log"):
            assert answer.partition(" ")[2] == f"{printed}\n".partition(" ")[2]
        elif call.url == "/metrics":
            assert all(line.rpartition(" ")[0] in answer for line in printed.splitlines()), call.url
        else:
            assert re.sub(r"[^#\n].*", "", answer).strip() == re.sub(r"[^#\n].*", "", printed).strip()
            assert answer.splitlines()[0] == printed.splitlines()[0]


def shape(value: Any, name: str = "") -> Any:
    """Reduce an answer to what must stay: field names, types, and the values that tell what kind it is.

    Null and a value have one shape, for any track may lack an album; a list is what its items have in common.
    """
    if name in TELLING:
        return value
    if isinstance(value, dict):
        if name in {"network", "training", "data", "metrics", "baselines"}:
            return "whatever the trainer wrote"
        return {key: shape(item, key) for key, item in value.items()}
    if name in {"labels", "comparison"} and isinstance(value, list | None):
        return "as far as anybody has played anything"
    if isinstance(value, list) and name == "models":
        return [shape(value[0])]
    if isinstance(value, list):
        return [shape(item) for item in value] if name not in {"tags", "unknown_tracks"} else "list"
    return "scalar"


def test_every_route_has_an_example() -> None:
    """What is not shown is not used."""
    shown = {(call.method.lower(), re.sub(r"\?.*", "", call.url)) for call, _, _ in EXAMPLES}
    for path, operations in DOCUMENT["paths"].items():
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        for method in operations:
            assert any(method == used and pattern.fullmatch(url) for used, url in shown), f"{method} {path}"
            assert f"{method.upper()} {path}" in PAGE or path in PAGE


def test_every_error_is_in_the_table_as_it_is_told() -> None:
    """And none that is not."""
    rows = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE))
    assert rows == {(str(row.status), row.code, row.title, row.advice) for row in PROBLEMS.values()}
