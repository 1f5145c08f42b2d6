"""The processes of a running service, found as an operator finds them: by their parent and their command line."""

import os
import signal
from pathlib import Path


def children(parent: int) -> dict[int, str]:
    """Return the command line of each living child of a process."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and state not in "ZX":
            found[int(folder.name)] = command
    return found


def workers(service: int) -> list[int]:
    """Return the process ids of the workers that answer."""
    return [worker for server in fork_server(service) for worker in children(server)]


def fork_server(service: int) -> list[int]:
    """Return the process id of that which the workers are forked from, nothing while none runs."""
    return [pid for pid, command in children(service).items() if "forkserver" in command]


def session_server(service: int) -> list[int]:
    """Return the process id of the service's own session server, nothing while none runs."""
    return [pid for pid, command in children(service).items() if "valkey-server" in command.partition(" ")[0]]


def collector(service: int) -> list[int]:
    """Return the process id of the service's collector of events, nothing while none runs."""
    return [pid for pid, command in children(service).items() if " collect" in command]


def kill(pid: int) -> bool:
    """Kill a process as the kernel does when memory is short; tell whether it was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
