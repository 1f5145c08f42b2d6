"""How many threads are used: chosen by what work they get done."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from app.rnn.threads import choose_threads, fastest


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Machine:
    """A clock that work moves on, by how long it takes with the threads in use."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.now = 0.0
        self._seconds = seconds

    def work(self) -> None:
        self.now += self._seconds[torch.get_num_threads()]

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({1: 0.04, 2: 0.02, 4: 0.01}, 4),
        ({1: 0.02, 2: 0.02, 4: 0.03}, 1),  # the cores are busy otherwise
        ({1: 0.04, 2: 0.02, 4: 0.019}, 2),  # the last two gain too little
        ({1: 0.01, 2: 0.5, 4: 5.0}, 1),
    ],
)
def test_the_threads_that_get_most_done_are_used(seconds: dict[int, float], expected: int) -> None:
    machine = Machine(seconds)
    assert fastest(sorted(seconds), machine.work, machine.clock) == expected
    assert torch.get_num_threads() == expected


def test_what_cannot_be_chosen_is_not_measured() -> None:
    machine = Machine({1: 1.0})
    assert fastest([1], machine.work, machine.clock) == 1
    assert machine.now == 0.0


def test_no_more_threads_are_chosen_than_the_surroundings_allow() -> None:
    """With two at most, one or two; the product is really worked on."""
    torch.set_num_threads(2)
    assert choose_threads() in (1, 2)


def test_the_command_waits_without_spinning() -> None:
    """Set before torch reads it, and left alone where somebody chose otherwise."""
    program = (
        "import os, sys\nsys.argv = ['segue', '--help']\nfrom app.cli import main\n"
        "try: main()\nfinally: print(os.environ['OMP_WAIT_POLICY'])"
    )
    bare = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for surroundings, expected in ((bare, "PASSIVE"), (bare | {"OMP_WAIT_POLICY": "active"}, "active")):
        done = subprocess.run(
            [sys.executable, "-c", program], env=surroundings, check=True, capture_output=True, text=True
        )
        assert done.stdout.split()[-1] == expected
