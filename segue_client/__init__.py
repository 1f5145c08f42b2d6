"""The Python client of Segue: report what is played, get what comes next, follow it live.

    from segue_client import Segue

    with Segue("http://127.0.0.1:8000", outbox="events.db") as segue:
        ann = segue.listener("ann")
        print(ann.played("queen-bohemian-rhapsody").tracks[0].label)

`AsyncSegue` is the same with `await`. Needs httpx and pydantic, nothing of the server's.
"""

from segue_client.answers import (
    Bye,
    EventOutcome,
    ModelChanged,
    Playlist,
    Pool,
    RankedTrack,
    Reason,
    Recommendation,
    Told,
    Track,
)
from segue_client.async_client import AsyncListener, AsyncSegue
from segue_client.client import Listener, Segue
from segue_client.errors import Refused, SegueClientError, Unavailable
from segue_client.outbox import Outbox
from segue_client.patience import Patience
from segue_client.rules import Rules

__all__ = [
    "AsyncListener",
    "AsyncSegue",
    "Bye",
    "EventOutcome",
    "Listener",
    "ModelChanged",
    "Outbox",
    "Patience",
    "Playlist",
    "Pool",
    "RankedTrack",
    "Reason",
    "Recommendation",
    "Refused",
    "Rules",
    "Segue",
    "SegueClientError",
    "Told",
    "Track",
    "Unavailable",
]
