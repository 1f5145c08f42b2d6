"""What the serving benchmark found: steps, targets, the table and the plot. Knows nothing of how it was measured."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving_exactness import Exactness, Watched
from benchmarks.serving_processes import Taken

BEGIN, END = "<!-- serving: begin, written by benchmarks/serving.py -->", "<!-- serving: end -->"


@dataclass(frozen=True)
class Target:
    """What a catalogue of at most `tracks` has to reach at 1,000 requests a second."""

    tracks: int
    p90_ms: float
    p99_ms: float
    recall: float
    log_z_error: float
    memory_mb: float = float("inf")
    times_peer: float = 0.0


TARGETS = (
    Target(100_000, 10, 30, 1.0, 1e-3),
    Target(1_000_000, 20, 50, 0.99, 0.05, times_peer=50),
    Target(10_000_000, 50, 100, 0.98, 0.1, memory_mb=16_000),
)
OVERLOADED_P99_MS = 200.0
RECOVERED_S = 2.0


@dataclass(frozen=True)
class Step:
    """One rate: latencies in ms from when each request was due; `used` by part of the service."""

    rate: float
    seconds: float
    asked: int
    answered: int
    refused: int
    p50: float
    p90: float
    p99: float
    p999: float
    stages_us: dict[str, float]
    used: dict[str, Taken]
    load_cpu_s: float
    refusals: list[str]
    watched: Watched = field(default_factory=list, repr=False)

    @classmethod
    def of(
        cls, output: dict[str, Any], rate: float, seconds: float, used: dict[str, Taken], only: set[int] | None = None
    ) -> "Step":
        """Read what the generator measured, of `only` these requests if given."""
        places = list(range(len(output["statuses"]))) if only is None else sorted(only)
        statuses = np.array(output["statuses"])[places]
        latencies = np.array(output["latencies_ms"])[places]
        good = latencies[statuses == 200]
        points = np.percentile(good, [50, 90, 99, 99.9]) if len(good) else np.full(4, np.inf)
        return cls(
            rate,
            seconds,
            len(places),
            len(good),
            int((statuses == 503).sum()),
            *(float(point) for point in points),
            stages_us=output["stages_us"],
            used=used,
            load_cpu_s=output["cpu_s"],
            refusals=output["refusals"],
            watched=output["watched"],
        )

    @property
    def errors(self) -> int:
        """Requests that got no answer, or a refusal."""
        return self.asked - self.answered

    def is_sustained(self, p90_ms: float) -> bool:
        """Tell whether everybody was answered, nine in ten in time."""
        return not self.errors and self.p90 <= p90_ms

    def us(self, part: str) -> float:
        """Return the processor time of a part for each request, in microseconds."""
        return self.used[part].cpu_s / self.asked * 1e6 if part in self.used else 0.0

    def line(self) -> str:
        """Say it in a line."""
        parts = " ".join(f"{part} {self.us(part):.0f}" for part in sorted(self.used))
        stages = " ".join(f"{stage} {us:.0f}" for stage, us in self.stages_us.items())
        return (
            f"{self.rate:7.0f}/s  p50 {self.p50:8.2f}  p90 {self.p90:8.2f}  p99 {self.p99:8.2f}  p99.9 {self.p999:8.2f}"
            f"  errors {self.errors}  CPU us a request: {parts} load {self.load_cpu_s / self.asked * 1e6:.0f}"
            f"  stages us: {stages}"
        )


@dataclass(frozen=True)
class Overload:
    """Five times what can be sustained: what was accepted, and after how many seconds all was well again."""

    rate: float
    step: Step
    recovered_s: float


@dataclass
class Result:
    """One run."""

    date: str
    machine: str
    tracks: int
    rate: float
    workers: int
    settings: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    target: int = 0
    peer_steps: list[Step] = field(default_factory=list)
    exactness: Exactness | None = None
    overload: Overload | None = None
    ready_s: float = 0.0

    def sustained(self, p90_ms: float = 50.0) -> float:
        """Return the highest rate at which nine in ten were answered in time and nobody was not."""
        return max((step.rate for step in self.steps if step.is_sustained(p90_ms)), default=0.0)

    def peer_sustained(self, p90_ms: float = 50.0) -> float:
        """Return the same of the peer."""
        return max((step.rate for step in self.peer_steps if step.is_sustained(p90_ms)), default=0.0)

    @property
    def memory_mb(self) -> tuple[float, float]:
        """Return the memory of all processes, resident and proportional."""
        used = self.steps[self.target].used.values()
        return sum(part.rss_mb for part in used), sum(part.pss_mb for part in used)


def recovery_s(output: dict[str, Any], after_s: float, p90_ms: float) -> float:
    """Return how long after a flood the last request came that was not answered in time."""
    late = [
        due - after_s
        for due, latency, status in zip(output["due_s"], output["latencies_ms"], output["statuses"], strict=True)
        if due >= after_s and (status != 200 or latency > p90_ms)
    ]
    return max(late, default=0.0)


def missed(result: Result) -> list[str]:
    """Name each target of the catalogue's size that was not reached."""
    target = next((target for target in TARGETS if result.tracks <= target.tracks), TARGETS[-1])
    step = result.steps[result.target]
    exact = result.exactness
    found: list[tuple[str, float, float, bool]] = [
        ("p90 ms", step.p90, target.p90_ms, step.p90 <= target.p90_ms),
        ("p99 ms", step.p99, target.p99_ms, step.p99 <= target.p99_ms),
        ("errors", step.errors, 0, not step.errors),
        ("resident MB", result.memory_mb[0], target.memory_mb, result.memory_mb[0] <= target.memory_mb),
    ]
    if exact is not None:
        # One answer in a thousand may differ by a tie that rounding decides.
        enough = exact.recall >= target.recall - 1e-3
        found.append(("recall@20", exact.recall, target.recall, enough))
        good = exact.log_z_error <= target.log_z_error
        found.append(("error of log Z", exact.log_z_error, target.log_z_error, good))
    if result.peer_steps and target.times_peer:
        peer = result.peer_sustained()
        times = result.sustained() / peer if peer else float("inf")
        found.append(("times the peer's rate", times, target.times_peer, times >= target.times_peer))
    if result.overload is not None:
        flood = result.overload.step
        found.append(("p99 ms when overloaded", flood.p99, OVERLOADED_P99_MS, flood.p99 <= OVERLOADED_P99_MS))
        recovered = result.overload.recovered_s
        found.append(("seconds to recover", recovered, RECOVERED_S, recovered <= RECOVERED_S))
    return [f"{name}: {value:.4g}, wanted {wanted:.4g}" for name, value, wanted, reached in found if not reached]


def told(result: Result) -> str:
    """Say what came of a run, for a person."""
    lines = [f"{result.tracks:,} tracks, {result.machine}, ready in {result.ready_s:.1f} s"]
    lines += [step.line() for step in result.steps]
    rss, pss = result.memory_mb
    lines.append(f"memory of all processes: {rss:,.0f} MB resident, {pss:,.0f} MB proportional")
    if result.exactness is not None:
        lines.append(str(result.exactness))
    lines.append(f"sustained: {result.sustained():.0f}/s")
    if result.peer_steps:
        lines += ["peer:", *(step.line() for step in result.peer_steps)]
        lines.append(f"peer sustained: {result.peer_sustained():.0f}/s")
    if result.overload is not None:
        flood = result.overload
        lines.append(
            f"overload at {flood.rate:.0f}/s: {flood.step.answered} answered, {flood.step.refused} refused of "
            f"{flood.step.asked}, p99 of the answered {flood.step.p99:.0f} ms, recovered in {flood.recovered_s:.1f} s"
        )
    return "\n".join(lines)


def row(result: Result) -> str:
    """Return a run as a row of the table."""
    step, exact, (rss, pss) = result.steps[result.target], result.exactness, result.memory_mb
    cells = [
        f"{result.tracks:,}",
        f"{result.rate:.0f}",
        *(f"{value:.1f}" for value in (step.p50, step.p90, step.p99, step.p999)),
        f"{step.errors}",
        f"{result.sustained():.0f}",
        f"{step.us('server'):.0f}, {step.us('store'):.0f}, {step.us('collector'):.0f}, "
        f"{step.load_cpu_s / step.asked * 1e6:.0f}",
        f"{rss:,.0f} / {pss:,.0f}",
        f"{exact.recall:.4f}" if exact else "",
        f"{exact.log_z_error:.4f}" if exact else "",
        f"{result.peer_sustained():.0f}" if result.peer_steps else "",
        f"{result.workers}",
        result.date[:16],
    ]
    return f"| {' | '.join(cells)} |"


def write_report(folder: Path, result: Result) -> None:
    """Append the run to the results, a row to the table, and draw the plot again."""
    record = asdict(result)
    for step in (*record["steps"], *record["peer_steps"], *([record["overload"]["step"]] if result.overload else [])):
        del step["watched"], step["refusals"]
    record["sustained"], record["peer_sustained"] = result.sustained(), result.peer_sustained()
    record["missed"] = missed(result)
    with (folder / "results" / "serving.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")
    page = folder / "README.md"
    text = page.read_text(encoding="utf-8")
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        table, _, after = rest.partition(END)
        page.write_text(f"{before}{BEGIN}{table.rstrip()}\n{row(result)}\n{END}{after}", encoding="utf-8")
    plot(folder / "results")


def plot(folder: Path) -> None:
    """Draw the newest run of each catalogue size: p50, p90 and p99 against the rate, the peer beside it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    newest: dict[int, dict[str, Any]] = {}
    for line in (folder / "serving.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        newest[record["tracks"]] = record
    figure, places = plt.subplots(1, len(newest), figsize=(5 * len(newest), 4), sharey=True, squeeze=False)
    for place, (tracks, record) in zip(places[0], sorted(newest.items()), strict=True):
        for name, style in (("p50", ":"), ("p90", "-"), ("p99", "--")):
            for steps, colour, who in ((record["steps"], "C0", "Segue"), (record["peer_steps"], "C3", "peer")):
                good = sorted((step["rate"], step[name]) for step in steps if step["answered"])
                if good:
                    place.plot(*zip(*good, strict=True), style, color=colour, marker=".", label=f"{who} {name}")
        place.set(xscale="log", yscale="log", title=f"{tracks:,} tracks", xlabel="requests a second")
        place.grid(alpha=0.3)
    places[0][0].set_ylabel("latency from when due, ms")
    places[0][0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(folder / "serving.svg", metadata={"Date": None})
    plt.close(figure)
