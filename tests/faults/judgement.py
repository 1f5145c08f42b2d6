"""What must be true when all is over: every acknowledged event is in its listener's record and in the event log, once,
and the stored hidden state is the replay of what is stored.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.events import EventKind, ListenerEvent
from app.domain.ranking import StepRequest
from app.domain.session import ListenerSession, StampedHidden
from app.formats.event_log import current_files
from app.rnn.predictor import Predictor
from app.stores.event_files import read_file
from app.stores.session_store import SessionStore
from tests.faults.load import Report


@dataclass(frozen=True)
class Judgement:
    """How many events are missing and how many there are twice; the listeners whose state is not their replay."""

    listeners: int
    missing: int
    twice: int
    not_the_replay: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or made up."""
        return not (self.missing or self.twice or self.not_the_replay)


async def judge(url: str, acknowledged: Mapping[str, Sequence[Report]], predictor: Predictor) -> Judgement:
    """Read every listener's record from the server at the URL and hold it against what was acknowledged.

    Everything a listener's callers sent must have been acknowledged, and must fit into what is remembered.
    """
    store = SessionStore.connect(url, ttl_s=3600, timeout_s=10.0)
    missing = twice = 0
    wrong = []
    for listener, reports in acknowledged.items():
        session = await store.load(listener)
        kept, expected = Counter(_kept(session)), Counter(_told(reports))
        digests, known = Counter(session.event_digests), {_digest(report) for report in reports}
        missing += max((expected - kept).total(), len(known - set(digests)))
        twice += max((kept - expected).total(), (digests - Counter(known)).total(), session.seq - len(reports), 0)
        if not is_its_replay(session, predictor):
            wrong.append(listener)
    await store.aclose()
    return Judgement(len(acknowledged), missing, twice, tuple(wrong))


def logged(folder: Path) -> Counter[tuple[str, str]]:
    """Count the rows of each event, by listener and event id, in the event log's folder."""
    rows: Counter[tuple[str, str]] = Counter()
    for file in current_files(folder):
        for table in read_file(file.path, ("listener_id", "event_id")):
            rows.update(zip(table["listener_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))
    return rows


def is_its_replay(session: ListenerSession, predictor: Predictor) -> bool:
    """Tell whether the stored state, with what it has not read yet, is bit for bit the replay from the start state."""
    if session.hidden is None:
        return True  # it will be replayed when it is next needed
    hidden, unread = session.reading(predictor.checkpoint_id)
    return stepped(predictor, hidden, unread) == replayed(session, predictor)


def replayed(session: ListenerSession, predictor: Predictor) -> bytes:
    """Return the state after the advancing tracks of the current context, from the start state."""
    return stepped(predictor, None, session.advancing)


def stepped(predictor: Predictor, hidden: StampedHidden | None, tracks: Iterable[str]) -> bytes:
    """Return the state after reading tracks on top of another."""
    rows = tuple(row for track in tracks if (row := predictor.catalogue.index_of(track)) is not None)
    [step] = predictor.step([StepRequest(hidden, rows, rows, frozenset(), 0)])
    return step.hidden.data


def _kept(session: ListenerSession) -> list[tuple[str, str]]:
    return [(heard.track_id, str(heard.kind)) for heard in session.recent]


def _told(reports: Sequence[Report]) -> list[tuple[str, str]]:
    return [(report.track_id, report.kind) for report in reports]


def _digest(report: Report) -> bytes:
    return ListenerEvent(report.event_id, report.listener_id, EventKind(report.kind), report.track_id, 0.0).digest
