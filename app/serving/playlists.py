"""A playlist is a walk that listens to itself: each chosen track is read before the next is ranked.

Knows nothing of the store: the session it starts from is handed in and never changed there.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from secrets import randbits
from time import time

from app.domain.events import EventKind, ListenerEvent
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, choose
from app.domain.policy import excluded_rows
from app.domain.ranking import StepRequest
from app.domain.recommendation import Ask, RankedTrack
from app.domain.session import ListenerSession, SessionLimits
from app.errors import Rejected
from app.serving.engine import Engine, Predictor
from app.serving.naming import playlist_id


class PlaylistWalk:
    """Chooses track after track with one checkpoint from beginning to end."""

    def __init__(
        self, engine: Engine, predictor: Predictor, limits: SessionLimits, clock: Callable[[], float] = time
    ) -> None:
        self._engine = engine
        self._predictor = predictor
        self._limits = limits
        self._clock = clock

    async def walk(self, session: ListenerSession, ask: PlaylistAsk, degraded: tuple[str, ...]) -> Playlist:
        """Return the playlist that follows the session and the seeds. No track or song comes twice.

        Raises Rejected when seeds were given and the catalogue holds none of them.
        """
        catalogue = self._predictor.catalogue
        unknown = tuple(seed for seed in ask.seeds if catalogue.index_of(seed) is None)
        if ask.seeds and len(unknown) == len(ask.seeds):
            raise Rejected(
                f"None of the {len(unknown)} seeds is in the catalogue, the first is {unknown[0]!r}. "
                "Find track ids with GET /v1/tracks?q=..."
            )
        if ask.choosing is Choosing.SAMPLE and ask.seed is None:
            # A seed that is drawn is told, so that the same playlist can be had again.
            ask = replace(ask, seed=randbits(53))
        session = self._seeded(session, ask.seeds)
        tracks = await self._tracks(session, ask)
        return Playlist(
            playlist_id=playlist_id(self._predictor.checkpoint_id, session, ask),
            checkpoint_id=self._predictor.checkpoint_id,
            seeds=ask.seeds,
            unknown_tracks=unknown,
            tracks=tuple(tracks),
            seed=ask.seed,
            shortfall=self._shortfall(len(tracks), ask),
            degraded=degraded,
        )

    async def _tracks(self, session: ListenerSession, ask: PlaylistAsk) -> list[RankedTrack]:
        catalogue = self._predictor.catalogue
        random = Random(ask.seed)
        limit = ask.top_k if ask.choosing is Choosing.SAMPLE else 1
        hidden, unread = session.reading(self._predictor.checkpoint_id)
        reading = tuple(row for row in map(catalogue.index_of, unread) if row is not None)
        heard = [row for row in map(catalogue.index_of, session.advancing) if row is not None]
        standing = set(excluded_rows(session, _standing(ask), catalogue, self._clock()))
        chosen: list[RankedTrack] = []
        while len(chosen) < ask.length:
            excluded = frozenset(standing | self._too_near(heard, ask.artist_gap))
            request = StepRequest(hidden, reading, tuple(heard[-self._limits.recent_tracks :]), excluded, limit)
            timed = await self._engine.step(self._predictor, request)
            ranking = timed.step.ranking
            if not ranking.tracks:
                break
            position = choose(ranking.probabilities, ask, random)
            row = ranking.tracks[position]
            chosen.append(RankedTrack(len(chosen) + 1, catalogue[row], ranking.probabilities[position]))
            hidden, reading = timed.step.hidden, (row,)
            heard.append(row)
            standing.update(catalogue.same_song(row))
        return chosen

    def _seeded(self, session: ListenerSession, seeds: tuple[str, ...]) -> ListenerSession:
        now = max(self._clock(), session.newest_at)
        for position, seed in enumerate(seeds):
            known = self._predictor.catalogue.index_of(seed) is not None
            event = ListenerEvent(f"seed-{position}", session.listener_id, EventKind.SEEDED, seed, now)
            session, _ = session.after(event, known=known, now=now, limits=self._limits)
        return session

    def _too_near(self, heard: list[int], artist_gap: int) -> set[int]:
        if not artist_gap:
            return set()
        catalogue = self._predictor.catalogue
        return {row for near in heard[-artist_gap:] for row in catalogue.of_artist(catalogue[near].artist)}

    def _shortfall(self, length: int, ask: PlaylistAsk) -> str | None:
        if length == ask.length:
            return None
        return (
            f"{length} of {ask.length} tracks: what was heard, excluded or is of a too recent artist leaves no other "
            f"of the {len(self._predictor.catalogue)} tracks in the catalogue."
        )


def _standing(ask: PlaylistAsk) -> Ask:
    """Return the rules that hold from the first track to the last; the artist gap moves along and is not one."""
    return Ask(limit=1, exclude=ask.exclude, exclude_artists=ask.exclude_artists)
