"""Both clients against a real service, killed and restarted under them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from segue_client import AsyncSegue, Bye, Outbox, Patience, Recommendation, Refused, Segue, Unavailable
from tests.e2e.service import Service
from tests.serving.conftest import promoted, someone

SOON = Patience(attempts=2, first_pause_s=0.01)
HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all; whoever kills it starts it again."""
    home = tmp_path_factory.mktemp("client")
    store = promoted(home / "model_store")
    with Service(store.root, home / "data") as running:
        yield running


def url(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def test_it_needs_nothing_of_the_servers() -> None:
    """Only httpx and pydantic are loaded: an app installs neither torch nor FastAPI."""
    script = (
        "import sys, segue_client; "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "sys.exit(str(loaded & {'app', 'torch', 'numpy', 'redis', 'fastapi', 'starlette', 'structlog'} or ''))"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, timeout=60)
    assert found.stderr.strip() == ""


def test_a_listener_plays_skips_and_likes(service: Service) -> None:
    """Each is reported once, and what comes next follows from it."""
    with Segue(url(service)) as segue:
        assert segue.search("Song 7", limit=1)[0].track_id == "t7"
        ann = segue.listener(someone())
        assert ann.next(n=3).seq == 0
        best = ann.played("t1", n=3).tracks[0].track_id
        answer = ann.skipped(best, n=60)
        assert best not in [track.track_id for track in answer.tracks]
        assert [event.outcome for event in answer.events] == ["applied"]
        assert ann.liked("t1").seq == 3
        assert ann.finished("t1").seq == 4
        hated = ann.next(n=1).tracks[0].track_id
        assert hated not in [track.track_id for track in ann.disliked(hated, n=60).tracks]
        assert len(segue.playlist(["t1"], n=5, artist_gap=2).tracks) == 5
        assert len(segue.outbox) == 0
        assert ann.forget()
        assert not ann.forget()


def test_without_consent_nothing_is_kept_anywhere(service: Service) -> None:
    listener_id = someone()
    with Segue(url(service)) as segue:
        ann = segue.listener(listener_id, consent=False)
        heard = [ann.played(f"t{row}", n=60) for row in range(3)]
        assert [answer.seq for answer in heard] == [0, 0, 0]
        assert not {"t0", "t1", "t2"} & {track.track_id for track in ann.next(n=60).tracks}
        assert len(segue.outbox) == 0
        assert not ann.forget()


def test_what_the_server_refuses_is_told_and_not_kept(service: Service) -> None:
    with Segue(url(service)) as segue:
        with pytest.raises(Refused, match="invalid_request"):
            segue.listener("ann").played("", n=3)
        assert len(segue.outbox) == 0
        with pytest.raises(Refused) as refused:
            segue.playlist(["nobody knows this"])
        assert refused.value.status == 422


def test_events_of_an_outage_are_sent_after_it_once_and_in_order(service: Service, tmp_path: Path) -> None:
    """The service is killed while the app goes on, the app crashes too, and both come back."""
    listener_id = someone()
    with Segue(url(service), outbox=tmp_path / "events.db", patience=SOON, timeout_s=10) as segue:
        ann = segue.listener(listener_id)
        online = ann.played("t1", n=10)
        service.kill()
        offline = [ann.played(f"t{row}", n=10) for row in (2, 3)]
        assert [answer.degraded for answer in offline] == [("offline",), ("offline",)]
        # What is left of the newest ranking, in its order.
        left = [track.track_id for track in online.tracks if track.track_id not in ("t2", "t3")]
        assert [track.track_id for track in offline[-1].tracks] == left
        assert [track.rank for track in offline[-1].tracks] == list(range(1, len(left) + 1))
        with pytest.raises(Unavailable):
            segue.flush()
        with pytest.raises(Unavailable):
            segue.listener("somebody else").played("t1")
        assert len(segue.outbox) == 3
        # A crash: nobody closes anything, and the first event had arrived but for its acknowledgement.
    crashed = Outbox(tmp_path / "events.db")
    crashed.add(crashed.before(None, 1)[0].event)
    crashed.close()
    service.start()
    with Segue(url(service), outbox=tmp_path / "events.db", timeout_s=10) as segue:
        answer = segue.listener(listener_id).played("t4", n=10)
        assert (answer.seq, answer.degraded, len(segue.outbox)) == (4, (), 0)
    remembered = service.http.get(f"/v1/listeners/{listener_id}").json()["recent"]
    assert [heard["track_id"] for heard in remembered] == ["t1", "t2", "t3", "t4"]


def test_a_stream_goes_on_after_the_service_was_killed(service: Service) -> None:
    """From where it ended: nothing that was seen comes again, nothing that happened is missed."""
    listener_id = someone()
    with Segue(url(service), patience=SOON, timeout_s=10) as segue:
        ann = segue.listener(listener_id)
        stream = ann.stream(n=3)
        told = next(stream)
        assert isinstance(told, Recommendation)
        assert told.seq == 0
        ann.played("t1")
        assert [told.seq for told in islice(stream, 1) if isinstance(told, Recommendation)] == [1]
        service.kill()
        service.start()
        ann.played("t2")
        seqs = []
        for told in stream:
            assert isinstance(told, Recommendation)
            if not told.degraded:
                seqs.append(told.seq)
                break
        assert seqs == [2]
        ann.forget()
        assert [told.reason for told in stream if isinstance(told, Bye)] == ["forgotten"]


def test_a_stream_that_is_refused_says_so(service: Service) -> None:
    with Segue(url(service)) as segue, pytest.raises(Refused, match="invalid_request"):
        next(segue.listener("ann").stream(n=0))


@pytest.mark.anyio
async def test_the_asynchronous_client_does_the_same(service: Service, tmp_path: Path) -> None:
    """Search, events, playlist, stream, outage: step by step what the other does."""
    listener_id = someone()
    async with AsyncSegue(url(service), outbox=tmp_path / "events.db", patience=SOON, timeout_s=10) as segue:
        ann = segue.listener(listener_id)
        assert (await segue.search("Song 7", limit=1))[0].track_id == "t7"
        seen: list[int] = []
        heard = asyncio.Event()

        async def follow() -> str:
            async for told in ann.stream(n=2):
                if isinstance(told, Recommendation):
                    seen.append(told.seq)
                    heard.set()
                if isinstance(told, Bye):
                    return told.reason
            return "ended"

        following = asyncio.create_task(follow())
        await heard.wait()
        assert (await ann.played("t1", n=4)).seq == 1
        assert len((await segue.playlist(["t1"], n=3)).tracks) == 3
        with pytest.raises(Refused):
            await ann.played("")
        async with AsyncSegue("http://127.0.0.1:1", outbox=tmp_path / "events.db", patience=SOON) as away:
            with pytest.raises(Unavailable):
                await away.listener(listener_id).skipped("t1")
        assert len(segue.outbox) == 1
        assert await segue.flush() == 1
        assert (await ann.liked("t1")).seq == 3
        assert await ann.forget()
        assert await following == "forgotten"
        assert seen[0] == 0


def test_unavailable_is_never_a_silent_loss(tmp_path: Path) -> None:
    """Where nobody ever answers, the event waits in the file and the caller is told."""
    with Segue("http://127.0.0.1:1", outbox=tmp_path / "events.db", patience=SOON) as segue:
        with pytest.raises(Unavailable, match=r"POST /v1/next was tried 2 times"):
            segue.listener("ann").played("t1")
        assert [one.event["track_id"] for one in segue.outbox.before(None, 9)] == ["t1"]
