"""The results as Markdown tables between two markers of benchmarks/README.md. Knows nothing of how they came about."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality_run import BASELINE, Record
from benchmarks.quality_targets import MRR, RECALL, newest

BEGIN, END = "<!-- quality: begin, written by benchmarks/quality.py -->", "<!-- quality: end -->"
_HEAD = (
    "data", "model", "answers", "seed", "R@20 (95 %)", "MRR@20 (95 %)", "R@1 / 5 / 10 / 100", "MRR@1 / 5 / 10 / 100",
    "NDCG@1 / 5 / 10 / 20 / 100", "coverage@20", "popularity@20", "log-loss", "ECE@1 / 20", "targets", "seconds",
    "events/s", "peak MB", "load", "date",
)  # fmt: skip
_ERRORS = ("calibration_error@1", "calibration_error@20")
_TIME_HEAD = ("recipe", "seconds to R@20 = .20", "CPU seconds", "events/s", "epochs", "load", "date")


def render(records: Sequence[Record], times: Sequence[Record]) -> str:
    """Return the newest whole results as one table, and the newest race to Recall@20 = .20 as another."""
    kept = sorted(newest(records).values(), key=_order)
    parts = [_table(_HEAD, [_row(record) for record in kept])]
    whole = [record for record in times if record["whole"]]
    if whole:
        parts.append(_race(whole[-1]))
    if kept:
        machine = kept[-1]["machine"]
        parts.append(
            f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
            f"torch {machine['torch']}, threads: {machine['threads']}. Load: runnable processes before and after."
        )
    return "\n\n".join(parts)


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the markers of a page. Raises ValueError where they are missing."""
    whole = page.read_text("utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"Expected the lines {BEGIN!r} and {END!r} in {page}, found them not. Put them back.")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def _order(record: Record) -> tuple[str, bool, float]:
    return record["data"], record["answers"] != BASELINE, record["metrics"][RECALL]


def _row(record: Record) -> list[str]:
    metrics, training = record["metrics"], record["training"]
    events = training["events_per_s"]
    return [
        record["data"],
        record["model"],
        record["answers"],
        "" if record["seed"] is None else str(record["seed"]),
        _with_interval(record, RECALL),
        _with_interval(record, MRR),
        *(
            " / ".join(_short(metrics[f"{word}@{k}"]) for k in cutoffs)
            for word, cutoffs in (("recall", (1, 5, 10, 100)), ("mrr", (1, 5, 10, 100)), ("ndcg", (1, 5, 10, 20, 100)))
        ),
        f"{metrics['coverage@20']:.1%}",
        f"{metrics['popularity@20']:.0f}",
        "" if metrics["log_loss"] is None else f"{metrics['log_loss']:.3f}",
        " / ".join(_short(metrics[error]) for error in _ERRORS if error in metrics),
        f"{metrics['targets']:,}",
        f"{training['seconds']:.0f}",
        "" if events is None else f"{events:,.0f}",
        f"{training['peak_mb']:,}",
        f"{record['load_before']} - {record['load_after']}",
        record["date"][:10],
    ]


def _race(record: Record) -> str:
    rows = []
    for name, run in record["runs"].items():
        reached = run["reached_s"]
        rows.append(
            [
                name,
                f"{reached:.0f}" if reached is not None else f"not within {run['seconds']:.0f}",
                f"{run['reached_cpu_s']:.0f}" if reached is not None else f"not within {run['cpu_seconds']:.0f}",
                f"{run['events_per_s']:,.0f}",
                f"{run['epochs']:.1f}",
                f"{record['load_before']} - {record['load_after']}",
                record["date"][:10],
            ]
        )
    return (
        f"Time to Recall@20 = {record['level']:.2f} on {record['targets']:,} of nowplaying's test targets, both in one "
        "run, taking turns, evaluation left out:\n\n" + _table(_TIME_HEAD, rows)
    )


def _with_interval(record: Record, figure: str) -> str:
    low, high = record["metrics"]["intervals"][figure]
    return f"{_short(record['metrics'][figure])} ({_short(low)} - {_short(high)})"


def _short(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
