"""A checkpoint with a mixture is published, read and refused as a whole; one without ranks by its network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.domain.ranking import StepRequest
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.checkpoint import CheckpointDraft, ask
from app.rnn.checkpoint_files import MIXTURE_FILE, file_sha256
from app.rnn.checkpoint_mixture import ask_mixed, check_mixed_answer, check_same_mixture, read_checkpoint_mixture
from app.rnn.memory import Memory
from app.rnn.mixture import Mixture
from app.rnn.mixture_file import write_mixture
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import V, flip_byte, new_draft
from tests.rnn.memories import new_mixture


def mixed_draft(seed: int = 0) -> CheckpointDraft:
    return replace(new_draft(seed), mixture=new_mixture(seed, V))


def test_what_is_loaded_answers_as_what_was_published(tmp_path: Path) -> None:
    draft, store = mixed_draft(), CheckpointStore(tmp_path)
    manifest = store.publish(draft)
    assert MIXTURE_FILE in manifest.files
    assert store.manifest(manifest.checkpoint_id).probe == manifest.probe
    loaded = store.load(manifest.checkpoint_id)
    trained = Predictor(manifest.checkpoint_id, draft.network, draft.catalogue, draft.mixture)
    request = StepRequest(None, (4, 5, 6), (4, 5, 6), frozenset({4}), V)
    answers = [each.step([request])[0].ranking for each in (loaded, trained)]
    assert answers[0].tracks == answers[1].tracks
    assert answers[0].probabilities == pytest.approx(answers[1].probabilities, rel=1e-4)
    alone = Predictor(manifest.checkpoint_id, draft.network, draft.catalogue).step([request])[0].ranking
    assert alone.probabilities != pytest.approx(answers[0].probabilities, rel=1e-2)


def test_the_probe_tells_the_mixed_answer(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    probe = store.publish(mixed_draft()).probe
    assert len(probe.mixed_top) == len(probe.top)
    assert list(probe.probabilities) == sorted(probe.probabilities, reverse=True)
    plain = store.publish(new_draft(1)).probe
    assert (plain.mixed_top, plain.probabilities) == ((), ())


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    manifest = store.publish(mixed_draft())
    flip_byte(tmp_path / manifest.checkpoint_id / MIXTURE_FILE, -1)
    for read in (store.load, store.verify):
        with pytest.raises(CorruptCheckpoint, match=r"mixture\.safetensors"):
            read(manifest.checkpoint_id)


def test_a_mixture_that_answers_otherwise_is_refused_though_it_hashes_right(tmp_path: Path) -> None:
    draft, store = mixed_draft(), CheckpointStore(tmp_path)
    manifest = store.publish(draft)
    folder = tmp_path / manifest.checkpoint_id
    (folder / MIXTURE_FILE).unlink()
    write_mixture(folder / MIXTURE_FILE, new_mixture(7, V))
    forged = replace(manifest, files={**manifest.files, MIXTURE_FILE: file_sha256(folder / MIXTURE_FILE)})
    with pytest.raises(CorruptCheckpoint, match="probe playlist"):
        read_checkpoint_mixture(folder, forged, draft.network, 1e-3)


def test_a_probe_without_a_mixed_answer_does_not_vouch_for_a_mixture() -> None:
    draft = mixed_draft()
    alone = ask(draft.network, draft.probe)
    probe = ask_mixed(draft.network, new_mixture(0, V), alone)
    check_mixed_answer(draft.network, new_mixture(0, V), probe, 1e-5)
    with pytest.raises(CorruptCheckpoint, match="probe playlist"):
        check_mixed_answer(draft.network, new_mixture(0, V), alone, 1e-5)


def test_arrays_that_read_back_otherwise_are_named() -> None:
    trained = new_mixture(0, V)
    check_same_mixture(trained, new_mixture(0, V))
    plays = trained.memory.plays.copy()
    plays[3] += 1
    stored = Mixture(replace(trained.memory, plays=plays), trained.settings, trained.mixer)
    with pytest.raises(CorruptCheckpoint, match=r"memory\.plays"):
        check_same_mixture(trained, stored)
    with pytest.raises(CorruptCheckpoint, match="reads back"):
        check_same_mixture(trained, None)


def test_a_memory_of_another_catalogue_is_not_published() -> None:
    other = Memory.of(np.array([1, 2], np.int32), np.array([0, 2]), V + 1)
    draft = replace(mixed_draft(), mixture=replace(new_mixture(0, V), memory=other))
    with pytest.raises(IncompatibleCheckpoint, match=f"{V} tracks"):
        draft.check()
