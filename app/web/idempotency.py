"""A request sent again under the same Idempotency-Key gets the very answer it got before.

Events are applied once without it, by their own ids; the
key adds that the answer, too, is the same to the byte: `applied` where a mere repeat is told `duplicate`. Knows nothing
of what is asked or answered.
"""

import zlib
from collections.abc import Awaitable, Callable, Collection
from hashlib import blake2b

import msgpack
import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.errors import SessionStoreUnavailable
from app.web.doors import KeepingAnswers, doors
from app.web.idempotency_key import HEADER, REPLAYED, IdempotencyKeyReused, StillAnswering, idempotency_key

_OF_THE_ANSWER = ("content-type", "x-model-version")

log = structlog.get_logger(__name__)


async def once(
    request: Request,
    body: bytes,
    answer: Callable[[], Awaitable[Response]],
    *,
    listeners: Collection[str],
    may_be_kept: bool = True,
) -> Response:
    """Answer a request, or give the answer that its Idempotency-Key got before; it goes when one of `listeners` does.

    Only good answers are kept, and none that may not be. Where they cannot be kept, because the session store is away,
    the request is answered as without a key: its events are still applied once.
    """
    key = idempotency_key(request)
    if key is None or not may_be_kept:
        return await answer()
    name, kept = _name(request, key), doors(request).answers
    try:
        held = await kept.begin(name, body, listeners)
    except SessionStoreUnavailable:
        return await answer()
    if held is None:
        return await _answered(kept, name, body, answer)
    if not held.is_same:
        raise IdempotencyKeyReused(
            f"Expected the request that {HEADER} {key!r} was first sent with, got another body. Take a new key."
        )
    if held.answer is None:
        raise StillAnswering(
            f"The first request of {HEADER} {key!r} is still being answered. Send it again in a second."
        )
    return _opened(held.answer)


async def _answered(
    kept: KeepingAnswers, name: bytes, body: bytes, answer: Callable[[], Awaitable[Response]]
) -> Response:
    try:
        response = await answer()
    except BaseException:
        await _quietly(kept.let_go(name))
        raise
    await _quietly(kept.keep(name, body, _sealed(response)))
    return response


async def _quietly(kept: Awaitable[None]) -> None:
    """Let an answer go out although it cannot be kept: what it tells has happened."""
    try:
        await kept
    except SessionStoreUnavailable as failure:
        log.warning("answer_not_kept", reason=str(failure))


def _name(request: Request, key: str) -> bytes:
    """Name the request for all workers: the same key of another caller, or for another call, is another name."""
    headers = request.headers
    caller = (headers.get("authorization", ""), headers.get("x-api-key", ""), request.url.path, key)
    return blake2b("\0".join(caller).encode(), digest_size=16).digest()


def _sealed(response: Response) -> bytes:
    headers = {name: response.headers[name] for name in _OF_THE_ANSWER if name in response.headers}
    return zlib.compress(msgpack.packb([response.status_code, headers, bytes(response.body)]), 1)


def _opened(sealed: bytes) -> Response:
    status, headers, body = _unpacked(sealed)
    return Response(body, status, {**headers, REPLAYED: "true"})


def _unpacked(sealed: bytes) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = msgpack.unpackb(zlib.decompress(sealed))
    return status, headers, body
