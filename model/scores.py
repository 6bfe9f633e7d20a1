"""Log-probabilities of pieces at places, for many places at once: every row is read once, every place asked once.

A *place* is asked with the forward state after some ids, and with both sides also with the backward state after the
ids that follow, read from the text's end. Knows ids; knows nothing of blanks or words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model.cells import Array
from model.config import NetworkConfig
from model.rows import Ids, longest

WORD_ENDS = -1
"""Asked for in place of a piece: any piece that does not continue a word."""
READOUT_CHUNK = 512
"""Places whose log-probabilities are held at once: 512 x 8,192 float32 are 16 MB."""


class Reader(Protocol):
    """A network that reads: the server's face (runtime.py), or the equations with edits (equations.py)."""

    @property
    def config(self) -> NetworkConfig: ...

    def states(self, direction: str, reads: Sequence[tuple[Ids | None, int]]) -> Array: ...

    def log_probabilities(self, forward: Array, backward: Array | None = None) -> Array: ...


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
    return sum(map(len, set(longest(left).values()))) + sum(map(len, set(longest(right).values())))


def score_terms(reader: Reader, terms: Sequence[Term], continues: NDArray[np.bool_]) -> Array:
    """(n_terms,) nats. `continues`: (V,) the pieces that would go on with a word."""
    places = list(dict.fromkeys(term.place for term in terms))
    by_place: dict[Place, list[int]] = {}
    for index, term in enumerate(terms):
        by_place.setdefault(term.place, []).append(index)
    values = np.zeros(len(terms), dtype=np.float64)
    for place, row in zip(places, log_probability_rows(reader, places), strict=True):
        for index in by_place[place]:
            piece = terms[index].piece
            values[index] = np.logaddexp.reduce(row[~continues]) if piece == WORD_ENDS else row[piece]
    return values


def log_probability_rows(reader: Reader, places: Sequence[Place]) -> Iterator[Array]:
    """The (V,) log-probabilities of every piece at each place, in order; few are held at a time."""
    forward = reader.states("forward", [(place.left, place.n_left) for place in places])
    backward = None
    if "backward" in reader.config.directions:
        backward = reader.states("backward", [(place.right, len(place.right or ())) for place in places])
    for start in range(0, len(places), READOUT_CHUNK):
        part = slice(start, start + READOUT_CHUNK)
        yield from reader.log_probabilities(forward[part], None if backward is None else backward[part])
