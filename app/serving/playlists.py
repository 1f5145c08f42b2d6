"""A playlist is a walk that listens to itself: each chosen track is read before the next is ranked.

Knows nothing of the store: the session it starts from is handed in and never changed there.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from secrets import randbits
from time import time

from app.domain.arc import DEEP, Arc
from app.domain.catalogue import Catalogue
from app.domain.events import EventKind, ListenerEvent
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, SeedKind, choose
from app.domain.playlist_progress import PlaylistProgress
from app.domain.policy import exclusions, shortfall
from app.domain.ranking import StepRequest
from app.domain.recommendation import RankedTrack
from app.domain.session import ListenerSession, SessionLimits
from app.serving.engine import Engine, Predictor
from app.serving.naming import playlist_id
from app.serving.seeding import seed_tracks


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
        seeds, unknown = await seed_tracks(self._engine, self._predictor, ask.seeds)
        if ask.choosing is Choosing.SAMPLE and ask.seed is None:
            # A seed that is drawn is told, so that the same playlist can be had again.
            ask = replace(ask, seed=randbits(53))
        catalogue = self._predictor.catalogue
        unknown += tuple(track_id for track_id in ask.after if catalogue.index_of(track_id) is None)
        session = self._seeded(session, seeds)
        tracks, progress = await self._tracks(session, seeds, ask)
        missing = None if progress.is_full else shortfall(len(tracks), ask.length, catalogue, progress.taken)
        return Playlist(
            playlist_id=playlist_id(self._predictor.checkpoint_id, session, ask),
            checkpoint_id=self._predictor.checkpoint_id,
            seeds=seeds,
            unknown_tracks=unknown,
            tracks=tuple(tracks),
            seed=ask.seed,
            shortfall=missing,
            degraded=degraded,
            pool_before=len(catalogue),
            pool_after=len(catalogue) - len(progress.excluded),
            taken=progress.taken,
        )

    async def _tracks(
        self, session: ListenerSession, seeds: tuple[str, ...], ask: PlaylistAsk
    ) -> tuple[list[RankedTrack], PlaylistProgress]:
        catalogue = self._predictor.catalogue
        random = Random(ask.seed)
        arc = await self._arc(ask)
        limit = DEEP if arc else ask.top_k if ask.choosing is Choosing.SAMPLE else 1
        hidden, unread = session.reading(self._predictor.checkpoint_id)
        standing = exclusions(session, ask.standing, catalogue, self._clock())
        heard = _rows(session.advancing, catalogue)
        progress = PlaylistProgress(catalogue, ask, standing, heard, _rows(seeds, catalogue))
        after = _rows(ask.after, catalogue)
        for row in after:
            progress.go_on_after(row)
        reading = (*_rows(unread, catalogue), *after)
        chosen: list[RankedTrack] = []
        while not progress.is_full:
            recent = tuple(progress.heard[-self._limits.recent_tracks :])
            is_last = len(chosen) + 1 == ask.length
            excluded = progress.excluded if arc is None else arc.held_back(progress.excluded, is_last=is_last)
            request = StepRequest(hidden, reading, recent, excluded, limit)
            timed = await self._engine.step(self._predictor, request)
            ranked = ranking = timed.step.ranking
            if arc is not None:
                ranking = arc.bent(ranked, excluded, way=(len(chosen) + 1) / ask.length, is_last=is_last)
            if not ranking.tracks:
                break
            row = ranking.tracks[choose(ranking.probabilities, ask, random)]
            # On the way somewhere a track may lie too deep to be ranked; it is then no more probable than the last one.
            probability = dict(zip(ranked.tracks, ranked.probabilities, strict=True)).get(row, ranked.probabilities[-1])
            chosen.append(RankedTrack(len(after) + len(chosen) + 1, catalogue[row], probability))
            hidden, reading = timed.step.hidden, (row,)
            progress.choose(row)
        return chosen, progress

    async def _arc(self, ask: PlaylistAsk) -> Arc | None:
        """Return the way to where the playlist is to end, None where it may end anywhere."""
        if ask.to is None:
            return None
        catalogue = self._predictor.catalogue
        rows = _rows((await seed_tracks(self._engine, self._predictor, (ask.to,)))[0], catalogue)
        timed = await self._engine.step(self._predictor, StepRequest(None, rows, rows, frozenset(rows), DEEP))
        if ask.to.kind is not SeedKind.TRACK:
            return Arc(timed.step.ranking)
        return Arc(timed.step.ranking, rows[-1], frozenset(catalogue.same_song(rows[-1])))

    def _seeded(self, session: ListenerSession, seeds: tuple[str, ...]) -> ListenerSession:
        now = max(self._clock(), session.newest_at)
        for position, seed in enumerate(seeds):
            known = self._predictor.catalogue.index_of(seed) is not None
            event = ListenerEvent(f"seed-{position}", session.listener_id, EventKind.SEEDED, seed, now)
            session, _ = session.after(event, known=known, now=now, limits=self._limits)
        return session


def _rows(track_ids: Sequence[str], catalogue: Catalogue) -> tuple[int, ...]:
    return tuple(row for row in map(catalogue.index_of, track_ids) if row is not None)
