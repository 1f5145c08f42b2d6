"""One run of the quality benchmark: train a recipe or fit a baseline, judge it, and say what it took.

Each run has a process of its own, so that its peak memory is its own; they come from one that has torch loaded
already. Knows nothing of tables or targets.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from app.rnn.threads import use_threads
from app.trainer.baselines import v_sknn
from app.trainer.comparison import BASELINES, NEIGHBOUR_TARGETS
from app.trainer.evaluation import evaluate
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judged
from app.trainer.mixing import mix_after
from app.trainer.progress import OnProgress, TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.targets import play_counts
from app.trainer.training import train
from app.trainer.validation import thinned
from benchmarks.quality_data import Measured, load

Record = dict[str, Any]
NETWORK, SERVED, BASELINE = "network alone", "served", "baseline"
_TOLD_EVERY_S = 30.0


@dataclass(frozen=True)
class Question:
    """What is asked of a run: a data set by name or path, and a recipe or a baseline's name.

    `sessions` cuts the data for a quick look; `changed` names what was changed of the recipe; `threads` None is as many
    as are measured to be fastest.
    """

    data: str
    model: Recipe | str
    sessions: int | None = None
    changed: tuple[str, ...] = ()
    threads: int | None = None

    @property
    def name(self) -> str:
        """What the table calls the model."""
        return self.model if isinstance(self.model, str) else self.model.name


def answer(question: Question) -> list[Record]:
    """Run in a process of its own; return one record for each way the model answers."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, context) as own_process:
        return own_process.submit(_answer, question).result()


def machine() -> Record:
    """Return what the figures were measured on, without naming it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def _answer(question: Question) -> list[Record]:
    use_threads(question.threads)
    measured = load(question.data, question.sessions)
    began = {"load_before": round(os.getloadavg()[0], 1)}
    if isinstance(question.model, str):
        return [_stated(question, measured) | began | _baseline(question.model, measured)]
    return [_stated(question, measured) | began | record for record in _recipe(question.model, measured)]


def _stated(question: Question, measured: Measured) -> Record:
    """Return what a record says before anything was run."""
    training = measured.training
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": measured.name,
        "model": question.name,
        "whole": question.sessions is None and not question.changed,
        "changed": list(question.changed),
        "machine": machine(),
        "data_facts": {
            "fingerprint": training.fingerprint,
            "tracks": len(training.catalogue),
            "training_sessions": len(training.sessions),
            "training_events": len(training.sessions.tracks),
            "seen_only": measured.seen_only,
        },
    }


def _baseline(name: str, measured: Measured) -> Record:
    started, cpu_started = time.perf_counter(), time.process_time()
    model = BASELINES[name](measured.training.sessions, len(measured.training.catalogue))
    took = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "events_per_s": None,
        "peak_mb": _peak_mb(),
    }
    return {"answers": BASELINE, "seed": None, "training": took} | _judged(
        model, measured, BASELINES[name] is v_sknn.fit
    )


def _recipe(recipe: Recipe, measured: Measured) -> Iterator[Record]:
    """Train and mix as publishing does; yield what the network alone makes of the test, then what is served."""
    started, cpu_started = time.perf_counter(), time.process_time()
    sessions, catalogue_size = measured.training.sessions, len(measured.training.catalogue)
    with tempfile.TemporaryDirectory() as folder:
        trained = train(measured.training, recipe, Path(folder), on_progress=_told(measured.name, recipe.name))
        learned_s = time.perf_counter() - started
        mixing = (
            mix_after(trained, sessions, Path(folder), _stage(measured.name, recipe.name)) if recipe.mixture else None
        )
    mixture = None if mixing is None else mixing.over(sessions, catalogue_size)
    took = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "without_mixing_s": learned_s,
        "events_per_s": trained.events_per_s,
        "peak_mb": _peak_mb(),
        "best_epoch": trained.best_epoch,
        "half_lives": [asdict(tried) for tried in trained.half_lives],
        "history": [asdict(record) for record in trained.history],
        "mixing": None if mixing is None else mixing.figures,
    }
    stated = {"seed": recipe.seed, "recipe": asdict(trained.recipe), "training": took}
    alone = _judged(JudgedNetwork(trained.network, recipe.name), measured)
    yield stated | {"answers": NETWORK} | alone
    if mixing is not None:
        mixed = JudgedNetwork(trained.network, recipe.name, mixture=mixture)
        yield stated | {"answers": SERVED} | (alone if mixture is None else _judged(mixed, measured))


def _judged(model: Judged, measured: Measured, some: bool = False) -> Record:
    """Judge on the test sessions, or on some where a target takes milliseconds."""
    test = thinned(measured.test, NEIGHBOUR_TARGETS) if some else measured.test
    support = play_counts(measured.training.sessions, model.catalogue_size)
    started = time.perf_counter()
    metrics = evaluate(model, test, support=support, seen_only=measured.seen_only).to_dict()
    return {
        "judging_seconds": time.perf_counter() - started,
        "peak_mb_judging": _peak_mb(),
        "load_after": round(os.getloadavg()[0], 1),
        "metrics": {name: value for name, value in metrics.items() if not name.startswith("by_")},
    }


def _stage(data: str, name: str) -> Callable[[str], None]:
    return lambda stage: print(f"{data} {name}: {stage}", flush=True)


def _told(data: str, name: str) -> OnProgress:
    return partial(_tell, f"{data} {name}", [time.monotonic()])


def _tell(title: str, told_at: list[float], progress: TrainingProgress) -> None:
    if time.monotonic() - told_at[0] < _TOLD_EVERY_S:
        return
    told_at[0] = time.monotonic()
    seen = progress.validation
    figures = f" · validation {seen.recall:.4f} / {seen.mrr:.4f}" if seen else ""
    print(
        f"{title}: epoch {progress.epoch}/{progress.epochs} {progress.batch / progress.batches:.0%} · "
        f"loss {progress.loss:.4f} · {progress.events_per_s:,.0f} events/s{figures}",
        flush=True,
    )


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
