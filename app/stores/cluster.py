"""A Redis Cluster: which node holds a key, and what to do when another one does. Every node is a plain `Server`.

redis-py's own cluster client learns of a failed node by closing every connection, those that other callers are
waiting on included (seen in 8.1: `AttributeError` under load, and no caller served while one node of three was down).
Here a node that fails is the matter of its own callers only.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.crc import key_slot

from app.stores.server import Server
from app.stores.together import Command

Address = tuple[str, int]

SLOTS = 16384
ROUNDS = 4
_FAILURES = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ClusterDownError)


class Cluster:
    """All masters of a cluster, found through any of the `seeds`."""

    def __init__(self, seeds: Sequence[Address], options: dict[str, Any]) -> None:
        self._seeds = tuple(seeds)
        self._options = options
        self._servers = {seed: self._opened(seed) for seed in self._seeds}
        self._holders: list[Address | None] = [None] * SLOTS
        self._known = False
        self._discovery: asyncio.Task[None] | None = None

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the reply to each command: one round trip to every node concerned, at once.

        What a node fails to answer is an exception in its place, also a failed connection.
        """
        replies: list[Any] = [None] * len(commands)
        asked: list[Address | None] = [None] * len(commands)
        left: Sequence[int] = range(len(commands))
        try:
            if not self._known:
                await self._discovered()
            for _ in range(ROUNDS):
                await self._round(commands, left, asked, replies)
                left = [place for place in left if isinstance(replies[place], (exceptions.AskError, *_FAILURES))]
                if not left:
                    break
                left = await self._redirected(commands, left, asked, replies)
        except asyncio.CancelledError:
            # Most likely the caller's time is up: a node that hangs may have been replaced.
            self._discover_soon()
            raise
        return replies

    async def masters(self) -> Sequence[Server]:
        """Return the nodes that hold slots, as of now."""
        await self._discovered()
        return [self._server(node) for node in sorted({node for node in self._holders if node})]

    async def aclose(self) -> None:
        """Close the connections to every node."""
        if self._discovery is not None:
            self._discovery.cancel()
            await asyncio.wait([self._discovery])
        for server in self._servers.values():
            await server.aclose()

    async def _round(
        self, commands: Sequence[Command], places: Sequence[int], asked: list[Address | None], replies: list[Any]
    ) -> None:
        """Send some of the commands to the nodes that hold their keys; note node and reply at their places."""
        by_node: dict[Address, list[int]] = {}
        for place in places:
            reply = replies[place]
            if type(reply) is exceptions.AskError:  # the key is on the move: only this once it is asked for there
                asking = await self._answers(_named(reply, asked[place]), [("ASKING",), commands[place]])
                replies[place] = asking[1]
            else:
                asked[place] = node = self._holder(commands[place])
                by_node.setdefault(node, []).append(place)
        answers = await asyncio.gather(
            *(self._answers(node, [commands[place] for place in held]) for node, held in by_node.items())
        )
        for held, answer in zip(by_node.values(), answers, strict=True):
            for place, reply in zip(held, answer, strict=True):
                replies[place] = reply

    async def _redirected(
        self, commands: Sequence[Command], places: Sequence[int], asked: Sequence[Address | None], replies: list[Any]
    ) -> list[int]:
        """Learn from what was refused; return the places of the commands that another node may answer."""
        for place in places:
            if type(replies[place]) is exceptions.MovedError:
                self._holders[replies[place].slot_id] = _named(replies[place], asked[place])
        if any(isinstance(replies[place], _FAILURES) for place in places):
            with suppress(*_FAILURES, OSError):
                await self._discovered()
        return [
            place
            for place in places
            if type(replies[place]) is exceptions.AskError or self._holder(commands[place]) != asked[place]
        ]

    async def _answers(self, node: Address, commands: Sequence[Command]) -> list[Any]:
        try:
            return await self._server(node).send(commands)
        except _FAILURES as failure:
            return [failure] * len(commands)

    def _holder(self, command: Command) -> Address:
        """Return the node for a command; a slot that no node is known to hold goes to one that will say so."""
        key = _key(command)
        holder = self._holders[key_slot(key)] if key is not None else None
        return holder or next((node for node in self._holders if node), self._seeds[0])

    def _server(self, node: Address) -> Server:
        if node not in self._servers:
            self._servers[node] = self._opened(node)
        return self._servers[node]

    def _opened(self, node: Address) -> Server:
        return Server(Redis(host=node[0], port=node[1], **self._options))

    def _discover_soon(self) -> "asyncio.Task[None]":
        """Ask the nodes who holds which slot now; all who want to know share one question."""
        if self._discovery is None or self._discovery.done():
            self._discovery = asyncio.create_task(self._discover())
            self._discovery.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._discovery

    async def _discovered(self) -> None:
        await asyncio.shield(self._discover_soon())

    async def _discover(self) -> None:
        """Take the slots as the first node tells that answers at all; raise when none does."""
        nodes = {*self._seeds, *(node for node in self._holders if node)}
        asking = [asyncio.create_task(self._slots(node)) for node in nodes]
        failure: Exception = exceptions.ClusterDownError("CLUSTERDOWN no node knows who holds the slots")
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    self._holders = await answer
                    self._known = True
                    return
                except (exceptions.RedisError, OSError) as error:
                    failure = error
            raise failure
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _slots(self, node: Address) -> list[Address | None]:
        # A node may know no address of its own; it is then the one it was asked under.
        [ranges] = await self._server(node).send([("CLUSTER", "SLOTS")])
        if isinstance(ranges, Exception):
            raise ranges
        holders: list[Address | None] = [None] * SLOTS
        for first, last, (host, port, *_), *_ in ranges:
            holders[first : last + 1] = [(host.decode() if host else node[0], port)] * (last + 1 - first)
        if not any(holders):
            raise exceptions.ClusterDownError("CLUSTERDOWN the node holds no slots")
        return holders


def _key(command: Command) -> bytes | None:
    """Return the key of the commands the session store uses: `EVALSHA sha count key …`, `GET key`, `DEL key …`."""
    place = 3 if str(command[0]).startswith("EVAL") else 1
    key = command[place] if len(command) > place else None
    return key if isinstance(key, bytes) else None


def _named(redirection: exceptions.AskError, asked: Address | None) -> Address:
    """Return the node a redirection names; without a host it is another port of the node that was asked."""
    return (redirection.host or (asked or ("", 0))[0], redirection.port)
