"""A stream's lines as its reader takes them, and where it goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Track
from app.domain.recommendation import RankedTrack
from app.domain.recommendation import Recommendation as Ranked
from app.serving.live_stream import Bye as Ending
from app.serving.live_stream import ModelChanged as Changed
from app.web.streaming import HEARTBEAT, written
from segue_client import Bye, ModelChanged, Patience, Recommendation, Told
from segue_client.following import Following


def following() -> Following:
    return Following("ann", {}, Patience())


def taken(reader: Following, text: bytes) -> list[Told]:
    return [told for line in text.decode().split("\n") if (told := reader.take(line)) is not None]


def ranked(title: str, *degraded: str) -> Ranked:
    track = RankedTrack(1, Track("t", title, "Pink Floyd"), 0.5)
    return Ranked("rec_1", "ann", "checkpoint", 3, (track,), (), (), 10, 9, degraded)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_the_server_writes_is_read(title: str) -> None:
    """Whatever a title holds; comments say nothing."""
    reader = following()
    [told] = taken(reader, b"retry: 1000\n\n" + HEARTBEAT + written(ranked(title)) + HEARTBEAT)
    assert isinstance(told, Recommendation)
    assert (told.tracks[0].title, told.seq) == (title, 3)
    assert reader.headers["Last-Event-ID"] == "rec_1"


def test_every_kind_is_read_and_unknown_kinds_are_passed_over() -> None:
    text = written(Changed("b", "a")) + b'event: weather\ndata: {"rain": true}\n\n' + written(Ending("draining", 700))
    reader = following()
    assert taken(reader, text) == [ModelChanged(checkpoint_id="b", previous="a"), Bye(reason="draining", retry_ms=700)]
    assert not reader.is_over
    assert reader.broke() == 0.7


def test_a_ranking_that_lacks_something_is_not_where_to_go_on() -> None:
    reader = following()
    taken(reader, written(ranked("Time")) + written(ranked("Time", "updates_unavailable")))
    assert reader.headers["Last-Event-ID"] == "rec_1"


def test_a_forgotten_listener_ends_the_stream() -> None:
    reader = following()
    taken(reader, written(Ending("forgotten")))
    assert reader.is_over


def test_half_an_event_before_a_break_is_forgotten() -> None:
    reader = following()
    half = written(ranked("Time")).decode().split("\n")[:2]
    assert [reader.take(line) for line in half] == [None, None]
    reader.broke()
    assert reader.take("") is None


@pytest.mark.parametrize("failures", [1, 5, 50])
def test_pauses_grow_and_stay_bounded(failures: int) -> None:
    reader = following()
    pauses = [reader.broke() for _ in range(failures)]
    assert all(0 <= pause <= 5.1 for pause in pauses)


def test_an_id_in_a_path_is_encoded() -> None:
    assert Following("a/b ü", {}, Patience()).path == "/v1/listeners/a%2Fb%20%C3%BC/stream"
