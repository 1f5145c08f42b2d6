"""From a data set to a published checkpoint: train, judge beside the baselines, report, publish, promote.

Each step is told to whoever watches. Knows nothing of terminals, and of stores only how to hand a draft over.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Dataset, Sessions
from app.errors import NothingToLearn
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Manifest, Verdict
from app.rnn.mixture import Mixture
from app.stores.checkpoints import CheckpointStore
from app.trainer.comparison import Comparison, beside_incumbent, compare
from app.trainer.evaluation import evaluate
from app.trainer.gate import MOST_LOST_TRACKS, verdict
from app.trainer.incumbent import LEAST_SESSIONS, SERVING, Standing, find_incumbent
from app.trainer.judged_network import JudgedNetwork
from app.trainer.mixing import mix_after
from app.trainer.progress import OnProgress
from app.trainer.recipe import Recipe
from app.trainer.report import build_report
from app.trainer.runs import RunFolder
from app.trainer.targets import play_counts
from app.trainer.team import ALONE, Team
from app.trainer.trained import TrainedNetwork
from app.trainer.training import learn_everything, train
from app.trainer.warm_start import WarmStart

TEST_SHARE = 0.1
NETWORK_ALONE = "network alone"
_PROBE_TRACKS = 10
_PLAYLISTS = 1024


@dataclass(frozen=True)
class Publication:
    """What came of a run: the checkpoint's manifest, and the figures behind its verdict."""

    manifest: Manifest
    comparison: Comparison
    verdict: Verdict


def train_and_publish(
    dataset: Dataset,
    recipe: Recipe,
    store: CheckpointStore,
    run_dir: Path,
    *,
    test_share: float = TEST_SHARE,
    may_lose: float = MOST_LOST_TRACKS,
    fresh: bool = False,
    resume: bool = False,
    on_progress: OnProgress = lambda _: None,
    on_stage: Callable[[str], None] = lambda _: None,
    team: Team = ALONE,
    warm: WarmStart | None = None,
    told: Mapping[str, Any] | None = None,
) -> Publication:
    """Train on all but the newest `test_share` of sessions, judge on these, publish what came of it.

    With `fresh` a network that is accepted learns all sessions before it is published, if its recipe refits: what
    people heard last is worth most, and the sessions that judged have done their work. A checkpoint that the gate
    refuses is published as rejected; `may_lose` is the share of the tracks that serve which its catalogue may lack.
    Nothing is promoted. With `warm` the network begins as that one, and is judged by what that one has not learned, if
    there is enough. The manifest's account of the data says what is `told`, too. The run folder is cleared once the
    checkpoint is published. Of a `team` the leading process calls this, and the others `train_along`. Raises
    DataFolderInUse while another training is at work in the run folder, and what `train` and `CheckpointStore.publish`
    raise.
    """
    with RunFolder(run_dir).held():
        older, newest = _split(dataset.sessions, test_share, warm)
        trained = train(replace(dataset, sessions=older), recipe, run_dir, resume, on_progress, team=team, warm=warm)
        mixing = mix_after(trained, older, run_dir, on_stage) if recipe.mixture else None
        mixture = None if mixing is None else mixing.over(older, len(dataset.catalogue))
        comparison = _judge(trained, mixture, older, newest, on_stage)
        comparison = _beside_serving(comparison, store, dataset, older, newest, on_stage)
        judged = verdict(comparison, may_lose=may_lose)
        learned, network = older, trained.network
        if team.from_lead(lambda: fresh and recipe.refit and judged.accepted):
            learned = dataset.sessions
            last = learn_everything(trained, dataset, _last_run(run_dir), resume, on_progress, team=team, warm=warm)
            network = last.network
            mixture = None if mixing is None else mixing.over(learned, len(dataset.catalogue))
        data = {
            **_account(dataset, older, newest),
            **_learned(learned, warm),
            **_warmly(warm, newest),
            **_beside(comparison),
            **(told or {}),
        }
        mixed = {} if mixing is None else {"mixing": mixing.figures}
        on_stage("drawing the report")
        draft = CheckpointDraft(
            network=network,
            catalogue=dataset.catalogue,
            training={**trained.summary(), **mixed},
            data=data,
            metrics=comparison.model.to_dict(),
            baselines={name: metrics.to_dict() for name, metrics in comparison.baselines.items()},
            verdict=judged,
            probe=tuple(newest[len(newest) - 1][:_PROBE_TRACKS].tolist()),
            report=build_report(trained, comparison, judged, {**data, **mixed}),
            mixture=mixture,
            playlists=_beginnings(newest),
        )
        on_stage("publishing")
        manifest = store.publish(draft)
        shutil.rmtree(_last_run(run_dir), ignore_errors=True)
        RunFolder(run_dir).clear()
        return Publication(manifest, comparison, judged)


def train_along(
    dataset: Dataset,
    recipe: Recipe,
    run_dir: Path,
    team: Team,
    *,
    test_share: float = TEST_SHARE,
    resume: bool = False,
    warm: WarmStart | None = None,
) -> None:
    """Do the part of a process that does not lead in what `train_and_publish` does: learn."""
    older, _ = _split(dataset.sessions, test_share, warm)
    trained = train(replace(dataset, sessions=older), recipe, run_dir, resume, team=team, warm=warm)
    if team.from_lead(lambda: False):  # the leading process decides, once it has judged
        learn_everything(trained, dataset, _last_run(run_dir), resume, team=team, warm=warm)


def _last_run(run_dir: Path) -> Path:
    """Return the folder of the run over all sessions, after the verdict."""
    return run_dir / "everything"


def _split(sessions: Sessions, test_share: float, warm: WarmStart | None = None) -> tuple[Sessions, Sessions]:
    older, newest = sessions.split(test_share)
    if warm is not None:
        # Those that the network begins with having learned would flatter it.
        first = max(len(older), int(np.searchsorted(_began(sessions), warm.learned_until, side="right")))
        if len(sessions) - first >= LEAST_SESSIONS:
            older, newest = (sessions.select(part) for part in np.split(np.arange(len(sessions)), [first]))
    if len(newest.tracks) == len(newest):
        raise NothingToLearn(
            f"Expected a session of two tracks and more among the newest {test_share:.0%} to test on, got "
            f"{len(newest)} sessions. Import more listening or raise --test-share."
        )
    return older, newest


def _began(sessions: Sessions) -> NDArray[np.int64]:
    """Return when each session began, in the order of time they are in."""
    return sessions.times[sessions.offsets[:-1]]


def _warmly(warm: WarmStart | None, newest: Sessions) -> dict[str, Any]:
    """Return what the manifest says of the checkpoint that the network began as, and what that knew of the test."""
    if warm is None:
        return {}
    learned = int(np.count_nonzero(_began(newest) <= warm.learned_until))
    return {"base": {"checkpoint_id": warm.checkpoint_id, "learned_test_sessions": learned}}


def _beginnings(sessions: Sessions) -> list[list[int]]:
    """Return beginnings of held-out sessions, of all lengths, to measure an index with."""
    draw = np.random.default_rng(0)
    chosen = draw.choice(len(sessions), min(_PLAYLISTS, len(sessions)), replace=False)
    lengths = draw.integers(1, _PROBE_TRACKS + 1, len(chosen))
    return [
        sessions[number][:length].tolist() for number, length in zip(chosen.tolist(), lengths.tolist(), strict=True)
    ]


def _judge(
    trained: TrainedNetwork,
    mixture: Mixture | None,
    older: Sessions,
    newest: Sessions,
    on_stage: Callable[[str], None],
) -> Comparison:
    """Judge what was trained beside the baselines, and beside what it would be without its mixture."""
    model = JudgedNetwork(trained.network, trained.recipe.name, mixture=mixture)
    comparison = compare(model, older, newest, on_judging=lambda name: on_stage(f"judging {name}"))
    if mixture is None:
        return comparison
    on_stage(f"judging {NETWORK_ALONE}")
    support = play_counts(older, model.catalogue_size)
    alone = evaluate(JudgedNetwork(trained.network, NETWORK_ALONE), newest, support=support)
    return replace(comparison, baselines={NETWORK_ALONE: alone, **comparison.baselines})


def _beside_serving(
    comparison: Comparison,
    store: CheckpointStore,
    dataset: Dataset,
    older: Sessions,
    newest: Sessions,
    on_stage: Callable[[str], None],
) -> Comparison:
    """Judge what the store's label stable names, too, if anything."""
    on_stage("judging what serves")
    incumbent = find_incumbent(store, dataset.catalogue)
    if incumbent is None or isinstance(incumbent, Standing):
        return replace(comparison, standing=incumbent)
    return beside_incumbent(comparison, incumbent, dataset, older, newest)


def _learned(sessions: Sessions, warm: WarmStart | None) -> dict[str, Any]:
    """Return what the manifest says of the sessions that were learned: how many, and until when, where times are known.

    The next checkpoint is compared with this one on what was heard after that.
    """
    newest = max(int(sessions.times.max()), 0 if warm is None else int(warm.learned_until))
    until = datetime.fromtimestamp(newest, UTC).isoformat() if newest > 0 else None
    return {"learned_sessions": len(sessions), "learned_until": until}


def _beside(comparison: Comparison) -> dict[str, Any]:
    """Return what the manifest says of the checkpoint that served meanwhile."""
    standing = comparison.standing
    if standing is None:
        return {}
    compared = comparison.sessions.get(SERVING)
    return {
        "serving": {
            "checkpoint_id": standing.checkpoint_id,
            "lost_tracks": standing.lost_tracks,
            "compared_sessions": 0 if compared is None else len(compared),
        }
    }


def _account(dataset: Dataset, older: Sessions, newest: Sessions) -> dict[str, Any]:
    """Return what was learned from and tested on, for the manifest and the report."""
    return {
        "fingerprint": dataset.fingerprint,
        "tracks": len(dataset.catalogue),
        "sessions": len(dataset.sessions),
        "events": len(dataset.sessions.tracks),
        "training_sessions": len(older),
        "training_events": len(older.tracks),
        "test_sessions": len(newest),
        "test_events": len(newest.tracks),
    }
