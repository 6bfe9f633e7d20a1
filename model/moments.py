"""Moments: an id with the token of the trace that it stands for, as one whole number.

Edits and evidence speak of tokens as a trace shows them: <s> is 0, and a blank is one token however many pieces fill
it. So where a row is read with edits, its ids say of which token they are, and whether the network is to be kept from
taking that token in. Rows stay rows of whole numbers: equal ones are read once, and one that differs from another by
such a mark shares the other's beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.rows import Ids

PIECE_BITS = 21
"""More than a vocabulary can have (model/config.py)."""
_PIECE = (1 << PIECE_BITS) - 1


def moments_of(ids: Sequence[int], spans: Sequence[tuple[int, int]]) -> Ids:
    """The moments of a filled text; `spans`: where its blanked words are, each of which is one token."""
    inside = {place for first, end in spans for place in range(first + 1, end)}
    moments, token = [], -1
    for place, piece in enumerate(ids):
        token += place not in inside
        moments.append(((token << PIECE_BITS) | piece) << 1)
    return tuple(moments)


def token_of(moment: int) -> int:
    """The trace's token that a moment belongs to."""
    return moment >> (PIECE_BITS + 1)


def without(row: Ids, token: int) -> Ids:
    """A row that the network reads without taking `token` in."""
    return tuple(moment | 1 if token_of(moment) == token else moment for moment in row)


def parts(moments: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Pieces, tokens, and which are not to be taken in."""
    return (moments >> 1) & _PIECE, moments >> (PIECE_BITS + 1), (moments & 1).astype(bool)
