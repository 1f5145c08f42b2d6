"""The law of the session over HTTP, while the whole service is killed between requests and the model is changed.

After each step: what is stored is what the listener did, in order; the stored state is the replay of it under the
checkpoint that stamped it; what is excluded is not suggested; of the forgotten nothing is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from app.domain.session import ListenerSession
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.keys import session_key
from app.stores.session_record import decode
from tests.e2e.service import Service
from tests.faults import processes
from tests.faults.conftest import RECOVERY_S
from tests.faults.drafts import one_hot_draft
from tests.faults.judgement import is_its_replay
from tests.stores.conftest import new_listener, until

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(400)]

RECENT = 12
# Each takes seconds: starting the service, and the pause of a server that keeps ending.
RESTARTS = 2
SERVER_KILLS = 1


@dataclass
class World:
    """A service with a session server of its own, and two checkpoints it may serve."""

    service: Service
    models: CheckpointStore
    predictors: dict[str, Predictor]
    server: Redis

    def stored(self, listener_id: str) -> ListenerSession | None:
        """Return what the server holds of a listener, byte for byte as it was written."""
        record = self.server.get(session_key(listener_id))
        return decode(listener_id, record) if isinstance(record, bytes) else None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    models = CheckpointStore(tmp_path / "models")
    ids = [models.publish(one_hot_draft(seed)).checkpoint_id for seed in (1, 2)]
    models.promote("stable", ids[0])
    data = tmp_path / "data"
    with (
        Service(models.root, data, recent_tracks=str(RECENT), collect_events="false") as service,
        Redis(unix_socket_path=str(data / "valkey" / "valkey.sock")) as server,
    ):
        yield World(service, models, {one: models.load(one) for one in ids}, server)


@dataclass
class Known:
    """What a test knows of one listener."""

    seq: int = 0
    heard: list[tuple[int, str, str]] = field(default_factory=list)  # in order, by number: kind and track
    blocked: set[str] = field(default_factory=set)
    sent: list[dict[str, str]] = field(default_factory=list)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["played", "played", "finished", "skipped", "liked", "disliked", "seeded"]),
        st.integers(0, 57),
    ),
    min_size=1,
    max_size=4,
)


class Listening(RuleBasedStateMachine):
    """Two listeners, and all that may happen to them."""

    world: World

    @initialize()
    def meet(self) -> None:
        self.known: dict[str, Known] = {new_listener(): Known() for _ in range(2)}
        self.sent = self.restarts = self.server_kills = 0

    def listener(self, number: int) -> tuple[str, Known]:
        return list(self.known.items())[number]

    @rule(number=st.integers(0, 1), told=EVENTS)
    def report(self, number: int, told: list[tuple[str, int]]) -> None:
        listener, known = self.listener(number)
        events = [self.event(kind, row) for kind, row in told]
        body = {"events": [{"listener_id": listener, **event} for event in events]}
        answer = self.world.service.http.post("/v1/events", json=body).json()
        assert [receipt["outcome"] for receipt in answer["events"]] == ["applied"] * len(events)
        for event in events:
            self.remember(known, event)

    @rule(number=st.integers(0, 1), told=EVENTS)
    def ask(self, number: int, told: list[tuple[str, int]]) -> None:
        listener, known = self.listener(number)
        event = self.event(*told[0])
        answer = self.world.service.next(listener, event=event, n=60)
        self.remember(known, event)
        assert (answer["seq"], answer["degraded"]) == (known.seq, [])
        suggested = {track["track_id"] for track in answer["tracks"]}
        assert not suggested & (known.blocked | {track for *_, track in known.heard[-RECENT:]})

    @rule(number=st.integers(0, 1), back=st.integers(1, 20))
    def send_again(self, number: int, back: int) -> None:
        """Nothing changes: that is what the invariant sees."""
        listener, known = self.listener(number)
        for event in known.sent[-back:][:1]:
            body = {"events": [{"listener_id": listener, **event}]}
            [receipt] = self.world.service.http.post("/v1/events", json=body).json()["events"]
            assert receipt["outcome"] == "duplicate"

    @rule(number=st.integers(0, 1))
    def forget(self, number: int) -> None:
        listener, known = self.listener(number)
        status = self.world.service.http.delete(f"/v1/listeners/{listener}").status_code
        assert status == (204 if known.seq else 404)
        self.known[listener] = Known()
        assert self.world.service.http.get(f"/v1/listeners/{listener}").status_code == 404

    @rule(number=st.integers(0, 1))
    def reset(self, number: int) -> None:
        """What was heard is forgotten, what was disliked and which events were sent is not."""
        listener, known = self.listener(number)
        response = self.world.service.http.post(f"/v1/listeners/{listener}/reset", json={})
        assert response.status_code == (200 if known.seq else 404)
        if known.seq:
            known.seq = response.json()["seq"]
            known.heard.clear()

    @rule(number=st.integers(0, 1), row=st.integers(0, 57), blocked=st.booleans())
    def block(self, number: int, row: int, blocked: bool) -> None:
        """Set a block, or lift one that may be there; a listener nobody knows has none to lift."""
        listener, known = self.listener(number)
        track = f"t{row}"
        path = f"/v1/listeners/{listener}/blocks"
        if blocked:
            response = self.world.service.http.put(path, json={"tracks": [{"track_id": track}]})
            known.blocked.add(track)
        else:
            response = self.world.service.http.delete(path, params={"track_id": track})
            known.blocked.discard(track)
        assert response.status_code == (200 if known.seq or blocked else 404)
        session = self.world.stored(listener)
        if session is not None:
            assert known.seq <= session.seq <= known.seq + 1  # one more, if it changed anything
            known.seq = session.seq

    @rule(into=st.integers(0, 1))
    def merge(self, into: int) -> None:
        """One of the two turns out to be the other; what both heard is in the order of its times."""
        listener, known = self.listener(into)
        source_id, source = self.listener(1 - into)
        path, body = f"/v1/listeners/{listener}/merge", {"from": source_id}
        for _ in range(2):  # the same request again changes nothing
            response = self.world.service.http.post(path, json=body)
            assert response.status_code == (200 if known.seq or source.seq else 404)
        if source.seq:
            known.seq += 1
            known.heard = sorted([*known.heard, *source.heard])
            known.blocked |= source.blocked
            known.sent += source.sent
            self.known[source_id] = Known()

    @rule(seed=st.integers(0, 1))
    def change_the_model(self, seed: int) -> None:
        chosen = list(self.world.predictors)[seed]
        self.world.models.promote("stable", chosen)
        until(lambda: self.world.service.http.get("/readyz").json()["checkpoint_id"] == chosen)

    @precondition(lambda self: self.restarts < RESTARTS)
    @rule()
    def restart(self) -> None:
        self.restarts += 1
        self.world.service.kill()
        self.world.service.start()

    @precondition(lambda self: self.server_kills < SERVER_KILLS)
    @rule()
    def kill_the_session_server(self) -> None:
        self.server_kills += 1
        for pid in processes.session_server(self.world.service.pid):
            assert processes.kill(pid)
            until(lambda pid=pid: processes.session_server(self.world.service.pid) not in ([], [pid]))  # type: ignore[misc]
        until(lambda: self.world.service.http.get("/readyz").json()["session_store"] == "up", RECOVERY_S)

    @invariant()
    def law(self) -> None:
        for listener, known in self.known.items():
            session = self.world.stored(listener)
            if session is None:
                assert known.seq == 0
                continue
            assert session.seq == known.seq
            heard = [(str(heard.kind), heard.track_id) for heard in session.recent]
            assert heard == [(kind, track) for _, kind, track in known.heard[-RECENT:]]
            assert {block.what for block in session.blocked_tracks} == known.blocked
            if session.hidden is not None:
                assert is_its_replay(session, self.world.predictors[session.hidden.checkpoint_id])

    def event(self, kind: str, row: int) -> dict[str, str]:
        self.sent += 1
        return {"event_id": str(self.sent), "type": kind, "track_id": f"t{row}"}

    def remember(self, known: Known, event: dict[str, Any]) -> None:
        known.seq += 1
        known.heard.append((int(event["event_id"]), event["type"], event["track_id"]))
        known.sent.append(event)
        known.blocked |= {event["track_id"]} if event["type"] == "disliked" else set()


def test_law_holds_across_kills_and_changes_of_the_model(world: World) -> None:
    class OverHttp(Listening):
        pass

    OverHttp.world = world
    run_state_machine_as_test(
        OverHttp,
        settings=settings(
            max_examples=6,
            phases=[Phase.generate],  # a smaller example would take minutes to find
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
