"""What the processes of a service take: processor time and memory, by the part each plays. Reads /proc."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """Processor seconds so far, and memory in MB: all that is resident, and with what is shared divided by sharers."""

    cpu_s: float
    rss_mb: float
    pss_mb: float


def taken(pids: list[int]) -> dict[str, Taken]:
    """Return what each part of a service has taken, workers added up."""
    found: dict[str, Taken] = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended: the store rewrites its file now and then
            process = Path(f"/proc/{pid}")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            times = (process / "stat").read_text().rpartition(") ")[2].split()
            rollup = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
            sizes = {name: int(value.split()[0]) / 1e3 for name, value in (line.split(":") for line in rollup)}
            part = part_of(command, (process / "comm").read_text())
            before = found.get(part, Taken(0.0, 0.0, 0.0))
            cpu_s = (int(times[11]) + int(times[12])) / _TICKS_S
            found[part] = Taken(before.cpu_s + cpu_s, before.rss_mb + sizes["Rss"], before.pss_mb + sizes["Pss"])
    return found


def part_of(command: str, name: str) -> str:
    """Return which part of the service a process plays."""
    if "valkey" in name or "redis" in name or "valkey" in command:
        return "store"
    if "multiprocessing" in command:
        return "tracker" if "resource_tracker" in command else "server"
    return "collector" if "collect" in command else "server"
