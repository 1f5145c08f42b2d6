"""Callers who are slow, loud or make no sense, at a real server: an answer or a closed connection, and never a 500."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.raw import Raw, problem_of, request, status_of
from tests.e2e.service import Service
from tests.serving.conftest import promoted

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with little patience and few places."""
    home = tmp_path_factory.mktemp("bounded")
    store = promoted(home / "model_store")
    with Service(store.root, home / "data", head_timeout_s="1", body_timeout_s="1.5", connections="40") as service:
        yield service
        assert service.next(recent=["t1"], n=1)["tracks"]
        assert "request_failed" not in service.log
        assert "Traceback" not in service.log


def answer_to(service: Service, *parts: bytes) -> bytes:
    with Raw(service.port) as raw:
        raw.send(*parts)
        return raw.rest()


@pytest.mark.parametrize("beginning", [b"", b"G", b"POST /v1/next HTTP/1.1\r\nHost: a\r\nX-A: b", b"\r\n\r\n"])
def test_half_a_head_is_waited_for_only_so_long(bounded: Service, beginning: bytes) -> None:
    with Raw(bounded.port) as raw:
        raw.send(beginning)
        assert problem_of(raw.rest())["code"] == "request_too_slow"


def test_dribbling_does_not_prolong_it(bounded: Service) -> None:
    """Slowloris: a header every now and then; empty lines for ever; before and after a whole request."""
    first = request("GET /livez").replace(b"Connection: close\r\n", b"")
    for before, drip in ((b"GET /livez HTTP/1.1\r\n", b"X-A: b\r\n"), (b"", b"\r\n"), (first, b"\r\n"), (first, b"G")):
        with Raw(bounded.port) as raw:
            raw.send(before)
            began = monotonic()
            while monotonic() - began < 8 and not closed(raw):
                raw.send(drip)
                sleep(0.1)
            assert monotonic() - began < 5, drip


def closed(raw: Raw) -> bool:
    """Tell whether the server has closed; what it said before that is read and dropped."""
    raw._socket.settimeout(0.01)
    try:
        while raw._socket.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("path", ["/v1/next", "/v1/nothing", "/livez"])
def test_half_a_body_is_waited_for_only_so_long(bounded: Service, path: str) -> None:
    """Whether somebody reads it or not."""
    head = request(f"POST {path}", headers={**JSON, "Content-Length": "1000"}).replace(b"Connection: close\r\n", b"")
    with Raw(bounded.port) as raw:
        raw.send(head, b"{")
        assert status_of(raw.rest()) in {404, 405, 408}


def test_headers_beyond_64_kib_are_refused(bounded: Service) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(700))
    one = b"X-A: " + b"a" * 70_000
    for headers in (many, one):
        answer = answer_to(bounded, b"GET /livez HTTP/1.1\r\nHost: a\r\n", headers, b"\r\n\r\n")
        assert problem_of(answer)["code"] == "headers_too_large"
    url = answer_to(bounded, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n")
    assert problem_of(url)["code"] == "headers_too_large"


def test_five_megabytes_are_refused_at_the_first(bounded: Service) -> None:
    for length in ({"Content-Length": str(5 * 1024**2)}, {"Content-Length": "", "Transfer-Encoding": "chunked"}):
        head = request("POST /v1/events", headers={**JSON, **length}).replace(b"Content-Length: \r\n", b"")
        body = b"a" * 5 * 1024**2
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        assert problem_of(answer_to(bounded, head, chunked if "Transfer-Encoding" in length else body))["status"] == 413


def test_a_body_without_end_is_cut_off(bounded: Service) -> None:
    """Sixteen megabytes after the refusal it is enough."""
    head = request("POST /v1/events", headers={**JSON, "Content-Length": str(10**12)}).replace(
        b"Connection: close\r\n", b""
    )
    with Raw(bounded.port) as raw:
        began = monotonic()
        raw.send(head, *[b"a" * 1024**2] * 40)
        assert status_of(raw.rest()) == 413
        assert monotonic() - began < 10


def test_newcomers_beyond_the_places_are_told(bounded: Service) -> None:
    """And are let in again once somebody has left."""
    held = [socket.create_connection(("127.0.0.1", bounded.port)) for _ in range(60)]
    try:
        assert problem_of(answer_to(bounded, request("GET /livez")))["code"] == "overloaded"
    finally:
        for one in held:
            one.close()
    deadline = monotonic() + 10
    while status_of(answer_to(bounded, request("GET /livez"))) != 200:
        assert monotonic() < deadline
        sleep(0.05)


MALFORMED = [
    b"\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /v1/next HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"GET /v1/next HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


@pytest.mark.parametrize("sent", MALFORMED, ids=lambda sent: repr(sent[:24]))
def test_what_is_no_request_is_refused(bounded: Service, sent: bytes) -> None:
    """As the client's mistake, in time."""
    answer = answer_to(bounded, sent)
    assert answer == b"" or 400 <= status_of(answer) < 500, answer[:200]


def test_a_caller_who_leaves_in_the_middle_harms_nobody(bounded: Service) -> None:
    body = json.dumps({"listener_id": "raw leaver", "n": 1}).encode()
    whole = request("POST /v1/next", body, JSON)
    for length in range(0, len(whole), 7):
        with Raw(bounded.port) as raw:
            raw.send(whole[:length])
    assert status_of(answer_to(bounded, whole)) == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET ", b"POST /v1/next HTTP/1.1\r\nHost: a\r\n", b"POST /"]))
def test_no_bytes_break_the_server(bounded: Service, noise: bytes, beginning: bytes) -> None:
    """Whatever is sent and then left: an answer below 500, or none."""
    with Raw(bounded.port) as raw:
        raw.send(beginning + noise)
        raw.finish()
        answer = raw.rest()
    assert answer == b"" or status_of(answer) < 500


@pytest.mark.parametrize(
    "path",
    [
        "/v1/listeners/..",
        "/v1/listeners/../../v1/admin/tracks",
        "/v1/listeners/%2e%2e%2f%2e%2e%2fetc",
        "/v1/listeners/a/b/c",
        "/v1/listeners/%00",
        "/v1/listeners/%ED%A0%80",
        "/v1/listeners/%FF",
        "/v1/listeners/" + "a" * 5000,
        "/v1/tracks/..%2f..%2fetc%2fpasswd",
        "/v1/tracks?q=%22",
        "/v1/tracks?q=*%20OR%20NEAR(a%20b)%20NOT%20-%5E%22%27",
        "/v1/tracks?q=%00",
        "/v1/tracks?q=a&limit=1e9",
        "/v1/tracks?q=a&limit=-1",
        "/v1/tracks?q=%ED%A0%80%F0%9F%8E%B5",
        "/problems/../../etc",
        "//v1//next",
    ],
)
def test_odd_paths_are_answered(bounded: Service, path: str) -> None:
    status = status_of(answer_to(bounded, request(f"GET {path}")))
    assert 200 <= status < 500, path


DEEP = b"[" * 100_000
EVENT = '{"listener_id": "raw", "type": "played", "track_id": "t1"%s}'
BODIES = [
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"NaN",
    DEEP,
    b'{"listener_id": ' + DEEP,
    b'{"a":' * 50_000,
    b'{"n": NaN}',
    b'{"n": 1e999}',
    b'{"n": 1' + b"0" * 100_000 + b"}",
    b'{"listener_id": "\\ud800"}',
    b'{"listener_id": "\\u0000"}',
    b'{"listener_id": "\xed\xa0\x80"}',
    b'{"listener_id": "\xff"}',
    b'\xef\xbb\xbf{"n": 1}',
    b'{"recent": ["\\udfff"], "n": 1}',
    b'{"n": 1, "n": 2, "recent": []}',
    *(b'{"recent": [], "n": %s}' % n for n in (b"0", b"-1", b"1000000000", b"1.5", b'"1"', b"true", b"null")),
    *(
        (EVENT % f', "at": {at}').encode()
        for at in (
            '"now"',
            "0",
            "-1",
            "1e400",
            '"9999-12-31T23:59:60Z"',
            '"0000-00-00T00:00:00Z"',
            '"2026-11-22T10:15:00"',
        )
    ),
]


@pytest.mark.parametrize("path", ["/v1/next", "/v1/events", "/v1/playlists", "/v1/admin/tracks"])
def test_odd_bodies_are_refused_or_answered(bounded: Service, path: str) -> None:
    def answered(body: bytes) -> tuple[int, bytes]:
        events = b'{"events": [%s]}' % body
        for sent in (body, events):
            status = status_of(answer_to(bounded, request(f"POST {path}", sent, JSON)))
            if status >= 500:
                return status, sent[:80]
        return 0, b""

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(answered, BODIES)) == {(0, b"")}


def test_too_much_in_one_request_is_refused(bounded: Service) -> None:
    """1,001 events, 300 blocks, a merge into oneself."""
    event = {"listener_id": "raw", "type": "played", "track_id": "t1"}
    blocks = {"tracks": [{"track_id": f"t{number}"} for number in range(300)]}
    for method, path, body in (
        ("POST", "/v1/events", {"events": [event] * 1001}),
        ("PUT", "/v1/listeners/raw/blocks", blocks),
        ("POST", "/v1/listeners/raw/merge", {"into": "raw"}),
        ("POST", "/v1/playlists", {"length": 10**9, "seeds": ["t1"]}),
    ):
        response = httpx.request(method, f"http://127.0.0.1:{bounded.port}{path}", json=body, timeout=20)
        assert response.status_code == 422, (path, response.text)
