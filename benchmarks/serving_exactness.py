"""Whether what was answered under load is what an exact ranking says: recall of the first tracks, error of log Z.

Each watched listener's session is made again from where it began and the events that were sent, in the order of `seq`;
the network reads it from the start state and ranks every row. So this also says that no event was lost, applied twice
or read wrongly. Knows nothing of how an answer was computed.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.events import EventKind, ListenerEvent
from app.rnn.predictor import Predictor
from app.web.schemas.next_tracks import NextRequest
from benchmarks.serving_listeners import Listeners, request_of, taken_in

AT_ONCE = 32
Watched = list[tuple[dict[str, Any], dict[str, Any]]]


@dataclass(frozen=True)
class Exactness:
    """How `answers` sampled answers compare: the mean share of the exact first tracks they hold, errors of log Z."""

    answers: int
    recall: float
    worst_recall: float
    log_z_error: float
    worst_log_z_error: float


def compare(predictor: Predictor, listeners: Listeners, watched: Watched, most: int, now: float) -> Exactness:
    """Rank again what `most` of the watched answers were made from; the predictor ranks exactly."""
    by_listener: dict[str, Watched] = defaultdict(list)
    for asked, answer in watched:
        by_listener[asked["listener_id"]].append((asked, answer))
    cases = []
    for listener_id, answers in by_listener.items():
        session = listeners.begun_with(listener_id)
        for asked, answer in sorted(answers, key=lambda pair: int(pair[1]["seq"])):
            event = asked["event"]
            kind = EventKind(event["type"])
            listened = ListenerEvent(event["event_id"], listener_id, kind, event["track_id"], now)
            session = taken_in(predictor, session, listened, now)
            if session.seq != answer["seq"]:
                break  # an event whose answer never came was applied in between
            ask = NextRequest.model_validate(asked, strict=False).ask()
            cases.append((request_of(predictor, session, ask, now, replay=True), answer))
    chosen = [cases[place] for place in np.linspace(0, len(cases) - 1, min(most, len(cases))).astype(int)]
    recalls, errors = [], []
    for first in range(0, len(chosen), AT_ONCE):
        part = chosen[first : first + AT_ONCE]
        for (_, answer), step in zip(part, predictor.step([request for request, _ in part]), strict=True):
            exact = {
                predictor.catalogue[row].track_id: probability
                for row, probability in zip(step.ranking.tracks, step.ranking.probabilities, strict=True)
            }
            served = {track["track_id"]: track["probability"] for track in answer["tracks"]}
            common = exact.keys() & served.keys()
            recalls.append(len(common) / max(len(exact), 1))
            errors.append(
                np.mean([abs(math.log(served[track] / exact[track])) for track in common]) if common else math.inf
            )
    return Exactness(
        len(chosen), float(np.mean(recalls)), float(np.min(recalls)), float(np.mean(errors)), float(np.max(errors))
    )
