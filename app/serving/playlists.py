"""A playlist is a walk that listens to itself: each chosen track is read before the next is ranked.

Knows nothing of the store: the session it starts from is handed in and never changed there.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from secrets import randbits
from time import time

from app.domain.arc import DEEP, Arc
from app.domain.beam import Branch, Continuation, kept
from app.domain.catalogue import Catalogue
from app.domain.events import EventKind, ListenerEvent
from app.domain.playlist import Choosing, Playlist, PlaylistAsk, SeedKind, choose
from app.domain.playlist_progress import PlaylistProgress
from app.domain.policy import exclusions, shortfall
from app.domain.ranking import StepRequest
from app.domain.recommendation import RankedTrack, Reason
from app.domain.session import ListenerSession, SessionLimits
from app.serving.engine import Engine, Predictor
from app.serving.naming import playlist_id
from app.serving.reasoning import Listening, reasons_of
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
        found = await self._found(self._start(session, seeds, ask), ask)
        progress = found.progress
        missing = None if progress.is_full else shortfall(len(found.tracks), ask.length, catalogue, progress.taken)
        return Playlist(
            playlist_id=playlist_id(self._predictor.checkpoint_id, session, ask),
            checkpoint_id=self._predictor.checkpoint_id,
            seeds=seeds,
            unknown_tracks=unknown,
            tracks=found.tracks,
            seed=ask.seed,
            shortfall=missing,
            degraded=degraded,
            pool_before=len(catalogue),
            pool_after=len(catalogue) - len(progress.excluded),
            taken=progress.taken,
            reasons=await self._reasons(found, seeds) if ask.reasons else (),
        )

    def _start(self, session: ListenerSession, seeds: tuple[str, ...], ask: PlaylistAsk) -> Branch:
        """Return the playlist that has no track of its own yet."""
        catalogue = self._predictor.catalogue
        hidden, unread = session.reading(self._predictor.checkpoint_id)
        standing = exclusions(session, ask.standing, catalogue, self._clock())
        heard = _rows(session.advancing, catalogue)
        progress = PlaylistProgress(catalogue, ask, standing, heard, _rows(seeds, catalogue))
        after = _rows(ask.after, catalogue)
        for row in after:
            progress.go_on_after(row)
        return Branch(progress, hidden, (*_rows(unread, catalogue), *after))

    async def _found(self, start: Branch, ask: PlaylistAsk) -> Branch:
        """Return the best branch, as long as there is anything to add or as was asked for."""
        random = Random(ask.seed)
        arc = await self._arc(ask)
        width = ask.beam_width if ask.choosing is Choosing.BEAM else 1
        branches: tuple[Branch, ...] = (start,)
        # All branches are equally long: who ends at a duration has but one.
        while not branches[0].progress.is_full:
            # All their steps are one batch.
            ways = await asyncio.gather(*(self._ways(branch, ask, arc, random) for branch in branches))
            further = kept([one for own in ways for one in own], width)
            if not further:
                break
            branches = further
        return max(branches, key=lambda branch: branch.log_weight)

    async def _ways(self, branch: Branch, ask: PlaylistAsk, arc: Arc | None, random: Random) -> list[Continuation]:
        """Return how a branch may go on, none where no candidate is left."""
        progress, place = branch.progress, len(branch.tracks) + 1
        is_last = place == ask.length
        recent = tuple(progress.heard[-self._limits.recent_tracks :])
        excluded = progress.excluded if arc is None else arc.held_back(progress.excluded, is_last=is_last)
        limit = ask.looked_at if arc is None else DEEP
        request = StepRequest(branch.hidden, branch.reading, recent, excluded, limit)
        step = (await self._engine.step(self._predictor, request)).step
        ranked = ranking = step.ranking
        if arc is not None:
            ranking = arc.bent(ranked, excluded, way=place / ask.length, is_last=is_last)
        if not ranking.tracks:
            return []
        # On the way somewhere a track may lie too deep to be ranked; it is then no more probable than the last one.
        probabilities = dict(zip(ranked.tracks, ranked.probabilities, strict=True))
        rank = len(_rows(ask.after, self._predictor.catalogue)) + place
        ways = []
        for position in choose(ranking.probabilities, ask, random):
            row = ranking.tracks[position]
            probability = probabilities.get(row, ranked.probabilities[-1])
            track = RankedTrack(rank, self._predictor.catalogue[row], probability)
            ways.append(Continuation(branch, step.hidden, row, track, ranking.probabilities[position], position))
        return ways

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

    async def _reasons(self, found: Branch, seeds: tuple[str, ...]) -> tuple[tuple[Reason, ...], ...]:
        """Return why each track is there: what was read before it, seeds and earlier tracks among it."""
        heard, catalogue = found.progress.heard, self._predictor.catalogue
        first = len(heard) - len(found.tracks)
        reasons: list[tuple[Reason, ...]] = []
        # One track after the other: a long playlist must not fill the queue of the model thread by itself.
        for place, ranked in enumerate(found.tracks, start=first):
            listening = Listening(tuple(heard[:place]), frozenset(_rows(seeds, catalogue)))
            reasons += await reasons_of(self._engine, self._predictor, listening, {heard[place]: ranked.probability})
        return tuple(reasons)

    def _seeded(self, session: ListenerSession, seeds: tuple[str, ...]) -> ListenerSession:
        now = max(self._clock(), session.newest_at)
        for position, seed in enumerate(seeds):
            known = self._predictor.catalogue.index_of(seed) is not None
            event = ListenerEvent(f"seed-{position}", session.listener_id, EventKind.SEEDED, seed, now)
            session, _ = session.after(event, known=known, now=now, limits=self._limits)
        return session


def _rows(track_ids: Sequence[str], catalogue: Catalogue) -> tuple[int, ...]:
    return tuple(row for row in map(catalogue.index_of, track_ids) if row is not None)
