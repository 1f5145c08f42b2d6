"""Who talks on /v1/live, and what that caller may do there. The key comes by a header or in the first message.

Knows nothing of messages.
"""

from starlette.types import Scope

from app.domain.api_keys import ApiKey
from app.domain.api_keys import Scope as KeyScope
from app.web.admission import check_scope
from app.web.door import admitted, count
from app.web.doors import Doors


class LiveGuest:
    """The caller of one conversation."""

    def __init__(self, scope: Scope, behind: Doors) -> None:
        self._scope = scope
        self._behind = behind
        self._key: ApiKey | None = None

    def admit(self, token: str | None) -> None:
        """Let the caller follow a listener; raise what refuses it, NoCheckpoint where nothing could be told."""
        self._key = admitted(self._scope, self._behind, KeyScope.RECOMMEND, token)
        self._count(KeyScope.RECOMMEND)
        _ = self._behind.reloader.current

    def admit_events(self) -> None:
        """Let the caller report events; raise ScopeMissing, or RateExceeded: a message counts as a call."""
        check_scope(self._key, KeyScope.EVENTS)
        self._count(KeyScope.EVENTS)

    def _count(self, need: KeyScope) -> None:
        if self._key is not None:
            count(self._key, self._behind, need, [])
