"""What a careless caller is told of a rule."""

import pytest
from pydantic import ValidationError

from app.web.schemas.rules import RulesBody


@pytest.mark.parametrize("country", ["Germany", "D", "", "D1", "ßß", "DE\n"])
def test_a_country_is_asked_for_in_words(country: str) -> None:
    """No pattern is to be read by a person."""
    with pytest.raises(ValidationError, match="two letters of a country in ISO 3166-1, such as DE"):
        RulesBody.model_validate({"market": country})


def test_a_country_may_be_written_small_and_nothing_but_text() -> None:
    assert RulesBody.model_validate({"market": "de"}).market == "DE"
    with pytest.raises(ValidationError, match="valid string"):
        RulesBody.model_validate({"market": 49})
