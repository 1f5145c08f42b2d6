"""Alive and ready: two different answers."""

from typing import Literal

from typing_extensions import TypedDict

from app.web.schemas.models import RefusedAnswer


class AliveAnswer(TypedDict):
    """The process runs and answers."""

    status: Literal["alive"]


class ReadyAnswer(TypedDict):
    """This worker can answer listeners. With the session store down it does so from what requests carry,
    with the model store down from the checkpoints that are loaded.
    """

    status: Literal["ready"]
    checkpoint_id: str
    session_store: Literal["up", "down"]
    model_store: Literal["up", "down"]
    refused: RefusedAnswer | None
