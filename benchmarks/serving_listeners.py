"""Listeners who were there before: sessions as the service itself would have stored them, written into its Redis.

Their histories follow the network: most play what it offers, some what is popular. Of so many histories each is given
to many listeners; what they do from then on is their own. Knows nothing of rates or measurements.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from redis import Redis

from app.domain.events import EventKind, ListenerEvent
from app.domain.policy import excluded_rows
from app.domain.ranking import StepRequest
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession, SessionLimits
from app.domain.taking_in import take_in
from app.rnn.predictor import Predictor
from app.rnn.rankers import exact_ranker
from app.stores.keys import session_key
from app.stores.session_record import encode

HISTORIES = 256
LONGEST = 45
AT_ONCE = 64
LIMITS = SessionLimits()
TTL_S = 24 * 3600


@dataclass(frozen=True)
class Listeners:
    """Who listens: `count` of them, and the session each began with."""

    count: int
    sessions: list[ListenerSession]

    def begun_with(self, listener_id: str) -> ListenerSession:
        """Return the session of a listener before the first request."""
        return self.sessions[int(listener_id.removeprefix("listener-")) % len(self.sessions)]

    def store(self, server: Redis) -> None:
        """Write every listener's session."""
        records = [encode(session) for session in self.sessions]
        for first in range(0, self.count, 5000):
            pipeline = server.pipeline(transaction=False)
            for number in range(first, min(first + 5000, self.count)):
                pipeline.set(session_key(f"listener-{number}"), records[number % len(records)], ex=TTL_S)
            pipeline.execute()


def popular_first(predictor: Predictor) -> list[str]:
    """Return the ids of all tracks, those with the highest bias first: a bias grows with what was played."""
    bias = predictor.network.ranking_bias()
    rows = range(len(predictor.catalogue)) if bias is None else bias.argsort(descending=True).tolist()
    return [predictor.catalogue[row].track_id for row in rows]


def who_listened(predictor: Predictor, popular: list[str], count: int, seed: int = 1) -> Listeners:
    """Let some histories be played; the last track of each was heard a few minutes ago."""
    draw = np.random.default_rng(seed)
    shares = np.cumsum(1.0 / np.arange(1, len(popular) + 1))
    lengths = draw.integers(1, LONGEST + 1, HISTORIES)
    now = time.time()
    sessions = [ListenerSession(str(number)) for number in range(HISTORIES)]
    offered: list[str | None] = [None] * HISTORIES
    for place in range(LONGEST):
        still = [number for number in range(HISTORIES) if place < lengths[number]]
        for first in range(0, len(still), AT_ONCE):
            playing = still[first : first + AT_ONCE]
            requests = []
            for number in playing:
                track = offered[number]
                if track is None or draw.random() < 0.3:
                    track = popular[int(np.searchsorted(shares, draw.random() * shares[-1]))]
                at = now - 300 - 60 * float(lengths[number] - place)
                event = ListenerEvent(f"{number}-{place}", str(number), EventKind.PLAYED, track, at)
                sessions[number] = taken_in(predictor, sessions[number], event, at)
                requests.append(request_of(predictor, sessions[number], Ask(limit=5), at, replay=False))
            for number, step in zip(playing, predictor.step(requests), strict=True):
                sessions[number] = sessions[number].remembering(step.hidden)
                offered[number] = predictor.catalogue[step.ranking.tracks[draw.integers(5)]].track_id
    return Listeners(count, sessions)


def taken_in(predictor: Predictor, session: ListenerSession, event: ListenerEvent, now: float) -> ListenerSession:
    """Return a session after one event."""
    return take_in(
        session,
        [event],
        catalogue=predictor.catalogue,
        checkpoint_id=predictor.checkpoint_id,
        now=now,
        limits=LIMITS,
    ).session


def request_of(predictor: Predictor, session: ListenerSession, ask: Ask, now: float, *, replay: bool) -> StepRequest:
    """Return what is asked of the network about a session; with `replay` from the start state."""
    hidden, unread = (None, session.advancing) if replay else session.reading(predictor.checkpoint_id)
    catalogue = predictor.catalogue

    def rows(track_ids: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(row for row in map(catalogue.index_of, track_ids) if row is not None)

    excluded = excluded_rows(session, ask, catalogue, now)
    return StepRequest(hidden, rows(unread), rows(session.advancing), excluded, ask.limit)


def exactly(predictor: Predictor) -> Predictor:
    """Let a predictor multiply with every row, whatever index its checkpoint has."""
    predictor.ranker = exact_ranker(predictor.network)
    return predictor


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a text file, one item a line."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
