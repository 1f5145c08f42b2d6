"""Processes of the tests' own, forked from one that has imported what takes long."""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["app.trainer.training", "torch._dynamo"])
