"""The one shape of every error: RFC 9457 problem details, with the fields that were wrong.

Knows nothing of which error has which status; `web/problem_table.py` does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

# Whoever sends a thousand wrong fields learns as much from the first ones.
MAX_FIELD_PROBLEMS = 20
MAX_GOT_LENGTH = 100

# `in` is a Python keyword, hence the functional form.
FieldProblem = TypedDict("FieldProblem", {"in": str, "field": str, "expected": str, "got": str})
FieldProblem.__doc__ = "One field that was not what it should be: where it was, what was expected, what came."


class ProblemAnswer(TypedDict):
    """Why a request was not answered as asked. `code` is the part to program against; it is one of a closed list."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: NotRequired[list[FieldProblem]]


class ProblemExplained(TypedDict):
    """One of the closed list of problems: what it means and what to do about it."""

    code: str
    status: int
    title: str
    advice: str


def field_problems(found: Sequence[Mapping[str, Any]], place: str | None = None) -> list[FieldProblem]:
    """Turn pydantic's findings into ours. Without `place` their first location part names it: query, path, header."""
    problems: list[FieldProblem] = []
    for error in found[:MAX_FIELD_PROBLEMS]:
        location = error["loc"] if place else error["loc"][1:]
        problems.append(
            {
                "in": place or str(error["loc"][0]),
                "field": _written(location),
                "expected": _expected(error),
                "got": "nothing" if error["type"] == "missing" else _shown(error["input"]),
            }
        )
    return problems


def _written(location: Sequence[str | int]) -> str:
    """Write `("events", 3, "at")` as `events[3].at`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _expected(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "a value, for the field is required"
        case "extra_forbidden":
            return "no field of this name"
        case "too_long" | "too_short":
            context = error["ctx"]
            bound = (
                f"at most {context['max_length']}" if "max_length" in context else f"at least {context['min_length']}"
            )
            return f"{bound} items"
        case _:
            return str(error["msg"]).removeprefix("Input should be ").removeprefix("Input should ")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple) and len(value) > 10:
        return f"{len(value)} items" if not isinstance(value, Mapping) else f"an object of {len(value)} fields"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_GOT_LENGTH else f"{text[:MAX_GOT_LENGTH]}…"
