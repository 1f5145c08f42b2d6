"""Trying again: which answers, how often, how long in between."""

import httpx
import pytest

from segue_client import Patience, Refused, Unavailable
from segue_client.patience import Flow, Pause, Send, answered

SEND = Send("POST", "/v1/next", {})


def driven(flow: Flow[httpx.Response], *answers: httpx.Response | httpx.TransportError) -> tuple[object, list[float]]:
    """Take a flow's steps with these answers; return its result, or what it raised, and the pauses."""
    pauses: list[float] = []
    coming = iter(answers)
    came: object = None
    try:
        while True:
            step = flow.send(came)
            came = None
            if isinstance(step, Pause):
                pauses.append(step.seconds)
            else:
                assert step == SEND
                came = next(coming)
    except StopIteration as end:
        assert next(coming, None) is None
        return end.value, pauses
    except (Refused, Unavailable) as error:
        return error, pauses


@pytest.mark.parametrize("status", [409, 429, 502, 503, 504])
def test_what_may_succeed_later_is_tried_again(status: int) -> None:
    good = httpx.Response(200)
    found, pauses = driven(answered(SEND, Patience()), httpx.Response(status), httpx.ConnectError("gone"), good)
    assert found is good
    assert len(pauses) == 2
    assert 0 <= pauses[0] <= 0.2
    assert 0 <= pauses[1] <= 0.4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500])
def test_what_would_be_the_same_again_is_not(status: int) -> None:
    problem = {"code": "invalid_event", "detail": "Expected a track, got none."}
    found, pauses = driven(answered(SEND, Patience()), httpx.Response(status, json=problem))
    assert isinstance(found, Refused)
    assert (found.status, found.code, pauses) == (status, "invalid_event", [])
    assert found.is_of_the_key == (status in (401, 403))


def test_the_server_says_how_long_to_wait() -> None:
    """And is believed, within what the caller is ready to wait."""
    later = httpx.Response(503, headers={"Retry-After": "2"})
    much_later = httpx.Response(503, headers={"Retry-After": "3600"})
    odd = httpx.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    _, pauses = driven(answered(SEND, Patience()), later, much_later, odd, httpx.Response(200))
    assert pauses[:2] == [2.0, 5.0]
    assert pauses[2] <= 0.8


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.Response(503, text="<html>no</html>")])
def test_patience_ends(failure: httpx.Response | httpx.TransportError) -> None:
    found, pauses = driven(answered(SEND, Patience(attempts=3)), failure, failure, failure)
    assert isinstance(found, Unavailable)
    assert "3 times" in str(found)
    assert len(pauses) == 2
