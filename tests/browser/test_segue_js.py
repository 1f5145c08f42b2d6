"""The client for the browser against the real server: what is tried again, kept, resumed and refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Seen
from tests.e2e.service import Service

TRACK = "queen-bohemian-rhapsody"
OTHER = "led-zeppelin-stairway-to-heaven"


@pytest.fixture
def ready(page: Page, seen: Seen) -> Iterator[Page]:
    """A page in which `segue` is a client that is quick to try again. What fails on purpose is told on its console."""
    page.goto("/")
    load(page)
    yield page
    seen.errors[:] = [error for error in seen.errors if not error.startswith("Failed to load resource")]


def load(page: Page) -> None:
    """Have the module in the page, and a client."""
    run(
        page,
        """
        globalThis.module = await import("/assets/segue.js");
        globalThis.segue = new module.Segue({ firstPauseMs: 10, longestPauseMs: 50 });
        """,
    )


def run(page: Page, script: str, *arguments: Any) -> Any:
    """Run an asynchronous script in the page and return what it returns."""
    return page.evaluate(f"async (given) => {{ {script} }}", list(arguments))


def seq_of(site: Service, listener_id: str) -> int:
    return int(site.http.get(f"/v1/listeners/{listener_id}").json()["seq"])


def test_the_example_of_the_module_runs(ready: Page) -> None:
    """As it stands at the head of the file."""
    told = run(
        ready,
        """
        const ann = segue.listener("js-example");
        const upNext = await ann.played(given[0], { n: 10 });
        for await (const told of ann.stream({ n: 10 })) return { first: upNext, streamed: told };
        """,
        TRACK,
    )
    assert len(told["first"]["tracks"]) == 10
    assert told["streamed"]["event"] == "next"
    assert told["streamed"]["data"]["seq"] == told["first"]["seq"]
    assert told["streamed"]["data"]["tracks"] == told["first"]["tracks"]


def test_an_answer_that_is_lost_is_asked_for_again_and_counts_once(ready: Page, site: Service) -> None:
    """The server applied the event; the way back broke. The event's id tells the server that it is the same."""
    lost: list[Any] = []

    def lose_once(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().json())
        route.fulfill(status=504, body="", headers={"Retry-After": "0"})

    ready.route("**/v1/next", lose_once)
    answer = run(ready, "return await segue.listener('js-lost').played(given[0], { n: 3 });", TRACK)
    assert lost[0]["events"][0]["outcome"] == "applied"
    assert answer["events"][0]["outcome"] == "duplicate"
    assert answer["tracks"] == lost[0]["tracks"]
    assert seq_of(site, "js-lost") == 1
    assert run(ready, "return segue.listener('js-lost').outbox.length") == 0


def test_what_could_not_be_sent_is_kept_over_a_reload_and_sent_first(ready: Page, site: Service) -> None:
    """In the order in which it happened, each once."""
    ready.route("**/v1/*", lambda route: route.abort())
    raised = run(
        ready,
        """
        const ann = segue.listener("js-kept");
        const names = [];
        for (const id of given) await ann.played(id).catch((error) => names.push(error.name));
        return names;
        """,
        TRACK,
        OTHER,
    )
    assert raised == ["Unavailable", "Unavailable"]
    ready.unroute("**/v1/*")
    ready.reload()
    load(ready)
    answer = run(ready, "return await segue.listener('js-kept').liked(given[0], { n: 3 });", OTHER)
    assert answer["seq"] == 3
    recent = site.http.get("/v1/listeners/js-kept").json()["recent"]
    assert [(heard["track_id"], heard["type"]) for heard in recent][:2] == [(TRACK, "played"), (OTHER, "played")]


def test_a_stream_goes_on_where_it_broke(ready: Page, site: Service) -> None:
    """A proxy cut it: the next connection says what came last, and only what is newer comes."""
    asked: list[str | None] = []

    def cut_once(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) > 1:
            route.continue_()
            return
        # One event of a real answer, and then the end.
        ranking = site.next("js-cut", n=3)
        body = f"event: next\nid: {ranking['recommendation_id']}\ndata: {json.dumps(ranking)}\n\n"
        site.played("js-cut", TRACK)
        route.fulfill(status=200, body=body, headers={"Content-Type": "text/event-stream"})

    ready.route("**/stream?*", cut_once)
    told = run(
        ready,
        """
        const seen = [];
        const states = [];
        const ann = segue.listener("js-cut");
        for await (const { event, data } of ann.stream({ n: 3, onState: (state) => states.push(state) })) {
          seen.push([event, data.seq]);
          if (seen.length === 2) return { seen, states };
        }
        """,
    )
    assert told["seen"] == [["next", 0], ["next", 1]]
    assert told["states"] == ["open", "lost", "open"]
    assert asked[0] is None
    assert str(asked[1]).startswith("rec_")


def test_a_no_is_told_in_the_servers_words_and_not_tried_again(ready: Page) -> None:
    tries: list[str] = []
    ready.on("request", lambda request: tries.append(request.url) if "/v1/playlists" in request.url else None)
    refused = run(
        ready,
        """
        try {
          await segue.playlist({ n: 0 });
        } catch (error) {
          return [error instanceof module.Refused, error.status, error.code, error.message, error.fields.length];
        }
        """,
    )
    assert refused[:3] == [True, 422, "invalid_request"]
    assert "'n'" in refused[3]
    assert refused[4] == 1
    assert len(tries) == 1


def test_without_consent_nothing_is_kept_anywhere(ready: Page, site: Service) -> None:
    answer = run(
        ready,
        "return await segue.listener('js-guest', { consent: false }).played(given[0], { n: 3 });",
        TRACK,
    )
    assert len(answer["tracks"]) == 3
    assert answer["listener_id"] is None
    assert site.http.get("/v1/listeners/js-guest").status_code == 404
    assert run(ready, "return Object.keys(localStorage).filter((name) => name.startsWith('segue-outbox'));") == []
