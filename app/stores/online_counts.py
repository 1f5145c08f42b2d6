"""Tallies of how well each checkpoint foresees, of all workers together, in one hash per checkpoint.

    segue:2:online:20261122T…   "canary|20261120T…|17|hits" -> 42     label, the checkpoint beside, bucket, what

Fractions are kept in millionths, so that sums are whole numbers. A reply that is lost may count a flush twice or not
at all: a second's tally of one worker. Knows nothing of rankings.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields

from app.domain.online import Arm, Tally
from app.stores.exchange import Exchange
from app.stores.keys import ONLINE_TTL_S, online_key

_MILLION = 1_000_000
_FRACTIONS = frozenset({"reciprocal", "log_loss"})
_MEASURES = tuple(field.name for field in fields(Tally))

Place = tuple[str, str, str, int]
"""Checkpoint, label, the checkpoint beside it, bucket."""


class OnlineCounts:
    """Adds tallies up in Redis."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def add(self, tallies: Mapping[Place, Tally]) -> None:
        """Add tallies to what is counted; raise SessionStoreUnavailable when nothing could be."""
        commands: list[tuple[str | bytes | int, ...]] = []
        for (checkpoint_id, label, beside, bucket), tally in tallies.items():
            for measure in _MEASURES:
                amount = round(getattr(tally, measure) * (_MILLION if measure in _FRACTIONS else 1))
                if amount:
                    field = f"{label}|{beside}|{bucket}|{measure}"
                    commands.append(("HINCRBY", online_key(checkpoint_id), field, amount))
        commands += [("EXPIRE", online_key(one), ONLINE_TTL_S) for one in sorted({place[0] for place in tallies})]
        await self._exchange.send(commands)

    async def arms(self, checkpoint_id: str) -> list[Arm]:
        """Return all that is counted of a checkpoint, by label and by what stood beside it."""
        [flat] = await self._exchange.send([("HGETALL", online_key(checkpoint_id))])
        counted: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for field, amount in _pairs(flat):
            label, beside, bucket, measure = field.decode().split("|")
            scale = _MILLION if measure in _FRACTIONS else 1
            counted[label, beside][int(bucket)][measure] = int(amount) / scale if scale > 1 else int(amount)
        return [
            Arm(checkpoint_id, label, beside, {bucket: _tally(sums) for bucket, sums in sorted(buckets.items())})
            for (label, beside), buckets in sorted(counted.items())
        ]

    async def aclose(self) -> None:
        """Let go of the server."""
        await self._exchange.aclose()


def _pairs(flat: "Mapping[bytes, bytes] | Iterable[bytes]") -> "Iterable[tuple[bytes, bytes]]":
    if isinstance(flat, Mapping):
        return flat.items()
    listed = list(flat)
    return zip(listed[::2], listed[1::2], strict=True)


def _tally(sums: Mapping[str, float]) -> Tally:
    return Tally(
        plays=int(sums.get("plays", 0)),
        hits=int(sums.get("hits", 0)),
        reciprocal=sums.get("reciprocal", 0.0),
        log_loss=sums.get("log_loss", 0.0),
        offered=int(sums.get("offered", 0)),
        skipped=int(sums.get("skipped", 0)),
    )
