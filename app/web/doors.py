"""What the routes need of the rest, method by method, and nothing else of it.

The wiring puts one `Doors` into the lifespan state; nothing here imports torch or Redis.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from starlette.requests import HTTPConnection

from app.domain.api_keys import KeyRing
from app.domain.blocks import Block
from app.domain.events import ListenerEvent
from app.domain.export import ListenerExport
from app.domain.online import Arm, Comparison
from app.domain.playlist import Playlist, PlaylistAsk
from app.domain.recommendation import Ask, EventReceipt, Recommendation
from app.domain.session import ListenerSession
from app.serving.live import Live
from app.web.admission import HouseRules
from app.web.checkpoint_doors import Cataloguing, Following, Labelling, Publishing
from app.web.state_doors import LookingAtState
from app.web.training_doors import Training


class Recommending(Protocol):
    """The walk: takes in events and answers what may follow."""

    async def observe(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in one listener's events and rank what may follow them."""

    async def recommend(self, ask: Ask, events: Sequence[ListenerEvent] = ()) -> Recommendation:
        """Rank what may follow `ask.recent` and then the events; nothing is read or stored."""

    async def record(self, events: Sequence[ListenerEvent]) -> list[EventReceipt]:
        """Take in events of many listeners; one receipt each, in order."""

    async def playlist(self, ask: PlaylistAsk) -> Playlist:
        """Play ahead of seeds or of a listener's session."""


class KeepingListeners(Protocol):
    """What listeners may see and ask of what is remembered of them."""

    async def show(self, listener_id: str) -> ListenerSession:
        """Return what is remembered of a listener; raise UnknownListener."""

    async def export(self, listener_id: str) -> ListenerExport:
        """Return all that is held of a listener; raise UnknownListener."""

    async def forget(self, listener_id: str) -> bool:
        """Delete what is remembered of a listener; tell whether there was anything."""

    async def reset(self, listener_id: str, *, keep_recent: bool) -> ListenerSession:
        """Begin anew at the start state; raise UnknownListener."""

    async def block(self, listener_id: str, tracks: Sequence[Block], artists: Sequence[Block]) -> ListenerSession:
        """Set blocks beside those that stand; raise InvalidBlock."""

    async def unblock(self, listener_id: str, tracks: Collection[str], artists: Collection[str]) -> ListenerSession:
        """Lift these blocks, all where none is named; raise UnknownListener."""

    async def merge(self, source_id: str, into: str) -> ListenerSession:
        """Take one listener's session into another's; raise UnknownListener when nothing is known of either."""


class Foreseeing(Protocol):
    """How well checkpoints foresee what is played."""

    async def arms(self, checkpoint_id: str) -> Sequence[Arm]:
        """Return the tallies of a checkpoint, by label."""

    async def comparison(self) -> Comparison | None:
        """Compare canary and stable; None without a canary."""


class KnowingKeys(Protocol):
    """The API keys, kept at hand."""

    @property
    def ring(self) -> KeyRing:
        """All keys."""

    def use(self, key_id: str) -> None:
        """Note that a key opened the door."""


class LeftOver(Protocol):
    """What an asker may still ask."""

    @property
    def remaining(self) -> int:
        """How many calls at once."""

    @property
    def reset_s(self) -> int:
        """When all calls are there again."""

    @property
    def wait_s(self) -> int:
        """When one more is allowed; 0 where this one is."""


class Counting(Protocol):
    """Counts calls."""

    def take(self, asker: str, quota: int, window_s: int) -> LeftOver:
        """Count one call of an asker who may make `quota` in `window_s`."""


class HeldAnswer(Protocol):
    """What is kept under the name of a request."""

    @property
    def is_same(self) -> bool:
        """Whether it is kept for this very request."""

    @property
    def answer(self) -> bytes | None:
        """The answer, once there is one."""


class KeepingAnswers(Protocol):
    """Keeps answers for a while; each call raises SessionStoreUnavailable where it cannot."""

    async def begin(self, name: bytes, request: bytes, listeners: Collection[str]) -> HeldAnswer | None:
        """Take a name for a request that speaks of these listeners; return what is held under it already."""

    async def keep(self, name: bytes, request: bytes, answer: bytes) -> None:
        """Keep the answer to a request, unless its name was taken away."""

    async def let_go(self, name: bytes) -> None:
        """Give a name back whose request came to nothing."""


class Pinging(Protocol):
    """The session store, as far as its health goes."""

    async def ping(self) -> None:
        """Return when it answers; raise SessionStoreUnavailable otherwise."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Everything behind the routes of one worker."""

    recommender: Recommending
    listeners: KeepingListeners
    reloader: Following
    checkpoints: Publishing
    session_store: Pinging
    answers: KeepingAnswers
    cataloguing: Cataloguing
    labelling: Labelling
    online: Foreseeing
    training: Training
    state: LookingAtState
    keys: KnowingKeys
    rates: Counting
    house: HouseRules
    live: Live


def doors(request: HTTPConnection) -> Doors:
    """Return what the lifespan opened for this worker."""
    return cast("Doors", request.scope["state"]["doors"])
