"""The peer: the service that a competent engineer writes first. FastAPI, torch, the whole softmax, GET and SET.

    NAIVE_CHECKPOINT=... NAIVE_STORE=... NAIVE_REDIS=... uvicorn benchmarks.serving_naive:app

It answers the same request from the same network with the same exclusions of tracks. It writes no event log, knows no
event ids, no blocks and no artists, and loses events of one listener that race; that makes it cheaper, not dearer.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from fastapi import FastAPI
from pydantic import BaseModel
from redis.asyncio import Redis

from app.stores.checkpoints import CheckpointStore


class Event(BaseModel):
    type: str
    track_id: str
    event_id: str


class Ask(BaseModel):
    listener_id: str
    event: Event
    n: int = 20
    exclude: list[str] = []
    exclude_artists: list[str] = []
    artist_gap: int = 0


class Suggestion(BaseModel):
    track_id: str
    title: str
    artist: str
    probability: float


class Answer(BaseModel):
    listener_id: str
    tracks: list[Suggestion]


class Readiness(BaseModel):
    status: str


torch.set_num_threads(2)
_predictor = CheckpointStore(Path(os.environ["NAIVE_STORE"])).load(os.environ["NAIVE_CHECKPOINT"])
_network, _catalogue = _predictor.network, _predictor.catalogue
with torch.no_grad():
    _table = _network.ranking_table().float().contiguous()
    _found = _network.ranking_bias()
    _bias = torch.zeros(len(_table)) if _found is None else _found.float().contiguous()
_redis = Redis.from_url(os.environ["NAIVE_REDIS"])
app = FastAPI()


@app.get("/readyz")
def ready() -> Readiness:
    """Tell that the network is loaded."""
    return Readiness(status="ready")


@app.post("/v1/next")
async def following(ask: Ask) -> Answer:
    """Read the track, rank everything, remember the state."""
    held = await _redis.get(f"naive:{ask.listener_id}")
    state: dict[str, Any] = json.loads(held) if held else {"hidden": None, "heard": []}
    row = _catalogue.index_of(ask.event.track_id)
    with torch.no_grad():
        hidden = None if state["hidden"] is None else torch.tensor([state["hidden"]])
        outputs, hidden = _network(torch.tensor([[row]]), hidden)
        logits = outputs[0, -1] @ _table.T + _bias
        probabilities = torch.softmax(logits, 0)
        state["heard"] = [*state["heard"], row][-50:]
        barred = [*state["heard"], *(_catalogue.index_of(track) for track in ask.exclude)]
        probabilities[torch.tensor([row for row in barred if row is not None])] = 0.0
        best, rows = probabilities.topk(ask.n)
    state["hidden"] = hidden[0].tolist()
    await _redis.set(f"naive:{ask.listener_id}", json.dumps(state), ex=86400)
    tracks = [_catalogue[row] for row in rows.tolist()]
    return Answer(
        listener_id=ask.listener_id,
        tracks=[
            Suggestion(track_id=track.track_id, title=track.title, artist=track.artist, probability=probability)
            for track, probability in zip(tracks, best.tolist(), strict=True)
        ],
    )
