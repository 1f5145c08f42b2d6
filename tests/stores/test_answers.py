"""Answers kept for a while under a request's name, on real servers."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from app.errors import SessionStoreUnavailable
from app.stores.answers import Held, KeptAnswers
from app.stores.exchange import Exchange
from app.stores.keys import answer_key, answers_of_key
from app.stores.together import Command
from tests.ports import free_port
from tests.stores.conftest import Server, new_listener

ASKED, OTHER = b"one request", b"another request"


class Repeating(Exchange):
    """A road on which every first reply is lost, so that all is sent twice."""

    def __init__(self, road: Exchange) -> None:
        self._road = road

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        await self._road.send(commands)
        return await self._road.send(commands)

    async def aclose(self) -> None:
        await self._road.aclose()


pytestmark = pytest.mark.anyio


@pytest.fixture
async def answers(server: Server) -> AsyncIterator[KeptAnswers]:
    kept = KeptAnswers(Exchange.connect(server.url, timeout_s=2.0), kept_s=100)
    yield kept
    await kept.aclose()


async def test_an_answer_is_held_for_who_asks_again(answers: KeptAnswers, server: Server) -> None:
    """First nobody has the name, then the request has it, then the answer is there, for so long."""
    name = b"again" + server.url.encode()
    assert await answers.begin(name, ASKED, ()) is None
    assert await answers.begin(name, ASKED, ()) == Held(True, None)
    await answers.keep(name, ASKED, b"applied")
    assert await answers.begin(name, ASKED, ()) == Held(True, b"applied")
    assert await answers.begin(name, OTHER, ()) == Held(False, b"applied")
    left_ms = server.holder(answer_key(name)).pttl(answer_key(name))
    assert 60_000 < left_ms <= 100_000


async def test_a_name_that_was_let_go_is_free(answers: KeptAnswers) -> None:
    """As if nobody had asked."""
    assert await answers.begin(b"free", ASKED, ()) is None
    await answers.let_go(b"free")
    assert await answers.begin(b"free", OTHER, ()) is None


async def test_a_name_does_not_stay_with_a_request_that_was_killed(answers: KeptAnswers, server: Server) -> None:
    """It has an end before there is an answer."""
    await answers.begin(b"killed", ASKED, ())
    assert 0 < server.holder(answer_key(b"killed")).pttl(answer_key(b"killed")) <= 15_000


async def test_a_request_that_is_sent_twice_on_the_way_does_not_wait_for_itself(server: Server) -> None:
    """The reply to its first command was lost with the connection."""
    exchange = Exchange.connect(server.url, timeout_s=2.0)
    kept = KeptAnswers(Repeating(exchange), kept_s=100)
    assert await kept.begin(b"lost", ASKED, ()) is None
    assert await kept.begin(b"lost", ASKED, ()) == Held(True, None)
    await kept.aclose()


async def test_what_speaks_of_a_listener_goes_with_them(answers: KeptAnswers, server: Server) -> None:
    """Also where somebody else is spoken of as well; what speaks of others only stays."""
    ann, bob, name = new_listener(), new_listener(), new_listener().encode()
    for what, whom in ((b"a", [ann]), (b"ab", [ann, bob]), (b"b", [bob])):
        await answers.begin(name + what, ASKED, whom)
        await answers.keep(name + what, ASKED, b"applied")
    await answers.forget(ann)
    assert not any(
        server.exists(key) for key in (answers_of_key(ann), answer_key(name + b"a"), answer_key(name + b"ab"))
    )
    assert await answers.begin(name + b"b", ASKED, [bob]) == Held(True, b"applied")


async def test_an_answer_that_comes_after_its_listener_is_not_kept(answers: KeptAnswers, server: Server) -> None:
    """Whoever was answering it meanwhile finds the name taken away."""
    ann = new_listener()
    await answers.begin(ann.encode(), ASKED, [ann])
    await answers.forget(ann)
    await answers.keep(ann.encode(), ASKED, b"applied")
    assert not server.exists(answer_key(ann.encode()))


async def test_what_is_noted_of_a_listener_has_an_end(server: Server) -> None:
    """However often they come: names go with their answers."""
    ann = new_listener()
    kept = KeptAnswers(Exchange.connect(server.url, timeout_s=2.0), kept_s=0)
    key = answers_of_key(ann)
    await kept.begin(b"first", ASKED, [ann])
    holder = server.holder(key)
    holder.zadd(key, {b"first": 1})  # long ago
    await kept.begin(b"now", ASKED, [ann])
    assert holder.zrange(key, 0, -1) == [b"now"]
    assert 0 < holder.pttl(key) <= 15_000
    await kept.aclose()


async def test_without_a_store_nothing_is_promised() -> None:
    """Who asks is told."""
    away = KeptAnswers(Exchange.connect(f"redis://127.0.0.1:{free_port()}", timeout_s=0.5), kept_s=1)
    with pytest.raises(SessionStoreUnavailable):
        await away.begin(b"a", ASKED, ())
    await away.aclose()
