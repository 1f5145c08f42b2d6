"""Keeps the API keys at hand: reads the file again when it changed, and notes there which keys are used.

Knows nothing of requests and of what a scope allows.
"""

import asyncio

import structlog

from app.domain.api_keys import KeyRing
from app.errors import SegueError
from app.stores.api_keys import ApiKeyFile

# A revoked key opens nothing a second later, on every worker.
LOOK_S = 0.5
NOTE_S = 60.0

log = structlog.get_logger(__name__)


class KeyRingFollower:
    """Follows the file of API keys. Use it as an async context manager.

    A file that becomes unreadable leaves the keys that are known in force; one that is unreadable at the start is
    an error, since nobody knows whether the door is to be locked.
    """

    def __init__(self, file: ApiKeyFile, *, look_s: float = LOOK_S, note_s: float = NOTE_S) -> None:
        self._file = file
        self._look_s = look_s
        self._note_s = note_s
        self._stamp = file.stamp()
        self._used: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.ring: KeyRing = file.read()

    async def __aenter__(self) -> "KeyRingFollower":
        self._tasks = [
            asyncio.create_task(self._follow(), name="key-ring"),
            asyncio.create_task(self._note(), name="key-use"),
        ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._file.note_used(self._used)

    def use(self, key_id: str) -> None:
        """Note that a key opened the door."""
        self._used.add(key_id)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            stamp = self._file.stamp()
            if stamp == self._stamp:
                continue
            try:
                ring = await asyncio.to_thread(self._file.read)
            except SegueError as failure:
                log.error("api_keys_unreadable", reason=str(failure))
            else:
                self._swap(ring)
            self._stamp = stamp

    def _swap(self, ring: KeyRing) -> None:
        if ring.is_empty and not self.ring.is_empty:
            # A file that is gone must not open the door while the service runs.
            log.error("api_keys_gone", advice="restore the file; removing it counts at the next start")
            return
        self.ring = ring
        log.info("api_keys_read", keys=len(ring.keys))

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(self._note_s)
            used, self._used = self._used, set()
            if used:
                await asyncio.to_thread(self._file.note_used, used)
