"""Log-probabilities of pieces at places, for many places at once: every row is read once, every place asked once.

A *place* is asked with the forward state after some ids, and with both sides also with the backward state after the
ids that follow, read from the text's end. Knows ids; knows nothing of blanks or words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.cells import Array
from model.runtime import READOUT_CHUNK, Runtime

Ids = tuple[int, ...]
WORD_ENDS = -1
"""Asked for in place of a piece: any piece that does not continue a word."""
MAX_BATCH_ROWS = 64
MAX_BATCH_TOKENS = 1 << 14


class Place(NamedTuple):
    """Where a piece is asked."""

    left: Ids
    """Ids from <s> on, as the forward stack reads them ..."""
    n_left: int
    """... of which the first `n_left` are read before the place."""
    right: Ids | None
    """Ids after the place from </s> down, as the backward stack reads them; None: the left side only."""


class Term(NamedTuple):
    """A piece at a place."""

    place: Place
    piece: int
    """An id, or WORD_ENDS."""


def tokens_to_read(terms: Iterable[Term]) -> int:
    """How many tokens the stacks read for these terms, rows that share a beginning counted once."""
    terms = list(terms)
    left = {term.place.left for term in terms}
    right = {term.place.right for term in terms if term.place.right is not None}
    return sum(map(len, set(_longest(left).values()))) + sum(map(len, set(_longest(right).values())))


def score_terms(runtime: Runtime, terms: Sequence[Term], continues: NDArray[np.bool_]) -> Array:
    """(n_terms,) nats. `continues`: (V,) the pieces that would go on with a word."""
    places = list(dict.fromkeys(term.place for term in terms))
    by_place: dict[Place, list[int]] = {}
    for index, term in enumerate(terms):
        by_place.setdefault(term.place, []).append(index)
    values = np.zeros(len(terms), dtype=np.float64)
    for place, row in zip(places, log_probability_rows(runtime, places), strict=True):
        for index in by_place[place]:
            piece = terms[index].piece
            values[index] = np.logaddexp.reduce(row[~continues]) if piece == WORD_ENDS else row[piece]
    return values


def log_probability_rows(runtime: Runtime, places: Sequence[Place]) -> Iterator[Array]:
    """The (V,) log-probabilities of every piece at each place, in order; few are held at a time."""
    forward = _states(runtime, "forward", [(place.left, place.n_left) for place in places])
    backward = None
    if "backward" in runtime.config.directions:
        backward = _states(runtime, "backward", [(place.right, len(place.right or ())) for place in places])
    for start in range(0, len(places), READOUT_CHUNK):
        part = slice(start, start + READOUT_CHUNK)
        yield from runtime.log_probabilities(forward[part], None if backward is None else backward[part])


def _states(runtime: Runtime, direction: str, reads: Sequence[tuple[Ids | None, int]]) -> Array:
    """(n, H) top hidden states after the first k ids of each row, for n pairs (row, k); zeros where the row is None."""
    states = np.zeros((len(reads), runtime.config.hidden_size), dtype=np.float32)
    holder = _longest({row for row, _ in reads if row is not None})
    asked: dict[Ids, list[tuple[int, int]]] = {}
    for index, (row, n_read) in enumerate(reads):
        if row is not None:
            asked.setdefault(holder[row], []).append((index, n_read))
    for batch in _batches(sorted(asked, key=len)):
        top = runtime.read(direction, batch).top  # (T, B, H)
        for number, row in enumerate(batch):
            for index, n_read in asked[row]:
                states[index] = top[n_read - 1, number]
    return states


def _longest(sequences: set[Ids]) -> dict[Ids, Ids]:
    """Each sequence -> the longest of them that it opens: one reading serves both. Sorted, a beginning comes first."""
    holder: dict[Ids, Ids] = {}
    following: Ids = ()
    for sequence in sorted(sequences, reverse=True):
        if following[: len(sequence)] == sequence:
            holder[sequence] = holder[following]
        else:
            holder[sequence] = sequence
        following = sequence
    return holder


def _batches(rows: Sequence[Ids]) -> Iterator[list[Ids]]:
    """Rows of similar length together, so that little is read for nothing."""
    batch: list[Ids] = []
    for row in rows:
        if batch and (len(batch) == MAX_BATCH_ROWS or (len(batch) + 1) * len(row) > MAX_BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
