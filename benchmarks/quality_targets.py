"""The targets quality is held to, and whether the newest results meet them.

Knows nothing of how results came about; it is handed records as `quality_run.py` and `quality_speed.py` make them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.quality_run import BASELINE, NETWORK, SERVED, Record

OURS, REFERENCE = "gru", "gru4rec-2018-xe"
RECALL, MRR = "recall@20", "mrr@20"
MOST_TRAINING_S = 20 * 60
MOST_TIME_SHARE = 1 / 5
PEERS = ("markov", "V-SKNN")


@dataclass(frozen=True, slots=True)
class Finding:
    """A target, whether it is met, and what was found; a goal that is not met is named but fails nothing."""

    target: str
    met: bool
    found: str
    is_goal: bool = False

    def __str__(self) -> str:
        """One line for a person."""
        verdict = "met" if self.met else "goal, not reached" if self.is_goal else "MISSED"
        return f"{verdict}: {self.target}; found {self.found}"


def newest(records: Iterable[Record]) -> dict[tuple[str, str, str], Record]:
    """Return the newest record of a whole run for each data set, model and way of answering.

    What was measured on a data set of the same name that held something else is not comparable, and left out.
    """
    whole = [record for record in records if record["whole"]]
    holds = {record["data"]: record["data_facts"]["fingerprint"] for record in whole}
    return {
        (record["data"], record["model"], record["answers"]): record
        for record in whole
        if record["data_facts"]["fingerprint"] == holds[record["data"]]
    }


def findings(records: Sequence[Record], times: Sequence[Record], data: Sequence[str]) -> list[Finding]:
    """Return what the newest results say of every target about these data sets.

    A recipe that mixes nothing in is served as it is.
    """
    known = newest(records)
    found: list[Finding] = []
    if "nowplaying" in data:
        network = known.get(("nowplaying", OURS, NETWORK))
        served = known.get(("nowplaying", OURS, SERVED)) or network
        for record, what, recall, mrr, is_goal in (
            (network, "the network alone", 0.215, 0.085, False),
            (served, "what the server answers", 0.235, 0.092, False),
            (served, "what the server answers", 0.250, 0.100, True),
        ):
            for figure, least in ((RECALL, recall), (MRR, mrr)):
                target = f"nowplaying, {what}: {figure} of at least {least:.3f}"
                found.append(_at_least(target, record, figure, least, is_goal))
        found.append(_trained_in_time(served))
        found.append(_quicker(times))
    for name in data:
        found += _beats_peers(name, known)
    return found


def _at_least(target: str, record: Record | None, figure: str, least: float, is_goal: bool) -> Finding:
    if record is None:
        return Finding(target, False, "no result", is_goal)
    value = record["metrics"][figure]
    return Finding(target, value >= least, f"{value:.4f}", is_goal)


def _trained_in_time(served: Record | None) -> Finding:
    target = f"nowplaying: the served model trained in at most {MOST_TRAINING_S} s on 2 cores"
    if served is None:
        return Finding(target, False, "no result")
    seconds, cores = served["training"]["seconds"], served["machine"]["cores"]
    return Finding(target, seconds <= MOST_TRAINING_S, f"{seconds:.0f} s on {cores} cores")


def _quicker(times: Sequence[Record]) -> Finding:
    target = f"nowplaying: Recall@20 = .20 in at most {MOST_TIME_SHARE:.2f} of the reference's time"
    whole = [record for record in times if record["whole"]]
    if not whole:
        return Finding(target, False, "no result")
    ours, reference = (whole[-1]["runs"][name] for name in (OURS, REFERENCE))
    if ours["reached_s"] is None:
        return Finding(target, False, f"ours not there after {ours['seconds']:.0f} s")
    # A reference that was stopped before it got there would have needed longer still.
    needed = reference["reached_s"] or reference["seconds"]
    share = ours["reached_s"] / needed
    more = "" if reference["reached_s"] else " or less, the reference was stopped before"
    return Finding(target, share <= MOST_TIME_SHARE, f"{share:.3f}{more} ({ours['reached_s']:.0f} s, {needed:.0f} s)")


def _beats_peers(data: str, known: dict[tuple[str, str, str], Record]) -> list[Finding]:
    """The default recipe stands above counting, neighbours and the reference network, on every data set."""
    ours = known.get((data, OURS, SERVED)) or known.get((data, OURS, NETWORK))
    found = []
    peers = [(name, BASELINE) for name in PEERS] + [(REFERENCE, NETWORK)]
    for name, answers in peers:
        target = f"{data}: {OURS} above {name} in {RECALL} and {MRR}"
        peer = known.get((data, name, answers))
        if ours is None or peer is None:
            found.append(Finding(target, False, "no result"))
            continue
        pairs = [(ours["metrics"][figure], peer["metrics"][figure]) for figure in (RECALL, MRR)]
        text = ", ".join(f"{own:.4f} to {other:.4f}" for own, other in pairs)
        found.append(Finding(target, all(own > other for own, other in pairs), text))
    return found


def missed(found: Iterable[Finding]) -> list[Finding]:
    """Return the targets that are missed and are not mere goals."""
    return [finding for finding in found if not finding.met and not finding.is_goal]
