"""Runs a program that ends when its parent does, in whatever way the parent ends. Started as a script, by path.

    python -I -S tethered.py PARENT_PID PROGRAM ARGUMENT...

On Linux it asks the kernel to kill it with its parent and becomes the program; the wish outlives the exec. Elsewhere
it stays between the two and watches. Starting through this script spares the parent a `preexec_fn`, which must not be
used where threads run. Imports nothing of Segue's: it starts in a few milliseconds.
"""

import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
WATCH_INTERVAL_S = 0.2


def become(parent: int, command: list[str]) -> None:
    """Turn into the command, to be killed with the parent thread. SIGKILL: a hung program must not stay either."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have died before the wish was on record; this process then has another parent already.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - there is no shell in between, as wanted


def watch(parent: int, command: list[str]) -> int:
    """Run the command until it or the parent ends; pass on the wish to end, return how it ended."""
    # The child holds the descriptors it was given (the lock on the data folder), as it would after an exec.
    child = subprocess.Popen(command, close_fds=False)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while os.getppid() == parent:
        try:
            return child.wait(WATCH_INTERVAL_S)
        except subprocess.TimeoutExpired:
            time.sleep(0)
    child.kill()
    return child.wait()


if __name__ == "__main__":
    run = become if sys.platform == "linux" else watch
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
