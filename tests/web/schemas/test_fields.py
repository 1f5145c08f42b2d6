"""Ids and times: what is taken, what is refused, and that nothing is guessed."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.web.schemas.fields import Identifier, Moment, identifier, rfc_3339, seconds

IDENTIFIER = TypeAdapter(Identifier)
MOMENT: TypeAdapter[float] = TypeAdapter(Moment)


def test_two_spellings_of_the_same_letters_are_one_id() -> None:
    """`é` as one character or as two names the same listener."""
    assert identifier("e\u0301ric") == identifier("\u00e9ric") == "\u00e9ric"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=80))
def test_any_short_text_without_control_characters_is_an_id(text: str) -> None:
    """And it comes out in NFC."""
    assert identifier(text) == unicodedata.normalize("NFC", text)


@given(st.text(max_size=20), st.characters(max_codepoint=0x1F), st.text(max_size=20))
def test_a_control_character_anywhere_is_refused(before: str, control: str, after: str) -> None:
    """A log line and a Redis key stay one line."""
    with pytest.raises(ValueError, match="control characters"):
        identifier(before + control + after)


def test_length_counts_after_nfc() -> None:
    """256 letters typed as letter and accent are 256, not 512."""
    assert len(identifier("e\u0301" * 256)) == 256
    for text in ("", "a" * 257):
        with pytest.raises(ValueError, match="1 to 256"):
            identifier(text)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_with_offset_is_the_same_moment_everywhere(naive: datetime, offset_minutes: int) -> None:
    """The offset is honoured, to the microsecond."""
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert seconds(at.isoformat()) == pytest.approx(at.timestamp(), abs=1e-6)
    assert datetime.fromisoformat(rfc_3339(at.timestamp())) - at < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:15:00",  # no offset: any place on earth
        "2026-11-22",
        "1700000000",
        "2026-02-30T10:15:00Z",
        "2026-11-22T10:15:00+99:00",
        "2026-11-22T10:15:61Z",
        "2026-W47-7T10:15:00Z",
        "\u0662\u0660\u0662\u0666-11-22T10:15:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ],
)
def test_what_is_no_rfc_3339_time_with_offset_is_refused(text: str) -> None:
    """However near it comes."""
    with pytest.raises(ValueError, match="RFC 3339"):
        seconds(text)


@pytest.mark.parametrize("value", [1700000000, 1.5, True, None, ["2026-11-22T10:15:00Z"]])
def test_what_is_no_text_is_no_time(value: object) -> None:
    """A number could be seconds or milliseconds."""
    with pytest.raises(ValidationError, match="RFC 3339"):
        MOMENT.validate_python(value)


def test_lower_case_letters_and_fractions_are_rfc_3339_too() -> None:
    """The standard allows both."""
    expected = datetime(2026, 11, 22, 10, 15, 0, 250_000, tzinfo=UTC).timestamp()
    assert seconds("2026-11-22t10:15:00.25z") == seconds("2026-11-22 10:15:00.250+00:00") == expected


def test_the_schema_says_what_the_checks_do() -> None:
    """A generated client knows the bounds."""
    assert IDENTIFIER.json_schema() == {"type": "string", "minLength": 1, "maxLength": 256}
    assert MOMENT.json_schema() == {"type": "string", "format": "date-time"}
