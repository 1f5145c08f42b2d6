"""JSON documents of any shape, and values taken from them with care: what is not there or of another kind is None."""

import json
from collections.abc import Iterator
from typing import Any

from app.formats.listen import Reject
from app.formats.source import SourceFile


def document(source: SourceFile) -> Any:
    """Return the parsed file; raise UnreadableSource with the line where it stops being JSON."""
    try:
        return json.loads(source.read())
    except json.JSONDecodeError as error:
        raise source.refuse(f"JSON, but line {error.lineno} is not ({error.msg})", "Get the file again.") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise source.refuse(f"JSON in UTF-8, but it is not ({error})") from None


def objects(source: SourceFile) -> Iterator[tuple[int, dict[str, Any]] | Reject]:
    """Yield the object on each line, or a reject where there is none."""
    for line, text in source.lines():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield line, value
        else:
            yield Reject(line, "not a JSON object", text.decode("utf-8", "replace"))


def text(value: object, *path: str) -> str | None:
    """Return the text or number at a path of keys, as text; None when there is none or it is blank."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def flag(value: object, *path: str) -> str | None:
    """Return the yes or no at a path of keys as text, or the text that stands there instead."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return str(value).lower() if isinstance(value, bool) else text(value)


def words(value: object, *path: str) -> str | None:
    """Return the list of texts at a path of keys as one text with semicolons, or the text that stands there instead."""
    listed = entries(value, *path)
    return text(value, *path) if listed is None else ";".join(str(word) for word in listed) or None


def seconds(value: object, *path: str) -> str | None:
    """Return the milliseconds at a path of keys as whole seconds in text."""
    number = text(value, *path)
    try:
        return None if number is None else str(int(float(number)) // 1000)
    except (ValueError, OverflowError):
        return None


def entries(value: object, *path: str) -> list[Any] | None:
    """Return the list at a path of keys, None when there is none."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value if isinstance(value, list) else None
