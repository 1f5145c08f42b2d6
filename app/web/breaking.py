"""What a change of the OpenAPI takes away from callers.

A document is read as what callers may rely on, which may only grow, what is asked of them, which may only shrink, and
the bounds of what they send, which may only widen. So additions break nobody: calls, fields of answers, fields of
requests that may be left out, values that are taken. Knows nothing of any one route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BOUNDS = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems"), 1),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), -1),
}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what callers of the old document can no longer rely on, one sentence each; nothing where nothing broke."""
    before, after = _Contract(old), _Contract(new)
    lost = before.promises - after.promises
    # What is new altogether may ask what it likes: nobody calls it yet.
    asked = {(place, what) for place, what in after.demands - before.demands if place in before.places}
    tighter = {
        f"{place} has {kind} {bound} now, which was {before.bounds.get((place, kind), 'unbounded')}"
        for (place, kind), bound in after.bounds.items()
        if place in before.places and _is_tighter(kind, bound, before.bounds.get((place, kind)))
    }
    gone = {f"{promise} is gone" for promise in lost}
    return sorted(gone | {f"{place} is {what} now, which it was not" for place, what in asked} | tighter)


def _is_tighter(kind: str, bound: float, before: float | None) -> bool:
    return before is None or bound * _BOUNDS[kind] > before * _BOUNDS[kind]


@dataclass
class _Walk:
    """Where a walk through a schema is, and the names of the schemas it is inside of."""

    place: str
    sent: bool
    inside: frozenset[str] = field(default_factory=frozenset)

    def to(self, place: str) -> "_Walk":
        return _Walk(place, self.sent, self.inside)


class _Contract:
    """One document, taken apart: which places there are in it, and what is said of each."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.places: set[str] = set()
        self.promises: set[str] = set()
        self.demands: set[tuple[str, str]] = set()
        self.bounds: dict[tuple[str, str], float] = {}
        for path, operations in document["paths"].items():
            for method in _METHODS:
                if method in operations:
                    self._operation(f"{method.upper()} {path}", operations[method])

    def _operation(self, call: str, operation: Mapping[str, Any]) -> None:
        self._is_there(call)
        for parameter in operation.get("parameters", ()):
            place = f"{call} {parameter['in']}.{parameter['name']}"
            self._is_there(place)
            if parameter.get("required"):
                self.demands.add((place, "required"))
            self._schema(parameter.get("schema", {}), _Walk(place, sent=True))
        body = operation.get("requestBody", {})
        if body.get("required"):
            self.demands.add((call, "with a body"))
        for media_type, content in body.get("content", {}).items():
            self._schema(content.get("schema", {}), _Walk(f"{call} {media_type}", sent=True))
        for status, response in operation["responses"].items():
            # Errors come in one shape, and a caller has to expect any of them.
            if status.startswith("2"):
                self._answer(f"{call} {status}", response)

    def _answer(self, place: str, response: Mapping[str, Any]) -> None:
        self._is_there(place)
        self.promises |= {f"{place} header.{name}" for name in response.get("headers", {})}
        for media_type, content in response.get("content", {}).items():
            self._schema(content.get("schema", {}), _Walk(f"{place} {media_type}", sent=False))

    def _schema(self, schema: Mapping[str, Any], walk: _Walk) -> None:
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            if name not in walk.inside:
                inside = _Walk(walk.place, walk.sent, walk.inside | {name})
                self._schema(self._document["components"]["schemas"][name], inside)
            return
        self._is_there(walk.place)
        for variants in ("anyOf", "oneOf", "allOf"):
            for variant in schema.get(variants, ()):
                self._schema(variant, walk)
        self._values(schema, walk)
        for field_name, own in schema.get("properties", {}).items():
            self._schema(own, walk.to(f"{walk.place}.{field_name}"))
        for field_name in schema.get("required", ()):
            if walk.sent:
                self.demands.add((walk.place, f"refused without {field_name}"))
            else:
                self.promises.add(f"{walk.place}.{field_name} always")
        if isinstance(schema.get("items"), dict):
            self._schema(schema["items"], walk.to(f"{walk.place}[]"))
        if isinstance(schema.get("additionalProperties"), dict):
            self._schema(schema["additionalProperties"], walk.to(f"{walk.place}{{}}"))

    def _values(self, schema: Mapping[str, Any], walk: _Walk) -> None:
        """Take down of which types and values a place is, and between which bounds."""
        stated = schema.get("type", ())
        kinds = {stated} if isinstance(stated, str) else set(stated)
        self.promises |= {f"{walk.place} = {value!r}" for value in schema.get("enum", ())}
        if not walk.sent:
            # Who reads it must know every type it may be of.
            self.demands |= {(walk.place, f"of type {kind}") for kind in kinds}
            return
        # Whoever takes any number takes a whole one.
        self.promises |= {
            f"{walk.place} of type {kind}" for kind in kinds | ({"integer"} if "number" in kinds else set())
        }
        self.demands |= {(walk.place, f"{word} {schema[word]}") for word in ("pattern", "format") if word in schema}
        self.bounds |= {(walk.place, kind): schema[kind] for kind in _BOUNDS if kind in schema}

    def _is_there(self, place: str) -> None:
        self.places.add(place)
        self.promises.add(place)
