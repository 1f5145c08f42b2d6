"""The checkpoint that serves while another is judged: what of the held-out sessions it has not learned.

Knows nothing of the gate, and of stores only how to find what is labelled stable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Dataset, Sessions
from app.domain.catalogue import Catalogue
from app.errors import CheckpointError, UnknownCheckpoint
from app.rnn.manifest import Manifest
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judgement
from app.trainer.metrics import HEADLINE
from app.trainer.resampling import Interval
from app.trainer.targets import Targets
from app.trainer.translation import in_rows, rows_in

SERVING = "serving"
"""What the tables call it."""

LEAST_SESSIONS = 30
"""Sessions it has not learned that a comparison needs: intervals over fewer say nothing."""


@dataclass(frozen=True)
class Standing:
    """What serves, and how far it can be compared with a new checkpoint.

    `lost_tracks` is the share of its tracks the new catalogue lacks. `recorded` are its own figures and intervals on
    the very held-out sessions, from before it learned them; empty where it was judged by others. `note` says why it
    was not compared on sessions it has not learned, if it was not.
    """

    checkpoint_id: str
    lost_tracks: float = 0.0
    recorded: Mapping[str, tuple[float, Interval]] = field(default_factory=dict)
    note: str = ""


class Incumbent:
    """A serving checkpoint as a model to be judged over the catalogue of the one that may take its place.

    Tracks it does not know are passed over, and missed where they are targets: it cannot foresee them.
    """

    name = SERVING

    def __init__(self, predictor: Predictor, manifest: Manifest, catalogue: Catalogue) -> None:
        """Take the checkpoint, and the catalogue the sessions to come are in."""
        self._predictor = predictor
        self._manifest = manifest
        self._rows = rows_in(catalogue, predictor.catalogue)
        self._known = np.flatnonzero(self._rows >= 0)
        self._row_here = np.full(len(predictor.catalogue), -1, np.int32)
        self._row_here[self._rows[self._known]] = self._known

    @property
    def checkpoint_id(self) -> str:
        """Which checkpoint it is."""
        return self._manifest.checkpoint_id

    @property
    def catalogue_size(self) -> int:
        """How many tracks its places are compared over: those of the new catalogue."""
        return len(self._rows)

    @property
    def lost_tracks(self) -> float:
        """The share of its own tracks that the new catalogue lacks."""
        return float(np.mean(self._row_here < 0))

    def unlearned(self, dataset: Dataset, held_out: Sessions) -> NDArray[np.int64]:
        """Return the numbers of the held-out sessions that it has certainly not learned.

        Those that began after the newest event it learned, or where its manifest does not say, after it was made. Of
        the data set it learned itself, and began anew with, those behind the ones it learned, too.
        """
        began = held_out.times[held_out.offsets[:-1]]
        unlearned = began > learned_until(self._manifest)
        data = self._manifest.data
        anew = data.get("fingerprint") == dataset.fingerprint and "base" not in data
        if anew and isinstance(data.get("learned_sessions"), int):
            first = len(dataset.sessions) - len(held_out)
            unlearned |= first + np.arange(len(held_out)) >= data["learned_sessions"]
        return np.flatnonzero(unlearned)

    def recorded(self, dataset: Dataset, held_out: Sessions) -> dict[str, tuple[float, Interval]]:
        """Return its headline figures and their intervals, if it was judged by these very sessions before."""
        data, metrics = self._manifest.data, self._manifest.metrics
        if (data.get("fingerprint"), data.get("test_sessions")) != (dataset.fingerprint, len(held_out)):
            return {}
        return _headlines(metrics)

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank every target whose track it knows from what it knows of what was heard before; miss the others."""
        known_sessions, kept = in_rows(sessions, self._rows)
        first_here, first_there = (_is_first(each) for each in (sessions, known_sessions))
        number = np.cumsum(~first_here) - 1
        # A track that follows a known one there is not the first of its session here either: a target in both.
        asked = number[np.flatnonzero(kept)[~first_there]]
        network = JudgedNetwork(self._predictor.network, self.name, mixture=self._predictor.mixture)
        for judgement in network.judge(known_sessions, depth):
            tops = np.where(judgement.tops >= 0, self._row_here[judgement.tops], -1).astype(np.int32)
            yield Judgement(asked[judgement.targets], judgement.places, tops)
        missed = np.setdiff1d(np.arange(len(Targets.of(sessions))), asked)
        last = max(self.catalogue_size, len(self._row_here)) + 1
        yield Judgement(missed, np.full(len(missed), last), np.full((len(missed), depth), -1, np.int32))


def find_incumbent(store: CheckpointStore, catalogue: Catalogue) -> Incumbent | Standing | None:
    """Return what is labelled stable; only its standing when it cannot be loaded, None when nothing is labelled."""
    stable = store.labels().stable
    if stable is None:
        return None
    try:
        return Incumbent(store.load(stable), store.manifest(stable), catalogue)
    except (CheckpointError, UnknownCheckpoint) as error:
        return Standing(stable, note=f"Not compared with {stable}, which is labelled stable and cannot serve: {error}")


def learned_until(manifest: Manifest) -> float:
    """Return the unix time of the newest event a checkpoint may have learned: as it says, and not after it was made."""
    made, stated = manifest.created_at, manifest.data.get("learned_until")
    try:
        times = [datetime.fromisoformat(each) for each in (made, stated) if isinstance(each, str)]
        return min(time.timestamp() for time in times)
    except ValueError:
        return datetime.now(UTC).timestamp()


def _is_first(sessions: Sessions) -> NDArray[np.bool_]:
    """Tell of each event (N,) whether it begins its session."""
    first = np.zeros(len(sessions.tracks), np.bool_)
    first[sessions.offsets[:-1]] = True
    return first


def _headlines(metrics: Mapping[str, Any]) -> dict[str, tuple[float, Interval]]:
    """Read Recall@20 and MRR@20 and their intervals from a manifest; nothing where it lacks one."""
    found = {}
    for name in (f"recall@{HEADLINE}", f"mrr@{HEADLINE}"):
        try:
            low, high = metrics["intervals"][name]
            found[name] = float(metrics[name]), Interval(float(low), float(high))
        except (KeyError, TypeError, ValueError):
            return {}
    return found
