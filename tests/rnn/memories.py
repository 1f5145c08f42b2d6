"""Memories of sessions written by hand or drawn, and mixtures over them."""

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.rnn.memory import Memory
from app.rnn.mixer import Mixer
from app.rnn.mixture import Mixture
from app.rnn.neighbours import NeighbourSettings

V = 30


def flat(sessions: list[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return sessions as tracks in a row and where each begins."""
    tracks = np.array([track for session in sessions for track in session], np.int32)
    return tracks, np.cumsum([0, *map(len, sessions)]).astype(np.int64)


def memory_of(sessions: list[list[int]], catalogue_size: int = V) -> Memory:
    return Memory.of(*flat(sessions), catalogue_size)


def drawn_sessions(seed: int, count: int = 60, longest: int = 15, catalogue_size: int = V) -> list[list[int]]:
    """Sessions in which tracks are followed by near ones, so that past sessions have something to say."""
    generator = np.random.default_rng(seed)
    sessions = []
    for _ in range(count):
        steps = generator.integers(-1, 3, generator.integers(1, longest + 1))
        sessions.append(((generator.integers(catalogue_size) + np.cumsum(steps)) % catalogue_size).tolist())
    return sessions


def opinionated_mixer(seed: int, hidden_size: int = 4) -> Mixer:
    """A mixer with weights drawn from a seed: what it makes of features is arbitrary but fixed."""
    torch.manual_seed(seed)
    mixer = Mixer(hidden_size)
    for parameter in mixer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return mixer.requires_grad_(False).eval()


def new_mixture(seed: int = 0, catalogue_size: int = V) -> Mixture:
    """A mixture over drawn sessions with an arbitrary mixer."""
    memory = memory_of(drawn_sessions(seed, catalogue_size=catalogue_size), catalogue_size)
    return Mixture(memory, NeighbourSettings(), opinionated_mixer(seed))


def histories(catalogue_size: int = V, longest: int = 60) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """A strategy of what some listeners heard."""
    heard = st.lists(st.integers(0, catalogue_size - 1), max_size=longest).map(tuple)
    return st.lists(heard, min_size=1, max_size=6)
