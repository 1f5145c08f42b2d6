"""The rows of each tag and genre, found in whole columns at once: who asks for the first tag makes everybody wait.

Knows nothing of files or rules.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.spelling import text_key


def rows_by_tag(tags: pa.ListArray, genres: pa.StringArray) -> Mapping[str, Sequence[int]]:
    """Return the ascending rows of each folded name; a genre that nobody wrote anything for is none."""
    genred = pc.fill_null(pc.not_equal(genres, ""), False)
    named = pa.concat_arrays([tags.flatten(), genres.filter(genred)]).dictionary_encode()
    rows = np.concatenate(
        [pc.list_parent_indices(tags).to_numpy(), np.flatnonzero(genred.to_numpy(zero_copy_only=False))]
    ).astype(np.int32)
    # Some thousand names are folded, not one for every track.
    keys: dict[str, int] = {}
    key_of_name = np.array(
        [keys.setdefault(text_key(name), len(keys)) for name in named.dictionary.to_pylist()], np.int64
    )
    # One number for name and row: sorted, the rows of a name lie side by side, and spelled twice they are equal.
    pairs = np.sort(key_of_name[named.indices.to_numpy()] << 32 | rows)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    starts = np.searchsorted(pairs >> 32, np.arange(len(keys) + 1))
    ordered = memoryview((pairs & 0xFFFFFFFF).astype(np.int32).data)
    return {name: ordered[starts[key] : starts[key + 1]] for name, key in keys.items()}
