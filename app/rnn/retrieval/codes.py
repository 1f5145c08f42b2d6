"""Rows in 8 bits a number, in the order of their clusters: what is read of every track of a cluster that is searched.

An inverted file with a scalar quantiser of faiss, mapped from its file and shared by all processes that read it. Knows
nothing of how clusters are chosen, and gives logits that are only good enough to choose candidates by.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.retrieval.space import Floats

Rows = NDArray[np.int64]


class Codes:
    """The codes of V rows in L clusters."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def over(cls, means: Floats, sample: Floats) -> "Codes":
        """Return codes of no rows yet, over clusters of these means (L, D); a sample of rows (N, D) sets the scale."""
        clusters = faiss.IndexFlatL2(means.shape[1])
        clusters.add(means)
        index = faiss.IndexIVFScalarQuantizer(
            clusters,
            means.shape[1],
            len(means),
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
            True,  # what is kept in 8 bits is the distance from the cluster's mean
        )
        index.train(sample)
        return cls(index)

    def add(self, rows: Floats, clusters: Rows) -> None:
        """Add the next rows (n, D), each to its cluster."""
        rows, clusters = np.ascontiguousarray(rows), np.ascontiguousarray(clusters)
        self._index.add_core(len(rows), faiss.swig_ptr(rows), None, faiss.swig_ptr(clusters))

    def write(self, path: Path) -> None:
        """Write the codes to a file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def read(cls, path: Path, rows: int, clusters: int, size: int) -> "Codes":
        """Map the codes of a file; raise CorruptCheckpoint or IncompatibleCheckpoint where they are not as stated."""
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise CorruptCheckpoint(f"{path.name} cannot be mapped: {reason}; publish or copy it again.") from error
        if not isinstance(index, faiss.IndexIVFScalarQuantizer):
            raise IncompatibleCheckpoint(
                f"Expected an inverted file with 8-bit codes in {path.name}, got {type(index).__name__}; publish again."
            )
        found = (index.ntotal, index.nlist, index.d)
        if found != (rows, clusters, size) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IncompatibleCheckpoint(
                f"Expected the inner products of {rows} rows in {clusters} clusters of {size} dimensions in "
                f"{path.name}, got {found[0]} rows in {found[1]} clusters of {found[2]}; publish the checkpoint again."
            )
        _check_rows(path.name, index, rows)
        return cls(index)

    def scan(self, outputs: Floats, clusters: Rows, means: Floats, count: int) -> Rows:
        """Return the rows (B, count) with about the highest logits in the clusters (B, P) named, -1 where none is left.

        outputs (B, D) are mapped; means (B, P) are the clusters' mean logits for them.
        """
        # Of the calling thread only; a second one costs more than it brings at a few thousand codes.
        faiss.omp_set_num_threads(1)
        B, P = clusters.shape
        parameters = faiss.IVFSearchParameters()
        parameters.nprobe = P
        logits, rows = np.empty((B, count), np.float32), np.empty((B, count), np.int64)
        self._index.search_preassigned_c(
            B,
            faiss.swig_ptr(outputs),
            count,
            faiss.swig_ptr(clusters),
            faiss.swig_ptr(means),
            faiss.swig_ptr(logits),
            faiss.swig_ptr(rows),
            False,
            parameters,
        )
        return rows


def _check_rows(name: str, index: Any, rows: int) -> None:
    """Raise CorruptCheckpoint unless every row is in one list: no look-up may reach outside a table."""
    lists = index.invlists
    seen = np.zeros(rows, bool)
    for number in range(index.nlist):
        if size := lists.list_size(number):
            held = faiss.rev_swig_ptr(lists.get_ids(number), size)
            if held.min() < 0 or held.max() >= rows:
                raise CorruptCheckpoint(f"Expected rows 0 to {rows - 1} in {name}, got others; publish it again.")
            seen[held] = True
    if not seen.all():
        raise CorruptCheckpoint(f"Expected each of {rows} rows in {name}, {rows - int(seen.sum())} are missing.")
