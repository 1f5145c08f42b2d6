"""Workers forked from a process that has imported what takes long to import, instead of each importing it anew.

A service of several workers is ready sooner, a worker that died is replaced sooner, and what was imported is in memory
once. Where forking is not safe (anywhere but Linux) each worker starts from nothing. Knows nothing of what workers do.
"""

import ctypes
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.process import BaseProcess

import uvicorn
from uvicorn import _subprocess as spawning

# Libraries only: a module of ours may draw when it is imported what must differ from worker to worker.
IMPORTED_ONCE = (
    *("torch", "faiss", "numpy", "scipy.sparse", "pyarrow.compute"),
    *("fastapi", "uvicorn", "redis.asyncio", "pydantic", "structlog"),
)
_PR_SET_PDEATHSIG = 1
_TOLD_LATER = {signal.SIGTERM, signal.SIGINT}


class Target:
    """What a worker does: nothing is asked of it before it can be told to end."""

    def __init__(self, run: Callable[..., None]) -> None:
        self._run = run

    def __call__(self, sockets: Sequence[socket.socket]) -> None:
        """Run in the worker's process."""
        # Whoever watches over this process would take it for dead, and another would take its place.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD_LATER)
        self._run(sockets=sockets)


def new_process(config: uvicorn.Config, target: Callable[..., None], sockets: list[socket.socket]) -> BaseProcess:
    """Return a process of uvicorn's that has not begun: in place of `uvicorn._subprocess.get_subprocess`."""
    if sys.platform != "linux":
        return spawning.get_subprocess(config, target, sockets)
    context = get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED_ONCE])
    with _told_later():
        forkserver.ensure_running()
    arguments = {"config": config, "target": Target(target), "sockets": sockets, "stdin_fileno": None}
    return context.Process(target=spawning.subprocess_started, kwargs=arguments)


@contextmanager
def _told_later() -> Iterator[None]:
    """Let whoever is started here not be told to end: where all processes are, the fork server goes last."""
    resource_tracker.ensure_running()  # the fork server would start it, and with it lift what is blocked here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD_LATER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
