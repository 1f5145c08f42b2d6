"""What listeners may see and ask of what is remembered of them.

Knows nothing of networks: what changes here is read anew at the listener's next event.
"""

from collections.abc import Callable, Collection, Sequence
from time import time

from app.domain.blocking import blocked, unblocked
from app.domain.blocks import Block
from app.domain.export import ListenerExport
from app.domain.merging import merged
from app.domain.session import ListenerSession, SessionLimits
from app.errors import InvalidRequest, SessionConflict, UnknownListener
from app.serving.tries import MANY, tries
from app.serving.turns import Turns
from app.stores.answers import KeptAnswers
from app.stores.listener_log import ListenerLog
from app.stores.session_store import SessionStore


class Listeners:
    """Shows and changes sessions at their listeners' wish. `clock` tells the time, in seconds since 1970."""

    def __init__(
        self,
        sessions: SessionStore,
        log: ListenerLog,
        limits: SessionLimits,
        turns: Turns,
        answers: KeptAnswers,
        clock: Callable[[], float] = time,
    ) -> None:
        self._sessions = sessions
        self._answers = answers
        self._log = log
        self._limits = limits
        self._turns = turns
        self._clock = clock

    async def show(self, listener_id: str) -> ListenerSession:
        """Return what is remembered of a listener. Raises UnknownListener when that is nothing."""
        return _known(await self._sessions.load(listener_id))

    async def export(self, listener_id: str) -> ListenerExport:
        """Return all that is held of a listener. Raises UnknownListener when that is nothing."""
        session = await self._sessions.load(listener_id)
        entries = tuple(await self._log.entries(listener_id))
        return ListenerExport(session if entries else _known(session), entries, self._clock())

    async def forget(self, listener_id: str) -> bool:
        """Delete what is remembered of a listener; tell whether there was anything."""
        async with self._turns.of(listener_id):
            forgotten = await self._sessions.delete(listener_id)
            await self._answers.forget(listener_id)
            return forgotten

    async def reset(self, listener_id: str, *, keep_recent: bool) -> ListenerSession:
        """Begin anew at the start state, the blocks kept. Raises UnknownListener."""
        return await self._changed(
            listener_id, lambda session: _known(session).forgetting(keep_recent=keep_recent, now=self._clock())
        )

    async def block(self, listener_id: str, tracks: Sequence[Block], artists: Sequence[Block]) -> ListenerSession:
        """Set blocks beside those that stand. Raises InvalidBlock for one that is over, or one too many."""
        return await self._changed(
            listener_id, lambda session: blocked(session, tracks, artists, now=self._clock(), limits=self._limits)
        )

    async def unblock(self, listener_id: str, tracks: Collection[str], artists: Collection[str]) -> ListenerSession:
        """Lift the blocks of these tracks and artists, all where none is named. Raises UnknownListener."""

        def without(session: ListenerSession) -> ListenerSession:
            every = not tracks and not artists
            return unblocked(
                _known(session),
                [block.what for block in session.blocked_tracks] if every else tracks,
                [block.what for block in session.blocked_artists] if every else artists,
                now=self._clock(),
            )

        return await self._changed(listener_id, without)

    async def merge(self, source_id: str, into: str) -> ListenerSession:
        """Take all that is remembered of one listener into another's session, and delete the one.

        The target is changed first. Whatever ends the walk between the two, the same request brings it to its end and
        takes nothing twice: the target remembers which source it has taken in. Where nothing is remembered of the
        source there is nothing to do. Raises UnknownListener when nothing is remembered of either.
        """
        if source_id == into:
            raise InvalidRequest(f"Expected two listeners to merge, got {into!r} and itself.")
        first, second = sorted((source_id, into))  # in one order, lest two merges wait for each other
        async with self._turns.of(first), self._turns.of(second):
            async for _ in tries(MANY):
                source, target = await self._sessions.load_many([source_id, into])
                session = _known(target) if source.is_new else self._united(target, source)
                if source.is_new or await self._merged(session, target, source):
                    await self._answers.forget(source_id)
                    return session
        raise _contended(into)

    def _united(self, target: ListenerSession, source: ListenerSession) -> ListenerSession:
        return merged(target, source, now=self._clock(), limits=self._limits)

    async def _merged(self, session: ListenerSession, target: ListenerSession, source: ListenerSession) -> bool:
        """Store the merged session, then delete the source; tell whether both were still what they were."""
        try:
            if session is not target:
                await self._sessions.commit(session, expected=target)
            await self._sessions.delete(source.listener_id, expected=source, merged_into=target.listener_id)
        except SessionConflict:
            return False
        return True

    async def _changed(self, listener_id: str, change: Callable[[ListenerSession], ListenerSession]) -> ListenerSession:
        """Commit a change of what is stored, on top of whatever others changed meanwhile."""
        async with self._turns.of(listener_id):
            async for _ in tries(MANY):
                stored = await self._sessions.load(listener_id)
                session = change(stored)
                if session is stored:
                    return stored
                try:
                    await self._sessions.commit(session, expected=stored)
                except SessionConflict:
                    continue
                return session
        raise _contended(listener_id)


def _known(session: ListenerSession) -> ListenerSession:
    if session.is_new:
        raise UnknownListener(
            f"Nothing is remembered of listener {session.listener_id!r}: no event came or it expired."
        )
    return session


def _contended(listener_id: str) -> SessionConflict:
    return SessionConflict(
        f"Other requests for listener {listener_id!r} were faster {MANY} times in a row. Nothing was changed; send "
        "the same request again."
    )
