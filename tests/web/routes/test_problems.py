"""GET /problems/{code} against the real service."""

import httpx

from app.web.problem_table import CODES


def test_the_type_of_every_problem_leads_to_its_explanation(service: httpx.Client) -> None:
    """As RFC 9457 wishes."""
    for code in CODES:
        answer = service.get(f"/problems/{code}").json()
        assert answer["code"] == code
        assert answer["title"]
        assert answer["advice"]


def test_another_code_is_unknown(service: httpx.Client) -> None:
    """The list is closed."""
    response = service.get("/problems/bad_hair_day")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_problem")
    assert service.get("/problems/Bad%20Hair").status_code == 422
